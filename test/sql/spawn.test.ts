import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, onTwo, queueOf, untilBlocked } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const page = (n: number, more: object = {}) => ({
  name: `page ${n}`,
  job_type: 'custom',
  config: { handler: 'page', n },
  ...more,
});

/** A queue, and the jobs in it besides the one that spawns. */
function spawning() {
  const q = queueOf(project);
  return {
    ...q,
    jobs: () =>
      project.sql<{ name: string; status: string; waits: boolean }>(
        `select name, status, blocked is null as waits from cloud_jobs where queue = $1 and name <> 'a job' order by name`,
        [q.queue],
      ),
  };
}

describe('the spawn of a success', () => {
  it('adds the jobs with it, in the queue of the job, and the claim of the same call takes them', async () => {
    const q = spawning();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    const spawn = [
      page(1, { ref: 'a' }),
      page(2, { ref: 'b', queue: null }),
      { name: 'then', job_type: 'custom', depends_on: ['a', 'b'] },
    ];
    const { finished, claim } = await q.finish('w', [{ execution_id, outcome: 'success', spawn }], {
      limit: 9,
    });
    expect(finished).toMatchObject([{ applied: true, status: 'success' }]);
    expect(claim?.jobs.map(({ name }) => name)).toEqual(['page 1', 'page 2']);
    expect(await q.jobs()).toEqual([
      { name: 'page 1', status: 'locked', waits: false },
      { name: 'page 2', status: 'locked', waits: false },
      { name: 'then', status: 'waiting', waits: true },
    ]);
    expect(await call(project, 'cloud_jobs_show', { job_id_param: id })).toMatchObject({
      family: { child_count: 3, children: [{ spawned: true }, { spawned: true }, { spawned: true }] },
      executions: [{ spawned: 3 }],
    });
    const [first] = claim?.jobs ?? [];
    expect(await call(project, 'cloud_jobs_show', { job_id_param: first?.job_id })).toMatchObject({
      family: { parents: [{ job_id: id, spawned: true }] },
    });
  });

  it('gives the collector the results of the jobs, and not that of the one that spawned them', async () => {
    const q = spawning();
    await q.addOne();
    const { execution_id } = await q.take('w');
    const spawn = [page(1, { ref: 'a' }), { name: 'then', job_type: 'custom', depends_on: ['a'] }];
    await q.finish('w', [{ execution_id, outcome: 'success', result: 'of the spawner', spawn }]);
    const child = await q.take('w');
    const { claim } = await q.finish(
      'w',
      [{ execution_id: child.execution_id, outcome: 'success', result: 1 }],
      {
        limit: 1,
      },
    );
    const last = claim?.jobs[0];
    expect(
      await call(project, 'cloud_jobs_recall', {
        instance_id_param: 'w',
        job_id_param: last?.job_id,
        execution_id_param: last?.execution_id,
      }),
    ).toMatchObject({ parents: [{ ref: 'a', result: 1 }] });
  });

  it('adds nothing twice, if the call comes again, also at the same time', async () => {
    const q = spawning();
    await q.addOne();
    const { execution_id } = await q.take('w');
    const item = { execution_id, outcome: 'success', spawn: [page(1)] };
    await onTwo(project, async (one, two) => {
      const finish = `select cloud_jobs_finish('w', $1)`;
      await one.query('begin');
      await one.query(finish, [JSON.stringify([item])]);
      const second = two.query(finish, [JSON.stringify([item])]);
      await untilBlocked(project, two);
      await one.query('commit');
      await second;
    });
    expect(await q.finish('w', [item])).toMatchObject({ finished: [{ applied: true, status: 'success' }] });
    expect(await q.jobs()).toHaveLength(1);
  });

  it('adds nothing, if the attempt lost its lock', async () => {
    const q = spawning();
    const id = await q.addOne();
    const zombie = await q.take('w');
    await q.expire(id);
    await q.take('v');
    const spawn = [page(1)];
    for (const instance of ['w', 'v'])
      expect(
        await q.finish(instance, [{ execution_id: zombie.execution_id, outcome: 'success', spawn }]),
      ).toMatchObject({ finished: [{ applied: false }] });
    expect(await q.jobs()).toEqual([]);
  });

  it('adds nothing to a success that an earlier call recorded', async () => {
    const q = spawning();
    await q.addOne();
    const { execution_id } = await q.take('w');
    await q.end('w', execution_id, 'success');
    await q.end('w', execution_id, 'success', { spawn: [page(1)] });
    expect(await q.jobs()).toEqual([]);
  });

  it('adds nothing, if the first item about the attempt says that it failed', async () => {
    const q = spawning();
    await q.addOne();
    const { execution_id } = await q.take('w');
    const items = [
      { execution_id, outcome: 'failure', error: 'no' },
      { execution_id, outcome: 'success', spawn: [page(1)] },
    ];
    await q.finish('w', items);
    expect(await q.jobs()).toEqual([]);
  });

  it('is for each attempt of a batch by itself, and works for a recurring job', async () => {
    const q = spawning();
    await q.add({}, { schedule: '0 0 1 1 *', run_at: new Date().toISOString() }, {});
    const { jobs } = await q.claim('w', 3);
    const items = jobs.map(({ execution_id }, n) => ({
      execution_id,
      outcome: 'success',
      ...(n < 2 && { spawn: [page(n, { ref: 'same' })] }),
    }));
    expect((await q.finish('w', items)).finished.map(({ applied }) => applied)).toEqual([true, true, true]);
    expect(await q.jobs()).toHaveLength(2);
  });

  it.each([
    [
      'a job that cannot be used',
      [page(1), { name: 'x', job_type: 'nothing' }],
      'PT400',
      /Job 2 of the batch \("x"\)/,
    ],
    ['a parent that is not there', [page(1, { depends_on: ['nobody'] })], 'PT400', /depends on "nobody"/],
    ['what is no list', { name: 'x' }, 'PT400', /is no list/],
    ['too many jobs', Array(5_001).fill(page(1)), 'PT413', /5001 jobs/],
    [
      'jobs that are too large',
      Array(9).fill(page(1, { description: 'x'.repeat(500_000) })),
      'PT413',
      /spawns too much/,
    ],
  ])('refuses %s, and leaves the attempt running', async (_, spawn, code, message) => {
    const q = spawning();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    await expect(q.end('w', execution_id, 'success', { spawn })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(await q.job(id)).toMatchObject({ status: 'locked' });
    expect(await q.jobs()).toEqual([]);
    await expect(
      q.end('w', execution_id, 'snooze', { delay_seconds: 1, spawn: [page(1)] }),
    ).rejects.toMatchObject({
      code: 'PT400',
    });
  });

  it('does not keep the one that spawned from being pruned', async () => {
    const q = spawning();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    await q.end('w', execution_id, 'success', { spawn: [page(1)] });
    await project.sql(`update cloud_jobs set finished_at = now() - interval '9 days' where job_id = $1`, [
      id,
    ]);
    await call(project, 'cloud_jobs_prune', { jobs_days_param: 7 });
    expect(await project.sql('select from cloud_jobs where job_id = $1', [id])).toEqual([]);
    expect(await q.jobs()).toMatchObject([{ status: 'waiting' }]);
  });
});

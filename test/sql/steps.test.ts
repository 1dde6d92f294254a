import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, onTwo, queueOf, untilBlocked } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

type Args = Readonly<Record<string, unknown>>;
type Taken = { readonly job_id: string; readonly execution_id: string };

/** A queue, and the calls that a worker makes about steps. */
function stepping() {
  const q = queueOf(project);
  const fenced =
    (fn: string) =>
    (job: Taken, args: Args, instance = 'w') =>
      call(project, fn, {
        instance_id_param: instance,
        job_id_param: job.job_id,
        execution_id_param: job.execution_id,
        ...args,
      });
  return {
    ...q,
    step: (job: Taken, name: string, result: unknown, instance?: string) =>
      fenced('cloud_jobs_step')(job, { name_param: name, result_param: result }, instance),
    wait: (job: Taken, name: string, seconds: number, kind = 'event', more: Args = {}) =>
      fenced('cloud_jobs_wait')(job, { name_param: name, kind_param: kind, seconds_param: seconds, ...more }),
    recall: (job: Taken, instance?: string) => fenced('cloud_jobs_recall')(job, {}, instance),
    signal: (job: string, name: string, payload: unknown, id?: string) =>
      call(project, 'cloud_jobs_signal', {
        job_param: job,
        name_param: name,
        payload_param: payload,
        signal_id_param: id,
      }),
    /** Ends the attempt to wait so long. */
    pause: (job: Taken, seconds: number) =>
      q.end('w', job.execution_id, 'release', { delay_seconds: seconds, error: 'waits' }),
  };
}

describe('cloud_jobs_step', () => {
  it('stores a result once, and later attempts read it', async () => {
    const q = stepping();
    await q.addOne();
    const job = await q.take('w');
    expect(await q.step(job, 'fetch', { pages: 3 })).toEqual({ v: 1, held: true, result: { pages: 3 } });
    expect(await q.step(job, 'fetch', { pages: 4 })).toEqual({ v: 1, held: true, result: { pages: 3 } });
    await q.step(job, 'merge', null);
    await q.end('w', job.execution_id, 'failure', { error: 'no', delay_seconds: 0 });
    const again = await q.take('w');
    expect(again).toMatchObject({ has_steps: true });
    expect(await q.recall(again)).toMatchObject({
      held: true,
      steps: [
        { name: 'fetch', kind: 'step', result: { pages: 3 } },
        { name: 'merge', kind: 'step', result: null },
      ],
    });
  });

  it('stores nothing for an attempt that lost its lock', async () => {
    const q = stepping();
    const id = await q.addOne();
    const zombie = await q.take('w');
    await q.expire(id);
    const job = await q.take('v');
    for (const [taken, instance] of [
      [zombie, 'w'],
      [zombie, 'v'],
      [job, 'w'],
    ] as const)
      expect(await q.step(taken, 'fetch', 1, instance)).toEqual({ v: 1, held: false, result: null });
    expect(await q.recall(zombie)).toMatchObject({ held: false, steps: [] });
    expect(await project.sql('select from cloud_job_steps where job_id = $1', [id])).toEqual([]);
  });

  it('begins again after a success, and goes on after a failure', async () => {
    const q = stepping();
    const id = await q.addOne({ max_retries: 0 });
    const first = await q.take('w');
    await q.step(first, 'a', 1);
    await q.end('w', first.execution_id, 'failure', { error: 'no' });
    await q.verb('retry', id);
    const second = await q.take('w');
    expect(await q.recall(second)).toMatchObject({ steps: [{ name: 'a', result: 1 }] });
    await q.end('w', second.execution_id, 'success');
    await q.verb('retry', id);
    expect(await q.recall(await q.take('w'))).toMatchObject({ steps: [] });
  });

  it.each([
    ['no name', '', 1, 'PT400'],
    ['a long name', 'n'.repeat(201), 1, 'PT400'],
    ['a result above 256 KiB', 'a', 'x'.repeat(262_200), 'PT413'],
  ])('refuses %s', async (_, name, result, code) => {
    const q = stepping();
    await q.addOne();
    await expect(q.step(await q.take('w'), name, result)).rejects.toMatchObject({ code });
  });
});

describe('cloud_jobs_retry_from_step', () => {
  const from = (job: string, step: string) =>
    call(project, 'cloud_jobs_retry_from_step', { job_id_param: job, step_param: step });

  it.each(['success', 'failure'])('forgets that step and those after it, after a %s', async (outcome) => {
    const q = stepping();
    const id = await q.addOne({ max_retries: 0 });
    const job = await q.take('w');
    for (const name of ['a', 'b', 'c']) await q.step(job, name, name);
    await q.end('w', job.execution_id, outcome, { error: 'no' });
    expect(await from(id, 'b')).toMatchObject({ applied: true, status: 'waiting' });
    const again = await q.take('w');
    expect(await q.recall(again)).toMatchObject({ steps: [{ name: 'a', result: 'a' }] });
  });

  it('says what is wrong with a job or a step', async () => {
    const q = stepping();
    const id = await q.addOne();
    expect(await from(id, 'z')).toMatchObject({ applied: false, reason: 'Its last run has no step "z".' });
    expect(await from('nobody', 'z')).toMatchObject({
      applied: false,
      reason: 'There is no job with this id.',
    });
  });
});

describe('a sleep', () => {
  it('ends the attempt without a retry, and is over when its time passed', async () => {
    const q = stepping();
    const id = await q.addOne();
    const job = await q.take('w');
    expect(await q.wait(job, 'night', 3600, 'sleep')).toMatchObject({ held: true, done: false });
    await q.pause(job, 3600);
    expect(await q.job(id)).toMatchObject({ status: 'waiting', current_retries: 0 });
    expect((await q.job(id)).due_in).toBeGreaterThan(3500);
    // Somebody runs it earlier: the rest of the sleep is left.
    await q.verb('retry', id);
    const early = await q.take('w');
    expect(await q.wait(early, 'night', 3600, 'sleep')).toMatchObject({
      done: false,
      wait_seconds: expect.closeTo(3600, -2),
    });
    await q.pause(early, 3600);
    await project.sql(`update cloud_job_steps set until = now() - interval '1 s' where job_id = $1`, [id]);
    await q.verb('retry', id);
    expect(await q.wait(await q.take('w'), 'night', 3600, 'sleep')).toMatchObject({
      done: true,
      result: null,
    });
  });
});

describe('cloud_jobs_signal', () => {
  it('wakes a job that waits for the event', async () => {
    const q = stepping();
    const id = await q.addOne();
    const job = await q.take('w');
    expect(await q.wait(job, 'paid', 86_400)).toMatchObject({ done: false });
    await q.pause(job, 86_400);
    expect(await q.signal(id, 'shipped', 1)).toMatchObject({ applied: true, changed: true });
    expect((await q.job(id)).due_in).toBeGreaterThan(80_000);
    expect(await q.signal(id, 'paid', { amount: 12 })).toMatchObject({
      applied: true,
      changed: true,
      reason: null,
    });
    const next = await q.take('w');
    expect(await q.wait(next, 'paid', 86_400)).toMatchObject({ done: true, result: { amount: 12 } });
    // A repeat gets the same answer, and takes no second event.
    await q.signal(id, 'paid', { amount: 13 });
    expect(await q.wait(next, 'paid', 86_400)).toMatchObject({ done: true, result: { amount: 12 } });
  });

  it('is kept for a job that does not wait yet', async () => {
    const q = stepping();
    const id = await q.addOne();
    expect(await q.signal(id, 'paid', 1)).toMatchObject({ applied: true });
    expect(await q.wait(await q.take('w'), 'paid', 60)).toMatchObject({ done: true, result: 1 });
  });

  it('counts once when it is sent twice with one id', async () => {
    const q = stepping();
    const id = await q.addOne();
    expect(await q.signal(id, 'paid', 1, 'p-1')).toMatchObject({ changed: true });
    expect(await q.signal(id, 'paid', 2, 'p-1')).toMatchObject({ applied: true, changed: false });
    const job = await q.take('w');
    expect(await q.wait(job, 'paid', 60)).toMatchObject({ result: 1 });
    const rows = await project.sql('select taken_by from cloud_job_signals where job_id = $1', [id]);
    expect(rows).toEqual([{ taken_by: 1 }]);
  });

  it('finds an unfinished job by its unique key', async () => {
    const q = stepping();
    const key = `order ${q.queue}`;
    const id = await q.addOne({ unique_key: key });
    expect(await q.signal(key, 'paid', 1)).toMatchObject({ job_id: id, applied: true });
    await q.end('w', (await q.take('w')).execution_id, 'success');
    expect(await q.signal(key, 'paid', 1)).toMatchObject({ applied: false });
    expect(await q.signal(id, 'paid', 1)).toMatchObject({
      applied: false,
      reason: expect.stringContaining('finished'),
    });
  });

  it('is not missed by a job that is just ending its attempt to wait for it', async () => {
    const q = stepping();
    const id = await q.addOne();
    const job = await q.take('w');
    await q.wait(job, 'paid', 86_400);
    await onTwo(project, async (one, two) => {
      await one.query('begin');
      await one.query(`select cloud_jobs_signal($1, 'paid', '1')`, [id]);
      const ends = two.query('select cloud_jobs_finish($1, $2)', [
        'w',
        JSON.stringify([{ execution_id: job.execution_id, outcome: 'release', delay_seconds: 86_400 }]),
      ]);
      await untilBlocked(project, two);
      await one.query('commit');
      await ends;
    });
    expect((await q.job(id)).due_in).toBeLessThanOrEqual(0);
  });

  it('leaves the backoff of a retry alone', async () => {
    const q = stepping();
    const id = await q.addOne();
    const job = await q.take('w');
    await q.wait(job, 'paid', 86_400);
    await q.signal(id, 'paid', 1);
    await q.end('w', job.execution_id, 'failure', { error: 'no', delay_seconds: 600 });
    expect((await q.job(id)).due_in).toBeGreaterThan(500);
  });

  it('gives up when the time is over', async () => {
    const q = stepping();
    await q.addOne();
    const job = await q.take('w');
    expect(await q.wait(job, 'paid', 0)).toMatchObject({ done: true, result: null });
  });

  it('refuses a name that is that of a step of another kind', async () => {
    const q = stepping();
    await q.addOne();
    const job = await q.take('w');
    await q.step(job, 'paid', 1);
    await expect(q.wait(job, 'paid', 60)).rejects.toMatchObject({ code: 'PT409' });
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listReply } from '../../src/queue/replies.ts';
import { statsReply } from '../../src/queue/report-replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, onConnections, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

/** Lets the time of waiting jobs run out. */
const runOut = (...ids: string[]) =>
  project.sql(`update cloud_jobs set expires_at = now() - interval '1 s' where job_id = any ($1)`, [ids]);
const rowOf = async (queue: string) =>
  listReply.parse(await call(project, 'cloud_jobs_list', { filter_param: { queue } })).jobs[0];

describe('a job that expires', () => {
  it('fails with the kind expired if no worker starts it in time', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ expires_in_seconds: 60 });
    await runOut(id);
    expect(await q.claim('w', 10)).toMatchObject({ jobs: [], set_aside: 1, more: false });
    expect(await q.job(id)).toMatchObject({
      status: 'failed',
      finished: true,
      error_message: expect.stringMatching(/^It expired: it was due at .* no worker had started it by /),
    });
    expect(await q.executions(id)).toMatchObject([{ status: 'failed', failure_kind: 'expired' }]);
    expect(await rowOf(q.queue)).toMatchObject({ status: 'failed', expired: true });
  });

  it('is counted apart from failures', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ expires_in_seconds: 60 });
    await runOut(id);
    await q.claim('w');
    const { executions_24h: day } = statsReply.parse(
      await call(project, 'cloud_jobs_stats', { queue_param: q.queue }),
    );
    expect(day).toMatchObject({ failed: 0, expired: 1, failure_kinds: { expired: 1 } });
    expect(day.by_queue).toMatchObject([{ failed: 0, expired: 1 }]);
  });

  it('does not expire once it has started, whatever its retries take', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ expires_at: new Date(Date.now() + 3_600_000).toISOString() });
    const job = await q.take('w');
    await q.end('w', job.execution_id, 'failure', { error: 'x', delay_seconds: 7200 });
    expect(await q.job(id)).toMatchObject({ status: 'waiting', expires_at: null });
    await q.due(id);
    expect((await q.claim('w')).jobs).toHaveLength(1);
  });

  it('counts expires_in_seconds from when it is due', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ delay_seconds: 3600, expires_in_seconds: 60 });
    const left = () =>
      project.sql<{ seconds: number }>(
        'select extract(epoch from expires_at - run_at)::float8 as seconds from cloud_jobs where job_id = $1',
        [id],
      );
    expect(await left()).toEqual([{ seconds: 60 }]);
    await q.verb('retry', id);
    expect(await left()).toEqual([{ seconds: 60 }]);
  });

  it('has its time anew when it is run again', async () => {
    const q = queueOf(project);
    const [short = '', fixed = ''] = await q.add(
      { expires_in_seconds: 60 },
      { expires_at: '2099-01-01T00:00:00Z' },
    );
    await runOut(short, fixed);
    await q.claim('w');
    await q.verb('retry', short);
    await q.verb('retry', fixed);
    expect(await q.job(short)).toMatchObject({ status: 'waiting', expires_at: expect.any(Date) });
    expect(await q.job(fixed)).toMatchObject({ status: 'waiting', expires_at: null });
    expect((await q.claim('w', 5)).jobs).toHaveLength(2);
  });

  it('expires in a paused queue, too', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ expires_in_seconds: 60 });
    await call(project, 'cloud_jobs_set_queue', { queue_param: q.queue, changes_param: { paused: true } });
    await runOut(id);
    await q.claim('w');
    expect((await q.job(id)).status).toBe('failed');
  });

  it('lets the next job of its concurrency key go', async () => {
    const q = queueOf(project);
    const key = { concurrency_key: `k-${q.queue}` };
    const [first = '', second = '', third = ''] = await q.add(
      key,
      { ...key, expires_in_seconds: 60 },
      { ...key },
    );
    const job = await q.take('w');
    expect(job.job_id).toBe(first);
    await q.claim('w');
    await runOut(second);
    await q.claim('w');
    expect((await q.job(second)).status).toBe('failed');
    await q.end('w', job.execution_id, 'success');
    expect((await q.take('w')).job_id).toBe(third);
  });
});

describe('a recurring job that expires', () => {
  it('moves to its next occurrence, which has its own time', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ schedule: '0 3 * * *', expires_in_seconds: 600 });
    await project.sql(
      `update cloud_jobs set run_at = now() - interval '1 hour', scheduled_for = now() - interval '1 hour' where job_id = $1`,
      [id],
    );
    expect((await q.claim('w')).jobs).toEqual([]);
    const job = await q.job(id);
    expect(job).toMatchObject({ status: 'waiting', occurrence: 2 });
    expect(job.due_in).toBeGreaterThan(0);
    expect(Number(job.expires_at) - Number(job.run_at)).toBe(600_000);
    expect(await q.executions(id)).toMatchObject([{ failure_kind: 'expired', occurrence: 1 }]);
  });

  it('has time again after an occurrence that ran', async () => {
    const q = queueOf(project);
    const id = await q.addOne({
      schedule: '* * * * *',
      expires_in_seconds: 600,
      run_at: new Date().toISOString(),
    });
    const job = await q.take('w');
    expect(await q.job(id)).toMatchObject({ expires_at: null });
    await q.end('w', job.execution_id, 'success');
    const next = await q.job(id);
    expect(Number(next.expires_at) - Number(next.scheduled_for)).toBe(600_000);
  });
});

describe('many jobs that expire', () => {
  it('end 500 a claim, before any job is picked', async () => {
    const q = queueOf(project);
    await q.add(...Array.from({ length: 700 }, () => ({ expires_in_seconds: 60 })));
    await project.sql(`update cloud_jobs set expires_at = now() - interval '1 s' where queue = $1`, [
      q.queue,
    ]);
    const id = await q.addOne();
    expect(await q.claim('w')).toMatchObject({ jobs: [], set_aside: 500, more: true });
    expect((await q.claim('w')).jobs.map((job) => job.job_id)).toEqual([id]);
  });

  it('end once each, and none of them starts, with eight workers', async () => {
    const q = queueOf(project);
    const ids = await q.add(...Array.from({ length: 200 }, () => ({ expires_in_seconds: 60 })));
    await runOut(...ids.slice(0, 100));
    const started: string[] = [];
    await onConnections(project.adminUrl, 8, async (clients) => {
      await Promise.all(
        clients.map(async (client, index) => {
          for (let turn = 0; turn < 10; turn += 1) {
            const { rows } = await client.query('select cloud_jobs_claim($1, 5, $2) as reply', [
              `w${index}`,
              [q.queue],
            ]);
            started.push(...rows[0].reply.jobs.map((job: { job_id: string }) => job.job_id));
          }
        }),
      );
    });
    expect(started.toSorted()).toEqual(ids.slice(100).toSorted());
    const [counts] = await project.sql(
      `select count(*)::int as rows, count(distinct job_id)::int as jobs from cloud_job_executions
       where failure_kind = 'expired' and job_id = any ($1)`,
      [ids],
    );
    expect(counts).toEqual({ rows: 100, jobs: 100 });
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
const newQueue = () => queueOf(project);

/** A scheduled job, whose first occurrence is due. */
const RECURRING = { schedule: '0 6 * * *', timezone: 'Europe/Berlin', run_at: '2026-01-01T06:00:00+01:00' };

describe('claimed', () => {
  it('a due job is locked, and its execution written in the same statement', async () => {
    const q = newQueue();
    const id = await q.addOne({ config: { a: 1 }, timeout_seconds: 60, description: 'd' });
    const job = await q.take('w', { lock_seconds_param: 120, run_url_param: 'https://example.test/run/1' });
    expect(job).toMatchObject({
      job_id: id,
      config: { a: 1 },
      attempt: 1,
      occurrence: 1,
      timeout_seconds: 60,
      description: 'd',
      queue: q.queue,
    });
    expect(await q.job(id)).toMatchObject({
      status: 'locked',
      locked_by: 'w',
      locked_execution_id: job.execution_id,
    });
    expect(await q.executions(id)).toMatchObject([
      {
        execution_id: job.execution_id,
        status: 'running',
        attempt: 1,
        instance_id: 'w',
        run_url: 'https://example.test/run/1',
        finished_at: null,
      },
    ]);
    const [lock] = await project.sql(
      `select extract(epoch from lock_expires_at - now()) between 115 and 121 as right from cloud_jobs where job_id = $1`,
      [id],
    );
    expect(lock).toEqual({ right: true });
  });

  it('takes due jobs of the queues and types asked for, by priority and time', async () => {
    const q = newQueue();
    const [late, soon, low, high, mine] = await q.add(
      { delay_seconds: 3600 },
      { run_at: '2026-01-02T00:00:00Z' },
      { run_at: '2026-01-01T00:00:00Z', priority: 5 },
      { priority: -5, job_type: 'paper_fetch' },
      { priority: -9, job_type: 'maintenance' },
    );
    await queueOf(project, `${q.queue}.other`).addOne();
    const types = { job_types_param: ['custom', 'paper_fetch'] };
    const reply = await q.claim('w', 10, types);
    expect(reply.jobs.map((job) => job.job_id)).toEqual([high, soon, low]);
    expect(reply.more).toBe(false);
    expect((await q.claim('w', 10)).jobs.map((job) => job.job_id)).toEqual([mine]);
    expect(await q.job(late ?? '')).toMatchObject({ status: 'waiting' });
    const both = await q.claim('w', 10, { queues_param: [q.queue, `${q.queue}.other`] });
    expect(both.jobs.map((job) => job.queue)).toEqual([`${q.queue}.other`]);
  });

  it('first in, first out among jobs of one batch', async () => {
    const q = newQueue();
    const ids = await q.add(...Array.from({ length: 200 }, () => ({})));
    const got = [...(await q.claim('w', 120)).jobs, ...(await q.claim('w', 120)).jobs];
    expect(got.map((job) => job.job_id)).toEqual(ids);
  });

  it('a queue or type that is named twice counts once', async () => {
    const q = newQueue();
    await q.add({}, {}, {});
    const twice = { queues_param: [q.queue, q.queue], job_types_param: ['custom', 'custom'] };
    expect((await q.claim('w', 2, twice)).jobs).toHaveLength(2);
    expect(await q.claim('w', 5, twice)).toMatchObject({ jobs: [{}], more: false });
  });

  it('more says whether due jobs may be left', async () => {
    const q = newQueue();
    expect(await q.claim('w', 5)).toMatchObject({ jobs: [], more: false });
    await q.add({}, {}, { delay_seconds: 60 });
    expect(await q.claim('w', 1)).toMatchObject({ jobs: [{}], more: true });
    expect(await q.claim('w', 5)).toMatchObject({ jobs: [{}], more: false });
    expect(await q.claim('w', 5)).toMatchObject({ jobs: [], more: false });
  });
});

describe('finished', () => {
  it('with success: success, with result, time and duration', async () => {
    const q = newQueue();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    const said = await q.end('w', execution_id, 'success', {
      result: { ok: [1] },
      duration_seconds: 1.5,
      output: 'out',
      progress: { done: 1 },
    });
    expect(said).toMatchObject({ applied: true, status: 'success', failure_kind: null });
    const job = await q.job(id);
    expect(job).toMatchObject({
      status: 'success',
      finished: true,
      locked_by: null,
      locked_at: null,
      lock_expires_at: null,
      locked_execution_id: null,
    });
    expect(job.last_execution).not.toBeNull();
    expect(await q.executions(id)).toMatchObject([
      {
        status: 'success',
        failure_kind: null,
        result: { ok: [1] },
        duration_seconds: 1.5,
        output: 'out',
        progress: { done: 1 },
        job_status: 'success',
      },
    ]);
    expect(await q.claim('w')).toMatchObject({ jobs: [], more: false });
  });

  it('failure with retries left: waits for 30 s, 1 min, 2 min … ± a fifth', async () => {
    const q = newQueue();
    const retries = [0, 1, 2, 5, 9, 10, 30, 2000];
    const ids = await q.add(...retries.map(() => ({ max_retries: 9999 })));
    for (const [index, spent] of retries.entries()) {
      await project.sql('update cloud_jobs set current_retries = $2 where job_id = $1', [ids[index], spent]);
    }
    const { jobs } = await q.claim('w', 100);
    const items = jobs.map((job) => ({
      execution_id: job.execution_id,
      outcome: 'failure',
      error: 'boom',
      failure_kind: 'crashed',
      error_details: { code: 7 },
    }));
    expect(
      (await q.finish('w', items)).finished.every((item) => item.applied && item.status === 'waiting'),
    ).toBe(true);
    for (const [index, spent] of retries.entries()) {
      const job = await q.job(ids[index] ?? '');
      const middle = Math.min(21_600, 30 * 2 ** Math.min(spent, 20));
      expect(job).toMatchObject({
        status: 'waiting',
        current_retries: spent + 1,
        error_message: 'boom',
        locked_by: null,
        locked_at: null,
        lock_expires_at: null,
        locked_execution_id: null,
      });
      expect(job.due_in).toBeGreaterThan(middle * 0.8 - 3);
      expect(job.due_in).toBeLessThanOrEqual(middle * 1.2);
      expect(await q.executions(job.job_id)).toMatchObject([
        {
          status: 'failed',
          failure_kind: 'crashed',
          error_message: 'boom',
          error_details: { code: 7 },
          attempt: spent + 1,
        },
      ]);
    }
  });

  it('failures do not march in step: the backoff has jitter', async () => {
    const q = newQueue();
    const ids = await q.add(...Array.from({ length: 40 }, () => ({})));
    const { jobs } = await q.claim('w', 40);
    await q.finish(
      'w',
      jobs.map(({ execution_id }) => ({ execution_id, outcome: 'failure' })),
    );
    const delays = await Promise.all(ids.map(async (id) => (await q.job(id)).due_in));
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(5);
  });

  it('with failure and a longer delay asked for: that delay', async () => {
    const q = newQueue();
    const id = await q.addOne();
    await q.end('w', (await q.take('w')).execution_id, 'failure', { delay_seconds: 10_800 });
    const job = await q.job(id);
    expect(job.current_retries).toBe(1);
    expect(Math.abs(job.due_in - 10_800)).toBeLessThan(5);
  });

  it('with failure and none left: failed for good', async () => {
    const q = newQueue();
    const id = await q.addOne({ max_retries: 1 });
    await q.end('w', (await q.take('w')).execution_id, 'failure');
    await q.due(id);
    const second = await q.take('w');
    expect(second.attempt).toBe(2);
    expect(await q.end('w', second.execution_id, 'failure', { error: 'again' })).toMatchObject({
      status: 'failed',
      run_at: null,
    });
    expect(await q.job(id)).toMatchObject({
      status: 'failed',
      current_retries: 1,
      finished: true,
      error_message: 'again',
    });
    await project.sql(`update cloud_jobs set run_at = now() where job_id = $1`, [id]);
    expect(await q.claim('w')).toMatchObject({ jobs: [], more: false });
  });

  it.each([
    ['snooze', { delay_seconds: 600 }, 'snoozed', 'waiting', 600],
    ['snooze', {}, 'snoozed', 'waiting', 0],
    ['release', {}, 'released', 'waiting', 0],
    ['discard', { error: 'no use' }, 'discarded', 'failed', null],
  ] as const)('%s %j: no retry is spent, kind %s', async (outcome, more, kind, status, delay) => {
    const q = newQueue();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    expect(await q.end('w', execution_id, outcome, more)).toMatchObject({
      applied: true,
      status,
      failure_kind: kind,
    });
    const job = await q.job(id);
    expect(job).toMatchObject({ status, current_retries: 0, locked_by: null, finished: status === 'failed' });
    if (delay !== null) expect(Math.abs(job.due_in - delay)).toBeLessThan(5);
    expect(await q.executions(id)).toMatchObject([{ execution_id, status: 'failed', failure_kind: kind }]);
  });

  it('cloud_jobs_release hands back many at once, with the reason', async () => {
    const q = newQueue();
    await q.add({}, {});
    const executions = (await q.claim('w', 2)).jobs.map((job) => job.execution_id);
    const reply = await call(project, 'cloud_jobs_release', {
      instance_id_param: 'w',
      execution_ids_param: executions,
      reason_param: 'SIGTERM',
    });
    expect(reply).toMatchObject({ v: 1, finished: [{ applied: true }, { applied: true }] });
    const again = (await q.claim('v', 5)).jobs;
    expect(again.map((job) => job.attempt)).toEqual([1, 1]);
    expect(await q.executions(again[0]?.job_id ?? '')).toMatchObject([
      { error_message: 'SIGTERM' },
      { status: 'running' },
    ]);
  });
});

describe('a recurring job', () => {
  it.each(['success', 'discard', 'failure'])(
    'waits for the next occurrence with all retries after %s',
    async (outcome) => {
      const q = newQueue();
      const id = await q.addOne({ ...RECURRING, max_retries: 0 });
      await project.sql('update cloud_jobs set current_retries = $2 where job_id = $1', [
        id,
        outcome === 'success' ? 2 : 0,
      ]);
      const { execution_id } = await q.take('w');
      const said = await q.end('w', execution_id, outcome);
      expect(said).toMatchObject({ applied: true, status: 'waiting' });
      const job = await q.job(id);
      expect(job).toMatchObject({ status: 'waiting', current_retries: 0, occurrence: 2, finished: false });
      expect(job.due_in).toBeGreaterThan(0);
      expect(job.due_in).toBeLessThanOrEqual(86_400);
    },
  );

  it('retries within an occurrence stay within it', async () => {
    const q = newQueue();
    const id = await q.addOne(RECURRING);
    await q.end('w', (await q.take('w')).execution_id, 'failure');
    const job = await q.job(id);
    expect(job).toMatchObject({ status: 'waiting', current_retries: 1, occurrence: 1 });
    expect(job.due_in).toBeLessThan(40);
  });

  it('whose worker died with no retries left waits for the next occurrence', async () => {
    const q = newQueue();
    const id = await q.addOne({ ...RECURRING, max_retries: 0 });
    await q.take('w');
    await q.expire(id);
    expect((await q.claim('v')).expired).toBe(1);
    const job = await q.job(id);
    expect(job).toMatchObject({ status: 'waiting', current_retries: 0, occurrence: 2 });
    expect(job.due_in).toBeGreaterThan(0);
    expect(job.due_in).toBeLessThanOrEqual(86_400);
  });
});

describe('the lock of a dead worker', () => {
  it('is a lost failure: due at once the first time, then later, then never', async () => {
    const q = newQueue();
    const id = await q.addOne({ max_retries: 2 });
    for (const attempt of [1, 2, 3]) {
      expect((await q.take(`w${attempt}`)).attempt).toBe(attempt);
      await q.expire(id);
      expect(await q.reap()).toBe(1);
      const job = await q.job(id);
      expect(job).toMatchObject({
        status: attempt === 3 ? 'failed' : 'waiting',
        current_retries: Math.min(attempt, 2),
      });
      if (attempt === 1) expect(job.due_in).toBeLessThanOrEqual(0);
      if (attempt === 2) expect(job.due_in).toBeGreaterThan(40);
      await q.due(id);
    }
    expect((await q.executions(id)).map((e) => [e.status, e.failure_kind, e.attempt])).toEqual([
      ['failed', 'lost', 1],
      ['failed', 'lost', 2],
      ['failed', 'lost', 3],
    ]);
    expect(await q.job(id)).toMatchObject({
      error_message: 'The lock expired: the worker w3 is taken for dead.',
    });
  });

  it('is ended only in the queues and types that the claim names', async () => {
    const q = newQueue();
    const [mine, theirs] = await q.add({}, { job_type: 'maintenance' });
    await q.claim('w', 2);
    await q.expire(mine ?? '', theirs ?? '');
    expect((await q.claim('v', 1, { job_types_param: ['custom'] })).expired).toBe(1);
    expect(await q.job(theirs ?? '')).toMatchObject({ status: 'locked', locked_by: 'w' });
    expect((await queueOf(project).claim('v')).expired).toBe(0);
    expect((await q.claim('v')).expired).toBe(1);
  });

  it('gives a job lost for the first time to the claim that ends it', async () => {
    const q = newQueue();
    const id = await q.addOne();
    await q.take('w');
    await q.expire(id);
    expect(await q.claim('v')).toMatchObject({ expired: 1, jobs: [{ job_id: id, attempt: 2 }] });
  });

  it('is lost for the first time in each occurrence, whatever failed before', async () => {
    const q = newQueue();
    const id = await q.addOne(RECURRING);
    await q.end('w', (await q.take('w')).execution_id, 'failure');
    for (const occurrence of [1, 2]) {
      await q.due(id);
      expect((await q.take('w')).occurrence).toBe(occurrence);
      await q.expire(id);
      expect(await q.claim('v')).toMatchObject({ expired: 1, jobs: [{ job_id: id }] });
      const [held] = (await q.executions(id)).filter((one) => one.status === 'running');
      await q.end('v', held?.execution_id ?? '', 'success');
    }
  });

  it('is ended in bounded batches, and a claim says that more are left', async () => {
    const q = newQueue();
    const ids = await q.add(...Array.from({ length: 1150 }, () => ({ max_retries: 0 })));
    await q.claim('w', 1000);
    await q.claim('w', 1000);
    await q.expire(...ids);
    const replies = [await q.claim('v'), await q.claim('v'), await q.claim('v')];
    expect(replies.map(({ expired, more }) => [expired, more])).toEqual([
      [500, true],
      [500, true],
      [150, false],
    ]);
  });
});

describe('cancel', () => {
  it('of a running job: stops it at its heartbeat, unless it reports success', async () => {
    for (const outcome of ['failure', 'release', 'snooze', 'discard']) {
      const q = newQueue();
      const id = await q.addOne();
      const { execution_id } = await q.take('w');
      expect(await q.renew('w', [{ execution_id }])).toEqual([
        { execution_id, held: true, cancel_requested: false },
      ]);
      expect(await q.verb('cancel', id)).toMatchObject({ applied: true, changed: true, status: 'locked' });
      expect(await q.verb('cancel', id)).toMatchObject({ applied: true, changed: false });
      expect(await q.renew('w', [{ execution_id }])).toEqual([
        { execution_id, held: true, cancel_requested: true },
      ]);
      expect(await q.end('w', execution_id, outcome)).toMatchObject({
        applied: true,
        status: 'failed',
        failure_kind: 'cancelled',
      });
      expect(await q.job(id)).toMatchObject({
        status: 'failed',
        current_retries: 0,
        finished: true,
        cancel_requested_at: null,
      });
    }
  });

  it.each([
    ['once', {}, 'success'],
    ['by a schedule', { schedule: '@yearly', run_at: '2020-01-01T00:00:00Z' }, 'waiting'],
  ])('that comes too late does not undo a success: a job that runs %s', async (_, item, status) => {
    const q = newQueue();
    const id = await q.addOne(item);
    const { execution_id } = await q.take('w');
    await q.verb('cancel', id);
    expect(await q.end('w', execution_id, 'success')).toMatchObject({
      applied: true,
      status,
      failure_kind: null,
    });
    expect(await q.executions(id)).toMatchObject([{ status: 'success' }]);
  });

  it('of a job whose worker is dead: fails it when the lock expires', async () => {
    const q = newQueue();
    const id = await q.addOne();
    await q.take('w');
    await q.verb('cancel', id);
    await q.expire(id);
    expect((await q.claim('v')).expired).toBe(1);
    expect(await q.job(id)).toMatchObject({ status: 'failed', current_retries: 0, finished: true });
    expect(await q.executions(id)).toMatchObject([{ status: 'failed', failure_kind: 'lost' }]);
  });

  it('is forgotten when the job runs again', async () => {
    const q = newQueue();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    await q.verb('cancel', id);
    await q.end('w', execution_id, 'failure');
    await q.verb('retry', id);
    const again = await q.take('w');
    expect(await q.renew('w', [{ execution_id: again.execution_id }])).toMatchObject([
      { held: true, cancel_requested: false },
    ]);
  });
});

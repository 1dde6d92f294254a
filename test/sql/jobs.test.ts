import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listReply, showReply } from '../../src/queue/replies.ts';
import { pruneReply, statsReply } from '../../src/queue/report-replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
const newQueue = () => queueOf(project);

describe('what people ask for', () => {
  const finished = async (q: ReturnType<typeof newQueue>, outcome: string, item: object = {}) => {
    const id = await q.addOne({ ...item, max_retries: 1 });
    await q.end('w', (await q.take('w')).execution_id, outcome, { error: 'e' });
    return id;
  };

  it('run again: a finished job starts afresh, as if it were new', async () => {
    for (const outcome of ['success', 'discard']) {
      const q = newQueue();
      const id = await finished(q, outcome);
      await project.sql('update cloud_jobs set current_retries = 1 where job_id = $1', [id]);
      expect(await q.verb('retry', id)).toMatchObject({ applied: true, changed: true, status: 'waiting' });
      const job = await q.job(id);
      expect(job).toMatchObject({
        current_retries: 0,
        error_message: null,
        last_execution: null,
        finished: false,
        occurrence: 2,
      });
      expect(job.due_in).toBeLessThanOrEqual(0);
      expect(await q.verb('retry', id)).toMatchObject({ applied: true, changed: false });
      expect(await q.take('w')).toMatchObject({ attempt: 1, occurrence: 2 });
      expect(await q.verb('retry', id)).toMatchObject({
        applied: false,
        reason: 'It is running. Cancel it first, or wait until it ends.',
      });
    }
  });

  it('run again: a job that waits for later is due now', async () => {
    const q = newQueue();
    const id = await q.addOne({ delay_seconds: 3600 });
    expect(await q.verb('retry', id)).toMatchObject({ applied: true, changed: true });
    expect((await q.take('w')).job_id).toBe(id);
  });

  it('run again: refused while another job has its unique key', async () => {
    const q = newQueue();
    const id = await finished(q, 'success', { unique_key: 'u' });
    const twin = await q.addOne({ unique_key: 'u' });
    expect(await q.verb('retry', id)).toMatchObject({
      applied: false,
      changed: false,
      reason: `Job ${twin} has the same unique key and is unfinished.`,
    });
  });

  it('disable and enable: a waiting job, not one that runs', async () => {
    const q = newQueue();
    const id = await q.addOne({ delay_seconds: 3600 });
    expect(await q.verb('disable', id)).toMatchObject({ applied: true, changed: true, status: 'disabled' });
    expect(await q.verb('disable', id)).toMatchObject({ applied: true, changed: false });
    expect(await q.verb('retry', id)).toMatchObject({
      applied: false,
      reason: 'It is disabled. Enable it first.',
    });
    await project.sql(`update cloud_jobs set run_at = now() where queue = $1`, [q.queue]);
    expect(await q.claim('w', 9)).toMatchObject({ jobs: [], more: false });
    expect(await q.verb('enable', id)).toMatchObject({ applied: true, changed: true, status: 'waiting' });
    expect(await q.verb('enable', id)).toMatchObject({ applied: true, changed: false });
    // A run of its own: a handler that knows the idempotency key of the one before must not take it for a repeat.
    expect(await q.take('w')).toMatchObject({ job_id: id, occurrence: 2 });
    expect(await q.verb('disable', id)).toMatchObject({ applied: false, status: 'locked' });
  });

  it.each(['success', 'discard'] as const)('disable leaves a job alone that ended with %s', async (end) => {
    const q = newQueue();
    const id = await finished(q, end, { unique_key: 'u' });
    const before = await q.job(id);
    expect(await q.verb('disable', id)).toMatchObject({ applied: false, changed: false });
    expect(await q.verb('enable', id)).toMatchObject({ changed: false });
    expect({ ...(await q.job(id)), due_in: 0 }).toEqual({ ...before, due_in: 0 });
    expect(await q.addOne({ unique_key: 'u' })).not.toBe(id);
  });

  it('enable: does not rerun a finished job that a direct write disabled', async () => {
    const q = newQueue();
    const [done, failed] = [await finished(q, 'success'), await finished(q, 'discard')];
    await project.sql(`update cloud_jobs set status = 'disabled' where queue = $1`, [q.queue]);
    expect(await q.verb('enable', done)).toMatchObject({ applied: true, changed: true, status: 'success' });
    expect(await q.verb('enable', failed)).toMatchObject({ applied: true, changed: true, status: 'failed' });
    expect(await q.claim('w', 9)).toMatchObject({ jobs: [], more: false });
  });

  it('disable: a finished job, disabled directly, frees its unique key', async () => {
    const q = newQueue();
    const id = await finished(q, 'success', { unique_key: 'u' });
    await project.sql(`update cloud_jobs set status = 'disabled' where queue = $1`, [q.queue]);
    const twin = await q.addOne({ unique_key: 'u' });
    expect(twin).not.toBe(id);
    expect(await q.verb('enable', id)).toMatchObject({ status: 'success' });
    await q.verb('delete', twin);
    await project.sql(`update cloud_jobs set status = 'waiting' where queue = $1`, [q.queue]);
    expect(await q.job(id)).toMatchObject({ finished: false });
    expect(await q.addOne({ unique_key: 'u' })).toBe(id);
  });

  it("enable: ignores the remains of a first-schema client's lock", async () => {
    const q = newQueue();
    const id = await q.addOne();
    await q.take('w');
    await project.sql(`update cloud_jobs set status = 'disabled' where job_id = $1`, [id]);
    await q.verb('enable', id);
    expect((await q.take('v')).job_id).toBe(id);
  });

  it('cancel: fails a waiting job at once, and no finished or recurring one', async () => {
    const q = newQueue();
    const id = await q.addOne();
    expect(await q.verb('cancel', id)).toMatchObject({ applied: true, changed: true, status: 'failed' });
    expect(await q.job(id)).toMatchObject({
      status: 'failed',
      finished: true,
      error_message: 'Cancelled before it ran.',
    });
    expect(await q.verb('cancel', id)).toMatchObject({
      applied: false,
      reason: 'It is failed, so there is nothing to cancel.',
    });
    const recurring = await q.addOne({ schedule: '* * * * *', delay_seconds: 0 });
    expect(await q.verb('cancel', recurring)).toMatchObject({ applied: false, status: 'waiting' });
    await project.sql(`select from get_next_available_job('old')`);
    const other = await queueOf(project, 'default').addOne();
    await project.sql(`select from get_next_available_job('old')`);
    expect(await q.verb('cancel', other)).toMatchObject({
      applied: false,
      reason: expect.stringMatching(/cannot be told/),
    });
  });

  it('delete: with its history, but not while it runs', async () => {
    const q = newQueue();
    const id = await q.addOne();
    await q.take('w');
    expect(await q.verb('delete', id)).toMatchObject({ applied: false, status: 'locked' });
    await q.expire(id);
    expect(await q.verb('delete', id)).toMatchObject({ applied: true, changed: true });
    expect(await q.verb('delete', id)).toMatchObject({ applied: true, changed: false });
    expect(await q.executions(id)).toEqual([]);
  });

  it('delete: not while a client of the first schema runs it', async () => {
    const q = queueOf(project, 'default');
    const id = await q.addOne({ priority: -100 });
    await project.sql(`select from get_next_available_job('old', null)`);
    expect(await q.verb('delete', id)).toMatchObject({ applied: false, status: 'locked' });
    await project.sql('delete from cloud_jobs where job_id = $1', [id]);
  });

  it.each(['cancel', 'retry', 'disable', 'enable'] as const)(
    '%s of a job that is not there says so',
    async (verb) => {
      expect(await newQueue().verb(verb, 'nobody')).toMatchObject({
        applied: false,
        status: null,
        reason: 'There is no job with this id.',
      });
    },
  );
});

describe('list', () => {
  it('pages through all once, newest first, rows without an age last', async () => {
    const q = newQueue();
    const ids = await q.add(...Array.from({ length: 23 }, (_, n) => ({ name: n % 2 ? 'odd' : 'even' })));
    await project.sql(`update cloud_jobs set created_at = null where job_id = any ($1)`, [ids.slice(10, 17)]);
    await project.sql(`update cloud_jobs set created_at = now() - interval '1 h' where job_id = any ($1)`, [
      ids.slice(0, 5),
    ]);
    const page = async (more: object) =>
      listReply.parse(
        await call(project, 'cloud_jobs_list', {
          ...more,
          filter_param: { queue: q.queue, ...('filter_param' in more ? (more.filter_param as object) : {}) },
        }),
      );
    const seen: string[] = [];
    let next: string | null = null;
    do {
      const reply: Awaited<ReturnType<typeof page>> = await page({ limit_param: 4, before_param: next });
      seen.push(...reply.jobs.map((job) => job.job_id));
      next = reply.next;
    } while (next !== null);
    const newest = (some: string[]) => [...some].reverse();
    expect(seen).toEqual([
      ...newest([...ids.slice(5, 10), ...ids.slice(17)]),
      ...newest(ids.slice(0, 5)),
      ...newest(ids.slice(10, 17)),
    ]);
    expect((await page({ limit_param: 23 })).next).toBeNull();
    expect((await page({ filter_param: { name: 'odd' } })).jobs).toHaveLength(11);
    expect((await page({ filter_param: { status: 'locked' } })).jobs).toEqual([]);
    expect((await page({ filter_param: { job_type: 'maintenance' } })).jobs).toEqual([]);
  });

  it.each([
    [{ limit_param: 0 }, /limit_param is 0/],
    [{ limit_param: 1001 }, /limit_param is 1001/],
    [{ before_param: 'x' }, /before_param is not the "next" of a page/],
  ])('refuses %j', async (args, message) => {
    await expect(call(project, 'cloud_jobs_list', args)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(message),
    });
  });
});

it('show gives a job with its config and newest executions, or null', async () => {
  const q = newQueue();
  const id = await q.addOne({ config: { a: 1 } });
  for (let n = 0; n < 3; n += 1) {
    await q.end('w', (await q.take('w')).execution_id, 'release', { error: `time ${n}` });
  }
  const shown = showReply.parse(await call(project, 'cloud_jobs_show', { job_id_param: id, limit_param: 2 }));
  expect(shown.job).toMatchObject({ job_id: id, config: { a: 1 }, due: true });
  expect(shown.executions.map((execution) => execution.error_message)).toEqual(['time 2', 'time 1']);
  expect(
    showReply.parse(await call(project, 'cloud_jobs_show', { job_id_param: randomUUID() })),
  ).toMatchObject({ job: null, executions: [] });
});

it("stats count jobs by status and state, and the last day's attempts", async () => {
  const q = newQueue();
  const stats = async () =>
    statsReply.parse(await call(project, 'cloud_jobs_stats', { queue_param: q.queue }));
  expect(await stats()).toMatchObject({
    total: 0,
    due: 0,
    oldest_due_seconds: null,
    queues: [],
    executions_24h: { running: 0, p95_seconds: null },
  });
  await q.add(
    { delay_seconds: 60 },
    ...[1, 2, 3].map(() => ({ concurrency_key: q.queue })),
    { priority: -2 },
    { priority: -1 },
  );
  const [one, two] = (await q.claim('w', 2)).jobs;
  await q.end('w', one?.execution_id ?? '', 'success', { duration_seconds: 2 });
  await q.claim('w', 1);
  await q.expire(two?.job_id ?? '');
  expect(await stats()).toMatchObject({
    total: 6,
    jobs: { waiting: 3, locked: 2, success: 1, failed: 0, disabled: 0 },
    due: 2,
    scheduled: 1,
    blocked: 2,
    expired_locks: 1,
    queues: [{ queue: q.queue, due: 2, waiting: 3, locked: 2 }],
    executions_24h: { running: 2, success: 1, failed: 0, average_seconds: 2, p95_seconds: 2 },
  });
});

it('stats count the attempts of a day by queue and by type', async () => {
  const q = newQueue();
  const stats = async (queue: string | null) =>
    statsReply.parse(await call(project, 'cloud_jobs_stats', { queue_param: queue })).executions_24h;
  await q.add({ max_retries: 0 }, { max_retries: 0 }, { job_type: 'maintenance' }, {}, {});
  for (const { job_type, execution_id } of (await q.claim('w', 5)).jobs.slice(0, 4)) {
    const isCustom = job_type === 'custom';
    await q.end('w', execution_id, isCustom ? 'failure' : 'success', {
      duration_seconds: isCustom ? 9 : 4,
      error: 'e',
    });
  }
  await project.sql(
    `update cloud_job_executions set failure_kind = 'lost' where execution_id = (select execution_id from
      cloud_job_executions join cloud_jobs using (job_id) where queue = $1 and failure_kind = 'error' limit 1)`,
    [q.queue],
  );
  expect(await stats(q.queue)).toMatchObject({
    by_queue: [{ queue: q.queue, success: 1, failed: 2, lost: 1, average_seconds: 4, p95_seconds: 4 }],
    by_type: [
      { job_type: 'custom', success: 0, failed: 2, lost: 1, average_seconds: null },
      { job_type: 'maintenance', success: 1, failed: 0, lost: 0, average_seconds: 4 },
    ],
    is_partial: false,
  });
  const whole = statsReply.parse(await call(project, 'cloud_jobs_stats', { queue_param: q.queue }));
  // One job still runs, and none is due.
  expect(whole).toMatchObject({ oldest_due_seconds: null, queues: [{ due: 0, oldest_due_seconds: null }] });
  expect((await stats(null)).by_queue).toContainEqual(expect.objectContaining({ queue: q.queue, failed: 2 }));
});

describe('prune', () => {
  let q: ReturnType<typeof newQueue>;
  beforeEach(async () => {
    await project.sql('truncate cloud_jobs cascade');
    q = newQueue();
  });
  const prune = async (executions: number | null, jobs: number | null, limit = 1000) =>
    pruneReply.parse(
      await call(project, 'cloud_jobs_prune', {
        executions_days_param: executions,
        jobs_days_param: jobs,
        limit_param: limit,
      }),
    );
  const AGE_ALL = `update cloud_job_executions set started_at = started_at - interval '30 d', finished_at = finished_at - interval '30 d';
    update cloud_jobs set finished_at = finished_at - interval '30 d', created_at = created_at - interval '30 d', run_at = run_at - interval '30 d'`;

  it('never touches what runs, waits, is disabled or recurs, however old', async () => {
    const [running, disabled, recurring, waiting] = await q.add(
      { priority: -9 },
      {},
      { schedule: '* * * * *', delay_seconds: 0, priority: -8 },
      {},
    );
    const [first, second] = (await q.claim('w', 2)).jobs;
    await q.end('w', second?.execution_id ?? '', 'success');
    // The first heartbeat writes the row of a running attempt.
    await call(project, 'cloud_jobs_renew', {
      instance_id_param: 'w',
      items_param: [{ execution_id: first?.execution_id }],
    });
    await q.verb('disable', disabled ?? '');
    await project.asPostgres(AGE_ALL);
    expect(await prune(0, 0)).toEqual({ v: 1, executions: 1, jobs: 0, more: false });
    const left = await project.sql<{ job_id: string }>('select job_id from cloud_jobs');
    expect(left.map((job) => job.job_id).sort()).toEqual([running, disabled, recurring, waiting].sort());
    expect(
      await project.sql('select execution_id, status from cloud_job_executions where job_id = $1', [running]),
    ).toEqual([{ execution_id: first?.execution_id, status: 'running' }]);
  });

  it('keeps a recurring job whose schedule has ended', async () => {
    const [ended] = await q.add({ schedule: '0 0 1 1 *' });
    // A time zone that was abolished: the schedule has no next occurrence.
    await project.asPostgres(`alter table cloud_jobs disable trigger cloud_jobs_anchor_update;
      update cloud_jobs set timezone = 'Gone/Zone', run_at = now(); alter table cloud_jobs enable trigger cloud_jobs_anchor_update`);
    await q.end('w', (await q.take('w')).execution_id, 'success');
    await project.asPostgres(AGE_ALL);
    expect(await q.job(ended ?? '')).toMatchObject({ status: 'failed', finished_at: expect.any(Date) });
    expect(await prune(null, 0)).toMatchObject({ jobs: 0 });
    expect(await project.sql('select from cloud_jobs')).toHaveLength(1);
  });

  it.each(['waiting', 'disabled'])('keeps a finished job that was set to %s by hand', async (status) => {
    const [job] = await q.add({});
    await q.end('w', (await q.take('w')).execution_id, 'success');
    await project.sql('update cloud_jobs set status = $2 where job_id = $1', [job, status]);
    await project.asPostgres(AGE_ALL);
    expect(await prune(null, 0)).toMatchObject({ jobs: 0 });
    expect(await project.sql('select from cloud_jobs')).toHaveLength(1);
  });

  it('removes by age, each kind by its own, in bounded batches', async () => {
    await q.add(...Array.from({ length: 25 }, () => ({})));
    const { jobs } = await q.claim('w', 25);
    await q.finish(
      'w',
      jobs.map(({ execution_id }, n) => ({ execution_id, outcome: n % 2 ? 'success' : 'discard' })),
    );
    expect(await prune(1, 1)).toEqual({ v: 1, executions: 0, jobs: 0, more: false });
    await project.asPostgres(AGE_ALL);
    expect(await prune(31, 31)).toEqual({ v: 1, executions: 0, jobs: 0, more: false });
    expect(await prune(null, null)).toEqual({ v: 1, executions: 0, jobs: 0, more: false });
    expect(await prune(29, null, 10)).toEqual({ v: 1, executions: 10, jobs: 0, more: true });
    expect(await prune(null, 29, 10)).toEqual({ v: 1, executions: 0, jobs: 10, more: true });
    expect(await prune(29, 29)).toMatchObject({ jobs: 15, more: false });
    expect(await project.sql('select from cloud_job_executions')).toEqual([]);
  });

  it.each([
    [-1, null, 10, /number of days is negative/],
    [null, -0.5, 10, /number of days is negative/],
    [1, 1, 0, /limit_param is 0/],
    [1, 1, 10_001, /limit_param is 10001/],
  ])('refuses %j, %j, %j', async (executions, jobs, limit, message) => {
    await expect(prune(executions, jobs, limit)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(message),
    });
  });
});

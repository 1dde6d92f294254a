import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, queueOf } from './support.ts';

/** What clients of the first schema, and people, write to the tables without calling a function. */
let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate cloud_jobs cascade'));

const q = () => queueOf(project, 'default');
const DAILY = { schedule: '0 6 * * *', run_at: '2026-01-01T06:00:00Z' };
const write = (id: string, set: string) =>
  project.sql(`update cloud_jobs set ${set} where job_id = $1`, [id]);
/** How a client of the first schema ends a job. */
const ENDS = 'last_execution = now(), locked_at = null, locked_by = null, lock_expires_at = null';
const claimAsFirst = async () =>
  (await project.sql<{ job_id: string }>(`select * from get_next_available_job('first')`))[0]?.job_id;

describe('a client of the first schema that ends a recurring job', () => {
  it.each(['success', 'failed'])('with %s moves it to its next occurrence', async (status) => {
    const id = await q().addOne({ ...DAILY, max_retries: 0 });
    expect(await claimAsFirst()).toBe(id);
    await write(id, `status = '${status}', ${ENDS}`);
    const job = await q().job(id);
    expect(job).toMatchObject({ status: 'waiting', occurrence: 2, finished: false, locked_by: null });
    expect(job.due_in).toBeGreaterThan(0);
    expect(job.due_in).toBeLessThanOrEqual(86_400);
    expect(job.scheduled_for).toEqual(job.run_at);
    expect(job.error_message === null).toBe(status === 'success');
  });

  it('with a failure that has retries left leaves it to the next client', async () => {
    const id = await q().addOne({ ...DAILY, max_retries: 2 });
    await claimAsFirst();
    await write(id, `status = 'failed', current_retries = current_retries + 1, ${ENDS}`);
    expect(await claimAsFirst()).toBe(id);
  });

  it('too late, when it waits again, does not end its schedule', async () => {
    const id = await q().addOne({ ...DAILY, max_retries: 3 });
    await claimAsFirst();
    await q().expire(id);
    await q().reap();
    expect((await q().job(id)).status).toBe('waiting');
    await write(id, `status = 'success', ${ENDS}`);
    expect(await q().job(id)).toMatchObject({ status: 'waiting', occurrence: 2 });
  });

  it('does not revive one that a person disabled meanwhile', async () => {
    const id = await q().addOne({ ...DAILY, max_retries: 0 });
    await q().take('w');
    await q().verb('disable', id);
    await write(id, `status = 'success', ${ENDS}`);
    expect((await q().job(id)).status).toBe('disabled');
  });

  it('records the occurrences that this leaves out', async () => {
    const id = await q().addOne({ ...DAILY, max_retries: 0, missed: 'skip', missed_grace_seconds: 0 });
    await write(id, `run_at = now() - interval '1 s'`);
    await claimAsFirst();
    await write(id, `status = 'success', ${ENDS}`);
    expect((await q().executions(id)).map((one) => one.failure_kind)).toEqual(['skipped']);
  });

  it('ends one for good whose schedule can no longer be read, and says so', async () => {
    const id = await q().addOne({ ...DAILY, max_retries: 0 });
    await claimAsFirst();
    await project.sql('alter table cloud_jobs disable trigger user');
    await write(id, `timezone = 'Mars/Olympus'`);
    await project.sql('alter table cloud_jobs enable trigger user');
    await write(id, `status = 'success', ${ENDS}`);
    expect((await q().job(id)).status).toBe('success');
  });
});

describe('a late write over a job that a worker runs', () => {
  it.each(['success', 'failed', 'waiting', 'disabled'])(
    'to %s ends the attempt: no execution stays "running"',
    async (status) => {
      const id = await q().addOne({ max_retries: 0 });
      await claimAsFirst();
      await q().expire(id);
      await q().reap();
      await q().verb('retry', id);
      const { execution_id } = await q().take('worker');
      await write(id, `status = '${status}', ${ENDS}`);
      const running = (await q().executions(id)).find((one) => one.execution_id === execution_id);
      expect(running).toMatchObject({
        status: 'failed',
        failure_kind: 'lost',
        error_message: `Another client changed the job to "${status}" while this attempt was running.`,
        finished_at: expect.any(Date),
      });
      expect((await q().job(id)).locked_execution_id).toBeNull();
      expect(await q().end('worker', execution_id, 'success')).toMatchObject({ applied: false });
      expect((await q().renew('worker', [{ execution_id }]))[0]).toMatchObject({ held: false });
    },
  );

  it('leaves alone what the functions end', async () => {
    const id = await q().addOne();
    await q().end('w', (await q().take('w')).execution_id, 'failure', { error: 'mine' });
    expect(await q().executions(id)).toMatchObject([{ failure_kind: 'error', error_message: 'mine' }]);
  });
});

it('a finished job that a write makes wait again holds its unique key', async () => {
  const id = await q().addOne({ unique_key: 'u' });
  await q().end('w', (await q().take('w')).execution_id, 'success');
  await write(id, `status = 'waiting'`);
  expect(await q().job(id)).toMatchObject({ status: 'waiting', finished: false });
  expect(await q().add({ unique_key: 'u' })).toEqual([id]);
});

it.each(['true', 'null'])(
  'a new row that says it is blocked (%s) is claimed all the same',
  async (blocked) => {
    await project.sql(
      `insert into cloud_jobs (job_id, name, job_type, concurrency_key, blocked) values ('x', 'x', 'custom', 'k', ${blocked})`,
    );
    expect((await q().take('w')).job_id).toBe('x');
  },
);

describe('a lock without an end', () => {
  it.each([
    `insert into cloud_jobs (job_id, name, job_type, status, locked_by) values ('x', 'x', 'custom', 'locked', 'first')`,
    `insert into cloud_jobs (job_id, name, job_type, status, lock_expires_at) values ('x', 'x', 'custom', 'locked', 'infinity')`,
    `insert into cloud_jobs (job_id, name, job_type, status, lock_expires_at) values ('x', 'x', 'custom', 'locked', '9999-12-31')`,
    `insert into cloud_jobs (job_id, name, job_type, lock_expires_at) values ('x', 'x', 'custom', 'infinity'); update cloud_jobs set status = 'locked'`,
    `insert into cloud_jobs (job_id, name, job_type) values ('x', 'x', 'custom'); select from get_next_available_job('first', null)`,
    `insert into cloud_jobs (job_id, name, job_type) values ('x', 'x', 'custom'); select from get_next_available_job('first', 2000000000)`,
    `insert into cloud_jobs (job_id, name, job_type) values ('x', 'x', 'custom'); update cloud_jobs set status = 'locked', locked_at = now()`,
  ])('ends after the 30 minutes of the first schema: %s', async (text) => {
    for (const one of text.split('; ')) await project.sql(one);
    const [lock] = await project.sql(
      `select extract(epoch from lock_expires_at - now())::float8 as ends_in from cloud_jobs where job_id = 'x'`,
    );
    expect(lock?.ends_in).toBeGreaterThan(1700);
    expect(lock?.ends_in).toBeLessThanOrEqual(1800);
    await q().expire('x');
    expect(await q().reap()).toBe(1);
    expect((await q().take('w')).job_id).toBe('x');
  });
});

describe('an execution that a plain write stored', () => {
  it.each(['NaN', 'Infinity', '-Infinity', '-5'])(
    'with a duration of %s breaks neither stats nor show',
    async (duration) => {
      const id = await q().addOne();
      await project.sql(
        `insert into cloud_job_executions (job_id, status, duration_seconds) values ($1, 'success', $2), ($1, 'success', 2)`,
        [id, duration],
      );
      expect(await call(project, 'cloud_jobs_stats')).toMatchObject({
        executions_24h: { success: 2, average_seconds: 2, p95_seconds: 2 },
      });
      expect(await call(project, 'cloud_jobs_show', { job_id_param: id })).toMatchObject({
        executions: expect.arrayContaining([expect.objectContaining({ duration_seconds: null })]),
      });
    },
  );
});

it.each(['NaN', 'Infinity', '12', -1, 1e12, 1e-50, true, [1], { a: 1 }])(
  'a worker that reports a duration of %j is refused',
  async (duration) => {
    await q().addOne();
    const { execution_id } = await q().take('w');
    await expect(q().end('w', execution_id, 'success', { duration_seconds: duration })).rejects.toMatchObject(
      {
        code: 'PT400',
      },
    );
    expect(await q().end('w', execution_id, 'success', { duration_seconds: 0.5 })).toMatchObject({
      applied: true,
    });
  },
);

it('prunes a "running" execution whose job does not run', async () => {
  const [idle, busy] = await q().add({ delay_seconds: 3600 }, {});
  const { execution_id } = await q().take('w');
  await q().renew('w', [{ execution_id }]);
  await project.sql(
    `insert into cloud_job_executions (execution_id, job_id, status) values ('stuck', $1, 'running'), ('stuck-2', $2, 'running')`,
    [idle, busy],
  );
  await project.sql(`update cloud_job_executions set started_at = now() - interval '9 days'`);
  expect(await call(project, 'cloud_jobs_prune', { executions_days_param: 7 })).toMatchObject({
    executions: 2,
  });
  expect(await project.sql('select execution_id from cloud_job_executions')).toEqual([{ execution_id }]);
});

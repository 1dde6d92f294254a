import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { INSTALL, queueOf, SEED } from './support.ts';

/**
 * Rows that a client of the first schema can have left: every status, and null wherever its columns allow it. No two
 * have the same age, since the first schema leaves the order of such rows open.
 */
const ROWS = `
  insert into cloud_jobs (job_id, name, job_type, config, status, description, max_retries, current_retries, created_at,
      last_execution, locked_at, locked_by, lock_expires_at)
  select v.job_id, v.job_id || ' by name', v.job_type, v.config::jsonb, v.status, v.description, v.max_retries, v.current_retries,
    now() - make_interval(mins => v.age), v.last_execution, v.locked_at, v.locked_by, v.lock_expires_at
  from (values
    ('w-old',       'paper_fetch', '{"keywords": ["a"], "n": 1.50}',  'waiting', 'first', 3, 0, 900, null::timestamptz, null::timestamptz, null, null::timestamptz),
    ('w-string',    'custom',      '"{\\"handler\\": \\"x\\"}"',      'waiting', null,    3, 1, 800, now() - interval '1 h', null, null, null),
    ('w-no-max',    'maintenance', '{}',                              'waiting', '',   null, null, 700, null, null, null, null),
    ('w-no-age',    'custom',      '[1, 2]',                          'waiting', '',      3, 0, null, null, null, null, null),
    ('w-ahead',     'custom',      'null',                            'waiting', '',      0, 0, -60, null, null, null, null),
    ('w-spent',     'custom',      '{}',                              'waiting', '',      1, 5, 650, null, null, null, null),
    ('w-left-lock', 'custom',      '{}',                              'waiting', '',      3, 0, 600, null, now(), 'old', now() + interval '1 h'),
    ('w-past-lock', 'custom',      '{}',                              'waiting', '',      3, 0, 500, null, now(), 'old', now() - interval '1 h'),
    ('l-live',      'custom',      '{}',                              'locked',  '',      3, 0, 990, null, now(), 'old', now() + interval '1 h'),
    ('l-live-bare', 'custom',      '{}',                              'locked',  '',      3, 0, 980, null, now(), 'old', now() + interval '1 h'),
    ('l-expired',   'custom',      '{}',                              'locked',  '',      3, 0, 970, null, now(), 'old', now() - interval '1 m'),
    ('l-exp-bare',  'paper_fetch', '{}',                              'locked',  '',      3, 2, 960, null, now(), 'old', now() - interval '1 m'),
    ('l-exp-last',  'custom',      '{}',                              'locked',  '',      3, 3, 950, null, now(), 'old', now() - interval '1 m'),
    ('s-done',      'custom',      '{}',                              'success', 'x',     3, 0, 940, now() - interval '1 d', null, null, null),
    ('s-bare',      'custom',      '{}',                              'success', 'x',  null, null, null, null, null, null, null),
    ('f-left-1',    'custom',      '{}',                              'failed',  '',      3, 2, 400, now(), null, null, null),
    ('f-left-2',    'maintenance', '{}',                              'failed',  '',      5, 0, 930, now(), null, null, null),
    ('f-left-lock', 'custom',      '{}',                              'failed',  '',      3, 0, 920, now(), null, 'old', now() + interval '1 h'),
    ('f-no-age',    'custom',      '{}',                              'failed',  '',      3, 0, null, now(), null, null, null),
    ('f-spent',     'custom',      '{}',                              'failed',  '',      3, 3, 910, now(), null, null, null),
    ('f-no-max',    'custom',      '{}',                              'failed',  '',   null, 0, 905, now(), null, null, null),
    ('f-no-count',  'custom',      '{}',                              'failed',  '',      3, null, 904, now(), null, null, null),
    ('d-off',       'custom',      '{}',                              'disabled', '',     3, 0, 903, null, null, null, null)
  ) as v (job_id, job_type, config, status, description, max_retries, current_retries, age, last_execution, locked_at, locked_by, lock_expires_at);
  insert into cloud_job_executions (execution_id, job_id, status, started_at, finished_at, duration_seconds, result, error_message, instance_id) values
    ('e-live', 'l-live', 'running', now(), null, null, null, null, 'old'),
    ('e-expired', 'l-expired', 'running', now() - interval '1 h', null, null, '{}', null, 'old'),
    ('e-done', 's-done', 'success', now() - interval '1 d', now(), 1.25, '{"papers": 3}', null, 'old'),
    ('e-failed', 'f-left-1', 'failed', null, null, null, 'null', 'it broke', null),
    ('e-orphan', 's-done', 'running', now() - interval '2 d', null, null, '{}', null, 'dead');`;

const JOB_COLUMNS =
  'job_id, name, job_type, config::text, status, description, max_retries, current_retries, created_at::text, last_execution::text, locked_at::text, locked_by, lock_expires_at::text';
const EXECUTION_COLUMNS =
  'execution_id, job_id, status, started_at::text, finished_at::text, duration_seconds, result::text, error_message, instance_id';

const everything = async (project: TestProject) => ({
  jobs: await project.sql(`select ${JOB_COLUMNS} from cloud_jobs order by job_id`),
  executions: await project.sql(
    `select ${EXECUTION_COLUMNS} from cloud_job_executions order by execution_id`,
  ),
});

type Claimed = Record<string, unknown> & { readonly job_id: string };
const claimAsSeed = async (project: TestProject): Promise<Claimed | undefined> =>
  (await project.sql<Claimed>(`select * from get_next_available_job('a seed client')`))[0];

/** What a client of the first schema does when a job went wrong or well: it writes to the tables itself. */
async function endAsSeed(project: TestProject, job: string, success: boolean): Promise<void> {
  await project.sql(
    `insert into cloud_job_executions (job_id, status, finished_at, duration_seconds, result, instance_id)
     values ($1, $2, now(), 0.5, '{}', 'a seed client')`,
    [job, success ? 'success' : 'failed'],
  );
  await project.sql(
    `update cloud_jobs set status = $2, last_execution = now(), locked_at = null, locked_by = null, lock_expires_at = null,
       current_retries = current_retries + $3 where job_id = $1`,
    [job, success ? 'success' : 'failed', success ? 0 : 1],
  );
}

describe.each(['current', 'legacy'] as const)(
  'a database with the first schema and live rows (%s grants)',
  (grants) => {
    let seed: TestProject;
    let upgraded: TestProject;
    beforeAll(async () => {
      [seed, upgraded] = await Promise.all([
        startTestProject({ install: false, grants }),
        startTestProject({ install: false, grants }),
      ]);
      await seed.asPostgres(SEED);
      await upgraded.asPostgres(SEED);
      await upgraded.asPostgres(INSTALL);
    });
    afterAll(() => Promise.all([seed?.stop(), upgraded?.stop()]));
    /** The upgraded database as the first schema left it, with the rows, and then upgraded. */
    beforeEach(async () => {
      const drop = `drop schema public cascade; create schema public; grant usage, create on schema public to postgres;
      grant usage on schema public to anon, authenticated, service_role`;
      await upgraded.sql(drop);
      await upgraded.asPostgres(SEED + ROWS);
      await seed.sql('truncate cloud_jobs cascade');
      await seed.asPostgres(ROWS);
    });

    it('loses nothing: every column of every row is as it was', async () => {
      const before = await everything(upgraded);
      expect(before.jobs).toHaveLength(23);
      expect(before.executions).toHaveLength(5);
      await upgraded.asPostgres(INSTALL);
      expect(await everything(upgraded)).toEqual(before);
      await upgraded.asPostgres(INSTALL);
      expect(await everything(upgraded)).toEqual(before);
      expect(await upgraded.sql(`select policyname from pg_policies where schemaname = 'public'`)).toEqual(
        [],
      );
    });

    it('get_next_available_job gives the same jobs, order and columns', async () => {
      await upgraded.asPostgres(INSTALL);
      const order: string[] = [];
      for (;;) {
        const expected = await claimAsSeed(seed);
        const got = await claimAsSeed(upgraded);
        expect(got).toEqual(expected);
        if (expected === undefined) break;
        expect(Object.keys(got ?? {})).toEqual(Object.keys(expected));
        order.push(expected.job_id);
      }
      expect(order).toEqual([
        'w-old',
        'w-string',
        'w-no-max',
        'w-spent',
        'w-past-lock',
        'w-ahead',
        'w-no-age',
        'f-left-2',
        'f-left-1',
        'f-no-age',
      ]);
      const locked = `select job_id, locked_by, round(extract(epoch from lock_expires_at - locked_at)) as seconds from cloud_jobs
      where locked_by = 'a seed client' order by 1`;
      expect(await upgraded.sql(locked)).toEqual(await seed.sql(locked));
    });

    it('a client that writes to the tables sees the same sequence of jobs', async () => {
      await upgraded.asPostgres(INSTALL);
      for (let step = 0; ; step += 1) {
        expect(step).toBeLessThan(60);
        const expected = await claimAsSeed(seed);
        expect(await claimAsSeed(upgraded)).toEqual(expected);
        if (expected === undefined) break;
        for (const project of [seed, upgraded]) await endAsSeed(project, expected.job_id, step % 3 === 0);
      }
      const statuses = `select job_id, status, current_retries from cloud_jobs where status <> 'locked' order by job_id`;
      expect(await upgraded.sql(statuses)).toEqual(await seed.sql(statuses));
      expect(
        await upgraded.sql(
          `select job_id from cloud_jobs where finished_at is null and status in ('success', 'failed')`,
        ),
      ).toEqual([{ job_id: 'f-left-lock' }]);
    });

    it('a failed job that gets retries by hand is claimed again', async () => {
      await upgraded.asPostgres(INSTALL);
      for (const project of [seed, upgraded]) {
        await project.sql(`delete from cloud_jobs where job_id <> all (array['f-spent', 'f-no-max'])`);
        expect(await claimAsSeed(project)).toBeUndefined();
        await project.sql(`update cloud_jobs set current_retries = 0 where job_id = 'f-spent'`);
        expect(await claimAsSeed(project)).toMatchObject({ job_id: 'f-spent' });
        await project.sql(`update cloud_jobs set max_retries = 1 where job_id = 'f-no-max'`);
        expect(await claimAsSeed(project)).toMatchObject({ job_id: 'f-no-max' });
      }
    });

    it('release_expired_locks frees the same locks and spends a retry', async () => {
      await upgraded.asPostgres(INSTALL);
      const release = `select release_expired_locks() as released`;
      expect(await seed.sql(release)).toEqual([{ released: 3 }]);
      expect(await upgraded.sql(release)).toEqual([{ released: 3 }]);
      const state = `select job_id, status, locked_at, locked_by, lock_expires_at from cloud_jobs where job_id like 'l-%' and job_id not like '%live%' order by 1`;
      expect(await upgraded.sql(state)).toEqual(await seed.sql(state));
      expect(
        await upgraded.sql(
          `select job_id, current_retries from cloud_jobs where job_id like 'l-e%' order by 1`,
        ),
      ).toEqual([
        { job_id: 'l-exp-bare', current_retries: 3 },
        { job_id: 'l-exp-last', current_retries: 3 },
        { job_id: 'l-expired', current_retries: 1 },
      ]);
      expect(
        await upgraded.sql(
          `select execution_id, status, failure_kind from cloud_job_executions where status <> 'success' and execution_id <> 'e-failed' order by 1`,
        ),
      ).toEqual([
        { execution_id: 'e-expired', status: 'failed', failure_kind: 'lost' },
        { execution_id: 'e-live', status: 'running', failure_kind: null },
        { execution_id: 'e-orphan', status: 'running', failure_kind: null },
      ]);
      expect(await upgraded.sql(release)).toEqual([{ released: 0 }]);
    });

    it('functions and view keep arguments, defaults, columns and types', async () => {
      await upgraded.asPostgres(INSTALL);
      const faces = `select p.proname, pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result
      from pg_proc p where proname in ('get_next_available_job', 'release_expired_locks') order by 1`;
      expect(await upgraded.sql(faces)).toEqual(await seed.sql(faces));
      const columns = `select attname, format_type(atttypid, atttypmod), attnum from pg_attribute
      where attrelid = 'job_statistics'::regclass and attnum > 0 order by attnum`;
      expect(await upgraded.sql(columns)).toEqual(await seed.sql(columns));
      const counts =
        'select total_jobs, waiting_jobs, locked_jobs, success_jobs, failed_jobs, disabled_jobs from job_statistics';
      expect(await upgraded.sql(counts)).toEqual(await seed.sql(counts));
      const kept = `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull from pg_attribute a
      join pg_class c on c.oid = a.attrelid where c.relname in ('cloud_jobs', 'cloud_job_executions') and a.attnum between 1 and 13 order by 1, 2`;
      const of = async (project: TestProject) => (await project.sql(kept)).map((row) => JSON.stringify(row));
      expect(await of(upgraded)).toEqual(expect.arrayContaining(await of(seed)));
    });

    it('a current worker takes over old rows: waiting, lost, then failed', async () => {
      await upgraded.asPostgres(INSTALL);
      await upgraded.reloadSchema();
      const queue = queueOf(upgraded, 'default');
      const first = await queue.claim('new', 100);
      expect(first.expired).toBe(3);
      expect(first.more).toBe(false);
      expect(first.jobs.map((job) => job.job_id)).toEqual([
        'w-old',
        'w-string',
        'w-no-max',
        'w-spent',
        'w-past-lock',
        'w-ahead',
        'w-no-age',
        'l-exp-bare',
        'l-expired',
        'f-left-2',
        'f-left-1',
        'f-no-age',
      ]);
      expect(first.jobs.find((job) => job.job_id === 'w-string')).toMatchObject({
        config: '{"handler": "x"}',
        attempt: 2,
        description: '',
      });
      const failed = first.jobs.find((job) => job.job_id === 'f-left-1');
      expect(failed).toMatchObject({ attempt: 3, max_retries: 3 });
      expect(await queue.end('new', failed?.execution_id ?? '', 'failure')).toMatchObject({
        applied: true,
        status: 'waiting',
      });
      await upgraded.sql(`update cloud_jobs set run_at = now() where status = 'waiting'`);
      const second = await queue.claim('new', 100);
      expect(second.jobs.map((job) => [job.job_id, job.attempt])).toEqual([['f-left-1', 4]]);
    });
  },
);

describe('a client of the first schema beside jobs of today', () => {
  let project: TestProject;
  beforeAll(async () => {
    project = await startTestProject();
  });
  afterAll(() => project?.stop());
  beforeEach(() => project.sql('truncate cloud_jobs cascade'));
  const queue = () => queueOf(project, 'default');

  it('gets one job for each call, however many are due', async () => {
    await queue().add(...Array.from({ length: 50 }, (_, n) => ({ name: `job ${n}` })));
    for (let n = 0; n < 3; n += 1) {
      expect(await project.sql(`select name from get_next_available_job('old', 5)`)).toEqual([
        { name: `job ${n}` },
      ]);
    }
    expect(await project.sql(`select from cloud_jobs where status = 'locked'`)).toHaveLength(3);
  });

  it('fails a job with a unique key: it keeps the key and waits for a retry', async () => {
    const job = await queue().addOne({ unique_key: 'u' });
    expect(await claimAsSeed(project)).toMatchObject({ job_id: job });
    await endAsSeed(project, job, false);
    expect(await queue().job(job)).toMatchObject({ status: 'waiting', current_retries: 1 });
    expect(await queue().add({ unique_key: 'u' })).toEqual([job]);
    for (let n = 0; n < 2; n += 1) {
      expect(await claimAsSeed(project)).toMatchObject({ job_id: job });
      await endAsSeed(project, job, false);
    }
    expect(await queue().job(job)).toMatchObject({ status: 'failed', finished: true });
    expect(await queue().add({ unique_key: 'u' })).not.toEqual([job]);
  });

  it('dies with a lock: its earlier attempts stay as they ended', async () => {
    const job = await queue().addOne({});
    expect(await claimAsSeed(project)).toMatchObject({ job_id: job });
    await endAsSeed(project, job, false);
    const attempts = `select * from cloud_job_executions where job_id = $1 order by started_at`;
    const before = await project.sql(attempts, [job]);
    expect(before).toHaveLength(1);
    expect(await claimAsSeed(project)).toMatchObject({ job_id: job });
    await project.sql('update cloud_jobs set lock_expires_at = now() where job_id = $1', [job]);
    expect(await project.sql('select release_expired_locks() as released')).toEqual([{ released: 1 }]);
    expect(await project.sql(attempts, [job])).toEqual(before);
  });

  it('fails a job with a concurrency key: the next of the key gets its turn', async () => {
    const [first, second] = await queue().add({ concurrency_key: 'k' }, { concurrency_key: 'k' });
    expect(await claimAsSeed(project)).toMatchObject({ job_id: first });
    expect(await claimAsSeed(project)).toBeUndefined();
    await endAsSeed(project, first ?? '', false);
    expect(await claimAsSeed(project)).toMatchObject({ job_id: first });
    await endAsSeed(project, first ?? '', true);
    expect(await claimAsSeed(project)).toMatchObject({ job_id: second });
  });

  it('adds rows in any finished state by hand: pruning will find them', async () => {
    await project.sql(`insert into cloud_jobs (name, job_type, status, current_retries, max_retries, unique_key) values
      ('s', 'custom', 'success', 0, 3, null), ('f', 'custom', 'failed', 3, 3, null), ('u', 'custom', 'failed', 0, 3, 'u'),
      ('again', 'custom', 'failed', 0, 3, null)`);
    expect(await project.sql('select name from cloud_jobs where finished_at is null')).toEqual([
      { name: 'again' },
    ]);
    expect(await claimAsSeed(project)).toMatchObject({ name: 'again' });
    expect(await claimAsSeed(project)).toBeUndefined();
  });
});

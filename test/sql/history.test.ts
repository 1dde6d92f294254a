import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { unpackPrevious } from '../support/previous.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, INSTALL, queueOf, until } from './support.ts';

/** The rows of cloud_job_executions: each is written once, when its attempt ends, or by its first heartbeat. */
const rowsOf = (project: TestProject, job: string) =>
  project.sql('select * from cloud_job_executions where job_id = $1 order by started_at', [job]);

describe('an attempt that runs', () => {
  let project: TestProject;
  beforeAll(async () => {
    project = await startTestProject();
  });
  afterAll(() => project?.stop());
  beforeEach(() => project.sql('truncate cloud_jobs, cloud_job_workers cascade'));
  const q = () => queueOf(project, 'default');
  const shown = async (job: string) =>
    (await call(project, 'cloud_jobs_show', { job_id_param: job })) as {
      readonly executions: readonly Readonly<Record<string, unknown>>[];
    };
  const RUN = 'https://github.com/octo/app/actions/runs/7/attempts/1';

  it('has no row, and is shown and counted all the same', async () => {
    const job = await q().addOne();
    const { execution_id } = await q().take('w', { run_url_param: RUN });
    expect(await rowsOf(project, job)).toEqual([]);
    expect((await shown(job)).executions).toMatchObject([
      { execution_id, status: 'running', attempt: 1, instance_id: 'w', run_url: RUN, finished_at: null },
    ]);
    expect(await call(project, 'cloud_jobs_stats', {})).toMatchObject({
      executions_24h: { running: 1, success: 0 },
    });
    expect(await call(project, 'cloud_jobs_stats', { queue_param: 'another' })).toMatchObject({
      executions_24h: { running: 0 },
    });
    expect(await call(project, 'cloud_jobs_overview', {})).toMatchObject({
      workers: [{ instance_id: 'w', claimed: 1 }],
    });
  });

  it('gets its row by its first heartbeat, which its end completes', async () => {
    const job = await q().addOne();
    const { execution_id } = await q().take('w', { run_url_param: RUN });
    await q().renew('w', [{ execution_id }]);
    const [open] = await rowsOf(project, job);
    expect(open).toMatchObject({ execution_id, status: 'running', run_url: RUN, result: null });
    await q().renew('w', [{ execution_id, progress: { done: 1 } }]);
    await q().renew('w', [{ execution_id }]);
    expect((await shown(job)).executions).toMatchObject([{ execution_id, progress: { done: 1 } }]);
    await q().end('w', execution_id, 'success', { result: { n: 1 } });
    expect(await rowsOf(project, job)).toMatchObject([
      {
        execution_id,
        started_at: open?.started_at,
        status: 'success',
        result: { n: 1 },
        progress: { done: 1 },
      },
    ]);
  });

  it.each(['success', 'failure', 'discard', 'snooze', 'release'])(
    'ends with %s in the same row, with a heartbeat before and without',
    async (outcome) => {
      const [beaten, plain] = await q().add({}, {});
      const { jobs } = await q().claim('w', 2, { run_url_param: RUN });
      const beat = jobs.find(({ job_id }) => job_id === beaten);
      await q().renew('w', [{ execution_id: beat?.execution_id }]);
      await q().finish(
        'w',
        jobs.map(({ execution_id }) => ({ execution_id, outcome, error: 'e', delay_seconds: 60 })),
      );
      const [one, ...rest] = await rowsOf(project, beaten ?? '');
      const [other, ...others] = await rowsOf(project, plain ?? '');
      expect([rest, others]).toEqual([[], []]);
      expect(one).toMatchObject({ run_url: RUN, attempt: 1, instance_id: 'w', ...ENDED });
      const own = { execution_id: null, job_id: null, scheduled_for: null, next_run_at: null };
      const clock = { finished_at: null, duration_seconds: null };
      expect({ ...one, ...own, ...clock }).toEqual({ ...other, ...own, ...clock });
    },
  );

  it('keeps when it was due if its schedule changes meanwhile', async () => {
    const job = await q().addOne({ schedule: '0 4 * * *', run_at: '2020-01-01T04:00:00Z' });
    const { execution_id, scheduled_for } = await q().take('w');
    await call(project, 'cloud_jobs_show', { job_id_param: job });
    await project.sql(`update cloud_jobs set schedule = '0 5 * * *' where job_id = $1`, [job]);
    await q().end('w', execution_id, 'success');
    const [row] = await rowsOf(project, job);
    expect(row?.scheduled_for).toEqual(new Date(scheduled_for));
  });

  it('is recorded as lost if a plain write takes its job away', async () => {
    const job = await q().addOne();
    const { execution_id } = await q().take('w');
    await project.sql(`update cloud_jobs set status = 'waiting' where job_id = $1`, [job]);
    expect(await rowsOf(project, job)).toMatchObject([
      { execution_id, status: 'failed', failure_kind: 'lost', instance_id: 'w' },
    ]);
    expect(await q().end('w', execution_id, 'success')).toMatchObject({ applied: false });
  });

  it('leaves nothing if its job is deleted by a plain write', async () => {
    const job = await q().addOne();
    const { execution_id } = await q().take('w');
    await q().renew('w', [{ execution_id }]);
    await project.sql('delete from cloud_jobs where job_id = $1', [job]);
    expect(await rowsOf(project, job)).toEqual([]);
    expect(await q().end('w', execution_id, 'success')).toMatchObject({ applied: false });
  });
});

const ENDED = { finished_at: expect.any(Date), duration_seconds: expect.any(Number) };

describe('a worker of the previous release that lives through the upgrade', () => {
  const previous = unpackPrevious();
  let project: TestProject;
  afterAll(() => previous.remove());
  beforeEach(async () => {
    project = await startTestProject({ install: false });
    await install(previous.installSql);
  });
  afterEach(() => project?.stop());
  const q = () => queueOf(project, 'default');
  /** A reply of that release, whose shape may be another. */
  const claim = async (limit: number, more = {}) => {
    const args = { instance_id_param: 'w', limit_param: limit, ...more };
    const reply = (await call(project, 'cloud_jobs_claim', args)) as {
      readonly jobs: readonly { readonly job_id: string; readonly execution_id: string }[];
    };
    return reply.jobs;
  };
  /** Waits until PostgREST knows the functions. */
  const install = async (text: string): Promise<void> => {
    await project.asPostgres(text);
    await until(async () => {
      const { error } = await project.client().rpc('cloud_jobs_enqueue', { items_param: [] });
      return error === null;
    }, 'PostgREST to know the schema');
  };

  it.each(['success', 'failure', 'snooze', 'release'])('ends its attempt with %s', async (outcome) => {
    const job = await q().addOne();
    const [{ execution_id } = { execution_id: '' }] = await claim(1);
    const [open] = await rowsOf(project, job);
    await install(INSTALL);
    expect(await q().renew('w', [{ execution_id, progress: { done: 1 } }])).toMatchObject([{ held: true }]);
    const item = { execution_id, outcome, delay_seconds: 60 };
    const { finished } = await q().finish('w', [item]);
    expect(finished).toMatchObject([{ applied: true }]);
    expect((await q().finish('w', [item])).finished).toEqual(finished);
    expect(await rowsOf(project, job)).toMatchObject([
      { execution_id, started_at: open?.started_at, progress: { done: 1 }, ...ENDED },
    ]);
  });

  it('claims as before, with the same request id', async () => {
    const ids = await q().add({}, {});
    const request = { request_id_param: '3e0a7c1e-0000-4000-8000-000000000000' };
    const jobs = await claim(1, request);
    await install(INSTALL);
    expect(await claim(1, request)).toMatchObject(jobs);
    expect(await claim(5)).toMatchObject([{ job_id: ids[1] }]);
  });

  it('is dead: the lock expires, and the next run has the job', async () => {
    const job = await q().addOne();
    const [{ execution_id } = { execution_id: '' }] = await claim(1);
    await install(INSTALL);
    await q().expire(job);
    expect((await q().claim('v')).jobs).toMatchObject([{ job_id: job, attempt: 2 }]);
    expect(await rowsOf(project, job)).toMatchObject([
      { execution_id, status: 'failed', failure_kind: 'lost' },
    ]);
  });
});

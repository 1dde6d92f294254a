import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate cloud_jobs cascade'));

// biome-ignore lint/suspicious/noExplicitAny: replies are looked into freely here; the worker checks them by zod.
type Reply = any;
const call = async (text: string, params: unknown[] = []): Promise<Reply> =>
  (await project.sql(`select ${text} as reply`, params))[0]?.reply;
const enqueue = (...jobs: object[]): Promise<Reply> =>
  call('cloud_jobs_enqueue($1)', [
    JSON.stringify(jobs.map((job) => ({ name: 'j', job_type: 'custom', ...job }))),
  ]);
const claim = (instance: string, limit = 10, requestId: string | null = null): Promise<Reply> =>
  call('cloud_jobs_claim($1, $2, request_id_param => $3)', [instance, limit, requestId]);
const finish = (instance: string, ...items: object[]): Promise<Reply> =>
  call('cloud_jobs_finish($1, $2)', [instance, JSON.stringify(items)]);
const expireAll = () =>
  project.sql(`update cloud_jobs set lock_expires_at = now() - interval '1 s' where status = 'locked'`);
const job = async (): Promise<Reply> => (await project.sql('select * from cloud_jobs'))[0];

describe('fence', () => {
  it('a zombie changes nothing after its job was given away', async () => {
    await enqueue({});
    const [first] = (await claim('zombie')).jobs;
    await expireAll();
    const [second] = (await claim('other')).jobs;
    expect(second.attempt).toBe(2);
    const said = await finish('zombie', { execution_id: first.execution_id, outcome: 'success' });
    expect(said.finished[0].applied).toBe(false);
    const renewed = await call('cloud_jobs_renew($1, $2)', [
      'zombie',
      JSON.stringify([{ execution_id: first.execution_id }]),
    ]);
    expect(renewed.renewed[0].held).toBe(false);
    expect(await job()).toMatchObject({ status: 'locked', locked_by: 'other' });
    const stolen = await finish('zombie', { execution_id: second.execution_id, outcome: 'success' });
    expect(stolen.finished[0].applied).toBe(false);
  });
});

describe('a request whose reply was lost', () => {
  it('claim gives the same jobs again and takes no others', async () => {
    await enqueue({}, {}, {});
    const id = randomUUID();
    const first = await claim('w', 2, id);
    const again = await claim('w', 2, id);
    expect(again.jobs).toEqual(first.jobs);
    expect(await project.sql(`select count(*)::int as n from cloud_jobs where status = 'locked'`)).toEqual([
      { n: 2 },
    ]);
  });
  it('claim twice at once is one claim', async () => {
    await enqueue({}, {}, {}, {});
    const id = randomUUID();
    const replies = await Promise.all([claim('w', 2, id), claim('w', 2, id), claim('w', 2, id)]);
    expect(new Set(replies.map((reply) => JSON.stringify(reply.jobs))).size).toBe(1);
    expect(await project.sql(`select count(*)::int as n from cloud_jobs where status = 'locked'`)).toEqual([
      { n: 2 },
    ]);
  });
  it('finish gives the same answer and does nothing twice', async () => {
    await enqueue({});
    const [held] = (await claim('w')).jobs;
    const item = { execution_id: held.execution_id, outcome: 'failure', error: 'boom' };
    const first = await finish('w', item);
    expect(await finish('w', item)).toEqual(first);
    expect(await job()).toMatchObject({ current_retries: 1, status: 'waiting' });
  });
  it('enqueue adds a job once by its id, and once by its unique key', async () => {
    const id = randomUUID();
    const first = await enqueue({ job_id: id, unique_key: 'u' });
    expect(await enqueue({ job_id: id, unique_key: 'u' })).toEqual(first);
    expect((await enqueue({ unique_key: 'u' })).jobs).toEqual([{ job_id: id, created: false }]);
    expect((await enqueue({ unique_key: 'u', queue: 'other' })).jobs[0].created).toBe(true);
  });
});

describe('the state machine', () => {
  it('a job that kills its workers stops after max_retries', async () => {
    await enqueue({ max_retries: 1 });
    for (let round = 0; round < 2; round += 1) {
      expect((await claim('w')).jobs).toHaveLength(1);
      await expireAll();
      await call('cloud_jobs_expire()');
      await project.sql('update cloud_jobs set run_at = now()');
    }
    expect((await claim('w')).jobs).toEqual([]);
    expect(await job()).toMatchObject({ status: 'failed', current_retries: 1 });
    const executions = await project.sql(
      'select status, failure_kind, attempt from cloud_job_executions order by attempt',
    );
    expect(executions).toEqual(
      [1, 2].map((attempt) => ({ status: 'failed', failure_kind: 'lost', attempt })),
    );
  });
  it.each([
    ['success', { status: 'success', current_retries: 0 }, null],
    ['failure', { status: 'waiting', current_retries: 1 }, 'error'],
    ['discard', { status: 'failed', current_retries: 0 }, 'discarded'],
    ['snooze', { status: 'waiting', current_retries: 0 }, 'snoozed'],
    ['release', { status: 'waiting', current_retries: 0 }, 'released'],
  ])('%s', async (outcome, expected, kind) => {
    await enqueue({});
    const [held] = (await claim('w')).jobs;
    const reply = await finish('w', {
      execution_id: held.execution_id,
      outcome,
      delay_seconds: outcome === 'snooze' ? 60 : undefined,
    });
    expect(reply.finished[0]).toMatchObject({ applied: true, status: expected.status, failure_kind: kind });
    expect(await job()).toMatchObject({ ...expected, locked_by: null, locked_execution_id: null });
  });
  it('cancel reaches a running job, and its worker’s death ends it too', async () => {
    await enqueue({});
    const [held] = (await claim('w')).jobs;
    await call('cloud_jobs_cancel($1)', [held.job_id]);
    const renewed = await call('cloud_jobs_renew($1, $2)', [
      'w',
      JSON.stringify([{ execution_id: held.execution_id }]),
    ]);
    expect(renewed.renewed[0]).toMatchObject({ held: true, cancel_requested: true });
    await expireAll();
    await claim('w');
    expect(await job()).toMatchObject({ status: 'failed' });
    expect((await claim('w')).jobs).toEqual([]);
  });
  it('takes the queues and types asked for, by priority, then by time', async () => {
    await enqueue(
      { name: 'c' },
      { name: 'd' },
      { name: 'a', priority: -1 },
      { name: 'other', queue: 'other' },
      { name: 'e', priority: 5 },
    );
    const reply = await claim('w');
    expect(reply.jobs.map((found: { name: string }) => found.name)).toEqual(['a', 'c', 'd', 'e']);
    expect(reply.more).toBe(false);
  });
  it('refuses a bad batch whole, naming the job and why', async () => {
    await expect(enqueue({ name: 'good' }, { name: 'bad', priority: 1000 })).rejects.toThrow(
      /Job 2 of the batch \("bad"\).*priority/,
    );
    await expect(enqueue({ nmae: 'x' })).rejects.toThrow(/unknown key "nmae"/);
    expect(await project.sql('select count(*)::int as n from cloud_jobs')).toEqual([{ n: 0 }]);
  });
  it('an error has its HTTP status and a hint', async () => {
    const { error, status } = await project.client().rpc('cloud_jobs_claim', { instance_id_param: '' });
    expect(status).toBe(400);
    expect(error).toMatchObject({ code: 'PT400', hint: expect.stringContaining('no other worker') });
  });
});

describe('concurrency keys', () => {
  it('locks one job of a key at a time and starves none, with 8 workers', async () => {
    await enqueue(
      ...Array.from({ length: 60 }, (_, n) => ({ name: `k${n}`, concurrency_key: `key ${n % 3}` })),
      {},
      {},
    );
    const pool = new pg.Pool({ connectionString: project.adminUrl, max: 8 });
    try {
      let done = 0;
      const worker = async (name: string): Promise<void> => {
        const client = await pool.connect();
        try {
          for (let idle = 0; idle < 200 && done < 62; ) {
            const { rows } = await client.query('select cloud_jobs_claim($1, 4) as reply', [name]);
            const jobs: { execution_id: string; concurrency_key: string | null }[] = rows[0].reply.jobs;
            const keys = jobs.map((held) => held.concurrency_key).filter((key) => key !== null);
            expect(new Set(keys).size).toBe(keys.length);
            idle = jobs.length === 0 ? idle + 1 : 0;
            if (jobs.length === 0) {
              await new Promise((resolve) => setTimeout(resolve, 5));
              continue;
            }
            const items = jobs.map((held) => ({ execution_id: held.execution_id, outcome: 'success' }));
            await client.query('select cloud_jobs_finish($1, $2)', [name, JSON.stringify(items)]);
            done += jobs.length;
          }
        } finally {
          client.release();
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, n) => worker(`w${n}`)));
      expect(await project.sql('select status, count(*)::int as n from cloud_jobs group by 1')).toEqual([
        { status: 'success', n: 62 },
      ]);
      expect(await project.sql('select count(*)::int as n from cloud_job_executions')).toEqual([{ n: 62 }]);
    } finally {
      await pool.end();
    }
  });
  it('unblocks a job when the one ahead is deleted, disabled or put off', async () => {
    for (const away of [
      `delete from cloud_jobs where name = 'b'`,
      `update cloud_jobs set status = 'disabled' where name = 'b'`,
      `update cloud_jobs set run_at = now() + interval '1 h' where name = 'b'`,
    ]) {
      await project.sql('truncate cloud_jobs cascade');
      await enqueue(
        { name: 'a', concurrency_key: 'k' },
        { name: 'b', concurrency_key: 'k' },
        { name: 'c', concurrency_key: 'k' },
      );
      const [a] = (await claim('w')).jobs;
      await finish('w', { execution_id: a.execution_id, outcome: 'success' });
      await project.sql(away);
      expect(
        (await claim('w')).jobs.map((held: { name: string }) => held.name),
        away,
      ).toEqual(['c']);
    }
  });
});

it('pruning never touches what runs, waits or recurs', async () => {
  await enqueue({ name: 'running' }, { name: 'done' }, { name: 'waiting', delay_seconds: 60 });
  const { jobs } = await claim('w');
  await finish('w', {
    execution_id: jobs.find((held: { name: string }) => held.name === 'done').execution_id,
    outcome: 'success',
  });
  await project.sql(
    `update cloud_jobs set finished_at = now() - interval '9 days' where finished_at is not null`,
  );
  await project.sql(
    `update cloud_job_executions set started_at = now() - interval '9 days', finished_at = case when finished_at is not null then now() - interval '9 days' end`,
  );
  expect(await call('cloud_jobs_prune(7, 7)')).toMatchObject({ executions: 1, jobs: 1, more: false });
  expect(await project.sql('select name from cloud_jobs order by name')).toEqual([
    { name: 'running' },
    { name: 'waiting' },
  ]);
});

import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { ATTEMPTS, onConnections, onTwo, queueOf, STRANDED, untilBlocked, value } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate cloud_jobs cascade'));
const queue = () => queueOf(project, 'default');

interface Claimed {
  readonly jobs: {
    readonly job_id: string;
    readonly execution_id: string;
    readonly concurrency_key: string | null;
  }[];
  readonly more: boolean;
  readonly expired: number;
}
const claim = (client: pg.Client, instance: string, limit = 1, request: string | null = null) =>
  value<Claimed>(client, 'select cloud_jobs_claim($1, $2, request_id_param => $3)', [
    instance,
    limit,
    request,
  ]);
const finish = async (client: pg.Client, instance: string, execution: string, outcome: string) =>
  (
    await value<{ finished: { applied: boolean; status?: string; failure_kind?: string | null }[] }>(
      client,
      'select cloud_jobs_finish($1, $2)',
      [instance, JSON.stringify([{ execution_id: execution, outcome }])],
    )
  ).finished[0];
const renew = async (client: pg.Client, instance: string, execution: string) =>
  (
    await value<{ renewed: { held: boolean; cancel_requested: boolean }[] }>(
      client,
      'select cloud_jobs_renew($1, $2)',
      [instance, JSON.stringify([{ execution_id: execution }])],
    )
  ).renewed[0];
const enqueue = async (client: pg.Client, ...items: object[]) =>
  (
    await value<{ jobs: { job_id: string; created: boolean }[] }>(client, 'select cloud_jobs_enqueue($1)', [
      JSON.stringify(items.map((item) => ({ name: 'j', job_type: 'custom', ...item }))),
    ])
  ).jobs;

/** Runs `first` in an open transaction, starts `second` on another connection, waits until it waits, and commits. */
async function whileOpen<A, B>(
  first: (client: pg.Client) => Promise<A>,
  second: (client: pg.Client) => Promise<B>,
  end = 'commit',
): Promise<[A, B]> {
  return onTwo(project, async (one, two) => {
    await one.query('begin');
    const result = await first(one);
    const waiting = second(two);
    await untilBlocked(project, two);
    await one.query(end);
    return [result, await waiting];
  });
}
/** The same where the second must not wait for the first. */
async function besideOpen<A, B>(
  first: (client: pg.Client) => Promise<A>,
  second: (client: pg.Client) => Promise<B>,
): Promise<[A, B]> {
  return onTwo(project, async (one, two) => {
    await one.query('begin');
    const result = await first(one);
    await two.query(`set lock_timeout = '2s'`);
    const other = await second(two);
    await one.query('commit');
    return [result, other];
  });
}

describe('two claims at once', () => {
  it('pass each other without waiting and share no job', async () => {
    const ids = await queue().add({}, {}, {}, {});
    const [a, b] = await besideOpen(
      (one) => claim(one, 'a', 2),
      (two) => claim(two, 'b', 2),
    );
    expect([...a.jobs, ...b.jobs].map((job) => job.job_id)).toEqual(ids);
  });

  it('with the same request id: the second waits and gets the same jobs', async () => {
    await queue().add({}, {}, {});
    const request = randomUUID();
    const [a, b] = await whileOpen(
      (one) => claim(one, 'w', 2, request),
      (two) => claim(two, 'w', 2, request),
    );
    expect(b.jobs).toEqual(a.jobs);
    expect(a.jobs).toHaveLength(2);
    expect(await project.sql(ATTEMPTS)).toHaveLength(2);
  });

  it('with one request id: the second claims if the first rolls back', async () => {
    await queue().add({}, {});
    const request = randomUUID();
    const [a, b] = await whileOpen(
      (one) => claim(one, 'w', 1, request),
      (two) => claim(two, 'w', 1, request),
      'rollback',
    );
    expect(b.jobs.map((job) => job.execution_id)).toEqual(a.jobs.map((job) => job.execution_id));
    expect(await project.sql(ATTEMPTS)).toHaveLength(1);
  });

  it("a repeated request leaves the lock of the job's next worker alone", async () => {
    await queue().add({ max_retries: 3 });
    const request = randomUUID();
    const [job] = (await queue().claim('w', 1, { request_id_param: request })).jobs;
    const [, again] = await whileOpen(
      async (one) => {
        await one.query(`update cloud_jobs set lock_expires_at = now() - interval '1 s'`);
        await one.query('select cloud_jobs_expire()');
        await one.query('update cloud_jobs set run_at = now()');
        return value<Claimed>(one, `select cloud_jobs_claim('v', 1, lock_seconds_param => 60)`);
      },
      (two) => claim(two, 'w', 1, request),
    );
    expect(again.jobs).toEqual([]);
    expect(await queue().job(job?.job_id ?? '')).toMatchObject({ status: 'locked', locked_by: 'v' });
    expect(
      await project.sql(`select lock_expires_at < now() + interval '90 s' as is_of_v from cloud_jobs`),
    ).toEqual([{ is_of_v: true }]);
  });

  it('counts a job that another claim locks, but may not take, as "more"', async () => {
    const types = ['custom', 'maintenance', 'paper_fetch'];
    await queue().add(...types.map((job_type) => ({ job_type })));
    const [a, b] = await besideOpen(
      (one) => claim(one, 'a', 1),
      (two) => claim(two, 'b', 5),
    );
    expect(a.jobs).toHaveLength(1);
    expect(a.jobs.length + b.jobs.length).toBeLessThanOrEqual(3);
    expect(b.jobs.length === 2 || b.more).toBe(true);
  });

  it('so do failed rows of a client of the first schema', async () => {
    await project.sql(
      `insert into cloud_jobs (name, job_type, status) values ('a', 'custom', 'failed'), ('b', 'maintenance', 'failed')`,
    );
    const [, b] = await besideOpen(
      (one) => claim(one, 'a', 1),
      (two) => claim(two, 'b', 5),
    );
    expect(b.jobs.length === 1 || b.more).toBe(true);
    expect((await queue().claim('c', 5)).jobs).toHaveLength(1 - b.jobs.length);
  });

  it('of one concurrency key: one gets it, the other looks again later', async () => {
    const [first, second] = await queue().add({ concurrency_key: 'k' }, { concurrency_key: 'k' });
    const [a, b] = await besideOpen(
      (one) => claim(one, 'a', 1),
      (two) => claim(two, 'b', 1),
    );
    expect(a.jobs.map((job) => job.job_id)).toEqual([first]);
    expect(b).toMatchObject({ jobs: [], more: true });
    expect(await queue().claim('b', 1)).toMatchObject({ jobs: [], more: false });
    await queue().end('a', a.jobs[0]?.execution_id ?? '', 'success');
    expect((await queue().take('b')).job_id).toBe(second);
  });
});

it('a claim never waits for a key to move its late occurrence', async () => {
  await queue().add({
    // No other occurrence is due, whatever the hour.
    schedule: '0 0 29 2 *',
    missed: 'skip',
    concurrency_key: 'k',
    run_at: new Date(Date.now() - 7_200_000).toISOString(),
  });
  const [, beside] = await besideOpen(
    (one) => one.query(`select pg_advisory_xact_lock(cloud_jobs_key_lock_id('k'))`),
    (two) => claim(two, 'w', 5),
  );
  expect(beside.jobs).toEqual([]);
  expect(await project.sql('select from cloud_job_executions')).toEqual([]);
  expect((await queue().claim('w', 5)).jobs).toEqual([]);
  expect(await project.sql('select failure_kind from cloud_job_executions')).toEqual([
    { failure_kind: 'skipped' },
  ]);
});

describe('a finish and', () => {
  const held = async () => {
    await queue().add({});
    return queue().take('w');
  };

  it.each([
    ['failure', 'waiting', 1],
    ['success', 'success', 0],
  ])(
    'the same finish at once, %s: the second waits and gets the same answer',
    async (outcome, status, retries) => {
      const { execution_id } = await held();
      const [a, b] = await whileOpen(
        (one) => finish(one, 'w', execution_id, outcome),
        (two) => finish(two, 'w', execution_id, outcome),
      );
      expect(a).toMatchObject({ applied: true, status });
      expect(b).toEqual(a);
      expect(await project.sql('select current_retries from cloud_jobs')).toEqual([
        { current_retries: retries },
      ]);
    },
  );

  it.each(['renewal', 'success', 'failure'])(
    'a claim by the same worker, beside a late %s: the new attempt keeps its lock',
    async (late) => {
      const { execution_id } = await held();
      const shorten = `update cloud_jobs set lock_expires_at = now() + interval '1 min'`;
      await project.sql(shorten);
      const [claimed] = await whileOpen(
        async (one) => {
          await finish(one, 'w', execution_id, 'release');
          const { jobs } = await claim(one, 'w');
          await one.query(shorten);
          return jobs;
        },
        (two): Promise<unknown> =>
          late === 'renewal'
            ? two.query('select cloud_jobs_renew($1, $2)', ['w', JSON.stringify([{ execution_id }])])
            : finish(two, 'w', execution_id, late),
      );
      expect(
        await project.sql(
          `select status, locked_execution_id, lock_expires_at < now() + interval '2 min' as short from cloud_jobs`,
        ),
      ).toEqual([{ status: 'locked', locked_execution_id: claimed[0]?.execution_id, short: true }]);
    },
  );

  it.each(['success', 'failure'])('a renewal crosswise, %s: no deadlock', async (outcome) => {
    // The ids of the executions come in another order than those of the jobs.
    await queue().add({ priority: 1 });
    await queue().add({ priority: 0 });
    const ids = (await queue().claim('w', 2)).jobs.map(({ execution_id }) => ({ execution_id, outcome }));
    const [first] = await project.sql<{ job_id: string }>('select min(job_id) as job_id from cloud_jobs');
    await onConnections(project.adminUrl, 3, async ([holder, one, two]) => {
      if (!holder || !one || !two) throw new Error('no connections');
      await holder.query('begin');
      await holder.query('select from cloud_jobs where job_id = $1 for update', [first?.job_id]);
      const renewal = one.query('select cloud_jobs_renew($1, $2)', ['w', JSON.stringify(ids)]);
      await untilBlocked(project, one);
      const end = value<{ finished: object[] }>(two, 'select cloud_jobs_finish($1, $2)', [
        'w',
        JSON.stringify(ids),
      ]);
      await untilBlocked(project, two);
      await holder.query('rollback');
      await renewal;
      expect((await end).finished).toMatchObject([{ applied: true }, { applied: true }]);
    });
  });

  it('a renewal, where one of the batch failed: no deadlock', async () => {
    await queue().add({}, {}, {});
    const { jobs } = await queue().claim('w', 3);
    const ids = jobs.toSorted((a, b) => (a.job_id < b.job_id ? -1 : 1));
    const items = ids.map(({ execution_id }, n) => ({
      execution_id,
      outcome: n === 0 ? 'failure' : 'success',
    }));
    await onConnections(project.adminUrl, 3, async ([holder, one, two]) => {
      if (!holder || !one || !two) throw new Error('no connections');
      await holder.query('begin');
      await holder.query('select from cloud_jobs where job_id = $1 for update', [ids[2]?.job_id]);
      const end = value<{ finished: object[] }>(one, 'select cloud_jobs_finish($1, $2)', [
        'w',
        JSON.stringify(items),
      ]);
      await untilBlocked(project, one);
      const renewal = two.query('select cloud_jobs_renew($1, $2)', ['w', JSON.stringify(items)]);
      await untilBlocked(project, two);
      await holder.query('rollback');
      await renewal;
      expect((await end).finished).toMatchObject(Array(3).fill({ applied: true }));
    });
  });

  it.each([
    ['recur', { schedule: '0 6 * * *', run_at: '2026-01-01T06:00:00Z' }, ''],
    ['were snoozed', {}, `update cloud_jobs set snoozes = 1, snoozed_since = now()`],
    ['are not held any more', {}, `update cloud_jobs set locked_by = 'x'`],
  ])('a renewal, if some of the jobs that succeeded %s: no deadlock', async (_, item, change) => {
    // The middle one is of the other kind, whose row a second pass would lock after that of the last.
    const [first, middle, last] = [
      await queue().addOne(),
      await queue().addOne(item),
      await queue().addOne(),
    ];
    const { jobs } = await queue().claim('w', 3);
    if (change !== '') await project.sql(`${change} where job_id = $1`, [middle]);
    const items = [first, middle, last].map((id) => ({
      execution_id: jobs.find((job) => job.job_id === id)?.execution_id,
      outcome: 'success',
    }));
    await onConnections(project.adminUrl, 3, async ([holder, one, two]) => {
      if (!holder || !one || !two) throw new Error('no connections');
      await holder.query('begin');
      await holder.query('select from cloud_jobs where job_id = $1 for update', [middle]);
      const end = value<{ finished: { applied: boolean }[] }>(one, 'select cloud_jobs_finish($1, $2)', [
        'w',
        JSON.stringify(items),
      ]);
      // One whose middle job it may not touch does not wait for it.
      if (!change.includes('locked_by')) await untilBlocked(project, one);
      const renewal = two.query('select cloud_jobs_renew($1, $2)', ['w', JSON.stringify(items)]);
      if (!change.includes('locked_by')) await untilBlocked(project, two);
      await holder.query('rollback');
      await renewal;
      const applied = (await end).finished.map((one) => one.applied);
      expect(applied).toEqual([true, !change.includes('locked_by'), true]);
    });
  });

  it.each(['cancel', 'disable', 'delete'])(
    '%s of the job whose turn it is: lets the one behind it go instead',
    async (verb) => {
      const [, next, last] = await queue().add(...Array(3).fill({ concurrency_key: 'k' }));
      const { execution_id } = await queue().take('w');
      expect((await queue().claim('v', 5)).jobs).toEqual([]);
      await whileOpen(
        (one) => one.query(`select cloud_jobs_${verb}($1)`, [next]),
        (two) => finish(two, 'w', execution_id, 'success'),
      );
      expect(await project.sql(STRANDED)).toEqual([]);
      expect((await queue().take('w')).job_id).toBe(last);
    },
  );

  it.each(['success', 'failure'])('another one crosswise, %s: no deadlock', async (outcome) => {
    await queue().add({}, {});
    const executions = (await queue().claim('w', 2)).jobs.map((job) => job.execution_id);
    const [first] = await project.sql<{ job_id: string }>('select min(job_id) as job_id from cloud_jobs');
    const end = (client: pg.Client, ids: readonly string[]) =>
      value<{ finished: { applied: boolean }[] }>(client, 'select cloud_jobs_finish($1, $2)', [
        'w',
        JSON.stringify(ids.map((execution_id) => ({ execution_id, outcome }))),
      ]);
    await onConnections(project.adminUrl, 3, async ([holder, one, two]) => {
      if (!holder || !one || !two) throw new Error('no connections');
      await holder.query('begin');
      await holder.query('select from cloud_jobs where job_id = $1 for update', [first?.job_id]);
      const forth = end(one, executions);
      await untilBlocked(project, one);
      const back = end(two, executions.toReversed());
      await untilBlocked(project, two);
      await holder.query('rollback');
      for (const reply of await Promise.all([forth, back])) {
        expect(reply.finished).toMatchObject([{ applied: true }, { applied: true }]);
      }
    });
  });

  it.each(['success', 'failure'])(
    'an expiry under way, %s: the worker learns that it lost the job',
    async (outcome) => {
      const { execution_id, job_id } = await held();
      await queue().expire(job_id);
      const [expired, said] = await whileOpen(
        (one) => value(one, 'select cloud_jobs_expire()'),
        (two) => finish(two, 'w', execution_id, outcome),
      );
      expect(expired).toBe(1);
      expect(said).toMatchObject({ applied: false });
      expect(await queue().job(job_id)).toMatchObject({ status: 'waiting', current_retries: 1 });
      expect(await queue().executions(job_id)).toMatchObject([{ status: 'failed', failure_kind: 'lost' }]);
    },
  );

  it('an expiry that comes while it is under way: the expiry passes by', async () => {
    const { execution_id, job_id } = await held();
    await queue().expire(job_id);
    const [said, reply] = await besideOpen(
      (one) => finish(one, 'w', execution_id, 'success'),
      (two) => claim(two, 'v'),
    );
    expect(said).toMatchObject({ applied: true });
    expect(reply).toMatchObject({ jobs: [], expired: 0 });
    expect(await queue().job(job_id)).toMatchObject({ status: 'success' });
  });

  it('a row lock of somebody else’s: it waits, then applies', async () => {
    const { execution_id, job_id } = await held();
    const [, said] = await whileOpen(
      (one) => one.query('select from cloud_jobs where job_id = $1 for update', [job_id]),
      (two) => finish(two, 'w', execution_id, 'success'),
    );
    expect(said).toMatchObject({ applied: true, status: 'success' });
  });

  it('the lock going to another attempt of the worker: nothing ends', async () => {
    const { execution_id, job_id } = await held();
    const [, said] = await whileOpen(
      (one) => one.query(`update cloud_jobs set locked_execution_id = 'x' where job_id = $1`, [job_id]),
      (two) => finish(two, 'w', execution_id, 'success'),
    );
    expect(said).toMatchObject({ applied: false });
    expect(await queue().job(job_id)).toMatchObject({ status: 'locked', locked_execution_id: 'x' });
  });

  it('a cancel before it: the attempt ends cancelled', async () => {
    const { execution_id, job_id } = await held();
    const [, said] = await whileOpen(
      (one) => one.query('select cloud_jobs_cancel($1)', [job_id]),
      (two) => finish(two, 'w', execution_id, 'failure'),
    );
    expect(said).toMatchObject({ applied: true, status: 'failed', failure_kind: 'cancelled' });
  });

  it('a cancel after it: there is nothing to cancel, or the next try is', async () => {
    const { execution_id, job_id } = await held();
    const cancel = (two: pg.Client) => value(two, 'select cloud_jobs_cancel($1)', [job_id]);
    const [, done] = await whileOpen((one) => finish(one, 'w', execution_id, 'success'), cancel);
    expect(done).toMatchObject({ applied: false, status: 'success' });
    await queue().verb('retry', job_id);
    const again = await queue().take('w');
    const [, failed] = await whileOpen((one) => finish(one, 'w', again.execution_id, 'failure'), cancel);
    expect(failed).toMatchObject({ applied: true, status: 'failed' });
    expect(await queue().job(job_id)).toMatchObject({ status: 'failed', finished: true });
  });

  it('a claim that blocks a job behind its key: the job goes again later', async () => {
    await queue().addOne({ concurrency_key: 'k' });
    const { execution_id } = await queue().take('w');
    const second = await queue().addOne({ concurrency_key: 'k' });
    const [blocked] = await whileOpen(
      (one) => claim(one, 'v', 1),
      (two) => finish(two, 'w', execution_id, 'success'),
    );
    expect(blocked.jobs).toEqual([]);
    expect(await project.sql(STRANDED)).toEqual([]);
    expect((await queue().take('v')).job_id).toBe(second);
  });

  it('a claim behind its key does not wait, and reports more', async () => {
    await queue().addOne({ concurrency_key: 'k' });
    const { execution_id } = await queue().take('w');
    const second = await queue().addOne({ concurrency_key: 'k' });
    const [, reply] = await besideOpen(
      (one) => finish(one, 'w', execution_id, 'success'),
      (two) => claim(two, 'v', 1),
    );
    expect(reply).toMatchObject({ jobs: [], more: true });
    expect((await queue().take('v')).job_id).toBe(second);
  });
});

describe('a heartbeat and', () => {
  it('an expiry under way: the worker learns to stop', async () => {
    const job_id = await queue().addOne();
    const { execution_id } = await queue().take('w');
    await queue().expire(job_id);
    const [, said] = await whileOpen(
      (one) => value(one, 'select cloud_jobs_expire()'),
      (two) => renew(two, 'w', execution_id),
    );
    expect(said).toMatchObject({ held: false });
  });

  it('an expiry that comes while it is under way: the lock stays', async () => {
    const job_id = await queue().addOne();
    const { execution_id } = await queue().take('w');
    await queue().expire(job_id);
    const [said, reply] = await besideOpen(
      (one) => renew(one, 'w', execution_id),
      (two) => claim(two, 'v'),
    );
    expect(said).toMatchObject({ held: true });
    expect(reply.expired).toBe(0);
    expect((await queue().claim('v')).expired).toBe(0);
  });

  it('an end that waits for the row of its execution: it ends once', async () => {
    const job_id = await queue().addOne();
    const { execution_id } = await queue().take('w');
    const [, said] = await whileOpen(
      (one) => renew(one, 'w', execution_id),
      (two) => finish(two, 'w', execution_id, 'success'),
    );
    expect(said).toMatchObject({ applied: true, status: 'success' });
    expect(await queue().executions(job_id)).toMatchObject([{ execution_id, status: 'success' }]);
    expect(await queue().job(job_id)).toMatchObject({ status: 'success' });
  });
});

describe('a bulk action', () => {
  const bulk = (action: string, filter: object) => (client: pg.Client) =>
    value<{ matched: number; changed: number }>(client, 'select cloud_jobs_bulk($1, $2, false)', [
      action,
      JSON.stringify(filter),
    ]);

  it.each([
    ['cancel', {}],
    ['disable', { schedule: '@daily', run_at: '2026-01-01T00:00:00Z' }],
    ['delete', {}],
  ])('leaves a job alone that was claimed meanwhile: %s', async (action, item) => {
    const id = await queue().addOne(item);
    const other = await queue().addOne({ delay_seconds: 60 });
    const [{ jobs }, reply] = await whileOpen((one) => claim(one, 'w'), bulk(action, { status: 'waiting' }));
    expect(jobs.map((job) => job.job_id)).toEqual([id]);
    expect(reply).toMatchObject({ matched: 1, changed: 1 });
    expect(await queue().job(id)).toMatchObject({
      status: 'locked',
      cancel_requested_at: null,
      disable_requested_at: null,
    });
    expect(await project.sql('select status from cloud_jobs where job_id = $1', [other])).not.toEqual([
      { status: 'waiting' },
    ]);
  });

  it('leaves a job alone that waits again when it has the locks', async () => {
    const id = await queue().addOne();
    const { execution_id } = await queue().take('w');
    const [, reply] = await whileOpen(
      (one) => finish(one, 'w', execution_id, 'release'),
      bulk('cancel', { state: 'running' }),
    );
    expect(reply).toMatchObject({ matched: 0, changed: 0 });
    expect((await queue().job(id)).status).toBe('waiting');
  });
});

describe('two batches with the same unique key at once', () => {
  it('the second waits and gets the job of the first', async () => {
    const [a, b] = await whileOpen(
      (one) => enqueue(one, { unique_key: 'u' }),
      (two) => enqueue(two, { unique_key: 'u' }),
    );
    expect(b).toEqual([{ job_id: a[0]?.job_id, created: false }]);
  });

  it('where the first is rolled back, the second adds the job', async () => {
    const [a, b] = await whileOpen(
      (one) => enqueue(one, { unique_key: 'u' }),
      (two) => enqueue(two, { unique_key: 'u' }),
      'rollback',
    );
    expect(b).toMatchObject([{ created: true }]);
    expect(b[0]?.job_id).not.toBe(a[0]?.job_id);
  });

  it('where the job is finished in that moment, the second adds a new one', async () => {
    const id = await queue().addOne({ unique_key: 'u' });
    const { execution_id } = await queue().take('w');
    const [, b] = await whileOpen(
      (one) => finish(one, 'w', execution_id, 'success'),
      (two) => enqueue(two, { unique_key: 'u' }),
    );
    expect(b).toMatchObject([{ created: true }]);
    expect(b[0]?.job_id).not.toBe(id);
  });

  it('in opposite order: no deadlock', async () => {
    const batch = (...keys: string[]) => keys.map((unique_key) => ({ unique_key }));
    await onConnections(project.adminUrl, 3, async ([holder, one, two]) => {
      if (!holder || !one || !two) throw new Error('no connections');
      // Both batches get as far as "m" and stop there; each would hold what the other needs next.
      await holder.query('begin');
      await enqueue(holder, ...batch('m'));
      const down = enqueue(one, ...batch('z', 'm', 'a'));
      await untilBlocked(project, one);
      const up = enqueue(two, ...batch('a', 'm', 'z'));
      await untilBlocked(project, two);
      await holder.query('rollback');
      const [first, second] = await Promise.all([down, up]);
      expect([...second].reverse().map((job) => job.job_id)).toEqual(first.map((job) => job.job_id));
    });
    expect(await project.sql('select from cloud_jobs')).toHaveLength(3);
  });

  it('the same job id at once: adds one job, and reports it to both', async () => {
    const job_id = randomUUID();
    const [a, b] = await whileOpen(
      (one) => enqueue(one, { job_id }),
      (two) => enqueue(two, { job_id }),
    );
    expect([a, b]).toEqual([[{ job_id, created: true }], [{ job_id, created: true }]]);
  });
});

it('two prunes at once wait for each other instead of deadlocking', async () => {
  await queue().add(...Array.from({ length: 20 }, () => ({})));
  const { jobs } = await queue().claim('w', 20);
  await queue().finish(
    'w',
    jobs.map(({ execution_id }) => ({ execution_id, outcome: 'success' })),
  );
  await onTwo(project, async (one, two) => {
    await one.query('begin');
    await one.query('select cloud_jobs_prune(0, null, 5)');
    // Would delete the next ten executions, then ten jobs, some with executions that the first has deleted.
    const other = two.query('select cloud_jobs_prune(0, 0, 10)');
    await untilBlocked(project, two);
    await one.query('select cloud_jobs_prune(null, 0, 100)');
    await one.query('commit');
    await other;
  });
  expect(await project.sql('select from cloud_job_executions')).toHaveLength(0);
});

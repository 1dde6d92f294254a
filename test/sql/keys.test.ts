import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { onConnections, queueOf, STRANDED, value } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate cloud_jobs cascade'));
const newQueue = () => queueOf(project);
const stranded = () => project.sql(STRANDED);

it('claims one job of a key; the others wait their turn in order', async () => {
  const q = newQueue();
  const [a1, a2, plain, a3, b1] = await q.add(
    { concurrency_key: 'a' },
    { concurrency_key: 'a' },
    {},
    { concurrency_key: 'a', priority: -1 },
    { concurrency_key: 'b' },
  );
  const first = await q.claim('w', 10);
  expect(first.jobs.map((job) => job.job_id)).toEqual([a3, plain, b1]);
  expect(first.more).toBe(false);
  expect(await q.claim('v', 10)).toMatchObject({ jobs: [], more: false });
  const next = async (execution: string) =>
    (await q.finish('w', [{ execution_id: execution, outcome: 'success' }], { limit: 10 })).claim?.jobs ?? [];
  const second = await next(first.jobs[0]?.execution_id ?? '');
  expect(second.map((job) => job.job_id)).toEqual([a1]);
  const third = await next(second[0]?.execution_id ?? '');
  expect(third.map((job) => job.job_id)).toEqual([a2]);
});

it('the table refuses a second locked job of a key to every writer', async () => {
  const q = newQueue();
  const [first, second] = await q.add({ concurrency_key: 'a' }, { concurrency_key: 'a' });
  await q.take('w');
  await expect(
    project.sql(
      `update cloud_jobs set status = 'locked', blocked = false, locked_by = 'hand' where job_id = $1`,
      [second],
    ),
  ).rejects.toMatchObject({ code: '23505', constraint: 'cloud_jobs_concurrency_key' });
  expect((await q.job(first ?? '')).status).toBe('locked');
});

it('a key counts across queues and types, and each gets its turn', async () => {
  const [one, two] = [newQueue(), newQueue()];
  const key = { concurrency_key: 'k' };
  await one.add(key, { ...key, job_type: 'maintenance' });
  await two.add(key, key);
  const held = await one.take('w');
  for (const q of [one, two]) expect(await q.claim('v', 9)).toMatchObject({ jobs: [], more: false });
  expect(await stranded()).toEqual([]);
  await one.end('w', held.execution_id, 'success');
  // Nobody works queue two: queue one must go on all the same, and the other way round.
  const other = await one.take('w');
  expect(other.job_type).toBe('maintenance');
  await one.end('w', other.execution_id, 'success');
  await two.end('w', (await two.take('w')).execution_id, 'success');
  expect((await two.claim('w')).jobs).toHaveLength(1);
});

const ENDS: [string, (q: ReturnType<typeof newQueue>, id: string, execution: string) => Promise<unknown>][] =
  [
    ['is finished', (q, _, execution) => q.end('w', execution, 'success')],
    ['fails and backs off', (q, _, execution) => q.end('w', execution, 'failure')],
    ['snoozes', (q, _, execution) => q.end('w', execution, 'snooze', { delay_seconds: 60 })],
    [
      'is lost',
      async (q, id) => {
        await q.expire(id);
        return project.sql('select cloud_jobs_expire()');
      },
    ],
    [
      'is deleted',
      async (q, id) => {
        await q.expire(id);
        return q.verb('delete', id);
      },
    ],
    [
      'is ended by a write to the table',
      () => project.sql(`update cloud_jobs set status = 'success' where status = 'locked'`),
    ],
    ['is deleted from the table', () => project.sql(`delete from cloud_jobs where status = 'locked'`)],
    [
      'is given another key',
      () => project.sql(`update cloud_jobs set concurrency_key = 'other' where status = 'locked'`),
    ],
    [
      'loses its key',
      () => project.sql(`update cloud_jobs set concurrency_key = null where status = 'locked'`),
    ],
  ];
it.each(ENDS)('the next of a key goes when the locked one %s', async (_, end) => {
  const q = newQueue();
  const ids = await q.add(...[1, 2, 3].map(() => ({ concurrency_key: 'k' })));
  const held = await q.take('w');
  expect(held.job_id).toBe(ids[0]);
  expect((await q.claim('v', 5)).jobs).toEqual([]);
  await end(q, held.job_id, held.execution_id);
  expect(await stranded()).toEqual([]);
  expect((await q.take('v')).job_id).toBe(ids[1]);
});

it('frees the key for other queues if a locked job is set to wait by hand', async () => {
  const [mine, other] = [newQueue(), newQueue()];
  const id = await mine.addOne({ concurrency_key: 'k' });
  const next = await other.addOne({ concurrency_key: 'k' });
  await mine.take('w');
  expect((await other.claim('v')).jobs).toEqual([]);
  await project.sql(
    `update cloud_jobs set status = 'waiting', locked_by = null, locked_execution_id = null, lock_expires_at = null where job_id = $1`,
    [id],
  );
  expect(await stranded()).toEqual([]);
  expect((await other.take('v')).job_id).toBe(next);
});

it('passes over a job behind a locked one of its key, at no cost', async () => {
  const q = newQueue();
  await q.addOne({ concurrency_key: 'k' });
  await q.take('w');
  const [, free] = await q.add({ concurrency_key: 'k', priority: -1 }, {});
  expect((await q.claim('v', 5)).jobs.map((job) => job.job_id)).toEqual([free]);
});

const LEAVES: [string, string][] = [
  ['is disabled', `update cloud_jobs set status = 'disabled' where job_id = $1`],
  ['is put off', `update cloud_jobs set run_at = now() + interval '1 h' where job_id = $1`],
  ['is deleted', `delete from cloud_jobs where job_id = $1`],
  ['is failed by hand', `update cloud_jobs set status = 'failed', current_retries = 9 where job_id = $1`],
  ['is given another key', `update cloud_jobs set concurrency_key = 'other' where job_id = $1`],
  ['moves to another queue', `update cloud_jobs set queue = 'elsewhere' where job_id = $1`],
  ['becomes another type', `update cloud_jobs set job_type = 'maintenance' where job_id = $1`],
];
it.each(LEAVES)('lets the next of a key go if the one ahead %s unclaimed', async (_, leave) => {
  const q = newQueue();
  const ids = await q.add(...[1, 2, 3].map(() => ({ concurrency_key: 'k' })));
  const held = await q.take('w');
  await q.claim('v', 5);
  await q.end('w', held.execution_id, 'success');
  expect(await project.sql('select job_id from cloud_jobs where blocked')).toEqual([{ job_id: ids[2] }]);
  await project.sql(leave, [ids[1]]);
  expect(await stranded()).toEqual([]);
  const { jobs } = await q.claim('w', 5, { job_types_param: ['custom'] });
  expect(jobs.map((job) => job.job_id)).toContain(ids[2]);
});

it.each([...LEAVES, ['is cancelled', 'select cloud_jobs_cancel($1)'] as [string, string]])(
  'unblocks a blocked job that %s, and the others keep their turn',
  async (_, leave) => {
    const q = newQueue();
    const ids = await q.add(...[1, 2, 3].map(() => ({ concurrency_key: 'k' })));
    const held = await q.take('w');
    await q.claim('v', 5);
    await project.sql(leave, [ids[1]]);
    expect(await project.sql('select job_id from cloud_jobs where blocked')).toEqual([{ job_id: ids[2] }]);
    await q.end('w', held.execution_id, 'success');
    const { jobs } = await q.claim('w', 5, { job_types_param: ['custom'] });
    expect(jobs.map((job) => job.job_id)).toContain(ids[2]);
  },
);

it('lets the next of a key go if a new schedule moves the one ahead', async () => {
  const q = newQueue();
  const [first] = await q.add({
    concurrency_key: 'k',
    schedule: '@hourly',
    run_at: new Date(Date.now() - 1_000).toISOString(),
    priority: -1,
  });
  const next = await q.addOne({ concurrency_key: 'k' });
  // Both are seen, one is marked; the other goes back unharmed.
  const { job_id, execution_id } = await q.take('w');
  expect(job_id).toBe(first);
  expect((await q.claim('v', 5)).jobs).toEqual([]);
  await q.end('w', execution_id, 'release');
  await project.sql('update cloud_jobs set blocked = true where job_id = $1', [next]);
  await project.sql(`update cloud_jobs set schedule = '0 0 1 1 *' where job_id = $1`, [first]);
  expect(await stranded()).toEqual([]);
  expect((await q.take('w')).job_id).toBe(next);
});

it('a crowd behind one key is set aside, and a job behind it comes through', async () => {
  const q = newQueue();
  await project.sql(
    `insert into cloud_jobs (name, job_type, queue, concurrency_key) select 'crowd', 'custom', $1, 'k' from generate_series(1, 5000)`,
    [q.queue],
  );
  const free = await q.addOne({ name: 'free' });
  expect((await q.take('w')).name).toBe('crowd');
  let reply = await q.claim('v', 1);
  for (let round = 0; reply.jobs.length === 0 && reply.more && round < 10; round += 1)
    reply = await q.claim('v', 1);
  expect(reply.jobs.map((job) => job.job_id)).toEqual([free]);
  expect(await stranded()).toEqual([]);
});

it('many busy keys: a claim may be empty with "more", and gets through', async () => {
  const q = newQueue();
  const keys = Array.from({ length: 40 }, (_, n) => ({ concurrency_key: `k${n}` }));
  await q.add(...keys, ...keys);
  expect((await q.claim('w', 40)).jobs).toHaveLength(40);
  const free = await q.addOne();
  let reply = await q.claim('v', 1);
  let rounds = 0;
  while (reply.jobs.length === 0) {
    expect(reply.more).toBe(true);
    rounds += 1;
    expect(rounds).toBeLessThan(8);
    reply = await q.claim('v', 1);
  }
  expect(reply.jobs.map((job) => job.job_id)).toEqual([free]);
});

it('eight workers: run no two of a key at once, and finish every job', async () => {
  const q = newQueue();
  await project.sql(
    `insert into cloud_jobs (name, job_type, queue, priority, concurrency_key)
     select 'j', (array['custom', 'maintenance', 'paper_fetch'])[1 + n % 3], $1, n % 4, case when n % 5 > 0 then 'k' || n % 7 end
     from generate_series(1, 400) as n`,
    [q.queue],
  );
  const overlaps: unknown[] = [];
  const work = async (client: Parameters<Parameters<typeof onConnections>[2]>[0][number], index: number) => {
    let items: object[] = [];
    for (;;) {
      const reply: {
        finished: { applied: boolean }[];
        claim: { jobs: { execution_id: string }[]; more: boolean };
      } = await value(client, 'select cloud_jobs_finish($1, $2, $3)', [
        `w${index}`,
        JSON.stringify(items),
        JSON.stringify({ limit: 1 + index, queues: [q.queue], request_id: randomUUID() }),
      ]);
      expect(reply.finished.every((item) => item.applied)).toBe(true);
      items = reply.claim.jobs.map(({ execution_id }) => ({ execution_id, outcome: 'success' }));
      const { rows } = await client.query(
        `select concurrency_key from cloud_jobs where status = 'locked' and concurrency_key is not null group by 1 having count(*) > 1`,
      );
      overlaps.push(...rows);
      if (items.length > 0 || reply.claim.more) continue;
      const open = await value<number>(
        client,
        `select count(*)::int from cloud_jobs where queue = $1 and status <> 'success'`,
        [q.queue],
      );
      if (open === 0) return;
      // What is left is held by other workers.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  await onConnections(project.adminUrl, 8, (clients) => Promise.all(clients.map(work)));
  expect(overlaps).toEqual([]);
  expect(await project.sql(`select status, blocked, count(*)::int from cloud_jobs group by 1, 2`)).toEqual([
    { status: 'success', blocked: false, count: 400 },
  ]);
  // The times in the rows are no proof here: now() is when a transaction began, and a claim that began before a
  // finish may go on after it.
});

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queuesReply } from '../../src/queue/control-replies.ts';
import { backlogReply } from '../../src/queue/replies.ts';
import { startClockProject } from '../support/clock.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, onConnections, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const set = (queue: string, changes: object) =>
  call(project, 'cloud_jobs_set_queue', { queue_param: queue, changes_param: changes });
const lineOf = async (queue: string) =>
  queuesReply.parse(await call(project, 'cloud_jobs_queue_list')).queues.find((line) => line.queue === queue);
const jobs = (count: number) => Array.from({ length: count }, () => ({}));
/** Moves the recorded starts of a queue into the past, as if that much time had gone by. */
const later = (queue: string, slots: number) =>
  project.sql('update cloud_jobs_queues set rate_slot = rate_slot - $2 where queue = $1', [queue, slots]);

describe('a paused queue', () => {
  it('starts nothing, is not asked for more, and goes on when it is resumed', async () => {
    const q = queueOf(project);
    await q.add(...jobs(3));
    await set(q.queue, { paused: true, reason: 'deploy' });
    expect(await q.claim('w', 10)).toMatchObject({ jobs: [], more: false });
    expect(await lineOf(q.queue)).toMatchObject({ paused: true, reason: 'deploy', due: 3 });
    await set(q.queue, { paused: false });
    expect((await q.claim('w', 10)).jobs).toHaveLength(3);
    expect(await lineOf(q.queue)).toMatchObject({ paused: false, reason: null, running: 3 });
  });

  it('lets running jobs end, and the other queues of a claim go on', async () => {
    const q = queueOf(project);
    const other = queueOf(project);
    await q.add(...jobs(2));
    await other.add(...jobs(2));
    const job = await q.take('w');
    await set(q.queue, { paused: true });
    expect(await q.end('w', job.execution_id, 'success')).toMatchObject({ applied: true });
    const claimed = await q.claim('w', 10, { queues_param: [q.queue, other.queue] });
    expect(claimed.jobs.map((one) => one.queue)).toEqual([other.queue, other.queue]);
  });

  it('is named to a worker that asks for it, and so is one that has reached a limit', async () => {
    const q = queueOf(project);
    await q.add(...jobs(3));
    const held = async () => (await q.claim('w', 1)).held;
    await set(q.queue, { paused: true, reason: 'night' });
    expect(await held()).toEqual([{ queue: q.queue, paused: true, until: null, reason: 'night' }]);
    await set(q.queue, { paused: false, cool_down_seconds: 600, reason: 'busy' });
    expect(await held()).toMatchObject([{ paused: false, until: expect.any(String), reason: 'busy' }]);
    await set(q.queue, { cool_down_seconds: 0, max_running: 2 });
    expect(await held()).toBeNull();
    expect(await held()).toEqual([{ queue: q.queue, paused: false, until: null, reason: null }]);
  });

  it('plans no workers', async () => {
    const q = queueOf(project);
    await q.add(...jobs(3));
    await set(q.queue, { paused: true });
    const { queues } = backlogReply.parse(
      await call(project, 'cloud_jobs_backlog', { queues_param: [q.queue] }),
    );
    expect(queues).toEqual([{ queue: q.queue, due: 3, side_by_side: 0 }]);
  });
});

it('a cool-down ends by itself', async () => {
  const q = queueOf(project);
  await q.addOne();
  await set(q.queue, { cool_down_seconds: 600, reason: 'The other side answers 429.' });
  expect((await q.claim('w')).jobs).toEqual([]);
  expect((await lineOf(q.queue))?.cool_down_until).not.toBeNull();
  await project.sql(
    `update cloud_jobs_queues set cool_down_until = now() - interval '1 s' where queue = $1`,
    [q.queue],
  );
  expect((await q.claim('w')).jobs).toHaveLength(1);
});

describe('pause_queue of a finished attempt', () => {
  const pause = (seconds: number, reason = 'HTTP 429') => ({ pause_queue: { seconds, reason } });
  const until = async (queue: string) => Date.parse((await lineOf(queue))?.cool_down_until ?? '');

  it('lets the queue cool down before the next claim of the same call', async () => {
    const q = queueOf(project);
    await q.add(...jobs(3));
    const job = await q.take('w');
    const { claim } = await q.finish(
      'w',
      [{ execution_id: job.execution_id, outcome: 'success', ...pause(600) }],
      { limit: 5 },
    );
    expect(claim?.jobs).toEqual([]);
    expect(await lineOf(q.queue)).toMatchObject({ reason: 'HTTP 429', paused: false });
  });

  it('does not start anew with a repeat, and a shorter one changes nothing', async () => {
    const q = queueOf(project);
    await q.add(...jobs(2));
    const [one, two] = (await q.claim('w', 2)).jobs;
    const item = { execution_id: one?.execution_id, outcome: 'success', ...pause(600) };
    await q.finish('w', [item]);
    const first = await until(q.queue);
    await project.sql(`update cloud_jobs_queues set cool_down_until = null where queue = $1`, [q.queue]);
    await q.finish('w', [item]);
    expect((await lineOf(q.queue))?.cool_down_until).toBeNull();
    await set(q.queue, { cool_down_seconds: 3600, reason: 'by hand' });
    await q.finish('w', [{ execution_id: two?.execution_id, outcome: 'failure', ...pause(60) }]);
    expect(await lineOf(q.queue)).toMatchObject({ reason: 'by hand' });
    expect(await until(q.queue)).toBeGreaterThan(first);
  });

  it('is refused for a worker that does not hold the job, and if it makes no sense', async () => {
    const q = queueOf(project);
    await q.add(...jobs(1));
    const job = await q.take('w');
    const item = { execution_id: job.execution_id, outcome: 'success' };
    await q.finish('other', [{ ...item, ...pause(600) }]);
    expect((await lineOf(q.queue))?.cool_down_until).toBeNull();
    for (const seconds of [0, -1, 2_592_001, 'x' as unknown as number])
      await expect(q.finish('w', [{ ...item, ...pause(seconds) }])).rejects.toMatchObject({ status: 400 });
    expect((await q.job(job.job_id)).status).toBe('locked');
  });
});

describe('max_running', () => {
  it('counts the jobs of all workers, and frees a place when one ends', async () => {
    const q = queueOf(project);
    await q.add(...jobs(5));
    await set(q.queue, { max_running: 2 });
    const { jobs: first } = await q.claim('one', 10);
    expect(first).toHaveLength(2);
    expect(await q.claim('two', 10)).toMatchObject({ jobs: [], more: false });
    await q.end('one', first[0]?.execution_id ?? '', 'success');
    expect((await q.claim('two', 10)).jobs).toHaveLength(1);
  });

  it('is never exceeded by eight workers whose replies are lost', async () => {
    const q = queueOf(project);
    await q.add(...jobs(200));
    await set(q.queue, { max_running: 5 });
    let most = 0;
    await onConnections(project.adminUrl, 8, async (clients) => {
      await Promise.all(
        clients.map(async (client, index) => {
          const worker = `w${index}`;
          for (let turn = 0; turn < 15; turn += 1) {
            const claim = 'select cloud_jobs_claim($1, 3, $2, request_id_param => $3) as reply';
            const request = [worker, [q.queue], randomUUID()];
            await client.query(claim, request);
            // The reply was lost: the same request again.
            const { rows } = await client.query(claim, request);
            const { rows: count } = await client.query(
              `select count(*)::integer as n from cloud_jobs where queue = $1 and status = 'locked'`,
              [q.queue],
            );
            most = Math.max(most, count[0].n);
            const items = rows[0].reply.jobs.map((job: { execution_id: string }) => ({
              execution_id: job.execution_id,
              outcome: 'success',
            }));
            await client.query('select cloud_jobs_finish($1, $2)', [worker, JSON.stringify(items)]);
          }
        }),
      );
    });
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(5);
  });
});

describe('rate_limit', () => {
  it('starts at most the limit in any period, and more as time passes', async () => {
    const q = queueOf(project);
    await q.add(...jobs(30));
    await set(q.queue, { rate_limit: 4, rate_period_seconds: 100_000 });
    expect((await q.claim('w', 3)).jobs).toHaveLength(3);
    await later(q.queue, 5);
    expect((await q.claim('w', 3)).jobs).toHaveLength(1);
    expect(await q.claim('w', 3)).toMatchObject({ jobs: [], more: false });
    expect(await lineOf(q.queue)).toMatchObject({ rate_used: 4 });
    // The first three are older than a period now; the fourth is not.
    await later(q.queue, 6);
    expect((await q.claim('w', 10)).jobs).toHaveLength(3);
    await later(q.queue, 100);
    expect((await q.claim('w', 10)).jobs).toHaveLength(4);
  });

  it('is never exceeded by eight workers whose replies are lost', async () => {
    const q = queueOf(project);
    await q.add(...jobs(100));
    await set(q.queue, { rate_limit: 20, rate_period_seconds: 100_000 });
    await onConnections(project.adminUrl, 8, async (clients) => {
      await Promise.all(
        clients.map(async (client, index) => {
          for (let turn = 0; turn < 5; turn += 1) {
            const request = [`w${index}`, [q.queue], randomUUID()];
            const claim = 'select cloud_jobs_claim($1, 3, $2, request_id_param => $3)';
            await client.query(claim, request);
            await client.query(claim, request);
          }
        }),
      );
    });
    const started = `select count(*)::integer as n from cloud_jobs where queue = $1 and status = 'locked'`;
    expect(await project.sql(started, [q.queue])).toEqual([{ n: 20 }]);
  });

  it('holds over a simulated day of claims at random moments', async () => {
    const q = queueOf(project);
    await q.add(...jobs(400));
    await set(q.queue, { rate_limit: 10, rate_period_seconds: 100_000 });
    const starts: number[] = [];
    for (let slot = 0; slot < 200; ) {
      const { jobs: claimed } = await q.claim('w', 7);
      for (const _ of claimed) starts.push(slot);
      const step = 1 + ((slot * 7) % 5);
      await later(q.queue, step);
      slot += step;
    }
    for (const at of starts) {
      expect(starts.filter((other) => other >= at && other < at + 10).length).toBeLessThanOrEqual(10);
    }
    // And it is used: most of what the limit allows was started.
    expect(starts.length).toBeGreaterThan(120);
  });
});

it('a rate holds over a day of a clock that is set by hand, and is used up', {
  timeout: 120_000,
}, async () => {
  const clocked = await startClockProject();
  try {
    const [limit, minute, day] = [12, 60_000, 1440];
    const start = Date.parse('2026-11-27T00:00:00Z');
    await clocked.setClock(start);
    await clocked.sql(
      `insert into cloud_jobs (name, job_type) select 'j', 'custom' from generate_series(1, 500)`,
    );
    await clocked.sql(
      `select cloud_jobs_set_queue('default', '{"rate_limit": 12, "rate_period_seconds": 3600}')`,
    );
    const starts: number[] = [];
    // Uneven steps, and now and then two hours in which no worker comes.
    for (let at = 0; at < day; at += 1 + ((at * 7) % 5) + (at % 401 === 0 ? 120 : 0)) {
      await clocked.setClock(start + at * minute);
      const request = ['w', ['default'], randomUUID()];
      const claim = 'select cloud_jobs_claim($1, 7, $2, request_id_param => $3) as reply';
      await clocked.sql(claim, request);
      const [row] = await clocked.sql<{ reply: { jobs: unknown[] } }>(claim, request);
      for (const _ of row?.reply.jobs ?? []) starts.push(at);
    }
    const most = Math.max(
      ...starts.map((at) => starts.filter((other) => other >= at && other < at + 60).length),
    );
    expect(most).toBe(limit);
    expect(starts.length).toBeGreaterThan(limit * 18);
  } finally {
    await clocked.stop();
  }
});

it('default_timeout holds for jobs without a timeout of their own', async () => {
  const q = queueOf(project);
  await q.add({ timeout_seconds: 7 }, {});
  await set(q.queue, { default_timeout_seconds: 60 });
  expect((await q.claim('w', 2)).jobs.map((job) => job.timeout_seconds)).toEqual([7, 60]);
});

it('a claim that is repeated gets its jobs again, and counts once', async () => {
  const q = queueOf(project);
  await q.add(...jobs(5));
  await set(q.queue, { rate_limit: 2, rate_period_seconds: 100_000 });
  const request = { request_id_param: randomUUID() };
  const first = await q.claim('w', 5, request);
  const again = await q.claim('w', 5, request);
  expect(again.jobs.map((job) => job.job_id)).toEqual(first.jobs.map((job) => job.job_id));
  expect(await lineOf(q.queue)).toMatchObject({ rate_used: 2, running: 2 });
});

it.each([
  ['', { paused: true }, /queue_param/],
  ['q', {}, /changes_param/],
  ['q', { colour: 'red' }, /changes_param/],
  ['q', { paused: 'yes' }, /paused is "yes"/],
  ['q', { max_running: 0 }, /max_running is 0/],
  ['q', { max_running: 1.5 }, /max_running is 1.5/],
  ['q', { rate_limit: 'NaN' }, /rate_limit is "NaN"/],
  ['q', { cool_down_seconds: -1 }, /cool_down_seconds is -1/],
])('set_queue(%j, %j) is refused', async (queue, changes, message) => {
  await expect(set(queue, changes)).rejects.toMatchObject({
    status: 400,
    message: expect.stringMatching(message),
  });
});

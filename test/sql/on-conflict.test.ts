import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enqueueReply } from '../../src/queue/replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, onConnections, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

/** A queue, and enqueuing the key "k" in it with a config and what happens on a conflict. */
function keyed() {
  const q = queueOf(project);
  const send = async (...items: readonly object[]) =>
    enqueueReply.parse(
      await call(project, 'cloud_jobs_enqueue', {
        items_param: items.map((item) => ({
          name: 'a job',
          job_type: 'custom',
          queue: q.queue,
          unique_key: 'k',
          ...item,
        })),
      }),
    ).jobs;
  const one = async (item: object) => {
    const [job] = await send(item);
    if (!job) throw new Error('no reply');
    return job;
  };
  return { q, send, one };
}

describe('on_conflict replace', () => {
  it('gives a waiting job the new config and due time, with fresh retries', async () => {
    const { q, one } = keyed();
    const first = await one({ on_conflict: 'replace', config: { n: 1 }, delay_seconds: 5 });
    expect(first).toMatchObject({ created: true, replaced: false });
    const second = await one({ on_conflict: 'replace', config: { n: 2 }, delay_seconds: 600, priority: 7 });
    expect(second).toEqual({ job_id: first.job_id, created: false, replaced: true });
    const job = await q.job(first.job_id);
    expect(job).toMatchObject({ config: { n: 2 }, priority: 7, occurrence: 1 });
    expect(job.due_in).toBeGreaterThan(500);
  });

  it('replaces a job that waits for its retry, as a new occurrence', async () => {
    const { q, one } = keyed();
    const { job_id: id } = await one({ on_conflict: 'replace', config: { n: 1 } });
    const taken = await q.take('w');
    await q.end('w', taken.execution_id, 'failure', { error: 'x' });
    await one({ on_conflict: 'replace', config: { n: 2 } });
    expect(await q.job(id)).toMatchObject({
      config: { n: 2 },
      current_retries: 0,
      error_message: null,
      occurrence: 2,
    });
  });

  it('adds one job behind a running one, and later changes go to that one', async () => {
    const { q, one } = keyed();
    const first = await one({ on_conflict: 'replace', config: { n: 1 } });
    const running = await q.take('w');
    const second = await one({ on_conflict: 'replace', config: { n: 2 } });
    expect(second.created).toBe(true);
    expect(await one({ on_conflict: 'replace', config: { n: 3 } })).toEqual({
      job_id: second.job_id,
      created: false,
      replaced: true,
    });
    expect((await q.claim('w2', 5)).jobs).toEqual([]);
    await q.end('w', running.execution_id, 'success');
    expect(await q.take('w2')).toMatchObject({ job_id: second.job_id, config: { n: 3 } });
    expect(first.job_id).not.toBe(second.job_id);
  });

  it('answers the same when its reply was lost, and changes nothing', async () => {
    const { q, one } = keyed();
    const { job_id: id } = await one({ on_conflict: 'replace', config: { n: 1 } });
    const request = { on_conflict: 'replace', config: { n: 2 }, job_id: randomUUID() };
    const answer = await one(request);
    await q.take('w');
    expect(await one(request)).toEqual(answer);
    expect(await project.sql('select job_id from cloud_jobs where queue = $1', [q.queue])).toEqual([
      { job_id: id },
    ]);
  });

  it('leaves recurring and disabled jobs as they are', async () => {
    const { q, one } = keyed();
    const { job_id: id } = await one({ schedule: '@daily', config: { n: 1 } });
    expect(await one({ on_conflict: 'replace', config: { n: 2 } })).toMatchObject({
      job_id: id,
      replaced: false,
    });
    await q.verb('disable', id);
    expect(await one({ on_conflict: 'next' })).toMatchObject({ job_id: id, created: false });
    expect(await q.job(id)).toMatchObject({ config: { n: 1 }, status: 'disabled' });
  });
});

describe('on_conflict next', () => {
  it('keeps a waiting job, and adds one more while one runs', async () => {
    const { q, one } = keyed();
    const first = await one({ on_conflict: 'next', config: { n: 1 } });
    expect(await one({ on_conflict: 'next', config: { n: 2 } })).toMatchObject({
      job_id: first.job_id,
      created: false,
    });
    const running = await q.take('w');
    const next = await one({ on_conflict: 'next', config: { n: 3 } });
    expect(next.created).toBe(true);
    expect(await one({ on_conflict: 'next' })).toMatchObject({ job_id: next.job_id, created: false });
    expect((await q.claim('w2', 5)).jobs).toEqual([]);
    await q.end('w', running.execution_id, 'success');
    expect((await q.take('w2')).job_id).toBe(next.job_id);
  });

  it('keeps apart from a running job that was added without it', async () => {
    const { q, one } = keyed();
    await one({});
    const running = await q.take('w');
    const next = await one({ on_conflict: 'next' });
    expect((await q.claim('w2', 5)).jobs).toEqual([]);
    await q.end('w', running.execution_id, 'failure', { error: 'x', delay_seconds: 0 });
    const both = [await q.take('w2')];
    await q.end('w2', both[0]?.execution_id ?? '', 'success');
    both.push(await q.take('w2'));
    expect(both.map((job) => job.job_id).toSorted()).toEqual([running.job_id, next.job_id].toSorted());
  });

  it('lets a finished job run again only if its key is free', async () => {
    const { q, one } = keyed();
    const first = await one({ on_conflict: 'next' });
    const running = await q.take('w');
    await one({ on_conflict: 'next' });
    await q.end('w', running.execution_id, 'success');
    expect(await q.verb('retry', first.job_id)).toMatchObject({ applied: false });
    const next = await q.take('w');
    await q.end('w', next.execution_id, 'success');
    expect(await q.verb('retry', first.job_id)).toMatchObject({ applied: true });
    expect(await one({})).toMatchObject({ job_id: first.job_id, created: false });
  });
});

describe('a batch with both', () => {
  it('answers in its order', async () => {
    const { send } = keyed();
    const plain = { unique_key: null };
    const first = await send({ ...plain }, { on_conflict: 'replace' }, { ...plain }, { on_conflict: 'next' });
    expect(first.map((job) => job.created)).toEqual([true, true, true, false]);
    expect(first[3]?.job_id).toBe(first[1]?.job_id);
    const second = await send({ on_conflict: 'replace' }, { unique_key: 'other' });
    expect(second).toMatchObject([{ job_id: first[1]?.job_id, replaced: true }, { created: true }]);
  });
});

it('no change is lost when eight producers and two workers race', async () => {
  const { q } = keyed();
  const seen: number[] = [];
  let most = 0;
  await onConnections(project.adminUrl, 10, async (clients) => {
    let isProducing = true;
    const produce = clients.slice(0, 8).map(async (client, index) => {
      for (let turn = 0; turn < 12; turn += 1) {
        const n = index * 100 + turn;
        await client.query('select cloud_jobs_enqueue($1)', [
          JSON.stringify([
            {
              name: 'j',
              job_type: 'custom',
              queue: q.queue,
              unique_key: 'k',
              on_conflict: 'replace',
              config: { n },
            },
          ]),
        ]);
      }
    });
    const work = clients.slice(8).map(async (client, index) => {
      for (let empty = 0; isProducing || empty < 3; ) {
        const { rows } = await client.query('select cloud_jobs_claim($1, 1, $2) as reply', [
          `w${index}`,
          [q.queue],
        ]);
        const [job] = rows[0].reply.jobs;
        if (!job) {
          if (!isProducing) empty += 1;
          continue;
        }
        empty = 0;
        seen.push(job.config.n);
        const { rows: locked } = await client.query(
          `select count(*)::int as n from cloud_jobs where queue = $1 and status = 'locked'`,
          [q.queue],
        );
        most = Math.max(most, locked[0].n);
        await client.query('select cloud_jobs_finish($1, $2)', [
          `w${index}`,
          JSON.stringify([{ execution_id: job.execution_id, outcome: 'success' }]),
        ]);
      }
    });
    await Promise.all(produce);
    isProducing = false;
    await Promise.all(work);
  });
  expect(most).toBe(1);
  const [left] = await project.sql(
    `select count(*)::int as n from cloud_jobs where queue = $1 and status in ('waiting', 'locked')`,
    [q.queue],
  );
  expect(left).toEqual({ n: 0 });
  const [last] = await project.sql<{ n: number }>(
    `select (config->>'n')::int as n from cloud_jobs where queue = $1 order by last_execution desc limit 1`,
    [q.queue],
  );
  expect(seen).toContain(last?.n);
});

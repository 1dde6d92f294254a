import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bulkReply, countReply } from '../../src/queue/control-replies.ts';
import { listReply, verbReply } from '../../src/queue/replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

type Filter = Readonly<Record<string, unknown>>;
const find = async (filter: Filter) =>
  listReply.parse(await call(project, 'cloud_jobs_list', { filter_param: filter }));
const names = async (filter: Filter) => (await find(filter)).jobs.map((job) => job.name).sort();
const count = async (filter: Filter) => {
  const reply = countReply.parse(await call(project, 'cloud_jobs_count', { filter_param: filter }));
  return Object.fromEntries(Object.entries(reply.by_status).map(([status, line]) => [status, line.count]));
};
const bulk = async (action: string, filter: Filter, more: object = {}) =>
  bulkReply.parse(
    await call(project, 'cloud_jobs_bulk', {
      action_param: action,
      filter_param: filter,
      dry_run_param: false,
      ...more,
    }),
  );
/** Every batch of a bulk action. */
async function all(action: string, filter: Filter, limit = 3): Promise<number> {
  let changed = 0;
  let before: string | null = null;
  do {
    const reply: Awaited<ReturnType<typeof bulk>> = await bulk(action, filter, {
      limit_param: limit,
      before_param: before,
    });
    changed += reply.changed;
    before = reply.next;
  } while (before !== null);
  return changed;
}

describe('filter', () => {
  it('finds jobs by each of its fields', async () => {
    const q = queueOf(project);
    const { queue } = q;
    await q.add(
      { name: 'Alpha report', config: { handler: 'report', customer: { id: 7 } } },
      { name: 'beta', delay_seconds: 3600 },
      { name: 'gamma', concurrency_key: queue, priority: 5 },
      { name: 'delta', concurrency_key: queue, priority: 6 },
      { name: 'epsilon', schedule: '@daily' },
    );
    const first = await q.take('w');
    await q.end('w', first.execution_id, 'discard', { error: 'No such customer: 7' });
    await q.take('w');
    expect(await names({ queue, status: 'failed' })).toEqual(['Alpha report']);
    expect(await names({ queue, name_contains: 'REPORT' })).toEqual(['Alpha report']);
    expect(await names({ queue, name: 'beta' })).toEqual(['beta']);
    expect(await names({ queue, handler: 'report' })).toEqual(['Alpha report']);
    expect(await names({ queue, error: 'such CUSTOMER' })).toEqual(['Alpha report']);
    expect(await names({ queue, failure_kind: 'discarded' })).toEqual(['Alpha report']);
    expect(await names({ queue, config_contains: { customer: { id: 7 } } })).toEqual(['Alpha report']);
    expect(await names({ queue, state: 'running' })).toEqual(['gamma']);
    expect(await names({ queue, state: 'scheduled' })).toEqual(['beta', 'epsilon']);
    expect(await names({ queue, recurring: true })).toEqual(['epsilon']);
    expect(await names({ queue, job_ids: [first.job_id] })).toEqual(['Alpha report']);
    expect(await names({ queue, created_after: '2999-01-01T00:00:00Z' })).toEqual([]);
    expect(await names({ queue, finished_after: '2000-01-01T00:00:00Z' })).toEqual(['Alpha report']);
    expect(await names({ queue, finished_before: '2000-01-01T00:00:00Z' })).toEqual([]);
    expect(await count({ queue })).toEqual({ waiting: 3, locked: 1, failed: 1, success: 0, disabled: 0 });
  });

  it.each<[Filter, RegExp]>([
    [{ status: 'lost' }, /There is no status "lost"/],
    [{ state: 'sleeping' }, /There is no state "sleeping"/],
    [{ colour: 'red' }, /unknown field "colour"/],
    [{ queue: 7 }, /field queue of the filter has the type number/],
    [{ created_after: '30 February' }, /created_after of the filter is "30 February"/],
    [{ config_contains: [] }, /config_contains of the filter has the type array/],
  ])('refuses %j', async (filter, message) => {
    await expect(find(filter)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(message),
    });
  });

  it('takes hostile texts as text', async () => {
    const q = queueOf(project);
    const hostile = `'; drop table cloud_jobs; -- %L %s $1 \\`;
    await q.add({ name: hostile }, { name: 'other' });
    for (const field of ['name', 'name_contains']) {
      expect(await names({ queue: q.queue, [field]: hostile })).toEqual([hostile]);
    }
    for (const field of ['queue', 'job_type', 'handler', 'error', 'failure_kind']) {
      expect(await names({ [field]: hostile })).toEqual([]);
    }
  });

  it('says how far back it looked if a rare job is beyond its share', async () => {
    const q = queueOf(project);
    await project.sql(
      `insert into cloud_jobs (name, job_type, queue, status, finished_at, created_at)
       select 'old ' || n, 'custom', $1, 'success', now(), now() - n * interval '1 s' from generate_series(1, 100001) n`,
      [q.queue],
    );
    const page = await find({ queue: q.queue, name: 'old 100001' });
    expect(page.jobs).toEqual([]);
    expect(page.searched_to).not.toBeNull();
    const rest = listReply.parse(
      await call(project, 'cloud_jobs_list', {
        filter_param: { queue: q.queue, name: 'old 100001' },
        before_param: page.next,
      }),
    );
    expect(rest).toMatchObject({ jobs: [{ name: 'old 100001' }], next: null, searched_to: null });
    const counted = countReply.parse(
      await call(project, 'cloud_jobs_count', { filter_param: { status: 'success' } }),
    );
    expect(counted.by_status.success?.count).toBeGreaterThan(10_000);
    expect(counted.by_status.success?.estimated).toBe(true);
    await project.sql('delete from cloud_jobs where queue = $1', [q.queue]);
  });
});

describe('bulk', () => {
  it('does each job once, in batches, and counts first', async () => {
    const q = queueOf(project);
    const { queue } = q;
    await q.add(...Array.from({ length: 10 }, (_, n) => ({ name: `job ${n}` })));
    for (let n = 0; n < 7; n += 1) await q.end('w', (await q.take('w')).execution_id, 'discard');
    const planned = await bulk('retry', { queue, status: 'failed' }, { dry_run_param: true });
    expect(planned).toMatchObject({ matched: 7, changed: 0, next: null });
    expect(await count({ queue })).toMatchObject({ failed: 7 });
    expect(await all('retry', { queue, status: 'failed' })).toBe(7);
    expect(await count({ queue })).toMatchObject({ waiting: 10, failed: 0 });
    expect(await all('disable', { queue })).toBe(10);
    expect(await all('disable', { queue })).toBe(0);
    expect(await all('enable', { queue })).toBe(10);
    expect(await all('cancel', { queue })).toBe(10);
    expect(await all('delete', { queue })).toBe(10);
    expect(await count({ queue })).toMatchObject({ waiting: 0, failed: 0 });
  });

  it('leaves finished jobs alone when it disables and enables', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    await q.end('w', (await q.take('w')).execution_id, 'success');
    expect(await all('disable', { queue: q.queue })).toBe(0);
    expect(await all('enable', { queue: q.queue })).toBe(0);
    expect(await q.job(id)).toMatchObject({ status: 'success', occurrence: 1 });
  });

  it('leaves running jobs when it deletes, and stops them when it cancels', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    await q.take('w');
    expect(await all('delete', { queue: q.queue })).toBe(0);
    expect(await all('cancel', { queue: q.queue })).toBe(1);
    expect(await all('cancel', { queue: q.queue })).toBe(0);
    expect((await q.job(id)).cancel_requested_at).not.toBeNull();
  });

  it('spreads retries over time and changes their config', async () => {
    const q = queueOf(project);
    const ids = await q.add(...Array.from({ length: 4 }, () => ({ config: { handler: 'a', keep: 1 } })));
    for (const _ of ids) await q.end('w', (await q.take('w')).execution_id, 'discard');
    const options = { per_minute: 60, config: { handler: 'b' } };
    const one = await bulk('retry', { queue: q.queue }, { limit_param: 2, options_param: options });
    await bulk(
      'retry',
      { queue: q.queue },
      { limit_param: 2, before_param: one.next, options_param: { ...options, after: one.changed } },
    );
    const rows = await project.sql<{ config: unknown; second: number }>(
      `select config, round(extract(epoch from run_at - min(run_at) over ()))::integer as second
       from cloud_jobs where queue = $1 order by run_at`,
      [q.queue],
    );
    expect(rows.map((row) => row.second)).toEqual([0, 1, 2, 3]);
    expect(rows[0]?.config).toEqual({ handler: 'b', keep: 1 });
  });

  it('names the jobs it could not change, with the reason', async () => {
    const q = queueOf(project);
    const [old = ''] = await q.add({ unique_key: 'k' });
    await q.end('w', (await q.take('w')).execution_id, 'success');
    const [twin] = await q.add({ unique_key: 'k' });
    const reply = await bulk('retry', { queue: q.queue, status: 'success' });
    expect(reply).toMatchObject({
      matched: 1,
      changed: 0,
      refused: [{ job_id: old, reason: `Job ${twin} has the same unique key and is unfinished.` }],
    });
  });

  it('names a job whose config would become too large, and does the others', async () => {
    const q = queueOf(project);
    const [large] = await q.add({ config: { a: 'x'.repeat(200_000) } }, { config: {} });
    for (const { execution_id } of (await q.claim('w', 2)).jobs) await q.end('w', execution_id, 'discard');
    const config = { b: 'y'.repeat(100_000) };
    expect(await bulk('retry', { queue: q.queue }, { options_param: { config } })).toMatchObject({
      matched: 2,
      changed: 1,
      refused: [{ job_id: large, reason: 'It would have a config of more than 256 KiB.' }],
    });
    expect(await count({ queue: q.queue })).toMatchObject({ failed: 1, waiting: 1 });
  });

  it.each<[object, RegExp]>([
    [{ action_param: 'explode' }, /action_param is "explode"/],
    ...[0, -1, 1e-300, 1e300, '1', true].map((per_minute): [object, RegExp] => [
      { options_param: { per_minute } },
      /options_param is/,
    ]),
    ...[-1, 1e12, 'x'].map((after): [object, RegExp] => [
      { options_param: { per_minute: 1, after } },
      /options_param is/,
    ]),
    [{ options_param: { config: 7 } }, /options_param is/],
    [{ options_param: { speed: 7 } }, /options_param is/],
    [{ action_param: 'cancel', options_param: { per_minute: 7 } }, /options_param is/],
    [{ limit_param: 0 }, /limit_param is 0/],
  ])('refuses %j', async (args, message) => {
    await expect(bulk('retry', {}, args)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(message),
    });
  });
});

describe('update', () => {
  const update = async (id: string, changes: object) =>
    verbReply.parse(await call(project, 'cloud_jobs_update', { job_id_param: id, changes_param: changes }));

  it('changes what is given and nothing else; a repeat changes nothing', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ config: { a: 1 }, description: 'kept' });
    const changes = { config: { a: 2 }, priority: -5, max_retries: 9, run_at: '2030-01-31T09:30:00Z' };
    expect(await update(id, changes)).toMatchObject({ applied: true, changed: true });
    expect(await update(id, changes)).toMatchObject({ applied: true, changed: false });
    expect(await q.job(id)).toMatchObject({
      config: { a: 2 },
      priority: -5,
      max_retries: 9,
      description: 'kept',
      run_at: new Date('2030-01-31T09:30:00Z'),
    });
  });

  it('moves a recurring job to the next occurrence of its new schedule', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ schedule: '@daily' });
    expect(await update(id, { schedule: '0 0 1 1 *' })).toMatchObject({ changed: true });
    const job = await q.job(id);
    expect(String(job.run_at)).toMatch(/Jan 01/);
  });

  it('leaves a running job, and one that is not there', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    await q.take('w');
    expect(await update(id, { priority: 1 })).toMatchObject({
      applied: false,
      reason: expect.stringMatching(/running/),
    });
    expect(await update('nobody', { priority: 1 })).toMatchObject({ applied: false, status: null });
  });

  it.each([
    [{}, /no change/],
    [{ status: 'success' }, /unknown key "status"/],
    [{ priority: 1000 }, /priority/],
    [{ schedule: 'sometimes' }, /schedule/],
    [{ name: '' }, /name/],
  ])('refuses %j', async (changes, message) => {
    const id = await queueOf(project).addOne();
    await expect(update(id, changes)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(message),
    });
  });
});

import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { onTwo, queueOf, STRANDED, untilBlocked, value } from './support.ts';

/** What other transactions may do beside a claim so that both want the same unique value. */
let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate cloud_jobs cascade'));

const queue = () => queueOf(project, 'default');
interface Claimed {
  readonly jobs: { readonly job_id: string; readonly execution_id: string }[];
  readonly more: boolean;
}
const claim = (client: pg.Client, limit: number, request: string | null = null) =>
  value<Claimed>(client, 'select cloud_jobs_claim($1, $2, request_id_param => $3)', ['w', limit, request]);
const item = (more: object) => ({
  name: 'recurs',
  job_type: 'custom',
  unique_key: 'u',
  schedule: '0 6 * * *',
  ...more,
});
const apply = (client: pg.Client, more: object) =>
  client.query(`select cloud_jobs_apply('octo/app:jobs.yml', $1)`, [JSON.stringify([item(more)])]);

describe('a running job that moves to another concurrency key', () => {
  const running = async () => {
    await project.sql(`select cloud_jobs_apply('octo/app:jobs.yml', $1)`, [
      JSON.stringify([item({ concurrency_key: 'a' })]),
    ]);
    await project.sql(`update cloud_jobs set run_at = now(), scheduled_for = now()`);
    return queue().take('holder');
  };

  it('keeps a claim of that key from waiting or failing', async () => {
    const { job_id: moved } = await running();
    const [keyed, plain] = await queue().add({ concurrency_key: 'b' }, {});
    await onTwo(project, async (one, two) => {
      await one.query('begin');
      await apply(one, { concurrency_key: 'b' });
      // The claim passes the key by, and gets what has none.
      expect(await claim(two, 5)).toMatchObject({ jobs: [{ job_id: plain }], more: true });
      await one.query('commit');
      expect(await claim(two, 5)).toMatchObject({ jobs: [] });
    });
    expect(await queue().job(keyed ?? '')).toMatchObject({ status: 'waiting', blocked: true });
    expect(await queue().job(moved)).toMatchObject({ status: 'locked', concurrency_key: 'b' });
    expect(await project.sql(STRANDED)).toEqual([]);
  });

  it('waits for a claim of that key, and is then refused', async () => {
    await running();
    const keyed = await queue().addOne({ concurrency_key: 'b' });
    await onTwo(project, async (one, two) => {
      await one.query('begin');
      expect((await claim(one, 5)).jobs).toMatchObject([{ job_id: keyed }]);
      const moving = apply(two, { concurrency_key: 'b' }).then(
        () => 'applied',
        (error: pg.DatabaseError) => error.code,
      );
      await untilBlocked(project, two);
      await one.query('commit');
      expect(await moving).toBe('PT409');
    });
  });
});

it('a claim survives a direct write that locks a job of its key', async () => {
  const [keyed, plain] = await queue().add({ concurrency_key: 'k' }, {});
  await onTwo(project, async (one, two) => {
    await one.query('begin');
    await one.query(
      `insert into cloud_jobs (job_id, name, job_type, status, concurrency_key) values ('by hand', 'h', 'custom', 'locked', 'k')`,
    );
    const claimed = claim(two, 5);
    await untilBlocked(project, two);
    await one.query('commit');
    expect(await claimed).toMatchObject({ jobs: [], more: true });
    expect(await claim(two, 5)).toMatchObject({ jobs: [{ job_id: plain }] });
  });
  expect(await queue().job(keyed ?? '')).toMatchObject({ status: 'waiting', blocked: true });
});

describe('a claim that comes again after some of its jobs were deleted', () => {
  const claimed = async (deleted: readonly number[]) => {
    const ids = await queue().add({}, {}, {}, {});
    const request = { request_id_param: randomUUID() };
    await queue().claim('w', 3, request);
    await project.sql('delete from cloud_jobs where job_id = any ($1)', [deleted.map((n) => ids[n])]);
    return { ids, again: await queue().claim('w', 3, request) };
  };

  it.each([[[0]], [[1]], [[0, 1]]])('gets those that are left (deleted: %j)', async (deleted) => {
    const { ids, again } = await claimed(deleted);
    expect(again.jobs.map((job) => job.job_id)).toEqual(
      ids.slice(0, 3).filter((_, n) => !deleted.includes(n)),
    );
  });

  it('claims others if none is left', async () => {
    const { ids, again } = await claimed([0, 1, 2]);
    expect(again.jobs.map((job) => job.job_id)).toEqual([ids[3]]);
  });
});

it('a claim takes one job of a key across limited and other queues', async () => {
  await project.sql(`select cloud_jobs_set_queue('limited', '{"max_running": 5}')`);
  await queueOf(project, 'limited').add({ concurrency_key: 'k' }, {});
  await queue().add({ concurrency_key: 'k' }, {});
  const reply = await queue().claim('w', 10, { queues_param: ['default', 'limited'] });
  expect(reply.jobs.map((job) => [job.queue, job.concurrency_key]).toSorted()).toEqual([
    ['default', null],
    ['limited', null],
    ['limited', 'k'],
  ]);
  expect(await project.sql(STRANDED)).toEqual([]);
});

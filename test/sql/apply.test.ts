import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, onConnections, queueOf, untilBlocked, value } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate cloud_jobs cascade'));
const queue = () => queueOf(project, 'default');

const SOURCE = 'octo/app:jobs.yml';
const item = (key: string, more: object = {}) => ({
  name: key,
  job_type: 'custom',
  unique_key: key,
  schedule: '* * * * *',
  ...more,
});
interface Plan {
  readonly jobs: { readonly key: string; readonly job_id: string; readonly action: string }[];
}
const apply = async (...items: object[]): Promise<Plan> =>
  (await call(project, 'cloud_jobs_apply', { source_param: SOURCE, items_param: items })) as Plan;
const due = () => project.sql('update cloud_jobs set run_at = now(), scheduled_for = now()');

it('a config is kept as it is, nulls and all', async () => {
  const config = { handler: 'h', user: null, deep: { a: null, b: [null, { c: null }] } };
  const [job] = (await apply(item('a', { config, description: null }))).jobs;
  expect(await queue().job(job?.job_id ?? '')).toMatchObject({ config, description: '' });
  expect((await apply(item('a', { config }))).jobs).toMatchObject([{ action: 'unchanged' }]);
  expect((await apply(item('a', { config: null }))).jobs).toMatchObject([{ action: 'update' }]);
  expect(await queue().job(job?.job_id ?? '')).toMatchObject({ config: {} });
});

describe('a job that runs', () => {
  it('and keeps a job disabled that a person disabled', async () => {
    const [job] = (await apply(item('a'))).jobs;
    await due();
    const { execution_id } = await queue().take('w');
    await queue().verb('disable', job?.job_id ?? '');
    expect((await apply(item('a', { description: 'new' }))).jobs).toMatchObject([{ action: 'update' }]);
    expect(await queue().end('w', execution_id, 'success')).toMatchObject({ status: 'disabled' });
  });

  it('and that is out of the file and in it again goes on', async () => {
    await apply(item('a'));
    await due();
    const { execution_id } = await queue().take('w');
    await call(project, 'cloud_jobs_apply', { source_param: SOURCE, items_param: [], prune_param: true });
    await apply(item('a'));
    expect(await queue().end('w', execution_id, 'success')).toMatchObject({ status: 'waiting' });
  });
});

describe('beside a worker that ends jobs of the file: no deadlock', () => {
  async function crosswise(keys: object[], hold: string, params: unknown[]): Promise<void> {
    // The order of the file is another than that of the ids.
    for (const one of keys) await apply(...keys.slice(0, keys.indexOf(one) + 1));
    await due();
    const { jobs } = await queue().claim('w', 9);
    await onConnections(project.adminUrl, 3, async ([holder, one, two]) => {
      if (!holder || !one || !two) throw new Error('no connections');
      await holder.query('begin');
      await holder.query(hold, params);
      const end = value<{ finished: object[] }>(one, 'select cloud_jobs_finish($1, $2)', [
        'w',
        JSON.stringify(jobs.map(({ execution_id }) => ({ execution_id, outcome: 'success' }))),
      ]);
      await untilBlocked(project, one);
      const applied = two.query('select cloud_jobs_apply($1, $2)', [SOURCE, JSON.stringify(keys)]);
      await untilBlocked(project, two);
      await holder.query('rollback');
      await applied;
      expect((await end).finished).toMatchObject(jobs.map(() => ({ applied: true })));
    });
  }

  it('rows', () =>
    crosswise(
      ['z', 'm', 'a'].map((key) => item(key)),
      `select from cloud_jobs where unique_key = 'm' for update`,
      [],
    ));

  it('a concurrency key', () =>
    crosswise(
      // The one that runs is named after the one that waits for it.
      [item('b', { concurrency_key: 'k', priority: -1 }), item('a', { concurrency_key: 'k' })],
      `select pg_advisory_xact_lock(cloud_jobs_key_lock_id('k'))`,
      [],
    ));
});

describe('a job of another source', () => {
  const from = (source: string, adopt = false) =>
    call(project, 'cloud_jobs_apply', {
      source_param: source,
      items_param: [item('b'), item('a')],
      adopt_param: adopt,
    });

  it('is refused with the name of its owner', async () => {
    await apply(item('a'));
    await expect(from('octo/other:jobs.yml')).rejects.toMatchObject({
      status: 409,
      message: `The job "a" in queue default belongs to ${SOURCE}.`,
      hint: expect.stringContaining('adopt'),
    });
    expect(await project.sql('select unique_key, source from cloud_jobs')).toEqual([
      { unique_key: 'a', source: SOURCE },
    ]);
  });

  it('is taken over if that is asked for', async () => {
    await apply(item('a'));
    await from('octo/other:jobs.yml', true);
    expect(await project.sql('select distinct source from cloud_jobs')).toEqual([
      { source: 'octo/other:jobs.yml' },
    ]);
  });

  it('is free if no source owns it', async () => {
    await queue().addOne({ unique_key: 'a', schedule: '@daily' });
    await from(SOURCE);
    expect(await project.sql('select distinct source from cloud_jobs')).toEqual([{ source: SOURCE }]);
  });
});

it('a concurrency key that is taken is named in the error', async () => {
  await apply(item('a'), item('b', { concurrency_key: 'k' }));
  await due();
  await queue().claim('w', 9);
  await expect(
    apply(item('a', { concurrency_key: 'k' }), item('b', { concurrency_key: 'k' })),
  ).rejects.toMatchObject({
    status: 409,
    message: 'The job "a" runs, and cannot take the concurrency key "k": another job with that key runs.',
  });
});

it('a thousand jobs with a time zone each are applied in bounded steps', async () => {
  const keys = Array.from({ length: 1000 }, (_, n) =>
    item(`k${n}`, { schedule: `${n % 60} 6 * * 1-5`, timezone: 'Europe/Berlin' }),
  );
  await onConnections(project.adminUrl, 1, async ([client]) => {
    if (!client) throw new Error('no connection');
    await client.query('reset role');
    await client.query(`begin; set local track_functions = 'all'`);
    const counted = () =>
      value<number>(
        client,
        `select sum(calls)::int from pg_stat_xact_user_functions where funcname = 'cloud_jobs_occurrences'`,
      );
    const apply = async (items: object[]) =>
      (await value<Plan>(client, 'select cloud_jobs_apply($1, $2)', [SOURCE, JSON.stringify(items)])).jobs;
    await apply(keys);
    const created = await counted();
    expect(created).toBeLessThanOrEqual(3 * keys.length);
    const jobs = await apply(keys.map((key) => ({ ...key, timezone: 'America/New_York' })));
    expect(jobs.filter(({ action }) => action === 'update')).toHaveLength(keys.length);
    const changed = (await counted()) - created;
    expect(changed).toBeLessThanOrEqual(3 * keys.length);
    await client.query('rollback');
  });
});

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
  it('and that a person disabled: the wish outlives a change of the file', async () => {
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

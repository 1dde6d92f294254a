import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { asPostgresAlone, expectClosed, openTo, rightsOf, roleToken } from './other-roles.ts';
import { call, INSTALL, queueOf } from './support.ts';

const ROLE = 'cloud_jobs_viewer';
const FILE = readFileSync(new URL('../../sql/optional/viewer-role.sql', import.meta.url), 'utf8');
const READS = [
  'count',
  'list',
  'metrics',
  'outcomes',
  'overview',
  'paper_list',
  'queue_list',
  'queue_rates',
  'show',
  'stats',
  'version',
];

let project: TestProject;
let key: string;
beforeAll(async () => {
  project = await startTestProject();
  await asPostgresAlone(project, FILE);
  await project.reloadSchema();
  key = roleToken(project, ROLE, {});
});
afterAll(() => project?.stop());

it('may call the functions that read, and nothing else', async () => {
  expect((await openTo(project, key)).sort()).toEqual(READS.map((name) => `call cloud_jobs_${name}`));
  expect(await rightsOf(project, ROLE)).toEqual([]);
  await expectClosed(project);
});

it('sees jobs, and changes none', async () => {
  const q = queueOf(project);
  const id = await q.addOne({ config: { a: 1 } });
  expect(await call(project, 'cloud_jobs_show', { job_id_param: id }, key)).toMatchObject({
    job: { config: { a: 1 } },
  });
  expect(await call(project, 'cloud_jobs_list', { filter_param: { queue: q.queue } }, key)).toMatchObject({
    jobs: [{ job_id: id }],
  });
  for (const [name, args] of [
    ['cloud_jobs_cancel', { job_id_param: id }],
    ['cloud_jobs_update', { job_id_param: id, changes_param: { priority: 1 } }],
    ['cloud_jobs_bulk', { action_param: 'delete', filter_param: {}, dry_run_param: false }],
    ['cloud_jobs_set_queue', { queue_param: q.queue, changes_param: { paused: true } }],
    ['cloud_jobs_claim', { instance_id_param: 'w' }],
  ] as const) {
    await expect(call(project, name, args, key), name).rejects.toMatchObject({ status: 403 });
  }
  expect(await q.job(id)).toMatchObject({ status: 'waiting' });
});

it('is shut out by install.sql until the file is run again', async () => {
  await project.asPostgres(INSTALL);
  await project.reloadSchema();
  await expect(call(project, 'cloud_jobs_list', {}, key)).rejects.toMatchObject({ status: 403 });
  await asPostgresAlone(project, FILE);
  await project.reloadSchema();
  expect(await call(project, 'cloud_jobs_list', {}, key)).toMatchObject({ jobs: [expect.anything()] });
});

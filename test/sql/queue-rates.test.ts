import { afterAll, beforeAll, expect, it } from 'vitest';
import { queueRatesReply } from '../../src/queue/control-replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const rates = async () => queueRatesReply.parse(await call(project, 'cloud_jobs_queue_rates'));

it('cloud_jobs_queue_rates counts attempts by queue and hour, and says where it stops', async () => {
  expect(await rates()).toMatchObject({ cut_at: null, queues: [] });
  await project.sql(`
    insert into cloud_jobs (job_id, name, job_type, queue) values ('a', 'a', 'custom', 'mail'), ('b', 'b', 'custom', 'reports');
    insert into cloud_job_executions (job_id, status, failure_kind, started_at)
    select job_id, status, kind, now() - ago * interval '1 hour' from (values
      ('a', 'success', null, 0.5), ('a', 'failed', 'error', 0.6), ('a', 'failed', 'snoozed', 0.7), ('a', 'success', null, 23.5),
      ('a', 'success', null, 24.5), ('b', 'success', null, 2.5), ('b', 'running', null, 0.1)) as e (job_id, status, kind, ago)`);
  const hours = (given: Readonly<Record<number, number>>) =>
    Array.from({ length: 24 }, (_, n) => given[23 - n] ?? 0);
  expect(await rates()).toMatchObject({
    cut_at: null,
    queues: [
      { queue: 'mail', hours: hours({ 0: 2, 23: 1 }) },
      { queue: 'reports', hours: hours({ 0: 1, 2: 1 }) },
    ],
  });
  await project.sql(`
    insert into cloud_job_executions (job_id, status, started_at)
    select 'b', 'success', now() - interval '30 minutes' from generate_series(1, 20000)`);
  const { cut_at: cut, queues } = await rates();
  expect(cut).not.toBeNull();
  expect(queues.flatMap((queue) => queue.hours).reduce((sum, n) => sum + n, 0)).toBe(20_000);
});

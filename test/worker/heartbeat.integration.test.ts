import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { Handler } from '../../src/handlers/handler.ts';
import { queueOf } from '../sql/support.ts';
import { until } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { noted, startWorker } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
afterEach(() => vi.restoreAllMocks());

it('a heartbeat every 15 s carries progress and a cancel, however long locks are', {
  timeout: 120_000,
}, async () => {
  const q = queueOf(project);
  const id = await q.addOne();
  const reports: Handler = (context) => {
    context.progress({ done: 3, total: 4 });
    return new Promise((_, reject) => {
      context.signal.addEventListener('abort', () => reject(context.signal.reason));
    });
  };
  const { handler, begun } = noted(reports);
  let beats = 0;
  project.setFaults(({ path }) => {
    if (path.includes('cloud_jobs_renew')) beats += 1;
    return undefined;
  });
  const timers = vi.spyOn(globalThis, 'setTimeout');
  const { report } = startWorker(project, q.queue, handler, { lockSeconds: 3_600 });
  await begun();
  await until(async () => {
    const rows = await project.sql(
      'select from cloud_job_executions where job_id = $1 and progress is not null',
      [id],
    );
    return rows.length > 0;
  }, 60);
  // The first beat brings the progress.
  expect(beats).toBe(1);
  await q.verb('cancel', id);
  expect(await report).toMatchObject({ cancelled: 1 });
  // The next one brings the cancel.
  expect(beats).toBe(2);
  expect(timers.mock.calls.map(([, ms]) => ms)).toContain(15_000);
  expect(await q.job(id)).toMatchObject({ status: 'failed' });
});

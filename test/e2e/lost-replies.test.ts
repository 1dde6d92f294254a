import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runStep } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
let handlers: string;
beforeAll(async () => {
  project = await startTestProject();
  handlers = mkdtempSync(join(tmpdir(), 'cloud-jobs-handlers-'));
  writeFileSync(join(handlers, 'ok.mjs'), 'export default () => ({ ok: true });');
});
afterAll(async () => {
  await project?.stop();
  rmSync(handlers, { recursive: true, force: true });
});

it('creates, runs and records each job once if every second reply is lost', async () => {
  let requests = 0;
  project.setFaults(() => {
    requests += 1;
    return requests % 2 === 1 ? { kind: 'lose-reply' } : undefined;
  });
  const base = { 'supabase-url': project.url, 'supabase-key': project.secretKey };
  for (let n = 0; n < 3; n += 1) {
    const made = await runStep({
      ...base,
      command: 'create',
      name: `job ${n}`,
      'job-type': 'custom',
      config: '{"handler":"ok"}',
    });
    expect(made.code).toBe(0);
  }
  expect(await project.sql('select count(*)::int as n from cloud_jobs')).toEqual([{ n: 3 }]);
  const ran = await runStep({ ...base, command: 'run', handlers, concurrency: '2' });
  expect(ran).toMatchObject({ code: 0, outputs: { claimed: '3', succeeded: '3', failed: '0' } });
  expect(await project.sql('select status, attempt from cloud_job_executions')).toEqual(
    Array.from({ length: 3 }, () => ({ status: 'success', attempt: 1 })),
  );
  expect(requests).toBeGreaterThan(8);
});

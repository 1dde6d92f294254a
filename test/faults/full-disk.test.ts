import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runStep } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeSmallDisk, type SmallDisk } from './small-disk.ts';

let project: TestProject;
let disk: SmallDisk;
let handlers: string;
beforeAll(async () => {
  disk = makeSmallDisk();
  handlers = mkdtempSync(join(tmpdir(), 'cloud-jobs-handlers-'));
  writeFileSync(join(handlers, 'big.mjs'), `export default () => 'x'.repeat(300 * 1024);`);
  writeFileSync(join(handlers, 'small.mjs'), `export default () => ({ ok: true });`);
  project = await startTestProject();
});
afterAll(async () => {
  await project?.stop();
  disk?.remove();
  if (handlers) rmSync(handlers, { recursive: true, force: true });
});

it('a result too large for the disk fails only its job and leaves no file', async () => {
  await project.sql(`insert into cloud_jobs (job_id, name, job_type, config, max_retries) values
    ('big', 'big', 'custom', '{"handler":"big"}', 0), ('small', 'small', 'custom', '{"handler":"small"}', 0)`);
  const { outputs } = await runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey, command: 'run', handlers },
    { RUNNER_TEMP: disk.folder },
  );
  expect(outputs).toMatchObject({ succeeded: '1', failed: '1' });
  const jobs = await project.sql('select job_id, status, error_message from cloud_jobs order by job_id');
  expect(jobs).toEqual([
    {
      job_id: 'big',
      status: 'failed',
      error_message: expect.stringMatching(
        `The job succeeded, but its result could not be kept: .*${disk.real ? 'ENOSPC' : 'ENOTDIR'}`,
      ),
    },
    { job_id: 'small', status: 'success', error_message: null },
  ]);
  // Half a result would keep the disk full for the next one, and pass for a whole one.
  const kept = readdirSync(disk.folder, { recursive: true, encoding: 'utf8' });
  if (disk.real) expect(kept.filter((path) => path.endsWith('.json'))).toEqual([]);
  else console.log('The full disk was a stand-in: this user may not mount one.');
});

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asPostgresAlone } from '../sql/other-roles.ts';
import { ENQUEUE_ROLE, queueOf, WORKER_ROLE } from '../sql/support.ts';
import { codeBlocks } from '../support/code-blocks.ts';
import { runStep } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [mint = '', enqueue = ''] = codeBlocks(readFileSync(`${root}docs/guides/keys.md`, 'utf8'), 'js');

const handlers = mkdtempSync(join(tmpdir(), 'cloud-jobs-keys-'));
writeFileSync(join(handlers, 'report.mjs'), 'export default () => ({ done: true });');
afterAll(() => rmSync(handlers, { recursive: true }));

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
  for (const file of [WORKER_ROLE, ENQUEUE_ROLE]) await asPostgresAlone(project, file);
  await project.reloadSchema();
});
afterAll(() => project?.stop());

/** Not in this process's own time: the project's gateway lives in it. */
async function runModule(code: string, env: Record<string, string>): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', code],
    {
      cwd: root,
      env: { PATH: process.env.PATH, ...env },
      timeout: 10_000,
    },
  );
  expect(stderr).toBe('');
  return stdout.trim();
}
/** A token as docs/guides/keys.md makes it. */
const token = (role = 'cloud_jobs_worker') =>
  runModule(mint.replace("role: 'cloud_jobs_worker'", `role: '${role}'`), { JWT_SECRET: project.jwtSecret });

describe('docs/guides/keys.md', () => {
  it('lets an application add and a worker run a job, each with its token', async () => {
    const said = await runModule(enqueue, {
      SUPABASE_URL: project.url,
      SUPABASE_PUBLISHABLE_KEY: project.publishableKey,
      CLOUD_JOBS_ENQUEUE_TOKEN: await token('cloud_jobs_enqueue'),
    });
    expect(said).toContain('created: true');
    const key = await token();
    const { code, log, outputs } = await runStep({
      'supabase-url': project.url,
      'supabase-key': key,
      'supabase-publishable-key': project.publishableKey,
      queues: 'reports',
      'job-types': 'custom',
      'max-jobs': '1',
      handlers,
    });
    expect(log).toContain('Report for Ada');
    expect(code).toBe(0);
    expect(outputs).toMatchObject({ succeeded: '1', failed: '0', remaining: '0' });
    // The first line asks the runner to mask it.
    expect(log.split('\n').slice(1).join('\n')).not.toContain(key.split('.')[2]);
  });

  it.each([
    [{ queues: 'default' }, 'The key may not use all of these queues: default. It is for reports.'],
    [{ command: 'list' }, 'The key may not call cloud_jobs_list'],
    [
      { command: 'create', name: 'x', 'job-type': 'custom', queue: 'reports', config: '{"handler": "x"}' },
      'The key may not call cloud_jobs_enqueue',
    ],
  ])('a worker key and %j: refused with the reason', async (inputs, reason) => {
    const { code, log } = await runStep({
      'supabase-url': project.url,
      'supabase-key': await token(),
      'supabase-publishable-key': project.anonKey,
      ...inputs,
    });
    expect(code).toBe(1);
    expect(log).toContain(reason);
  });

  it('without the publishable key the run says what is missing', async () => {
    const { code, log } = await runStep({
      'supabase-url': project.url,
      'supabase-key': await token(),
      queues: 'reports',
    });
    expect(code).toBe(1);
    expect(log).toContain('is a token of the role cloud_jobs_worker');
    expect(log).toContain('give `supabase-publishable-key` too');
  });

  it('beside the secret key the publishable key does nothing', async () => {
    const mine = queueOf(project);
    await mine.addOne();
    const { log } = await runStep({
      'supabase-url': project.url,
      'supabase-key': project.secretKey,
      'supabase-publishable-key': project.publishableKey,
      command: 'list',
      queue: mine.queue,
    });
    expect(log).toContain('a job');
  });
});

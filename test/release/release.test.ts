import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeRepository, type Repository, ROOT } from '../support/repository.ts';
import { type GitHubServer, startGitHub, TOKEN } from './github-server.ts';

const NAME = 'octo/cloud-jobs';
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const FILES = ['package.json', 'package-lock.json', 'src/version.ts'];

let github: GitHubServer;
let repository: Repository;

beforeEach(async () => {
  github = await startGitHub(NAME);
  const changelog = '# Changelog\n\nAll of it.\n\n## [Unreleased]\n\n### Added\n\n- A queue.\n';
  repository = makeRepository(NAME, {
    ...Object.fromEntries(FILES.map((path) => [path, read(path)])),
    'CHANGELOG.md': changelog,
    '.gitignore': 'release/\n',
  });
});
afterEach(async () => {
  repository.remove();
  await github.close();
});

interface Outcome {
  readonly code: number;
  readonly text: string;
}

function script(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [join(ROOT, `scripts/release/${name}.ts`), ...args],
      { cwd: repository.folder, env: { PATH: process.env.PATH, ...env } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, text: stdout + stderr }),
    ),
  );
}

const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
    cwd: repository.folder,
    encoding: 'utf8',
  }).trim();

const prepare = (version: string) => script('prepare', ['--no-build', version]);

/** Prepares and commits a version; returns the commit. */
async function commitVersion(version: string, news?: string): Promise<string> {
  if (news) {
    const path = join(repository.folder, 'CHANGELOG.md');
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace('## [Unreleased]', `## [Unreleased]\n\n### Fixed\n\n- ${news}`),
    );
  }
  expect(await prepare(version)).toMatchObject({ code: 0 });
  git('commit', '--quiet', '--all', `--message=${version}`);
  return git('rev-parse', 'HEAD');
}

function publish(dryRun: boolean, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  mkdirSync(join(repository.folder, 'release'), { recursive: true });
  for (const file of ['install.sql', 'package.tgz']) {
    writeFileSync(join(repository.folder, 'release', file), file);
  }
  return script('publish', ['--assets', 'release', '--dry-run', String(dryRun)], {
    GITHUB_TOKEN: TOKEN,
    GITHUB_REPOSITORY: NAME,
    GITHUB_API_URL: github.url,
    ...env,
  });
}

it('a version is prepared: every file that names it says it, and the changelog has its section', async () => {
  expect(await prepare('1.0.0')).toMatchObject({ code: 0, text: expect.stringContaining('Ready: 1.0.0') });
  expect(git('diff', '--stat', '--name-only').split('\n').sort()).toEqual(['CHANGELOG.md', ...FILES].sort());
  // One line each, the lockfile two: nothing else has changed.
  expect(
    git('diff', '--numstat', '--', ...FILES)
      .split('\n')
      .map((line) => line.split('\t')[0]),
  ).toEqual(['2', '1', '1']);
  expect(readFileSync(join(repository.folder, 'CHANGELOG.md'), 'utf8')).toMatch(
    /\n## \[Unreleased\]\n\n## \[1\.0\.0\] - \d{4}-\d{2}-\d{2}\n\n### Added\n\n- A queue\.\n$/,
  );
});

it.each([
  ['1.0', 'Name the version'],
  ['v1.0.0', 'Name the version'],
  ['0.0.9', 'a step back'],
])('%s is no version to prepare', async (version, message) => {
  expect(await prepare(version)).toMatchObject({ code: 1, text: expect.stringContaining(message) });
  expect(git('status', '--porcelain')).toBe('');
});

it('a version of which the changelog says nothing is not prepared', async () => {
  await commitVersion('1.0.0');
  expect(await prepare('1.0.1')).toMatchObject({ code: 1, text: expect.stringContaining('says nothing') });
  expect(await prepare('1.0.0')).toMatchObject({
    code: 1,
    text: expect.stringContaining('has 1.0.0 already'),
  });
});

it('a release is published with its files, and the major tag moves to it', async () => {
  const commit = await commitVersion('1.0.0');

  const outcome = await publish(false);

  expect(outcome.code, outcome.text).toBe(0);
  expect(github.releases).toEqual([
    expect.objectContaining({
      tag_name: 'v1.0.0',
      target_commitish: commit,
      body: '### Added\n\n- A queue.',
      draft: false,
      prerelease: false,
      make_latest: 'true',
      immutable: true,
      assets: [
        { name: 'install.sql', size: 11 },
        { name: 'package.tgz', size: 11 },
      ],
    }),
  ]);
  expect(Object.fromEntries(github.tags)).toEqual({ 'v1.0.0': commit, v1: commit });
  expect(outcome.text).not.toContain('::warning::');

  const next = await commitVersion('1.1.0', 'A fault.');
  expect(await publish(false)).toMatchObject({ code: 0 });
  expect(Object.fromEntries(github.tags)).toEqual({ 'v1.0.0': commit, 'v1.1.0': next, v1: next });
});

it('a dry run says all of it and changes nothing, with GitHub and without', async () => {
  await commitVersion('1.0.0');
  for (const env of [{}, { GITHUB_TOKEN: '', GITHUB_REPOSITORY: '' }]) {
    const outcome = await publish(true, env);
    expect(outcome.code, outcome.text).toBe(0);
    expect(outcome.text).toContain('release v1.0.0, shown as the latest, with install.sql, package.tgz');
    expect(outcome.text).toContain('move the tag v1 to it');
    expect(outcome.text).toContain('- A queue.');
  }
  expect(github.changes).toEqual([]);
});

it('a prerelease, and a fix of an older version, leave the major tag where it is', async () => {
  const newest = await commitVersion('1.2.0');
  expect(await publish(false)).toMatchObject({ code: 0 });
  git('checkout', '--quiet', '-b', 'older', 'HEAD~');
  const fix = await commitVersion('1.1.9');
  expect(await publish(false)).toMatchObject({
    code: 0,
    text: expect.stringContaining('no major tag moves'),
  });
  git('checkout', '--quiet', 'main');
  await commitVersion('2.0.0-rc.1', 'Everything.');
  expect(await publish(false)).toMatchObject({ code: 0 });

  expect(github.tags.get('v1')).toBe(newest);
  expect(github.tags.get('v1.1.9')).toBe(fix);
  expect(github.tags.has('v2')).toBe(false);
  expect(github.releases.map(({ make_latest, prerelease }) => [make_latest, prerelease])).toEqual([
    ['true', false],
    ['false', false],
    ['false', true],
  ]);
});

it('what broke off is finished by a second run, and a third changes nothing', async () => {
  const commit = await commitVersion('1.0.0');
  github.failUpload = true;
  expect(await publish(false)).toMatchObject({ code: 1, text: expect.stringContaining('with 502') });
  expect(github.releases).toMatchObject([{ draft: true }]);
  expect(github.tags.size).toBe(0);

  expect(await publish(false)).toMatchObject({ code: 0 });
  expect(github.releases).toMatchObject([{ draft: false, assets: [{}, {}] }]);
  expect(await publish(false)).toMatchObject({
    code: 0,
    text: expect.stringContaining('is released already'),
  });
  expect(github.releases).toHaveLength(1);
  expect(Object.fromEntries(github.tags)).toEqual({ 'v1.0.0': commit, v1: commit });
});

it('a version is released from one commit only', async () => {
  await commitVersion('1.0.0');
  await publish(false);
  git('commit', '--quiet', '--allow-empty', '--message=More');
  const before = github.changes.length;
  expect(await publish(false)).toMatchObject({
    code: 1,
    text: expect.stringContaining('a release never changes'),
  });
  expect(github.changes.length).toBe(before);
});

it('all that is in the way is named at once', async () => {
  await commitVersion('1.0.0');
  for (const [file, from, to] of [
    ['package.json', '"version": "1.0.0"', '"version": "1.0.1"'],
    ['src/version.ts', '1.0.0', '9.9.9'],
  ] as const) {
    const path = join(repository.folder, file);
    writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
  }
  const { code, text } = await publish(false);
  expect(code).toBe(1);
  expect(text).toContain('package-lock.json has version 1.0.0');
  expect(text).toContain('src/version.ts has version 9.9.9');
  expect(text).toContain('CHANGELOG.md says nothing of 1.0.1');
  expect(github.changes).toEqual([]);
});

it('a repository whose releases can be changed is warned, and a refusal never shows the token', async () => {
  await commitVersion('1.0.0');
  const refused = await publish(false, { GITHUB_TOKEN: 'ghs_wrong' });
  expect(refused).toMatchObject({ code: 1, text: expect.stringContaining('with 401: Bad credentials') });
  expect(refused.text).not.toContain('ghs_wrong');
  github.immutable = false;
  expect((await publish(false)).text).toContain('Turn on "Enable release immutability"');
});

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeRepository, type Repository, ROOT } from '../support/repository.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const FILES = ['package-lock.json', 'src/version.ts', 'scripts/release.ts', 'scripts/publish-release'];
const CHANGELOG = '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A queue.\n';
// A stand-in for gh: the first `release view` finds nothing, and every call is written down.
const GH = `#!/bin/sh
echo "$*" >>"$CALLS"
[ "$1 $2" != 'release view' ]
`;

// A stand-in for docker, which knows the digest of what was pushed.
const DOCKER = `#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in *inspect*) echo sha256:0123;; esac
`;

let repository: Repository;
beforeEach(() => {
  const manifest = {
    ...JSON.parse(read('package.json')),
    scripts: { version: 'node scripts/release.ts version' },
  };
  repository = makeRepository('octo/cloud-jobs', {
    ...Object.fromEntries(FILES.map((path) => [path, read(path)])),
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'CHANGELOG.md': CHANGELOG,
    'fake/gh': GH,
    'fake/docker': DOCKER,
  });
  for (const name of ['gh', 'docker']) chmodSync(join(repository.folder, 'fake', name), 0o755);
});
afterEach(() => repository.remove());

function run(command: string, env: NodeJS.ProcessEnv = {}) {
  const PATH = `${join(repository.folder, 'fake')}:${process.env.PATH}`;
  const calls = join(repository.folder, '.git/calls');
  const done = spawnSync('bash', ['-c', command], {
    cwd: repository.folder,
    encoding: 'utf8',
    env: { ...process.env, PATH, CALLS: calls, ...env },
  });
  const made = existsSync(calls) ? readFileSync(calls, 'utf8').split('\n').filter(Boolean) : [];
  return { code: done.status, text: done.stdout + done.stderr, calls: made };
}

const GIT = 'git -c user.name=t -c user.email=t@example.com';
const setVersion = (version: string) => {
  const done = run(`npm version ${version} --no-git-tag-version && ${GIT} commit -qam ${version}`);
  expect(done.code, done.text).toBe(0);
};
const publish = (dryRun = false) =>
  run(`bash ${join(ROOT, 'scripts/publish-release')} install.sql`, { DRY_RUN: String(dryRun) });

describe('npm version', () => {
  it('dates the changelog and writes the version into every file', () => {
    setVersion('1.2.0');
    const changed = run('git diff --numstat HEAD~ -- . :!fake').text.split('\n').filter(Boolean);
    expect(changed.map((line) => line.split('\t')[2])).toEqual([
      'CHANGELOG.md',
      'package-lock.json',
      'package.json',
      'src/version.ts',
    ]);
    // npm rewrites the lockfile: nothing in it but the version may change.
    expect(changed.find((line) => line.endsWith('package-lock.json'))).toBe('2\t2\tpackage-lock.json');
    expect(run('cat CHANGELOG.md').text).toMatch(
      /\n## \[Unreleased\]\n\n## \[1\.2\.0\] - \d{4}-\d{2}-\d{2}\n\n### Added\n\n- A queue\.\n$/,
    );
    expect(run('cat src/version.ts').text).toContain("VERSION = '1.2.0'");
  });

  it('refuses a version that the changelog does not describe', () => {
    setVersion('1.2.0');
    const refused = run('npm version 1.2.1 --no-git-tag-version');
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain('has nothing under "## [Unreleased]"');
  });
});

describe('publish-release', () => {
  it('creates the release with its files and moves the major tag', () => {
    setVersion('1.2.0');
    const { code, text, calls } = publish();
    expect(code, text).toBe(0);
    expect(calls[1]).toMatch(/^release create v1\.2\.0 install\.sql --target \w{40} .*--latest$/);
    expect(calls[2]).toMatch(/^api .*--method PATCH .*tags\/v1 -f sha=\w{40} -F force=true$/);
  });

  it('changes nothing in a dry run', () => {
    setVersion('1.2.0');
    expect(publish(true)).toMatchObject({ code: 0, calls: [] });
  });

  it.each([
    ['a fix of an older version', '1.1.9', '--latest=false'],
    ['a prerelease', '2.0.0-rc.1', '--latest=false --prerelease'],
  ])('leaves the major tag where it is for %s', (_, version, flags) => {
    run('git tag v1.2.0');
    setVersion(version);
    const { calls } = publish();
    expect(calls).toHaveLength(2);
    expect(calls[1]?.endsWith(flags)).toBe(true);
  });

  it('refuses a version that is released from another commit', () => {
    setVersion('1.2.0');
    run(`git tag v1.2.0 && ${GIT} commit -q --allow-empty -m more`);
    expect(publish()).toMatchObject({
      code: 1,
      calls: [],
      text: expect.stringContaining('a release never changes'),
    });
  });
});

describe('publish-image', () => {
  const outputs = () => join(repository.folder, '.git/outputs');
  const publishImage = (args: string, dryRun = false) =>
    run(`bash ${join(ROOT, 'scripts/publish-image')} ${args}`, {
      DRY_RUN: String(dryRun),
      GITHUB_REPOSITORY: 'Octo/Cloud-Jobs',
      GITHUB_ACTOR: 'octo',
      GITHUB_OUTPUT: outputs(),
      GH_TOKEN: 'the-token',
    });

  it('pushes the image of an architecture with its provenance', () => {
    setVersion('1.2.0');
    const { code, text, calls } = publishImage('build arm64');
    expect(code, text).toBe(0);
    expect(calls[0]).toBe('login ghcr.io --username octo --password-stdin');
    expect(calls[2]).toMatch(
      /^buildx build --provenance=mode=max .*push=true .*--tag ghcr\.io\/octo\/cloud-jobs:1\.2\.0-arm64 \.$/,
    );
  });

  it.each([
    ['the newest version', '1.2.0', true],
    ['a fix of an older version', '1.0.9', false],
    ['a prerelease', '2.0.0-rc.1', false],
  ])('joins the architectures of %s', (_, version, isLatest) => {
    run('git tag v1.1.0');
    setVersion(version);
    const { code, text, calls } = publishImage('index');
    expect(code, text).toBe(0);
    expect(calls[1]).toContain(`--tag ghcr.io/octo/cloud-jobs:${version}`);
    expect(calls[1]?.includes(':latest')).toBe(isLatest);
    expect(readFileSync(outputs(), 'utf8')).toBe('image=ghcr.io/octo/cloud-jobs\ndigest=sha256:0123\n');
  });

  it('pushes nothing in a dry run', () => {
    setVersion('1.2.0');
    expect(publishImage('build amd64', true).calls.join()).toContain('push=false');
    const { code, calls } = publishImage('index', true);
    expect({ code, pushed: calls.filter((call) => /login|imagetools/.test(call)) }).toEqual({
      code: 0,
      pushed: [],
    });
  });
});

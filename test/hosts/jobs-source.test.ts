import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryOf, sourceOf } from '../../src/hosts/jobs-source.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-source-'));
  mkdirSync(join(folder, 'app', 'jobs'), { recursive: true });
  writeFileSync(join(folder, 'app', 'jobs', 'daily.yml'), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const git = (...args: string[]) => execFileSync('git', ['-C', join(folder, 'app'), ...args]);

describe('the source of a jobs file', () => {
  it('is that of the run without git', async () => {
    const workspace = join(folder, 'app');
    expect(await sourceOf('./jobs/daily.yml', workspace, 'octo/app')).toBe('octo/app:jobs/daily.yml');
    expect(await sourceOf('jobs/../jobs/daily.yml', workspace, null)).toBe('local:jobs/daily.yml');
  });

  it('is the same from a terminal, from any folder, and from the action', async () => {
    git('init', '-q');
    git('remote', 'add', 'origin', 'git@github.com:Octo/App.git');
    const sources = [
      await sourceOf('jobs/daily.yml', join(folder, 'app'), null),
      await sourceOf('daily.yml', join(folder, 'app', 'jobs'), null),
      await sourceOf(join(folder, 'app', 'jobs', 'daily.yml'), folder, null),
      // actions/checkout with a path.
      await sourceOf('app/jobs/daily.yml', folder, 'octo/app'),
    ];
    expect(new Set(sources)).toEqual(new Set(['octo/app:jobs/daily.yml']));
  });
});

describe('the repository of a remote', () => {
  it.each([
    ['https://github.com/octo/app.git', 'octo/app'],
    ['https://github.com/octo/app', 'octo/app'],
    ['https://token@github.com/octo/app.git/', 'octo/app'],
    ['git@github.com:octo/my.app.git', 'octo/my.app'],
    ['ssh://git@github.example:2222/octo/app.git', 'octo/app'],
    ['/srv/git/app.git', null],
    ['https://github.com/octo', null],
    ['', null],
  ])('of %s is %s', (address, name) => {
    expect(repositoryOf(address)).toBe(name);
  });
});

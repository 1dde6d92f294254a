import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(root + path, 'utf8');
const WORKFLOWS = readdirSync(`${root}.github/workflows`).map((name) => `.github/workflows/${name}`);

it('pins each third-party action to one commit, with its version', () => {
  const pins = new Map<string, Set<string>>();
  for (const path of WORKFLOWS) {
    for (const [, uses = ''] of read(path).matchAll(/^\s*(?:- )?uses: (.*)$/gm)) {
      if (uses.startsWith('./')) continue;
      expect(uses, path).toMatch(/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      const [name = ''] = uses.split('@');
      pins.set(name, (pins.get(name) ?? new Set()).add(uses));
    }
  }
  expect(pins.size).toBeGreaterThan(0);
  for (const [name, forms] of pins) expect([...forms], name).toHaveLength(1);
});

it('gives workflows no rights by default, and each job a timeout', () => {
  for (const path of WORKFLOWS) {
    const workflow = parse(read(path));
    expect(workflow.permissions, path).toEqual({});
    for (const [name, job] of Object.entries<Record<string, unknown>>(workflow.jobs)) {
      if (job.uses === undefined) expect(job['timeout-minutes'], `${path}: ${name}`).toBeTypeOf('number');
      expect(job.permissions, `${path}: ${name}`).toBeTypeOf('object');
    }
  }
});

it('passes no event data to a shell, and no secret to pull requests', () => {
  for (const path of WORKFLOWS) {
    const text = read(path);
    expect(text, path).not.toMatch(/client_payload|pull_request_target|workflow_run:|issue_comment/);
    const workflow = parse(text);
    for (const [name, job] of Object.entries<{ steps?: { run?: string }[] }>(workflow.jobs)) {
      // Texts go to a script by its environment, where they are values.
      for (const { run = '' } of job.steps ?? []) expect(run, `${path}: ${name}`).not.toMatch(/\$\{\{/);
    }
    if ('pull_request' in workflow.on) expect(text, path).not.toMatch(/secrets\./);
  }
});

it('lets the workflows for jobs read the repository, but not write', () => {
  for (const name of ['run-jobs', 'manage-jobs', 'workers']) {
    const { jobs } = parse(read(`.github/workflows/${name}.yml`));
    for (const { permissions } of Object.values<{ permissions: Record<string, string> }>(jobs)) {
      expect(new Set(Object.values(permissions)), name).toEqual(new Set(['read']));
    }
  }
});

it('the job that branch protection asks for waits for all others', () => {
  const { jobs } = parse(read('.github/workflows/ci.yml'));
  const others = Object.keys(jobs).filter((name) => name !== 'all-green');
  expect([...jobs['all-green'].needs].sort()).toEqual(others.sort());
  // Without it a failure would skip the job, and a job that is skipped counts as a success.
  expect(jobs['all-green'].if).toBe('always()');
});

it('a release names its repository before it packs, for `cloud-jobs init`', () => {
  const release = read('.github/workflows/release.yml');
  const named = release.indexOf('npm pkg set repository="github:$GITHUB_REPOSITORY"');
  expect(named).toBeGreaterThan(0);
  expect(release.indexOf('npm pack')).toBeGreaterThan(named);
});

const lockfiles = execFileSync('git', ['ls-files', '*package-lock.json'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);

it('Dependabot looks after every lockfile', () => {
  const { updates } = parse(read('.github/dependabot.yml'));
  const npm = updates.find(
    (update: { 'package-ecosystem': string }) => update['package-ecosystem'] === 'npm',
  );
  expect(lockfiles).toContain('package-lock.json');
  for (const lockfile of lockfiles) {
    const seen = npm.directories.some((folder: string) => matchesGlob(join('/', dirname(lockfile)), folder));
    expect(seen, lockfile).toBe(true);
  }
});

it('no lockfile names a registry', () => {
  for (const path of lockfiles) {
    expect(read(path), path).not.toMatch(/"resolved"/);
  }
});

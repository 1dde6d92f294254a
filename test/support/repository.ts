import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A real git repository with one commit on `main`, and a remote of GitHub's form that is never asked. */
export interface Repository {
  /** `owner/name`. */
  readonly name: string;
  readonly folder: string;
  /** The branch that is checked out, `refs/heads/main`, or another after `checkout()`. */
  readonly ref: string;
  /** The same repository with another, new branch checked out. */
  checkout(branch: string): Repository;
  /** Removes it. */
  remove(): void;
}

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], {
    cwd,
    encoding: 'utf8',
  });

/** A repository with these files: path and content. */
export function makeRepository(name: string, files: Readonly<Record<string, string>>): Repository {
  return make(name, (folder) => {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
  });
}

/** This checkout as a repository of its own: the files that git knows, as they are now. */
export function copyOfCheckout(name: string): Repository {
  return make(name, (folder) => {
    for (const path of git(ROOT, 'ls-files', '-z').split('\0').filter(Boolean)) {
      cpSync(join(ROOT, path), join(folder, path));
    }
  });
}

function make(name: string, fill: (folder: string) => void): Repository {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'cloud-jobs-repository-')));
  const folder = join(home, name.split('/')[1] ?? name);
  mkdirSync(folder);
  fill(folder);
  git(folder, 'init', '--quiet', '--initial-branch=main');
  git(folder, 'add', '--all');
  git(folder, 'commit', '--quiet', '--message=All of it');
  git(folder, 'remote', 'add', 'origin', `https://github.com/${name}.git`);
  const on = (branch: string): Repository => ({
    name,
    folder,
    ref: `refs/heads/${branch}`,
    checkout: (other) => {
      git(folder, 'checkout', '--quiet', '-B', other);
      return on(other);
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  });
  return on('main');
}

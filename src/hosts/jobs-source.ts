import { execFile } from 'node:child_process';
import { dirname, relative, resolve, sep } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const GIT_TIMEOUT_MS = 5000;

/**
 * What jobs of a file have as their source: `owner/repository:path`, the same from a terminal and from the action.
 *
 * The path starts at the top of the git repository that holds the file, and the name is that of its remote `origin`.
 * Without one it is the repository of the run, or `local`.
 * @param repository `owner/repository` of the run; null outside of GitHub
 */
export async function sourceOf(file: string, workspace: string, repository: string | null): Promise<string> {
  const path = resolve(workspace, file);
  const git = async (...args: string[]): Promise<string | null> => {
    try {
      const { stdout } = await run('git', ['-C', dirname(path), ...args], { timeout: GIT_TIMEOUT_MS });
      return stdout.trim() || null;
    } catch {
      return null;
    }
  };
  // The prefix is that of the folder: comparing paths would fail behind symbolic links.
  const prefix = await git('rev-parse', '--show-prefix');
  const top = await git('rev-parse', '--show-toplevel');
  const origin = top === null ? null : repositoryOf((await git('remote', 'get-url', 'origin')) ?? '');
  const name = (origin ?? repository ?? 'local').toLowerCase();
  if (top === null) return `${name}:${relative(resolve(workspace), path).split(sep).join('/')}`;
  return `${name}:${prefix ?? ''}${path.slice(dirname(path).length).replace(/^[\\/]+/, '')}`;
}

/** `owner/repository` of the address of a remote, such as `git@github.com:octo/app.git`; null if it has no such form. */
export function repositoryOf(address: string): string | null {
  const [, name] =
    /^(?:[a-z+]+:\/\/[^/]+\/|[^/:]+@[^/:]+:)([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/i.exec(address) ?? [];
  return name ?? null;
}

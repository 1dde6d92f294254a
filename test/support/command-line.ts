import { type ChildProcess, execFile, type StdioOptions, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { TestProject } from './stack.ts';

/** The source, or what the npm package has: `CLOUD_JOBS_CLI=$PWD/lib/src/hosts/command-line.js`. */
export const CLI =
  process.env.CLOUD_JOBS_CLI ?? fileURLToPath(new URL('../../src/hosts/command-line.ts', import.meta.url));

/** How a command ended, and what it printed. */
export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Where {
  /** The folder it runs in. */
  readonly cwd?: string;
  /** What it has of the environment beside the path. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const variables = (env: Where['env']): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
  ...env,
});

/** The variables by which a command finds a project. */
export const projectVariables = ({ url, secretKey }: TestProject) => ({
  SUPABASE_URL: url,
  SUPABASE_SECRET_KEY: secretKey,
});

/** Runs `cloud-jobs ARGS` to its end, as a process of its own. */
export const runCommandLine = (args: readonly string[], { cwd = tmpdir(), env }: Where = {}): Promise<Run> =>
  new Promise((resolve) =>
    execFile(
      process.execPath,
      [CLI, ...args],
      { cwd, env: variables(env), maxBuffer: 64 * 1024 * 1024 },
      (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err }),
    ),
  );

/** Starts `cloud-jobs ARGS` and leaves it to the test; its output is dropped unless `stdio` says otherwise. */
export const startCommandLine = (
  args: readonly string[],
  { cwd = tmpdir(), env, stdio = 'ignore' }: Where & { readonly stdio?: StdioOptions } = {},
): ChildProcess => spawn(process.execPath, [CLI, ...args], { cwd, env: variables(env), stdio });

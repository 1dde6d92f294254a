import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { StackLine } from '../../local-supabase/stack.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The stack's command as a real child process, in a process group of its own. */
export interface StackCommand {
  readonly pid: number;
  /** The JSON line; rejects with what was said when the command ends without one. */
  readonly ready: Promise<StackLine>;
  readonly ended: Promise<Ending>;
  /** Signals the process that was started, or its whole group as a terminal does. */
  signal(name: NodeJS.Signals, to?: 'process' | 'group'): void;
}

/** Starts `node scripts/stack.ts --json` or `npm run stack -- --json` with these arguments. */
export function startStackCommand(args: readonly string[], via: 'node' | 'npm' = 'node'): StackCommand {
  const [command, first] =
    via === 'node'
      ? [process.execPath, ['scripts/stack.ts', '--json']]
      : ['npm', ['run', '--silent', 'stack', '--', '--json']];
  const child = spawn(command, [...first, ...args], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started.`);
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const ended = once(child, 'close').then(([code, signal]): Ending => ({ code, signal, stdout, stderr }));
  const ready = new Promise<StackLine>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      if (stdout.includes('\n')) resolve(JSON.parse(stdout.slice(0, stdout.indexOf('\n'))));
    });
    void ended.then((end) =>
      reject(new Error(`The stack ended before it was ready: ${JSON.stringify(end)}`)),
    );
  });
  // A test that expects the end does not look at `ready`.
  ready.catch(() => {});
  return {
    pid,
    ready,
    ended,
    signal: (name, to = 'process') => {
      process.kill(to === 'group' ? -pid : pid, name);
    },
  };
}

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly zombie: boolean;
}

async function processes(): Promise<ProcessRow[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,stat=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, parent, state]) => ({
      pid: Number(pid),
      parent: Number(parent),
      zombie: state?.startsWith('Z') ?? false,
    }));
}

/** A process and everything that descends from it, as numbers. */
export async function familyOf(pid: number): Promise<number[]> {
  const all = await processes();
  const family = [pid];
  // Grows while it is walked: children of children come too.
  for (const member of family) {
    family.push(...all.filter(({ parent }) => parent === member).map((row) => row.pid));
  }
  return family;
}

/** Those of `pids` that are still running. A zombie does not count. */
export async function stillRunning(pids: readonly number[]): Promise<number[]> {
  return (await processes()).filter(({ pid, zombie }) => !zombie && pids.includes(pid)).map(({ pid }) => pid);
}

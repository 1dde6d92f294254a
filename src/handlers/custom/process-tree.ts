import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/**
 * Sends a signal to the process group that a child leads (children are started with `detached`, so each leads
 * one). The runner signals one pid only. A group that is gone is no error.
 */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  if (process.platform === 'win32') return;
  sendSignal(-pid, signal);
}

/**
 * Every child gets this variable with a value of its own. What it starts inherits it, so that a daemon, which has
 * left group and session and whose parent is dead, is still known (the runner finds orphans in the same way).
 */
export const MARK_NAME = 'CLOUD_JOBS_PROCESS';

/**
 * Kills a child and all that came from it, and settles when they are gone (at most `waitMs` later, since a
 * process in an uninterruptible system call cannot die).
 *
 * On Linux /proc shows which processes belong to it: the group, the session (a shell with job control makes new groups in
 * it), the descendants by parent and the mark in the environment. Elsewhere on POSIX it is the group; on Windows
 * `taskkill /T` walks the tree.
 * @param mark The value of `MARK_NAME` in the environment of the child.
 */
export async function killTree(pid: number, mark: string, waitMs = 2_000): Promise<void> {
  if (process.platform === 'win32') return taskkill(pid);
  const known = new Set<number>();
  const deadline = Date.now() + waitMs;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    // Before each kill: once a parent is dead, its children can no longer be found.
    const alive = process.platform === 'linux' ? members(pid, mark, known) : groupLives(pid) ? [-pid] : [];
    if (alive.length === 0 || Date.now() > deadline) return;
    signalGroup(pid, 'SIGKILL');
    for (const member of alive) {
      known.add(member);
      sendSignal(member, 'SIGKILL');
    }
    await sleep(pause);
  }
}

/** The living processes that belong to the child `pid`, or that are in `known` or descend from one of them. */
function members(pid: number, mark: string, known: ReadonlySet<number>): readonly number[] {
  const rows = livingProcesses();
  const found = new Set<number>();
  for (const row of rows) {
    // Not by `pid` itself: the child leads its group, and its pid may meanwhile belong to an unrelated process.
    const belongs = row.group === pid || row.session === pid || known.has(row.pid) || hasMark(row.pid, mark);
    if (belongs) found.add(row.pid);
  }
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const row of rows) if (found.has(row.parent)) found.add(row.pid);
  }
  return [...found];
}

function hasMark(pid: number, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${MARK_NAME}=${mark}`);
  } catch {
    // Of another user, or gone.
    return false;
  }
}

function livingProcesses(): readonly ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      // The name in parentheses may hold anything, so count from the last one (proc_pid_stat(5)).
      const [state, parent, group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === 'Z' || state === 'X') continue;
      rows.push({
        pid: Number(entry),
        parent: Number(parent),
        group: Number(group),
        session: Number(session),
      });
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return rows;
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    // ESRCH: gone. EPERM (macOS): only zombies are left.
    return false;
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Already gone, which is what was wanted.
  }
}

function taskkill(pid: number): Promise<void> {
  return new Promise((resolve) => {
    const killer = spawn('taskkill', ['/pid', String(pid), '/T', '/F'], {
      stdio: 'ignore',
      windowsHide: true,
    });
    killer.once('error', () => resolve());
    killer.once('close', () => resolve());
  });
}

const live = new Set<number>();
const killAll = () => {
  for (const pid of live) signalGroup(pid, 'SIGKILL');
};

/**
 * Remembers a child until `forget` is called, so that none outlives a worker that ends without stopping them
 * (an uncaught error, `process.exit`): an `exit` listener kills what is left.
 */
export function remember(pid: number): { forget(): void } {
  if (live.size === 0) process.on('exit', killAll);
  live.add(pid);
  return {
    forget() {
      live.delete(pid);
      if (live.size === 0) process.off('exit', killAll);
    },
  };
}

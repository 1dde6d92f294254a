import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

function processes(): Process[] {
  const found: Process[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const close = stat.lastIndexOf(')');
      const parent = Number(stat.slice(close + 2).split(' ')[1]);
      found.push({ pid: Number(entry), parent, name: stat.slice(stat.indexOf('(') + 1, close) });
    } catch {
      // It ended in between.
    }
  }
  return found;
}

/** All that came from a process, from Linux's /proc. */
export function descendants(pid: number): Process[] {
  const rows = processes();
  const found: Process[] = [];
  for (let parents = [pid]; parents.length > 0; ) {
    const next = rows.filter((row) => parents.includes(row.parent));
    found.push(...next);
    parents = next.map((row) => row.pid);
  }
  return found;
}

/** Sends a signal; a process that is gone is no error. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

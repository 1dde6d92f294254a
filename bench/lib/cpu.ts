import { readdirSync, readFileSync } from 'node:fs';

/** CPU seconds that parts of the stack have used so far; 0 outside of Linux. The gateway runs in the bench's process. */
export type CpuUse = Readonly<Record<'postgres' | 'postgrest' | 'gateway', number>>;

const TICKS_PER_SECOND = 100;

/** Reads `/proc/PID/stat`; the connections of Postgres are children of the process `postmaster`. */
export function cpuUse(postmaster: number): CpuUse {
  const own = process.cpuUsage();
  let [postgres, postgrest] = [0, 0];
  const pids = process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  for (const pid of pids) {
    // A process may end while it is read.
    const stat = readStat(pid);
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = (...at: number[]) => at.reduce((sum, index) => sum + (fields[index] ?? 0), 0);
    if (Number(pid) === postmaster) postgres += ticks(11, 12, 13, 14);
    else if (fields[1] === postmaster) postgres += ticks(11, 12);
    else if (stat.includes('(postgrest)')) postgrest += ticks(11, 12);
  }
  return {
    postgres: postgres / TICKS_PER_SECOND,
    postgrest: postgrest / TICKS_PER_SECOND,
    gateway: (own.user + own.system) / 1e6,
  };
}

function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}

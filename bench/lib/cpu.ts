import { readdirSync, readFileSync } from 'node:fs';

/** CPU seconds used so far by parts of the stack. Of Linux alone: elsewhere all are 0. */
export interface CpuUse {
  readonly postgres: number;
  readonly postgrest: number;
  /** The gateway runs in the bench's own process. */
  readonly gateway: number;
}

const TICKS_PER_SECOND = 100;

/** @param postmaster process id of Postgres, whose children are its connections */
export function cpuUse(postmaster: number): CpuUse {
  const own = process.cpuUsage();
  let postgres = 0;
  let postgrest = 0;
  for (const process of processes()) {
    // What has ended is counted in its parent.
    if (process.pid === postmaster) postgres += process.own + process.ended;
    else if (process.parent === postmaster) postgres += process.own;
    else if (process.name === 'postgrest') postgrest += process.own;
  }
  return { postgres, postgrest, gateway: (own.user + own.system) / 1e6 };
}

export function cpuBetween(from: CpuUse, to: CpuUse): CpuUse {
  return {
    postgres: to.postgres - from.postgres,
    postgrest: to.postgrest - from.postgrest,
    gateway: to.gateway - from.gateway,
  };
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly own: number;
  readonly ended: number;
}

function processes(): Process[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [parse(Number(name), readFileSync(`/proc/${name}/stat`, 'utf8'))];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
}

/** The fields of proc(5), `/proc/pid/stat`: the name stands in brackets and may hold spaces. */
function parse(pid: number, stat: string): Process {
  const end = stat.lastIndexOf(')');
  const fields = stat.slice(end + 2).split(' ');
  const seconds = (...at: number[]): number =>
    at.reduce((sum, index) => sum + Number(fields[index]), 0) / TICKS_PER_SECOND;
  return {
    pid,
    parent: Number(fields[1]),
    name: stat.slice(stat.indexOf('(') + 1, end),
    own: seconds(11, 12),
    ended: seconds(13, 14),
  };
}

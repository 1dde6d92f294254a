import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Step, startStep } from '../../scripts/runner/step.ts';
import type { Arena } from './arena.ts';
import type { WorkerFault, WorkerRecord } from './check.ts';
import type { Random } from './random.ts';

const SHIFTED_CLOCK = fileURLToPath(new URL('./shifted-clock.mjs', import.meta.url));

/** What stands for the time between two ticks: also what keeps an empty queue from starting workers without end. */
const RESTART_MS = 250;

export interface Worker extends WorkerRecord {
  readonly faults: Set<WorkerFault>;
  readonly pid: number;
  gaveUp: boolean;
  /** When it ended, in milliseconds since the epoch. */
  endedAt: number | null;
  readonly step: Step;
}

export interface Fleet {
  /** Workers that run now. */
  alive(): readonly Worker[];
  readonly all: ReadonlyMap<string, Worker>;
  /** From now on no worker is started in place of one that has ended. */
  hold(): void;
  /** Waits until all have ended. */
  idle(): Promise<void>;
}

export interface FleetOptions {
  readonly size: number;
  readonly random: Random;
  /** With wrong clocks and full disks among them. */
  readonly handicaps: boolean;
}

/** Keeps so many workers alive: the packaged action, each as the runner starts it. */
export function startFleet(arena: Arena, { size, random, handicaps }: FleetOptions): Fleet {
  const all = new Map<string, Worker>();
  const alive = new Set<Worker>();
  let held = false;
  let number = 0;

  function launch(): void {
    if (held) return;
    number += 1;
    const instanceId = `faults-${number}`;
    const faults = new Set<WorkerFault>();
    const env: Record<string, string> = { CHAOS_LEDGER: arena.ledgerFile };
    if (handicaps && random.chance(0.15)) {
      env.NODE_OPTIONS = `--import ${SHIFTED_CLOCK}`;
      env.CHAOS_CLOCK_HOURS = String(random.pick([-30, -3, 3, 30]));
    }
    if (handicaps && random.chance(0.1)) {
      // Every file in it fails to be made, as on a full disk.
      env.RUNNER_TEMP = '/dev/null/full';
      faults.add('no-disk');
    }
    const step = startStep(
      {
        'supabase-url': arena.proxy.url,
        'supabase-key': arena.project.secretKey,
        command: 'run',
        handlers: arena.handlers,
        concurrency: String(random.pick([2, 4, 8])),
        'lock-minutes': '0.5',
        'time-budget-minutes': String(random.pick([0.2, 0.5, 5])),
        'instance-id': instanceId,
        'fail-on': 'never',
      },
      env,
    );
    const { pid } = step.child;
    if (pid === undefined) throw new Error('The worker did not start.');
    const worker: Worker = { instanceId, faults, pid, gaveUp: false, endedAt: null, step };
    all.set(instanceId, worker);
    alive.add(worker);
    void step.done.then(({ code, log }) => {
      worker.endedAt = Date.now();
      worker.gaveUp = code !== 0 || /had to stop|time budget/.test(log);
      alive.delete(worker);
      setTimeout(launch, RESTART_MS);
    });
  }
  for (let n = 0; n < size; n += 1) launch();

  return {
    all,
    alive: () => [...alive],
    hold() {
      held = true;
    },
    async idle() {
      while (alive.size > 0) await sleep(50);
    },
  };
}

interface Process {
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

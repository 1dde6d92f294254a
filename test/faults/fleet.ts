import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Step, startStep } from '../support/runner/step.ts';
import type { Arena } from './arena.ts';
import type { Span, WorkerRecord } from './evidence.ts';
import { ROUGH_QUEUE } from './producer.ts';
import type { Random } from './random.ts';
import { type ReplyFate, startWire, type Wire } from './wire.ts';

const SHIFTED_CLOCK = fileURLToPath(new URL('./shifted-clock.mjs', import.meta.url));

/** What stands for the time between two ticks: also what keeps an empty queue from starting workers without end. */
const RESTART_MS = 250;

/** What a worker is at when it is struck. */
export type Phase = 'claiming' | 'executing' | 'finishing';
const CALL_OF_PHASE = { claiming: 'cloud_jobs_claim', finishing: 'cloud_jobs_finish' } as const;

export interface Worker extends WorkerRecord {
  killed: boolean;
  cancelled: boolean;
  readonly pauses: Span[];
  childKills: number;
  gaveUp: boolean;
  leftBehind: boolean;
  readonly pid: number;
  /** Its own way to the project. */
  readonly wire: Wire;
  /** Whether its clock is wrong. */
  readonly wrongClock: boolean;
  /** When it was killed, in milliseconds since the epoch. */
  killedAt: number | null;
  readonly step: Step;
  /** Whether it has asked for jobs. */
  asked: boolean;
}

export interface Fleet {
  /** Workers that run now, frozen and dying ones too. */
  alive(): readonly Worker[];
  /** Workers that nothing has struck that would end or stop them. */
  sound(): readonly Worker[];
  readonly all: ReadonlyMap<string, Worker>;
  /**
   * Takes a sound worker out of the count, at the moment in which it is in this phase; another is started in its
   * place. `fate` is what becomes of the reply that it then waits for. `undefined` when none got there in time.
   */
  strike(phase: Phase, fate: ReplyFate | undefined, random: Random): Promise<Worker | undefined>;
  /** A worker that was frozen goes on: it counts again. */
  thawed(worker: Worker): void;
  /** From now on no worker is started in place of one that has ended. */
  hold(): void;
  /** Waits until all have ended. */
  idle(): Promise<void>;
}

export interface FleetOptions {
  /** Sound workers at once. */
  readonly size: number;
  readonly random: Random;
}

interface Ambush {
  readonly fn: string;
  readonly fate: ReplyFate | undefined;
  readonly caught: (worker: Worker) => void;
}

/** How long to wait for a worker that makes the call in question. */
const AMBUSH_MS = 5_000;

/** Keeps so many sound workers: the packaged action, each as the runner starts it, each on a wire of its own. */
export function startFleet(arena: Arena, { size, random }: FleetOptions): Fleet {
  const all = new Map<string, Worker>();
  const alive = new Set<Worker>();
  const sound = new Set<Worker>();
  const ambushes = new Set<Ambush>();
  const starting = new Set<Promise<void>>();
  let held = false;
  let number = 0;

  function fill(): void {
    while (!held && sound.size + starting.size < size) {
      const launching = launch().finally(() => starting.delete(launching));
      starting.add(launching);
    }
  }

  async function launch(): Promise<void> {
    number += 1;
    const nth = number;
    const instanceId = `faults-${nth}`;
    let worker: Worker | undefined;
    const wire = await startWire(arena.gatewayPort, (fn) => {
      if (!worker) return undefined;
      worker.asked = true;
      if (!sound.has(worker)) return undefined;
      for (const ambush of ambushes) {
        if (ambush.fn !== fn) continue;
        ambushes.delete(ambush);
        sound.delete(worker);
        ambush.caught(worker);
        return ambush.fate;
      }
      return undefined;
    });
    const env: Record<string, string> = {
      CHAOS_LEDGER: arena.ledgerFile,
      // They start again and again; what Node compiled once need not cost the machine the second time.
      NODE_COMPILE_CACHE: arena.compileCache,
    };
    const wrongClock = random.chance(0.15);
    if (wrongClock) {
      env.NODE_OPTIONS = `--import ${SHIFTED_CLOCK}`;
      env.CHAOS_CLOCK_HOURS = String(random.pick([-30, -3, 3, 30]));
    }
    const fullDisk = random.chance(0.2);
    if (fullDisk) env.RUNNER_TEMP = arena.disk.folder;
    const step = startStep(
      {
        'supabase-url': wire.url,
        'supabase-key': arena.project.secretKey,
        command: 'run',
        handlers: arena.handlers,
        queues: nth % 3 === 1 ? `default,${ROUGH_QUEUE}` : 'default',
        concurrency: String(random.pick([1, 2, 4])),
        'lock-minutes': '0.5',
        'time-budget-minutes': String(random.pick([0.5, 3, 10])),
        'instance-id': instanceId,
        'fail-on': 'never',
      },
      env,
    );
    const { pid } = step.child;
    if (pid === undefined) throw new Error('The worker did not start.');
    worker = {
      instanceId,
      killed: false,
      cancelled: false,
      pauses: [],
      childKills: 0,
      fullDisk,
      wrongClock,
      gaveUp: false,
      leftBehind: false,
      pid,
      wire,
      killedAt: null,
      step,
      asked: false,
    };
    const started = worker;
    all.set(instanceId, started);
    alive.add(started);
    sound.add(started);
    void step.done.then(async ({ code, signal, log }) => {
      started.gaveUp = code !== 0 || /had to stop|time budget/.test(log);
      started.leftBehind = signal === 'SIGKILL' || /could not be (recorded or )?handed back/.test(log);
      alive.delete(started);
      sound.delete(started);
      await wire.stop();
      setTimeout(fill, RESTART_MS);
    });
  }
  fill();

  return {
    all,
    alive: () => [...alive],
    sound: () => [...sound],
    async strike(phase, fate, choose) {
      if (phase === 'executing') {
        // It has had jobs and waits for no answer.
        const busy = [...sound].filter(({ asked, wire }) => asked && wire.calling().length === 0);
        if (busy.length === 0) return undefined;
        const worker = choose.pick(busy);
        sound.delete(worker);
        setTimeout(fill, RESTART_MS);
        return worker;
      }
      const worker = await new Promise<Worker | undefined>((resolve) => {
        const ambush: Ambush = { fn: CALL_OF_PHASE[phase], fate, caught: resolve };
        ambushes.add(ambush);
        setTimeout(() => {
          ambushes.delete(ambush);
          resolve(undefined);
        }, AMBUSH_MS);
      });
      if (worker) setTimeout(fill, RESTART_MS);
      return worker;
    },
    thawed(worker) {
      if (alive.has(worker)) sound.add(worker);
    },
    hold() {
      held = true;
    },
    async idle() {
      while (alive.size + starting.size > 0) await sleep(50);
    },
  };
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createQueue, type NewJob } from '../../src/queue/queue.ts';
import { createRpc } from '../../src/queue/rpc.ts';
import { type Arena, startArena } from './arena.ts';
import { type Evidence, findViolations, type Outage } from './check.ts';
import { type FaultKind, PROCESS_FAULTS, persist, type Scene, SHARED_FAULTS } from './fault-kinds.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { createRandom, type Random } from './random.ts';

export interface FaultRunOptions {
  readonly seed: number;
  /** Workers alive at once. */
  readonly workers: number;
  /** How long faults go on, in seconds. Jobs are added all that time. */
  readonly seconds: number;
  /** Adding stops after so many jobs. */
  readonly jobs: number;
  /** Mean pause between two faults of processes, in milliseconds. */
  readonly processPauseMs: number;
  /** Mean pause after a fault that all meet, in milliseconds. */
  readonly sharedPauseMs: number;
  /** Locks of stopped workers run out by the test's hand; see `Scene.hurry`. */
  readonly hurry: boolean;
  /** Told now and then how it goes. */
  readonly tell?: (line: string) => void;
}

export interface FaultRunReport {
  readonly seed: number;
  readonly jobs: number;
  readonly executions: number;
  readonly executionsByEnding: Readonly<Record<string, number>>;
  readonly faults: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
  readonly workers: number;
  /** From the death of a worker to the end of its execution in the database, in seconds. */
  readonly recoverSeconds: { readonly count: number; readonly median: number; readonly most: number };
  readonly seconds: number;
  readonly drainSeconds: number;
  readonly violations: readonly string[];
}

/** Waiting jobs that the producer keeps ahead of the workers. */
const BACKLOG = 3_000;
const BATCH = 250;

/**
 * Runs workers against a stack that breaks in every way that `seed` chooses, lets the queue run dry, and checks what
 * must hold. Linux only: it looks processes up in /proc.
 * @throws Error when the queue does not run dry within 10 minutes after the last fault
 */
export async function runFaults(options: FaultRunOptions): Promise<FaultRunReport> {
  const random = createRandom(options.seed);
  const arena = await startArena();
  const started = Date.now();
  try {
    const promised = new Set<string>();
    const faultsByKind: Record<string, number> = {};
    const outages: Outage[] = [];
    const fleet = startFleet(arena, {
      size: options.workers,
      random: createRandom(options.seed + 1),
      handicaps: true,
    });
    const scene: Scene = {
      arena,
      fleet,
      random,
      hurry: options.hurry,
      outages,
      count: (kind) => {
        faultsByKind[kind] = (faultsByKind[kind] ?? 0) + 1;
      },
    };
    const over = AbortSignal.timeout(options.seconds * 1000);
    const producing = produce(arena, createRandom(options.seed + 2), options.jobs, promised, over);
    const talking = talk(scene, promised, over, options.tell);
    await Promise.all([
      inTurn(scene, SHARED_FAULTS, options.sharedPauseMs, over),
      sideBySide(scene, PROCESS_FAULTS, options.processPauseMs, over),
      talking,
    ]);
    await producing;
    const faultsOver = Date.now();
    options.tell?.(`faults are over, ${promised.size} jobs; the queue runs dry`);
    await runDry(scene);
    const evidence: Evidence = { ...(await arena.evidence()), promised, workers: fleet.all, outages };
    const endings: Record<string, number> = {};
    for (const { status, failure_kind } of evidence.executions) {
      const ending = failure_kind ?? status;
      endings[ending] = (endings[ending] ?? 0) + 1;
    }
    return {
      seed: options.seed,
      jobs: evidence.jobs.length,
      executions: evidence.executions.length,
      executionsByEnding: endings,
      faults: Object.values(faultsByKind).reduce((sum, count) => sum + count, 0),
      faultsByKind,
      workers: fleet.all.size,
      recoverSeconds: recoverTimes(evidence, fleet),
      seconds: (faultsOver - started) / 1000,
      drainSeconds: (Date.now() - faultsOver) / 1000,
      violations: findViolations(evidence),
    };
  } finally {
    await arena.stop();
  }
}

/** What a job does, as often as the weight says. Most do nothing, so that the queue is what is busy. */
const BEHAVIOURS: readonly (readonly [
  number,
  (random: Random) => Partial<NewJob> & { do: string; ms?: number },
])[] = [
  [900, () => ({ do: 'nothing' })],
  [40, (random) => ({ do: 'sleep', ms: random.between(5, 200) })],
  [3, (random) => ({ do: 'sleep', ms: random.between(2_000, 6_000) })],
  [1, () => ({ do: 'sleep', ms: 12_000 })],
  [10, () => ({ do: 'flaky' })],
  [5, () => ({ do: 'snooze' })],
  [5, () => ({ do: 'fail', max_retries: 1 })],
  [5, () => ({ do: 'discard' })],
  [3, () => ({ do: 'exit', max_retries: 0 })],
  [2, () => ({ do: 'reject', max_retries: 0 })],
  [1, () => ({ do: 'hang', max_retries: 0, timeout_seconds: 2 })],
  [1, () => ({ do: 'oom', max_retries: 0 })],
  [3, () => ({ do: 'big' })],
];

/** Adds jobs as an application does, through the same faults, and keeps what was acknowledged. */
async function produce(
  arena: Arena,
  random: Random,
  most: number,
  promised: Set<string>,
  over: AbortSignal,
): Promise<void> {
  const rpc = createRpc({ url: arena.proxy.url, key: arena.project.secretKey, clientInfo: 'faults' });
  const queue = createQueue(rpc, randomUUID);
  let number = 0;
  while (promised.size < most && !over.aborted) {
    const waiting = await arena
      .sql<{ n: number }>(`select count(*)::int as n from public.cloud_jobs where status = 'waiting'`)
      .catch(() => [{ n: BACKLOG }]);
    if ((waiting[0]?.n ?? 0) >= BACKLOG) {
      await sleep(200);
      continue;
    }
    const jobs = Array.from({ length: Math.min(BATCH, most - promised.size) }, (): NewJob => {
      number += 1;
      const { do: what, ms, ...settings } = random.weighted(BEHAVIOURS)(random);
      return {
        job_id: `job-${number}`,
        name: `job ${number}`,
        job_type: 'custom',
        // Faults that spend a retry may meet the same job often.
        max_retries: 50,
        config: { handler: 'chaos', do: what, n: number, ...(ms === undefined ? {} : { ms }) },
        ...settings,
        ...(random.chance(0.02) ? { concurrency_key: `key ${random.between(1, 12)}` } : {}),
        ...(random.chance(0.02) ? { unique_key: `only ${random.between(1, 40)}` } : {}),
      };
    });
    // The same jobs again until somebody says that they are in: an enqueue may be repeated.
    for (;;) {
      try {
        for (const added of (await queue.enqueue(jobs)).jobs) promised.add(added.job_id);
        break;
      } catch {
        await sleep(200);
      }
    }
  }
}

async function inTurn(
  scene: Scene,
  kinds: Readonly<Record<string, FaultKind>>,
  pauseMs: number,
  over: AbortSignal,
): Promise<void> {
  // Each kind comes before any comes again.
  let left: FaultKind[] = [];
  while (!over.aborted) {
    if (left.length === 0) left = Object.values(kinds);
    const kind = scene.random.pick(left);
    left = left.filter((other) => other !== kind);
    await kind(scene);
    await sleep(scene.random.between(pauseMs / 2, pauseMs * 1.5));
  }
}

async function sideBySide(
  scene: Scene,
  kinds: Readonly<Record<string, FaultKind>>,
  pauseMs: number,
  over: AbortSignal,
): Promise<void> {
  const going = new Set<Promise<void>>();
  while (!over.aborted) {
    const one = scene.random
      .pick(Object.values(kinds))(scene)
      .finally(() => going.delete(one));
    going.add(one);
    await sleep(scene.random.between(pauseMs / 2, pauseMs * 1.5));
  }
  await Promise.all(going);
}

async function talk(
  scene: Scene,
  promised: ReadonlySet<string>,
  over: AbortSignal,
  tell: ((line: string) => void) | undefined,
): Promise<void> {
  const started = Date.now();
  while (!over.aborted) {
    await sleep(10_000, undefined, { signal: over }).catch(() => {});
    tell?.(
      `${Math.round((Date.now() - started) / 1000)} s: ${promised.size} jobs added, ${scene.fleet.all.size} workers started`,
    );
  }
}

/** Lets the queue run dry, without waiting for the pauses of retries. */
async function runDry({ arena, fleet, hurry }: Scene): Promise<void> {
  const until = Date.now() + 600_000;
  for (;;) {
    if (hurry) {
      // Only of workers that have ended: their locks have to run out in any case.
      const living = fleet.alive().map(({ instanceId }) => instanceId);
      await persist(() =>
        arena.sql(
          `update public.cloud_jobs set lock_expires_at = now() where status = 'locked' and locked_by <> all($1)`,
          [living],
        ),
      );
    }
    await persist(() =>
      arena.sql(`update public.cloud_jobs set run_at = now() where status = 'waiting' and run_at > now()`),
    );
    const open = await arena.sql<{ n: number }>(
      `select count(*)::int as n from public.cloud_jobs where status in ('waiting', 'locked')`,
    );
    if (open[0]?.n === 0) break;
    if (Date.now() > until)
      throw new Error(`${open[0]?.n} jobs are unfinished 10 minutes after the last fault.`);
    await sleep(250);
  }
  fleet.hold();
  await fleet.idle();
}

function recoverTimes(evidence: Evidence, fleet: Fleet): FaultRunReport['recoverSeconds'] {
  const times = evidence.executions
    .filter(({ failure_kind }) => failure_kind === 'lost')
    .flatMap(({ instance_id, finished }) => {
      const worker = fleet.all.get(instance_id);
      const died = worker?.faults.has('killed') ? worker.endedAt : null;
      return died === null || died === undefined || finished === null ? [] : [(finished - died) / 1000];
    })
    .sort((a, b) => a - b);
  return { count: times.length, median: times[Math.floor(times.length / 2)] ?? 0, most: times.at(-1) ?? 0 };
}

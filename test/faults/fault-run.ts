import { setTimeout as sleep } from 'node:timers/promises';
import { startArena } from './arena.ts';
import { findViolations } from './check.ts';
import { FULL_DISK } from './check-explained.ts';
import { expiredLocks } from './check-locks.ts';
import { DATABASE_FAULTS } from './database-faults.ts';
import type { Evidence, Span } from './evidence.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { startHttpWeather, WIRE_FAULTS } from './network-faults.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { send } from './processes.ts';
import { produce } from './producer.ts';
import { createRandom } from './random.ts';
import { type Fault, type Faults, persist, type Scene } from './scene.ts';

export interface FaultRunOptions {
  readonly seed: number;
  /** Workers alive at once. */
  readonly workers: number;
  /** How long faults go on, in seconds. Jobs are added all that time. */
  readonly seconds: number;
  /** Adding stops after so many jobs. */
  readonly jobs: number;
  /** So many of them in a row do nothing, before some come that do. */
  readonly calm: number;
  /** Faults begin when so many are done: what never got going cannot be broken. */
  readonly warm: number;
  /** Mean pauses in milliseconds: between two faults of processes, of wires, after a spell of HTTP, of the database. */
  readonly pauses: {
    readonly process: number;
    readonly wire: number;
    readonly http: number;
    readonly database: number;
  };
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
  /** Replies that were lost after the request had been applied, by SQL function. */
  readonly lostReplies: Readonly<Record<string, number>>;
  /** Whether the full disk was one. */
  readonly realDisk: boolean;
  readonly workers: number;
  /** From the death of a worker to the end of its execution in the database, in seconds. */
  readonly recoverSeconds: { readonly count: number; readonly median: number; readonly most: number };
  /** The longest that a lock was left beyond its expiry while the database could be reached. */
  readonly longestLeftSeconds: number;
  /** Kinds of faults that the time was too short for. */
  readonly notMade: readonly string[];
  readonly seconds: number;
  readonly drainSeconds: number;
  readonly violations: readonly string[];
}

/**
 * Runs workers against a stack that breaks in every way that `seed` chooses, lets the queue run dry, and checks what
 * must hold. Linux only: it looks processes up in /proc.
 * @throws Error when the queue does not run dry within 10 minutes after the last fault
 */
export async function runFaults(options: FaultRunOptions): Promise<FaultRunReport> {
  const random = createRandom(options.seed);
  const arena = await startArena();
  const started = Date.now();
  let fleet: Fleet | undefined;
  try {
    const promised = new Set<string>();
    const faultsByKind: Record<string, number> = {};
    const lostReplies: Record<string, number> = {};
    const outages: Span[] = [];
    fleet = startFleet(arena, { size: options.workers, random: createRandom(options.seed + 1) });
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
    const ended = new AbortController();
    const over = ended.signal;
    const producing = produce(arena, {
      random: createRandom(options.seed + 2),
      most: options.jobs,
      calm: options.calm,
      promised,
      over,
    });
    const talking = talk(scene, promised, over, options.tell);
    await running(scene, options.warm);
    const begun = Date.now();
    setTimeout(() => ended.abort(), options.seconds * 1000);
    options.tell?.(`${Math.round((begun - started) / 1000)} s: the workers are warm, faults begin`);
    const http = startHttpWeather(scene, lostReplies);
    const { pauses } = options;
    await Promise.all([
      inTurn(scene, DATABASE_FAULTS, pauses.database, over),
      inTurn(scene, http.faults, pauses.http, over),
      sideBySide(scene, WIRE_FAULTS, pauses.wire, over),
      sideBySide(scene, PROCESS_FAULTS, pauses.process, over),
      talking,
    ]);
    http.stop();
    await producing;
    const faultsOver = Date.now();
    options.tell?.(`faults are over, ${promised.size} jobs; the queue runs dry`);
    await runDry(scene);
    const evidence: Evidence = { ...(await arena.evidence()), promised, workers: fleet.all, outages };
    countHandicaps(evidence, fleet, scene);
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
      lostReplies,
      realDisk: arena.disk.real,
      workers: fleet.all.size,
      recoverSeconds: recoverTimes(evidence, fleet),
      longestLeftSeconds:
        expiredLocks(evidence).reduce((most, { lateMs }) => Math.max(most, lateMs), 0) / 1000,
      notMade: Object.keys({ ...DATABASE_FAULTS, ...http.faults, ...WIRE_FAULTS, ...PROCESS_FAULTS }).filter(
        (kind) => faultsByKind[kind] === undefined,
      ),
      seconds: (faultsOver - begun) / 1000,
      drainSeconds: (Date.now() - faultsOver) / 1000,
      violations: findViolations(evidence),
    };
  } finally {
    // Nobody is left but after an error.
    fleet?.hold();
    for (const worker of fleet?.alive() ?? []) send(worker.pid, 'SIGKILL');
    await fleet?.idle();
    await arena.stop();
  }
}

/** Waits until so many jobs are done. */
async function running({ arena }: Scene, jobs: number): Promise<void> {
  for (const until = Date.now() + 120_000; ; await sleep(200)) {
    const done = await arena.sql(`select from public.cloud_jobs where status = 'success' limit $1`, [jobs]);
    if (done.length === jobs) return;
    if (Date.now() > until) throw new Error(`The workers did not do ${jobs} jobs within 2 minutes.`);
  }
}

/** Draws one after the other; each comes before any comes again. */
function deck(faults: Faults, { random }: Scene): () => Fault {
  let left: Fault[] = [];
  return () => {
    if (left.length === 0) left = Object.values(faults);
    const drawn = random.pick(left);
    left = left.filter((other) => other !== drawn);
    return drawn;
  };
}

async function inTurn(scene: Scene, faults: Faults, pauseMs: number, over: AbortSignal): Promise<void> {
  const draw = deck(faults, scene);
  while (!over.aborted) {
    await draw()(scene);
    await sleep(scene.random.between(pauseMs / 2, pauseMs * 1.5));
  }
}

async function sideBySide(scene: Scene, faults: Faults, pauseMs: number, over: AbortSignal): Promise<void> {
  const draw = deck(faults, scene);
  const going = new Set<Promise<void>>();
  while (!over.aborted) {
    const one = draw()(scene).finally(() => going.delete(one));
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
    const done = await scene.arena
      .sql<{ n: number }>(
        `select count(*)::int as n from public.cloud_jobs where status in ('success', 'failed')`,
      )
      .then(
        ([row]) => `${row?.n} done`,
        () => 'the database does not answer',
      );
    tell?.(
      `${Math.round((Date.now() - started) / 1000)} s: ${promised.size} jobs added, ${done}, ${scene.fleet.all.size} workers started`,
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

/** The faults that nobody makes at a moment: of jobs by what became of them, of workers by how they were started. */
function countHandicaps({ jobs, executions }: Evidence, fleet: Fleet, { count }: Scene): void {
  const plan = new Map(jobs.map((job) => [job.job_id, job.behaviour]));
  for (const { job_id, failure_kind, error_message } of executions) {
    const behaviour = plan.get(job_id);
    if (failure_kind === 'timeout' && behaviour === 'hang') count('handler that never yields');
    if (failure_kind === 'crashed' && behaviour === 'oom') count('memory exhausted');
    if (failure_kind === 'crashed' && behaviour === 'exit') count('handler that ends its process');
    if (behaviour === 'reject' && failure_kind !== null) count('handler that rejects without a listener');
    if (FULL_DISK.test(error_message ?? '')) count('disk full for a result');
  }
  for (const { wrongClock } of fleet.all.values()) if (wrongClock) count("worker's clock wrong by hours");
}

function recoverTimes(evidence: Evidence, fleet: Fleet): FaultRunReport['recoverSeconds'] {
  const times = evidence.executions
    .filter(({ failure_kind }) => failure_kind === 'lost')
    .flatMap(({ instance_id, finished }) => {
      const died = fleet.all.get(instance_id)?.killedAt ?? null;
      // What it lost before, as when it was frozen, is another matter.
      return died === null || finished === null || finished < died ? [] : [(finished - died) / 1000];
    })
    .sort((a, b) => a - b);
  return { count: times.length, median: times[Math.floor(times.length / 2)] ?? 0, most: times.at(-1) ?? 0 };
}

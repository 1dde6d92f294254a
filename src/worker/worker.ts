import { AbortReason, type Handler } from '../handlers/handler.ts';
import type { ClaimRequest, FinishItem, Queue } from '../queue/queue.ts';
import type { Arrival, ClaimReply } from '../queue/replies.ts';
import type { Patience } from '../queue/rpc.ts';
import type { ClaimedJob, JobType, Json } from '../queue/types.ts';
import { describeError } from '../words/describe-error.ts';
import { type Attempt, type JobOutput, startAttempt } from './attempt.ts';
import { createBatchSize } from './batch-size.ts';
import { startHeartbeat } from './heartbeat.ts';
import { MAX_BATCH } from './limits.ts';
import { record } from './recorder.ts';
import type { RunReport, StopCause } from './report.ts';
import { type Ending, type Settled, settle } from './settle.ts';
import { createTally } from './tally.ts';
import { verdict } from './verdict.ts';
import { createWake } from './wake.ts';

export interface WorkerOptions {
  /** No other worker has it: repository + run id + run attempt + a random part. */
  readonly instanceId: string;
  readonly queues: readonly string[];
  readonly jobTypes: readonly JobType[];
  /** Jobs that run at the same time, at least 1. */
  readonly concurrency: number;
  /** Stop claiming after so many jobs; null for no limit. */
  readonly maxJobs: number | null;
  /** How long a lock holds without a heartbeat: the time to recover the jobs of a dead worker. */
  readonly lockSeconds: number;
  /** Stop claiming after so long; what runs then may end. */
  readonly timeBudgetSeconds: number;
  /** Goes on asking for so long after the queue ran empty; 0 to end at once. */
  readonly lingerSeconds: number;
  /** Page of this run, for people. */
  readonly runUrl: string | null;
  /** GitHub's name of the event, and for a schedule its cron expression after it; null outside of GitHub. */
  readonly trigger: string | null;
}

export interface WorkerDeps {
  readonly queue: Queue;
  readonly handlers: Readonly<Record<JobType, Handler>>;
  readonly openOutput: (job: ClaimedJob) => JobOutput;
  readonly redact: (text: string) => string;
  readonly redactJson: (value: Json) => Json;
  /** Masks a value from now on. */
  readonly secret: (value: string) => void;
  /** Keeps a result too large for its row; returns the file's absolute path. */
  readonly spill: (executionId: string, text: string) => Promise<string>;
  readonly warn: (message: string) => void;
  readonly newId: () => string;
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
  /** Aborts when the runner wants the worker to end (SIGINT, SIGTERM). */
  readonly stop: AbortSignal;
  /** Requests sent so far, for the report. */
  readonly requests: () => number;
}

/** Ended attempts wait so long for company before they are recorded. */
const FLUSH_MS = 200;
/** While jobs run and slots are free, the queue is asked again so often. */
const POLL_MS = 15_000;
/** "Nothing for you, but there may be more": ask again after this long, then twice as long, and so on ... */
const MORE_FIRST_MS = 100;
/** ... for so long in all. What is left then goes to the next run. */
const MORE_FOR_MS = 5_000;
/** A worker that lingers asks an empty queue again after this long, then half as long again each time, ... */
const LINGER_FIRST_MS = 2_000;
/** ... but at least so often. */
const LINGER_MOST_MS = 60_000;
/** The runner kills the worker 10 s after SIGINT. A request under way then has so long to end, */
const SHUTDOWN_REQUEST_MS = 1_500;
/** handlers have so long, counted from the signal, */
const SHUTDOWN_HANDLERS_MS = 4_000;
/** and the last calls so long after that. */
const SHUTDOWN_CALL: Patience = { networkMs: 2_000, serverMs: 2_000 };
/** The first call proves the URL and the key, and a person may be waiting. */
const FIRST_CALL: Patience = { networkMs: 8_000, serverMs: 30_000 };

interface Waiting {
  readonly job: ClaimedJob;
  readonly claimedAt: number;
}
interface Ended {
  readonly attempt: Attempt;
  readonly ending: Ending;
  readonly settled: Settled;
  readonly at: number;
}
interface HandBack {
  readonly job: ClaimedJob;
  readonly reason: string;
}

/**
 * One run: claims, executes and records until nothing is due, a limit is reached or the runner stops it. Resolves
 * when every job that it claimed is recorded or handed back, or could not be, which the report then says.
 * @throws QueueError when the first call fails: nothing is known to be claimed
 */
export async function runWorker(options: WorkerOptions, deps: WorkerDeps): Promise<RunReport> {
  const started = deps.now();
  const tally = createTally();
  const batchSize = createBatchSize(options.concurrency);
  const wake = createWake();
  const lockMs = options.lockSeconds * 1000;

  // A claimed job is in exactly one of these until it is recorded.
  const waiting: Waiting[] = [];
  const running = new Map<string, Attempt>();
  let ended: Ended[] = [];
  let handBack: HandBack[] = [];
  let sending: string[] = [];

  let claimed = 0;
  let expired = 0;
  let arrival: Arrival | null = null;
  let nothingDue = false;
  /** Jobs were handed back because one ahead takes long: none is held ahead again before one has ended. */
  let stalled = false;
  let lingering: { readonly until: number; readonly pause: number } | null = null;
  let askedAt = Number.NEGATIVE_INFINITY;
  let more: { since: number; next: number; pause: number } | null = null;
  /** A claim whose reply was lost: it may have been applied. */
  let unknownClaim: ClaimRequest | null = null;
  let stopCause: StopCause | null = null;
  let failure: string | null = null;

  const stopRequests = new AbortController();
  const onStop = (): void => {
    setTimeout(
      () => stopRequests.abort(new Error('The worker is shutting down.')),
      SHUTDOWN_REQUEST_MS,
    ).unref();
    wake.now();
  };
  if (deps.stop.aborted) onStop();
  else deps.stop.addEventListener('abort', onStop, { once: true });

  const heartbeat = startHeartbeat({
    ...deps,
    instanceId: options.instanceId,
    lockSeconds: options.lockSeconds,
    held: () => ({
      waiting: waiting.map(({ job }) => job.execution_id),
      running: [...running.values()],
      ending: [...ended.map(({ attempt }) => attempt.job.execution_id), ...sending],
    }),
    dropWaiting: (ids) => {
      giveBack(
        ({ job }) => ids.has(job.execution_id),
        'Not started: it was cancelled, or its lock was lost.',
      );
      wake.now();
    },
  });

  function giveBack(which: (item: Waiting) => boolean, reason: string): void {
    for (const item of waiting.filter(which)) {
      waiting.splice(waiting.indexOf(item), 1);
      handBack.push({ job: item.job, reason });
    }
  }

  function fill(): void {
    while (running.size < options.concurrency && stopCause !== 'signal' && stopCause !== 'error') {
      const next = waiting.shift();
      if (!next) return;
      start(next.job);
    }
  }

  function start(job: ClaimedJob): void {
    const attempt = startAttempt(job, {
      handler: deps.handlers[job.job_type],
      output: deps.openOutput(job),
      secret: deps.secret,
      now: deps.now,
    });
    running.set(job.execution_id, attempt);
    void attempt.ended.then(async (ending) => {
      const settled = await settleOrFail(ending);
      running.delete(job.execution_id);
      ended.push({ attempt, ending, settled, at: deps.now() });
      stalled = false;
      batchSize.record(ending.durationSeconds * 1000);
      fill();
      wake.now();
    });
  }

  /** A result that cannot be kept (a full disk) is a failure of the job, and told as one. */
  async function settleOrFail(ending: Ending): Promise<Settled> {
    try {
      return await settle(ending, deps);
    } catch (error) {
      const message = `The job succeeded, but its result could not be kept: ${describeError(error)}`;
      return await settle({ ...ending, outcome: { outcome: 'failure', kind: 'error', message } }, deps);
    }
  }

  /** How many jobs to ask for, if the queue were asked now. */
  function wanted(): number {
    if (stopCause !== null) return 0;
    const target = stalled ? options.concurrency : batchSize.target();
    const allowed = options.maxJobs === null ? MAX_BATCH : options.maxJobs - claimed;
    return Math.max(0, Math.min(target - running.size - waiting.length, allowed, MAX_BATCH));
  }

  /** When to ask the queue for jobs alone, without anything to record: 0 for now. In milliseconds from now. */
  function claimDelay(): number {
    const held = running.size + waiting.length;
    if (more) return more.next - deps.now();
    if (nothingDue && held > 0) return askedAt + POLL_MS - deps.now();
    if (nothingDue) {
      const again = lingering ? askedAt + lingering.pause : Number.POSITIVE_INFINITY;
      return lingering && again <= lingering.until ? again - deps.now() : Number.POSITIVE_INFINITY;
    }
    return held < options.concurrency || held <= batchSize.target() / 2 ? 0 : Number.POSITIVE_INFINITY;
  }

  /** When to record what has ended, in milliseconds from now. */
  function recordDelay(): number {
    if (handBack.length > 0 || ended.length >= MAX_BATCH / 4) return 0;
    const oldest = ended[0];
    if (!oldest) return Number.POSITIVE_INFINITY;
    return running.size + waiting.length === 0 ? 0 : oldest.at + FLUSH_MS - deps.now();
  }

  /** Records what has ended and claims the next, in one call. */
  async function exchange(limit: number, patience: Patience): Promise<void> {
    const batch = ended;
    const returned = handBack;
    const claim: ClaimRequest | null =
      limit > 0
        ? {
            limit,
            queues: options.queues,
            jobTypes: options.jobTypes,
            lockSeconds: options.lockSeconds,
            requestId: deps.newId(),
            runUrl: options.runUrl,
            trigger: options.trigger,
          }
        : null;
    const items: FinishItem[] = [
      ...batch.map(({ settled }) => settled.item),
      ...returned.map(
        ({ job, reason }): FinishItem => ({
          execution_id: job.execution_id,
          outcome: 'release',
          error: reason,
        }),
      ),
    ];
    ended = [];
    handBack = [];
    sending = items.map((item) => item.execution_id);
    try {
      const reply = await record(deps.queue, options.instanceId, items, claim, patience);
      for (const { attempt, ending, settled } of batch) {
        const report = tally.add({
          job: attempt.job,
          ending,
          answer: reply.answers.get(attempt.job.execution_id) ?? null,
          result: settled.result,
          resultFile: settled.resultFile,
          error: settled.item.error ?? null,
        });
        attempt.output.end(verdict(report));
      }
      if (reply.claim) take(reply.claim, limit);
    } catch (error) {
      ended = [...batch, ...ended];
      handBack = [...returned, ...handBack];
      unknownClaim = claim;
      throw error;
    } finally {
      sending = [];
    }
  }

  function take(claim: ClaimReply, limit: number): void {
    const at = deps.now();
    askedAt = at;
    claimed += claim.jobs.length;
    expired += claim.expired;
    arrival ??= claim.worker ?? null;
    for (const job of claim.jobs) waiting.push({ job, claimedAt: at });
    if (claim.jobs.length > 0 || !claim.more) {
      more = null;
      nothingDue = claim.jobs.length < limit && !claim.more;
    } else if (more && at - more.since > MORE_FOR_MS) {
      more = null;
      nothingDue = true;
    } else {
      const pause = more ? more.pause * 2 : MORE_FIRST_MS;
      more = { since: more?.since ?? at, pause, next: at + pause };
    }
    if (!nothingDue || running.size + waiting.length > 0) lingering = null;
    else if (lingering) lingering = { ...lingering, pause: Math.min(lingering.pause * 1.5, LINGER_MOST_MS) };
    else lingering = { until: at + options.lingerSeconds * 1000, pause: LINGER_FIRST_MS };
    fill();
  }

  /** Ends everything that is under way, records what ended and hands the rest back. */
  async function shutDown(cause: 'signal' | 'error', why: string): Promise<void> {
    const until = deps.now() + SHUTDOWN_HANDLERS_MS;
    stopCause = cause;
    giveBack(() => true, why);
    for (const attempt of running.values()) attempt.stop(new AbortReason('shutdown', why));
    while (running.size > 0 && deps.now() < until) await wake.wait(until - deps.now());
    for (const attempt of running.values()) handBack.push({ job: attempt.job, reason: why });
    running.clear();
    try {
      if (unknownClaim) {
        // Asked again, the same claim gives the jobs that it holds, so that they can be handed back.
        const found = await deps.queue.claim(options.instanceId, unknownClaim, SHUTDOWN_CALL);
        for (const job of found.jobs) handBack.push({ job, reason: why });
      }
      if (ended.length + handBack.length > 0) await exchange(0, SHUTDOWN_CALL);
    } catch (error) {
      const left = ended.length + handBack.length;
      if (left === 0 && !unknownClaim) return;
      deps.warn(
        `${left} jobs could not be recorded or handed back (${describeError(error)}) Their locks expire within ${options.lockSeconds} s, and they are tried again then.`,
      );
    }
  }

  async function loop(): Promise<void> {
    for (;;) {
      if (deps.stop.aborted) return await shutDown('signal', 'The runner stopped the worker.');
      if (stopCause === null && deps.now() - started >= options.timeBudgetSeconds * 1000) {
        stopCause = 'time-budget';
        giveBack(() => true, 'Not started: the time budget of the run was over.');
      }
      // Nobody else can have a job that waits here behind a long one: give it back while its lock is good. The oldest
      // claim is in front, so this pass costs one look unless there is something to give back.
      const staleBefore = deps.now() - lockMs / 2;
      if (waiting[0] && waiting[0].claimedAt < staleBefore) {
        stalled = true;
        giveBack(
          ({ claimedAt }) => claimedAt < staleBefore,
          'Not started: other jobs took longer than expected.',
        );
      }
      fill();

      const limit = wanted();
      const delay = Math.min(recordDelay(), limit > 0 ? claimDelay() : Number.POSITIVE_INFINITY);
      const idle = running.size + waiting.length + ended.length + handBack.length === 0;
      if (delay <= 0) {
        const first = askedAt === Number.NEGATIVE_INFINITY;
        const patience = first ? FIRST_CALL : { networkMs: lockMs, serverMs: lockMs };
        await exchange(limit, { ...patience, signal: stopRequests.signal });
      } else if (idle && delay === Number.POSITIVE_INFINITY) {
        return;
      } else {
        const budget = stopCause === null ? started + options.timeBudgetSeconds * 1000 - deps.now() : lockMs;
        await wake.wait(Math.min(delay, budget, lockMs / 4));
      }
    }
  }

  try {
    await loop();
  } catch (error) {
    if (deps.stop.aborted) {
      await shutDown('signal', 'The runner stopped the worker.');
    } else if (askedAt === Number.NEGATIVE_INFINITY) {
      throw error;
    } else {
      failure = describeError(error);
      await shutDown('error', `The worker had to stop: ${failure}`);
    }
  } finally {
    heartbeat.stop();
    deps.stop.removeEventListener('abort', onStop);
  }

  const cause = stopCause ?? (options.maxJobs !== null && claimed >= options.maxJobs ? 'max-jobs' : 'empty');
  return {
    instanceId: options.instanceId,
    executions: tally.executions(),
    claimed,
    ...tally.counts(),
    remaining: await remaining(cause),
    expired,
    stopCause: cause,
    error: failure,
    durationSeconds: (deps.now() - started) / 1000,
    httpRequests: deps.requests(),
    arrival,
  };

  /** What is due and left. A run that saw the end of the queue need not ask. */
  async function remaining(cause: StopCause): Promise<number | null> {
    if (cause === 'empty' && more === null) return 0;
    if (cause === 'signal' || cause === 'error') return null;
    try {
      return (await deps.queue.peek(options.queues, options.jobTypes, 0)).due;
    } catch (error) {
      deps.warn(`The number of jobs that remain is not known: ${describeError(error)}`);
      return null;
    }
  }
}

import { AbortReason, type Handler } from '../handlers/handler.ts';
import { QueueError, type QueueErrorCode } from '../queue/errors.ts';
import type { ClaimedJob } from '../queue/job.ts';
import type { ClaimRequest, FinishItem, Queue } from '../queue/queue.ts';
import type { Arrival, ClaimReply } from '../queue/replies.ts';
import type { Patience } from '../queue/rpc.ts';
import type { Json } from '../queue/types.ts';
import { describeError } from '../text/describe-error.ts';
import { type Attempt, startAttempt } from './attempt.ts';
import { startHeartbeat } from './heartbeat.ts';
import type { JobOutput } from './job-output.ts';
import { MAX_IN_FLIGHT } from './limits.ts';
import { createPace, type InHand } from './pace.ts';
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
  readonly jobTypes: readonly string[];
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
  readonly handlers: Readonly<Record<string, Handler>>;
  readonly openOutput: (job: ClaimedJob) => JobOutput;
  readonly redact: (text: string) => string;
  readonly redactJson: (value: Json) => Json;
  /** Masks a value from now on. Returns false if it is too long to be hidden. */
  readonly secret: (value: string) => boolean;
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

/** A job that was claimed ahead was to start within a second: after this long the guess was wrong. */
const AHEAD_PATIENCE_MS = 10_000;
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

/** Answers that a gateway gives in a bad moment, and a wrong URL always. */
const PASSING: ReadonlySet<QueueErrorCode> = new Set(['not_supabase', 'unexpected_reply', 'unavailable']);

const noHandler: Handler = async ({ job }) => ({
  outcome: 'failure',
  kind: 'error',
  message: `This version of cloud-jobs knows no job type ${JSON.stringify(job.job_type)}.`,
});

const bytesOf = (value: Json): number => JSON.stringify(value).length;

/**
 * One run: claims, executes and records until nothing is due, a limit is reached or the runner stops it. Resolves
 * when every job that it claimed is recorded or handed back, or could not be, which the report then says.
 * @throws QueueError when the first call fails: nothing is known to be claimed
 */
export async function runWorker(options: WorkerOptions, deps: WorkerDeps): Promise<RunReport> {
  const started = deps.now();
  const tally = createTally();
  const pace = createPace(options.concurrency, options.lingerSeconds * 1000);
  const wake = createWake();
  const lockMs = options.lockSeconds * 1000;
  const patienceMs = Math.min(lockMs / 2, AHEAD_PATIENCE_MS);

  // A claimed job is in exactly one of these until it is recorded.
  const waiting: Waiting[] = [];
  const running = new Map<string, Attempt>();
  let ended: Ended[] = [];
  let handBack: HandBack[] = [];
  const sending = new Set<string>();

  let claimed = 0;
  let expired = 0;
  let arrival: Arrival | null = null;
  /** Requests under way, and the jobs that they ask for. */
  let inFlight = 0;
  let asked = 0;
  /** A claim has been answered. */
  let reached = false;
  /** Claims whose replies were lost: they may have been applied. */
  const unknownClaims: ClaimRequest[] = [];
  /** Why a request failed for good. */
  let broken: { readonly error: unknown } | null = null;
  let stopCause: StopCause | null = null;
  let failure: string | null = null;

  const stopRequests = new AbortController();
  const endRequestsSoon = (): void => {
    setTimeout(
      () => stopRequests.abort(new Error('The worker is shutting down.')),
      SHUTDOWN_REQUEST_MS,
    ).unref();
  };
  const onStop = (): void => {
    endRequestsSoon();
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
      handler: deps.handlers[job.job_type] ?? noHandler,
      output: deps.openOutput(job),
      secret: deps.secret,
      redact: deps.redact,
      now: deps.now,
    });
    running.set(job.execution_id, attempt);
    void attempt.ended.then(async (ending) => {
      const settled = await settleOrFail(ending);
      running.delete(job.execution_id);
      ended.push({ attempt, ending, settled, at: deps.now() });
      pace.ended(ending.durationSeconds * 1000, bytesOf(job.config) + settled.resultBytes);
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

  const inHand = (): InHand => ({
    running: running.size,
    waiting: waiting.length,
    asked,
    ended: ended.length,
    oldestEnded: ended[0]?.at ?? Number.POSITIVE_INFINITY,
  });

  /** How many jobs to ask for, if the queue were asked now. */
  function wanted(hand: InHand): number {
    if (stopCause !== null) return 0;
    const allowed = options.maxJobs === null ? Number.POSITIVE_INFINITY : options.maxJobs - claimed - asked;
    return Math.max(0, Math.min(pace.wanted(hand), allowed));
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
    for (const item of items) sending.add(item.execution_id);
    inFlight += 1;
    asked += limit;
    let open = true;
    /** Before what the reply brought is taken in hand, so that it is not counted twice. */
    const close = (): void => {
      if (open) {
        inFlight -= 1;
        asked -= limit;
      }
      open = false;
      for (const item of items) sending.delete(item.execution_id);
    };
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
      close();
      if (reply.claim) take(reply.claim, limit);
    } catch (error) {
      ended = [...batch, ...ended];
      handBack = [...returned, ...handBack];
      if (claim) unknownClaims.push(claim);
      throw error;
    } finally {
      close();
    }
  }

  function take(claim: ClaimReply, limit: number): void {
    const at = deps.now();
    reached = true;
    claimed += claim.jobs.length;
    expired += claim.expired;
    arrival ??= claim.worker ?? null;
    for (const job of claim.jobs) {
      // Asked for before the worker had to end.
      if (stopCause !== null) handBack.push({ job, reason: 'Not started: the run was over.' });
      else waiting.push({ job, claimedAt: at });
    }
    pace.answered(claim, limit, running.size + waiting.length, at);
    fill();
  }

  /**
   * Sends the claims again whose replies were lost: each gives the jobs that it holds, so that they can be handed back.
   * @returns why one of them was not answered; null when all were
   */
  async function askAgain(why: string): Promise<{ readonly error: unknown } | null> {
    const again = unknownClaims.map((claim) => deps.queue.claim(options.instanceId, claim, SHUTDOWN_CALL));
    let unanswered: { readonly error: unknown } | null = null;
    for (const answer of await Promise.allSettled(again)) {
      if (answer.status === 'rejected') unanswered ??= { error: answer.reason };
      else for (const job of answer.value.jobs) handBack.push({ job, reason: why });
    }
    return unanswered;
  }

  /** Ends everything that is under way, records what ended and hands the rest back. */
  async function shutDown(cause: 'signal' | 'error', why: string): Promise<void> {
    const until = deps.now() + SHUTDOWN_HANDLERS_MS;
    stopCause = cause;
    giveBack(() => true, why);
    for (const attempt of running.values()) attempt.stop(new AbortReason('shutdown', why));
    if (cause === 'error') endRequestsSoon();
    while (running.size + inFlight > 0 && deps.now() < until) await wake.wait(until - deps.now());
    for (const attempt of running.values()) handBack.push({ job: attempt.job, reason: why });
    running.clear();
    try {
      const unanswered = await askAgain(why);
      if (ended.length + handBack.length > 0) await exchange(0, SHUTDOWN_CALL);
      if (unanswered) throw unanswered.error;
    } catch (error) {
      const left = ended.length + handBack.length;
      if (left === 0 && unknownClaims.length === 0) return;
      const what =
        left > 0
          ? `${left} jobs could not be recorded or handed back`
          : 'Jobs that a claim may have taken could not be handed back';
      deps.warn(
        `${what} (${describeError(error)}) Their locks expire within ${options.lockSeconds} s, and they are tried again then.`,
      );
    }
  }

  /** Begins an exchange; the loop goes on meanwhile and looks again when it has ended. */
  function send(limit: number): void {
    const patience = reached ? { networkMs: lockMs, serverMs: lockMs } : FIRST_CALL;
    exchange(limit, { ...patience, signal: stopRequests.signal })
      .catch((error: unknown) => {
        broken ??= { error };
      })
      .finally(wake.now);
  }

  async function loop(): Promise<void> {
    for (;;) {
      if (deps.stop.aborted) return await shutDown('signal', 'The runner stopped the worker.');
      if (broken) throw broken.error;
      if (stopCause === null && deps.now() - started >= options.timeBudgetSeconds * 1000) {
        stopCause = 'time-budget';
        giveBack(() => true, 'Not started: the time budget of the run was over.');
      }
      // Nobody else can have a job that waits here behind a long one: give it back, for an idle worker to take. The oldest
      // claim is in front, so this pass costs one look unless there is something to give back.
      const staleBefore = deps.now() - patienceMs;
      if (waiting[0] && waiting[0].claimedAt < staleBefore) {
        pace.stall();
        giveBack(
          ({ claimedAt }) => claimedAt < staleBefore,
          'Not started: other jobs took longer than expected.',
        );
      }
      fill();

      const hand = inHand();
      const limit = wanted(hand);
      const record = handBack.length > 0 ? 0 : pace.recordDelay(hand, deps.now());
      const claim = limit > 0 ? pace.claimDelay(hand, deps.now()) : Number.POSITIVE_INFINITY;
      const delay = inFlight < MAX_IN_FLIGHT ? Math.min(record, claim) : Number.POSITIVE_INFINITY;
      const idle = running.size + waiting.length + ended.length + handBack.length + inFlight === 0;
      if (delay <= 0) {
        send(limit);
      } else if (idle && delay === Number.POSITIVE_INFINITY) {
        return;
      } else {
        const budget = stopCause === null ? started + options.timeBudgetSeconds * 1000 - deps.now() : lockMs;
        await wake.wait(Math.min(delay, budget, patienceMs / 2));
      }
    }
  }

  try {
    await loop();
  } catch (error) {
    if (deps.stop.aborted) {
      await shutDown('signal', 'The runner stopped the worker.');
    } else if (!reached) {
      // Such an answer may have come to the second try of a claim whose first was applied. Nobody is told where that
      // cannot be found out: the error says what is wrong, and no job is known to be held.
      if (error instanceof QueueError && PASSING.has(error.code)) {
        await askAgain(describeError(error));
        if (handBack.length > 0) await exchange(0, SHUTDOWN_CALL).catch(() => {});
      }
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
    if (cause === 'empty' && !pace.mayBeLeft) return 0;
    if (cause === 'signal' || cause === 'error') return null;
    try {
      return (await deps.queue.peek(options.queues, options.jobTypes, 0)).due;
    } catch (error) {
      deps.warn(`The number of jobs that remain is not known: ${describeError(error)}`);
      return null;
    }
  }
}

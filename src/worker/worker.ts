import { Changes } from '../changes.ts';
import type { Arrival, ClaimReply, HeldQueue } from '../queue/replies.ts';
import { describeError } from '../text/describe-error.ts';
import { jsonbBytes } from '../text/json-size.ts';
import type { Attempt } from './attempt.ts';
import { type EndedAttempt, Exchange } from './exchange.ts';
import { Heartbeat } from './heartbeat.ts';
import { JobRunner } from './job-runner.ts';
import { HostFault, type WorkerDeps, type WorkerOptions } from './options.ts';
import { type InHand, Pace } from './pace.ts';
import {
  FIRST_CALL,
  laterCall,
  SHUTDOWN_CALL,
  SHUTDOWN_HANDLERS_MS,
  SHUTDOWN_REQUEST_MS,
} from './patience.ts';
import { type ExecutionReport, outcomeLine, type RunReport, type StopCause, Tally } from './report.ts';

/** How long a job may wait behind others that take longer than expected before it is handed back. */
const AHEAD_PATIENCE_MS = 10_000;

/**
 * One run: claims, executes and records until nothing is due, a limit is reached or the runner stops it. Resolves when
 * every job that it claimed is recorded or handed back, or could not be, which is then a warning.
 * @throws QueueError if the first call fails: nothing is known to be claimed
 */
export async function runWorker(options: WorkerOptions, deps: WorkerDeps): Promise<RunReport> {
  return await new Worker(options, deps).run();
}

/**
 * A claimed job is in exactly one place until it is recorded: in the runner (not started, or running), or in the
 * exchange (ended, or to be handed back). `#stopCause` says in which phase the run is: null while it claims; from
 * `time-budget` on it only ends what runs, also from `signal` on while the host drains it; else it stops what runs.
 */
class Worker {
  readonly #options: WorkerOptions;
  readonly #deps: WorkerDeps;
  readonly #started: number;
  readonly #lockMs: number;
  readonly #aheadPatienceMs: number;
  readonly #pace: Pace;
  readonly #tally = new Tally();
  readonly #runner: JobRunner;
  readonly #exchange: Exchange;
  readonly #changes = new Changes();
  readonly #abortRequests = new AbortController();
  /** Something happened since the loop last looked. */
  #hasChanged = false;
  #stopCause: StopCause | null = null;
  /** Why a request failed for good. */
  #broken: { readonly error: unknown } | null = null;
  #claimed = 0;
  #expired = 0;
  #arrival: Arrival | null = null;
  #held: readonly HeldQueue[] = [];
  /** A claim has been answered. */
  #hasReached = false;

  constructor(options: WorkerOptions, deps: WorkerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#started = deps.now();
    this.#lockMs = options.lockSeconds * 1000;
    this.#aheadPatienceMs = Math.min(this.#lockMs / 2, AHEAD_PATIENCE_MS);
    this.#pace = new Pace(options.concurrency, options.lingerSeconds * 1000, options.watch);
    this.#runner = new JobRunner({
      ...deps,
      concurrency: options.concurrency,
      instanceId: options.instanceId,
      isOver: () => this.#budgetLeft() <= 0 || this.#stopCause === 'time-budget',
      onEnded: (ended) => this.#takeEnded(ended),
    });
    this.#exchange = new Exchange(options, {
      ...deps,
      instanceId: options.instanceId,
      onRecorded: (attempt, report) => this.#report(attempt, report),
      onClaimed: (claim, limit) => this.#takeIn(claim, limit),
    });
  }

  async run(): Promise<RunReport> {
    const { stop, drain } = this.#deps;
    const onStop = (): void => this.#abortRequestsSoon();
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop, { once: true });
    drain?.addEventListener('abort', () => this.#notify(), { once: true });
    const heartbeat = new Heartbeat({
      ...this.#deps,
      instanceId: this.#options.instanceId,
      lockSeconds: this.#options.lockSeconds,
      runner: this.#runner,
      exchange: this.#exchange,
      onDropped: () => this.#notify(),
    });
    heartbeat.start();
    let failure: string | null;
    try {
      failure = await this.#work();
    } finally {
      heartbeat.stop();
      stop.removeEventListener('abort', onStop);
    }
    return await this.#finalReport(failure);
  }

  /** Runs the loop, and shuts down if it was stopped. Returns what ended the run early, or null. */
  async #work(): Promise<string | null> {
    const { stop } = this.#deps;
    try {
      await this.#loop();
    } catch (error) {
      if (!stop.aborted && !this.#hasReached) {
        await this.#exchange.giveUp(error, SHUTDOWN_CALL);
        throw error;
      }
      if (!stop.aborted) return await this.#fail(error);
    }
    if (!stop.aborted) return null;
    if (stop.reason instanceof HostFault) return await this.#fail(stop.reason);
    await this.#shutDown('signal', this.#deps.stopMessage?.() || 'The runner stopped the worker.');
    return null;
  }

  async #fail(error: unknown): Promise<string> {
    await this.#shutDown('error', `The worker had to stop: ${describeError(error)}`);
    return describeError(error);
  }

  async #loop(): Promise<void> {
    while (!this.#deps.stop.aborted) {
      this.#deps.onTurn?.();
      if (this.#broken) throw this.#broken.error;
      this.#endBudget();
      this.#handBackStale();
      this.#runner.startJobs();
      const hand = this.#inHand();
      const limit = this.#wanted(hand);
      const delay = this.#requestDelay(hand, limit);
      if (delay <= 0) this.#send(limit);
      else if (delay === Number.POSITIVE_INFINITY && this.#runner.isIdle && this.#exchange.isIdle) return;
      else await this.#nextChange(Math.min(delay, this.#budgetLeft(), this.#aheadPatienceMs / 2));
    }
  }

  #notify(): void {
    this.#hasChanged = true;
    this.#changes.notify();
  }

  async #nextChange(ms: number): Promise<void> {
    await this.#changes.until(() => this.#hasChanged, ms);
    this.#hasChanged = false;
  }

  #inHand(): InHand {
    return {
      running: this.#runner.runningCount,
      waiting: this.#runner.buffer.size,
      asked: this.#exchange.asked,
      ended: this.#exchange.ended,
      oldestEnded: this.#exchange.oldestEnded,
    };
  }

  /** In how many milliseconds to send a request; Infinity for not before something happens. */
  #requestDelay(hand: InHand, limit: number): number {
    if (this.#exchange.requests >= this.#pace.inFlight) return Number.POSITIVE_INFINITY;
    if (this.#exchange.handBacks > 0) return 0;
    const now = this.#deps.now();
    const record = this.#pace.recordDelay(hand, now);
    return limit > 0 ? Math.min(record, this.#pace.claimDelay(hand, now)) : record;
  }

  /** How many jobs to ask for, if the queue were asked now. */
  #wanted(hand: InHand): number {
    if (this.#stopCause !== null) return 0;
    const { maxJobs } = this.#options;
    const allowed =
      maxJobs === null ? Number.POSITIVE_INFINITY : maxJobs - this.#claimed - this.#exchange.asked;
    return Math.max(0, Math.min(this.#pace.wanted(hand), allowed));
  }

  /** Begins a request; the loop goes on meanwhile. */
  #send(limit: number): void {
    const patience = this.#hasReached ? laterCall(this.#lockMs, this.#options.watch) : FIRST_CALL;
    const sent = this.#deps.now();
    this.#exchange
      .send(limit, { ...patience, signal: this.#abortRequests.signal })
      .then(() => this.#pace.requested(this.#deps.now() - sent))
      .catch((error: unknown) => {
        this.#broken ??= { error };
      })
      .finally(() => this.#notify());
  }

  #takeIn(claim: ClaimReply, limit: number): void {
    const now = this.#deps.now();
    this.#hasReached = true;
    this.#claimed += claim.jobs.length;
    this.#expired += claim.expired;
    this.#arrival ??= claim.worker ?? null;
    this.#held = claim.held ?? [];
    // The claim was sent before the run had to end.
    if (this.#stopCause !== null) this.#exchange.handBack(claim.jobs, 'Not started: the run was over.');
    else for (const job of claim.jobs) this.#runner.buffer.add(job, now);
    this.#pace.answered(claim, limit, this.#runner.runningCount + this.#runner.buffer.size, now);
    this.#runner.startJobs();
  }

  #takeEnded(ended: EndedAttempt): void {
    const bytes = jsonbBytes(ended.attempt.job.config) + ended.finished.bytes;
    this.#exchange.addEnded(ended);
    this.#pace.ended(ended.ending.durationSeconds * 1000, bytes);
    this.#notify();
  }

  #report(attempt: Attempt, report: ExecutionReport): void {
    this.#tally.add(report);
    try {
      attempt.output.end(outcomeLine(report));
    } catch (error) {
      this.#deps.warn(`The output of ${report.name} could not be printed: ${describeError(error)}`);
    }
  }

  #budgetLeft(): number {
    if (this.#stopCause !== null) return this.#lockMs;
    if (this.#deps.drain?.aborted) return 0;
    if (this.#options.watch) return Number.POSITIVE_INFINITY;
    return this.#started + this.#options.timeBudgetSeconds * 1000 - this.#deps.now();
  }

  #endBudget(): void {
    if (this.#stopCause !== null || this.#budgetLeft() > 0) return;
    const isDrained = this.#deps.drain?.aborted === true;
    this.#stopCause = isDrained ? 'signal' : 'time-budget';
    const why = isDrained ? 'the worker was asked to stop' : 'the time budget of the run was over';
    this.#exchange.handBack(this.#runner.buffer.takeAll(), `Not started: ${why}.`);
  }

  /** Hands back what waits behind long jobs: an idle worker may take it. */
  #handBackStale(): void {
    const stale = this.#runner.buffer.takeClaimedBefore(this.#deps.now() - this.#aheadPatienceMs);
    if (stale.length === 0) return;
    this.#pace.stall();
    this.#exchange.handBack(stale, 'Not started: other jobs took longer than expected.');
  }

  #abortRequestsSoon(): void {
    const error = new Error('The worker is shutting down.');
    setTimeout(() => this.#abortRequests.abort(error), SHUTDOWN_REQUEST_MS).unref();
    this.#notify();
  }

  /** Stops everything that is under way, records what ended and hands the rest back. */
  async #shutDown(cause: 'signal' | 'error', reason: string): Promise<void> {
    const until = this.#deps.now() + SHUTDOWN_HANDLERS_MS;
    this.#stopCause = cause;
    this.#exchange.handBack(this.#runner.buffer.takeAll(), reason);
    this.#runner.stop(reason);
    if (cause === 'error') this.#abortRequestsSoon();
    while (this.#runner.runningCount + this.#exchange.requests > 0 && this.#deps.now() < until) {
      await this.#nextChange(until - this.#deps.now());
    }
    this.#exchange.handBack(this.#runner.abandon(), reason);
    await this.#exchange.close(reason, SHUTDOWN_CALL);
  }

  async #finalReport(failure: string | null): Promise<RunReport> {
    const { maxJobs, instanceId } = this.#options;
    const stopCause =
      this.#stopCause ?? (maxJobs !== null && this.#claimed >= maxJobs ? 'max-jobs' : 'empty');
    return {
      instanceId,
      executions: this.#tally.executions,
      claimed: this.#claimed,
      ...this.#tally.counts,
      ...(await this.#remaining(stopCause)),
      expired: this.#expired,
      stopCause,
      error: failure,
      durationSeconds: (this.#deps.now() - this.#started) / 1000,
      httpRequests: this.#deps.requests(),
      arrival: this.#arrival,
      heldQueues: this.#held,
    };
  }

  /** What is due and left. A run that saw the end of the queue need not ask. */
  async #remaining(cause: StopCause): Promise<Pick<RunReport, 'remaining' | 'remainingIsMinimum'>> {
    if (cause === 'empty' && !this.#pace.mayBeLeft) return { remaining: 0, remainingIsMinimum: false };
    if (cause === 'signal' || cause === 'error') return { remaining: null, remainingIsMinimum: false };
    try {
      const left = await this.#deps.queue.peek(this.#options.queues, this.#options.jobTypes, 0);
      return { remaining: left.due, remainingIsMinimum: left.due_is_minimum };
    } catch (error) {
      this.#deps.warn(`The number of jobs that remain is not known: ${describeError(error)}`);
      return { remaining: null, remainingIsMinimum: false };
    }
  }
}

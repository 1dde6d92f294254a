import {
  AbortReason,
  type Handler,
  type HandlerOutcome,
  type JobMemory,
  type QueuePause,
} from '../handlers/handler.ts';
import type { ClaimedJob, Progress } from '../queue/job.ts';
import type { Json } from '../queue/types.ts';
import { describeError } from '../text/describe-error.ts';
import { jsonFault } from '../text/json-fault.ts';
import { keepStart } from '../text/storable.ts';
import type { Ending } from './finish-item.ts';
import type { JobOutput } from './job-output.ts';

export interface AttemptDeps {
  readonly handler: Handler;
  readonly output: JobOutput;
  /** Masks a value from now on. Returns false if it is too long to be hidden. */
  readonly secret: (value: string) => boolean;
  readonly redact: (text: string) => string;
  /** Reads what the job keeps from earlier attempts. `stop` ends the attempt if its lock turns out to be lost. */
  readonly recall: (
    job: ClaimedJob,
    signal: AbortSignal,
    stop: (reason: AbortReason) => void,
  ) => Promise<JobMemory>;
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
}

/** How long a handler that was stopped may take to end. */
const ABANDON_AFTER_MS = 30_000;
/** How many warnings of one job the summary shows. */
const MAX_WARNINGS = 10;
const MAX_WARNING_BYTES = 2_000;
const RECALL_AGAIN_SECONDS = 30;
/** setTimeout fires at once for a longer delay. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One running attempt: starts the handler, stops it when its timeout is over, keeps its newest progress. */
export class Attempt {
  readonly job: ClaimedJob;
  readonly output: JobOutput;
  /** Settles when the handler has ended, or has not ended in time after it was stopped. Never rejects. */
  readonly ended: Promise<Ending>;

  readonly #deps: AttemptDeps;
  readonly #started: number;
  readonly #controller = new AbortController();
  readonly #abandoned = Promise.withResolvers<HandlerOutcome>();
  readonly #timers: NodeJS.Timeout[] = [];
  #reason: AbortReason | null = null;
  #progress: Progress | null = null;
  #isProgressNew = false;
  #pauseQueue: QueuePause | null = null;
  readonly #warnings: string[] = [];

  constructor(job: ClaimedJob, deps: AttemptDeps) {
    this.job = job;
    this.output = deps.output;
    this.#deps = deps;
    this.#started = deps.now();
    this.#startTimeout();
    this.ended = this.#run();
  }

  /** Stops the handler. The first reason counts. */
  stop(reason: AbortReason): void {
    if (this.#reason) return;
    this.#reason = reason;
    const message = 'The handler did not end after it was stopped.';
    this.#after(ABANDON_AFTER_MS, () =>
      this.#abandoned.resolve({ outcome: 'failure', kind: 'error', message }),
    );
    this.#controller.abort(reason);
  }

  /** The newest progress, or null if it was taken before. */
  takeProgress(): Progress | null {
    if (!this.#isProgressNew) return null;
    this.#isProgressNew = false;
    return this.#progress;
  }

  async #run(): Promise<Ending> {
    const outcome = await Promise.race([this.#handle(), this.#abandoned.promise]);
    for (const timer of this.#timers) clearTimeout(timer);
    return {
      executionId: this.job.execution_id,
      outcome,
      abortCause: this.#reason?.abortCause ?? null,
      abortMessage: this.#reason?.message ?? null,
      durationSeconds: (this.#deps.now() - this.#started) / 1000,
      progress: this.#progress,
      pauseQueue: this.#pauseQueue,
      warnings: this.#warnings,
      output: this.#tail(),
    };
  }

  #mask(value: string): void {
    if (this.#deps.secret(value)) return;
    this.#warn(`A secret of ${value.length} characters is too long to be hidden.`);
  }

  #warn(text: string): void {
    this.output.line(`warning: ${text}`);
    if (this.#warnings.length < MAX_WARNINGS) {
      this.#warnings.push(keepStart(this.#deps.redact(text), MAX_WARNING_BYTES));
    }
  }

  #tail(): string {
    try {
      return this.output.tail();
    } catch (error) {
      return `The output could not be kept: ${describeError(error)}`;
    }
  }

  async #handle(): Promise<HandlerOutcome> {
    const { job } = this;
    try {
      const config = readConfig(job.config);
      const fault = jsonFault(config);
      if (fault !== null) return { outcome: 'discard', reason: `The config of the job ${fault}.` };
      const memory = await this.#recall();
      if ('outcome' in memory) return memory;
      return await this.#deps.handler({
        job,
        config,
        idempotencyKey: `${job.job_id}:${job.occurrence}`,
        signal: this.#controller.signal,
        log: { line: (text) => this.output.line(text), warning: (text) => this.#warn(text) },
        progress: (value) => {
          this.#progress = value;
          this.#isProgressNew = true;
        },
        pauseQueue: (pause) => {
          // The longest counts.
          if (pause.seconds > (this.#pauseQueue?.seconds ?? 0)) this.#pauseQueue = pause;
        },
        secret: (value) => this.#mask(value),
        redact: this.#deps.redact,
        memory,
      });
    } catch (error) {
      return { outcome: 'failure', kind: 'error', message: describeError(error) };
    }
  }

  /** An attempt that cannot read what there is to know has not begun, and spends no retry. */
  async #recall(): Promise<JobMemory | HandlerOutcome> {
    try {
      return await this.#deps.recall(this.job, this.#controller.signal, (reason) => this.stop(reason));
    } catch (error) {
      const reason = `The steps of the job could not be read: ${describeError(error)}`;
      return { outcome: 'pause', seconds: RECALL_AGAIN_SECONDS, reason };
    }
  }

  #startTimeout(): void {
    const seconds = this.job.timeout_seconds;
    if (seconds === null || seconds * 1000 > LONGEST_TIMER_MS) return;
    const message = `The job ran longer than its timeout of ${seconds} s and was stopped.`;
    this.#after(seconds * 1000, () => this.stop(new AbortReason('timeout', message)));
  }

  #after(ms: number, action: () => void): void {
    this.#timers.push(setTimeout(action, ms));
  }
}

/** Clients of the first schema encoded the config twice: as a JSON string that holds JSON. */
function readConfig(config: Json): Json {
  if (typeof config !== 'string') return config;
  try {
    return JSON.parse(config) as Json;
  } catch {
    return config;
  }
}

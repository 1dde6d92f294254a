import type { ClaimedJob, Progress } from '../queue/job.ts';
import type { NewJob } from '../queue/requests.ts';
import type { RecallReply, Wait } from '../queue/step-replies.ts';
import type { FailureKind, Json } from '../queue/types.ts';

/**
 * The contract between the worker and whatever runs a job. Handlers know neither the worker nor the queue:
 * all they may use is passed in here.
 */
export type Handler = (context: HandlerContext) => Promise<HandlerOutcome>;

export interface HandlerContext {
  readonly job: ClaimedJob;
  /** The job's config, with the JSON strings that clients of the seed schema stored already parsed. */
  readonly config: Json;
  /** Same for every attempt of one occurrence of a job, different for the next: safe to hand to other systems. */
  readonly idempotencyKey: string;
  /** Aborts on cancel, timeout, lost lock and shutdown; `signal.reason` is an `AbortReason`. */
  readonly signal: AbortSignal;
  readonly log: JobLog;
  /** Lands in the execution row with the next heartbeat and in the job summary. */
  progress(progress: Progress): void;
  /** Starts no more jobs of this job's queue for a while, once the attempt has ended. */
  pauseQueue(pause: QueuePause): void;
  /** Masks `value` in everything that is printed, summarised or stored from now on. */
  secret(value: string): void;
  /** Takes the secrets that are known so far out of a text: for what has to be cut before it is handed on. */
  redact(text: string): string;
  readonly memory: JobMemory;
}

/** What a job keeps from one attempt to the next: its finished steps, and what the jobs before it returned. */
export interface JobMemory {
  readonly steps: RecallReply['steps'];
  readonly parents: RecallReply['parents'];
  /** Whether the job should end its attempt before the next step, because the time budget of the run is over. */
  mustPause(): boolean;
  /** Stores the result of a step, and returns what is stored. */
  save(name: string, result: Json, seconds: number): Promise<Json>;
  /** Begins or continues a sleep, or the wait for an event. */
  wait(wait: Wait): Promise<WaitAnswer>;
}

export interface WaitAnswer {
  readonly done: boolean;
  /** The event; null if none came in time. */
  readonly result: Json;
  /** How long the pause still takes, if it is not done. */
  readonly waitSeconds: number;
}

/** What a handler asks for its queue, when the other side wants to be left alone. */
export interface QueuePause {
  readonly seconds: number;
  readonly reason: string;
}

/** Why a handler is being stopped before it ended by itself. */
export type AbortCause = 'cancelled' | 'timeout' | 'lost' | 'shutdown';

export class AbortReason extends Error {
  override readonly name = 'AbortReason';
  readonly abortCause: AbortCause;
  constructor(abortCause: AbortCause, message: string) {
    super(message);
    this.abortCause = abortCause;
  }
}

/** A closed set: a handler ends in one of these ways or throws, which is a failure of kind `error`. */
export type HandlerOutcome =
  | {
      readonly outcome: 'success';
      readonly result: Json;
      /** Jobs that are added together with the success, as `cloud_jobs_enqueue` takes them. */
      readonly spawn?: readonly NewJob[];
    }
  | {
      readonly outcome: 'failure';
      readonly kind: Extract<FailureKind, 'error' | 'timeout' | 'crashed'>;
      readonly message: string;
      readonly details?: Json;
      /** Asks for this delay before the next attempt in place of the backoff. Still spends a retry. */
      readonly retryInSeconds?: number;
    }
  /** Run again later without spending a retry (a throttled API). */
  | { readonly outcome: 'snooze'; readonly seconds: number; readonly reason: string; readonly details?: Json }
  /** Goes on in a later attempt, without spending a retry: a sleep, the wait for an event, or the end of the run. */
  | { readonly outcome: 'pause'; readonly seconds: number; readonly reason: string }
  /** Fail now, whatever retries are left. */
  | { readonly outcome: 'discard'; readonly reason: string; readonly details?: Json };

export type JobLogStream = 'stdout' | 'stderr';

/** Where the output of one job goes. Takes whole lines without their line end. */
export interface JobLog {
  line(text: string, stream?: JobLogStream): void;
  /** Prints a line that the summary of the run shows as well, for what a person should look at although the job goes on. */
  warning(text: string): void;
}

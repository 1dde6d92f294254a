/**
 * What the author of a custom handler imports: `import { defineHandler } from 'cloud-jobs'`.
 * Types, and one function that gives its argument back: a handler needs nothing of this package when it runs.
 */
import type { ListedJob } from './listed-job.ts';
import type { ClaimedJob } from './queue/job.ts';

/** What JSON can hold. A property whose value is `undefined` is left out, as `JSON.stringify` does. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

/** The config of a job without its `handler` key. */
export type JobConfig = { readonly [key: string]: JsonValue };

/** The job as the database has it when the attempt starts. Frozen. Instants are ISO 8601 in UTC. */
export type Job = ClaimedJob;

/** Writes a line to the job's output. Objects are formatted as `console.log` does. */
export interface HandlerLog {
  info(...values: readonly unknown[]): void;
  warn(...values: readonly unknown[]): void;
  error(...values: readonly unknown[]): void;
}

declare const endingKind: unique symbol;

/** Made by `context.snooze`. Has to be returned (or thrown) to have an effect. */
export interface Snooze {
  readonly [endingKind]: 'snooze';
}

/** Made by `context.discard`. Has to be returned (or thrown) to have an effect. */
export interface Discard {
  readonly [endingKind]: 'discard';
}

/** What `signal.reason` is once the signal has aborted. */
export interface StopReason extends Error {
  readonly abortCause: 'cancelled' | 'timeout' | 'lost' | 'shutdown';
}

export interface JobContext {
  readonly job: Job;
  /** 1 for the first run, 2 for the first retry and so on. */
  readonly attempt: number;
  /**
   * The same for every attempt of one occurrence of the job. A job can run more than once: hand this key to
   * whatever the handler changes, so that the second run changes nothing.
   */
  readonly idempotencyKey: string;
  /** Aborts on cancel, timeout, lost lock and shutdown; `reason` is a `StopReason`. Pass it to `fetch`. */
  readonly signal: AbortSignal;
  readonly log: HandlerLog;
  /**
   * Shows how far the job is. Cheap: call it as often as you like, only the newest value travels.
   * @param done Units done so far, 0 or more.
   * @param total Units in all, when known.
   * @param note A few words; cut after 500 characters.
   * @throws TypeError when a value has the wrong type.
   */
  progress(done: number, total?: number, note?: string): void;
  /**
   * `context.pauseQueue({ minutes: 15, reason: 'HTTP 429' })`: when this attempt ends, however it ends, no more jobs of its
   * queue start for so long, on any worker. Jobs that run go on. Does not end the job: snooze it as well to run it again.
   * @throws RangeError unless `minutes` is above 0 and at most 43,200 (30 days).
   */
  pauseQueue(options: { readonly minutes: number; readonly reason?: string }): void;
  /** Masks `value` in everything that this job prints or returns from now on. Empty text is ignored. */
  secret(value: string): void;
  /**
   * `return context.snooze({ minutes: 30 })`: run again later, without spending a retry.
   * @throws RangeError unless `minutes` is above 0 and at most 525,600 (a year).
   */
  snooze(options: { readonly minutes: number; readonly reason?: string }): Snooze;
  /** `return context.discard('the account is closed')`: fail now, whatever retries are left. */
  discard(reason: string): Discard;
  /** The jobs that this one depends on, by ref (or by id, if they have none), with what they returned. */
  readonly parents: Readonly<Record<string, ParentResult>>;
  /**
   * Runs a function once for all attempts: what it returns is stored before the handler goes on, and a later attempt gets
   * that without running it again. If the attempt ends while it runs, it runs again.
   * @param name Its own in this job, up to 200 characters.
   * @throws Error when the name was used before in this attempt, or the result cannot be stored (JSON, up to 256 KiB).
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing is a step.
  step<Result extends JsonValue | undefined | void>(
    name: string,
    run: () => Result | Promise<Result>,
  ): Promise<Result>;
  /** Ends the attempt, and goes on here after that time. Nothing runs meanwhile, and no retry is spent. */
  sleep(name: string, length: SleepLength): Promise<void>;
  /**
   * Waits for an event (`cloud_jobs_signal`) without running meanwhile. An event that came before is not lost.
   * @returns The payload of the event; null if none came within `timeoutDays`, 7 unless given.
   */
  waitFor(name: string, options?: { readonly timeoutDays?: number }): Promise<JsonValue>;
  /** Waits until a person approves or rejects: the commands `approve` and `reject`, or the dashboard. */
  approval(options: ApprovalRequest): Promise<Approval>;
  /**
   * Adds jobs together with the success of this attempt: all of them, or none if it does not succeed. Those without a
   * `queue` go to the queue of this job. May be called more than once.
   * @param jobs Up to 5,000 in one attempt. A later one may name an earlier one by its `ref` in `dependsOn`.
   * @param options `then`: a job that starts when all of the list have succeeded, and gets what they returned in
   * `context.parents`, by ref or as `_1`, `_2` and so on.
   * @throws TypeError for what is no job; RangeError for more than fits.
   */
  spawn(jobs: readonly SpawnedJob[], options?: { readonly then?: SpawnedJob }): Promise<void>;
}

/** A job that a handler adds. */
export type SpawnedJob = Omit<ListedJob, 'jobId' | 'schedule' | 'timezone'>;

/** How long a sleep takes; what is given is added up. At most a year. */
export interface SleepLength {
  readonly seconds?: number;
  readonly minutes?: number;
  readonly hours?: number;
  readonly days?: number;
}

/** A job that this one depends on. */
export interface ParentResult {
  readonly jobId: string;
  /** Null if the job was deleted, and so is its status. */
  readonly name: string | null;
  readonly status: 'waiting' | 'locked' | 'success' | 'failed' | 'disabled' | null;
  /** What its handler returned; null if it did not succeed, and if `leftOut`. */
  readonly result: JsonValue;
  /** The results of the parents are more than 1 MiB in all, and this one is not among the first. */
  readonly leftOut: boolean;
}

export interface ApprovalRequest {
  /** What is to be decided, in a few words. */
  readonly title: string;
  /** More about it, such as a link or figures. */
  readonly details?: JsonValue;
  /** Needed if a job asks more than once; `approval` unless given. */
  readonly name?: string;
  /** 7 unless given. */
  readonly timeoutDays?: number;
}

export interface Approval {
  readonly approved: boolean;
  /** The login of the person, or the name of the user in a terminal. */
  readonly by: string | null;
  readonly note: string | null;
  /** Nobody decided in time. */
  readonly timedOut: boolean;
}

/** A closed set: JSON (nothing is `null`), a snooze or a discard. Anything else is an error that names it. */
export type HandlerReturn = JsonValue | Snooze | Discard | undefined;

/** The plain form: `export default async (config, context) => result`. */
export type JobHandler<Config = JobConfig> = (
  config: Config,
  context: JobContext,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is a handler.
) => HandlerReturn | void | Promise<HandlerReturn | void>;

/**
 * The part of Standard Schema v1 that is used here (https://standardschema.dev), so that any library that
 * follows it can be given: zod, valibot, arktype and others.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type that a schema takes. */
export type SchemaInput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['input'];

/** The type that a schema gives out after validation. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/** The delay before the retries of a job: `delaySeconds`, then `factor` times as long each time. */
export interface RetryDelay {
  /** Before the first retry, 0 to 31,536,000 (a year). */
  readonly delaySeconds: number;
  /** 1, the same delay each time, unless given; at most 10. No delay grows beyond a day. */
  readonly factor?: number;
}

export interface HandlerDefinition<Schema extends StandardSchema = StandardSchema<unknown, JobConfig>> {
  /**
   * The path of the file in the handlers folder, as `config.handler` names it. Only for applications that pass the
   * handler itself to `client.enqueue`.
   */
  readonly name?: string;
  /** Checks the config (without its `handler` key) when a job is created and before each run. */
  readonly config?: Schema;
  /** How long to wait before a retry after the handler threw; the backoff of the queue unless given. */
  readonly retry?: RetryDelay;
  readonly run: JobHandler<SchemaOutput<Schema>>;
}

/**
 * Types a handler, and with `config` has its config checked before it runs:
 *
 *     export default defineHandler({
 *       config: z.object({ city: z.string() }),
 *       run: async (config, context) => ({ hello: config.city }),
 *     });
 */
export function defineHandler<Schema extends StandardSchema = StandardSchema<unknown, JobConfig>>(
  handler: HandlerDefinition<Schema>,
): HandlerDefinition<Schema> {
  return handler;
}

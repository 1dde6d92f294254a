/** Jobs as applications (`client.enqueue`) and handlers (`context.spawn`) write them, and as the queue takes them. */
import type { HandlerDefinition, JobConfig, JobHandler, StandardSchema } from './index.ts';
import type { NewJob } from './queue/requests.ts';
import type { Json, Missed, OnConflict, OnParentFailure } from './queue/types.ts';
import { checkAgainst } from './standard-schema.ts';

/** What `export default` of a handler is: made by `defineHandler`, or a function. */
// biome-ignore lint/suspicious/noExplicitAny: a handler of any config.
export type AnyHandler = HandlerDefinition<any> | JobHandler<any>;

export interface EnqueueOptions {
  /** The name that people see; that of the handler unless given. */
  readonly name?: string;
  readonly queue?: string;
  readonly description?: string;
  /** Smaller first, -100 to 100; 0 unless given. */
  readonly priority?: number;
  /** When the job becomes due. Not together with `delaySeconds`. */
  readonly runAt?: Date | string;
  readonly delaySeconds?: number;
  readonly maxRetries?: number;
  /** Seconds before the first retry; the handler's or the queue's backoff unless given. */
  readonly retryDelaySeconds?: number;
  /** By how much longer each further retry waits, 1 to 10; 1 unless given. Only with `retryDelaySeconds`. */
  readonly retryFactor?: number;
  readonly timeoutSeconds?: number;
  /** No second unfinished job is added with this key, unless `onConflict` says otherwise. */
  readonly uniqueKey?: string;
  /**
   * What happens if there is one. `keep`, unless given: nothing. `replace`: if it waits, it takes the new config and due
   * time. `next`: nothing if it waits. With `replace` and `next`, if it runs, one more job is added and waits behind it.
   */
  readonly onConflict?: OnConflict;
  /** Jobs with the same key run one after the other, or `concurrencyLimit` at a time. */
  readonly concurrencyKey?: string;
  /** 1 to 1,000; give all jobs of a key the same. */
  readonly concurrencyLimit?: number;
  /** A five-field cron expression. */
  readonly schedule?: string;
  /** An IANA name; UTC unless given. Only with `schedule`. */
  readonly timezone?: string;
  /** What becomes of occurrences that no run started in time: `once` (the default), `skip` or `all`. Only with `schedule`. */
  readonly missed?: Missed;
  /** How late an occurrence may start with `missed: 'skip'`; 900 unless given. */
  readonly missedGraceSeconds?: number;
  /** If the job has not started by then, it fails as expired. Not together with `expiresInSeconds`. */
  readonly expiresAt?: Date | string;
  /** The same, counted from when the job (each occurrence of a schedule) is due. */
  readonly expiresInSeconds?: number;
  /** Ids of jobs: this one starts when all of them have succeeded. In `enqueueAll` also refs of earlier jobs of the list. */
  readonly dependsOn?: readonly string[];
  /** If one of those fails for good: `cancel` this job (the default), `run` it all the same, or `wait` for a retry. */
  readonly onParentFailure?: OnParentFailure;
  /** Chosen by the caller, it makes calling twice add the job once. */
  readonly jobId?: string;
}

/** A job of a list: of `client.enqueueAll` or `context.spawn`. */
export interface ListedJob extends EnqueueOptions {
  readonly handler: AnyHandler | string;
  readonly config?: JobConfig;
  /** What later jobs of the list name in `dependsOn`. */
  readonly ref?: string;
}

/** The options of a job, by the names of their columns. */
const COLUMNS: { readonly [Option in Exclude<keyof ListedJob, 'handler' | 'config'>]-?: keyof NewJob } = {
  name: 'name',
  ref: 'ref',
  jobId: 'job_id',
  description: 'description',
  queue: 'queue',
  priority: 'priority',
  runAt: 'run_at',
  delaySeconds: 'delay_seconds',
  maxRetries: 'max_retries',
  timeoutSeconds: 'timeout_seconds',
  uniqueKey: 'unique_key',
  onConflict: 'on_conflict',
  concurrencyKey: 'concurrency_key',
  concurrencyLimit: 'concurrency_limit',
  retryDelaySeconds: 'retry_delay_seconds',
  retryFactor: 'retry_factor',
  schedule: 'schedule',
  timezone: 'timezone',
  missed: 'missed',
  missedGraceSeconds: 'missed_grace_seconds',
  expiresAt: 'expires_at',
  expiresInSeconds: 'expires_in_seconds',
  dependsOn: 'depends_on',
  onParentFailure: 'on_parent_failure',
};

/** Pairs of an option and its column. */
export const OPTIONS = Object.entries(COLUMNS) as readonly (readonly [keyof typeof COLUMNS, keyof NewJob])[];

/**
 * A job as the queue takes it. Its config is checked as the worker will check it, so that a mistake shows here and not in a
 * failed run.
 * @param call names the function in errors
 * @throws TypeError
 */
export async function newJob({ handler, config = {}, ...options }: ListedJob, call: string): Promise<NewJob> {
  const name = nameOf(handler, call);
  await checkConfig(handler, config, name);
  const columns: Record<string, unknown> = {};
  for (const [option, column] of OPTIONS) {
    const value = options[option];
    if (value !== undefined) columns[column] = value instanceof Date ? value.toISOString() : value;
  }
  return { name, ...columns, job_type: 'custom', config: { ...config, handler: name } as Json };
}

function nameOf(handler: AnyHandler | string, call: string): string {
  if (typeof handler === 'string') return handler;
  if ('run' in handler && handler.name) return handler.name;
  throw new TypeError(
    `${call}: the handler has no name. Add it (defineHandler({ name: 'report', … })), or give the name as text: enqueue<typeof report>('report', …).`,
  );
}

async function checkConfig(handler: AnyHandler | string, config: unknown, name: string): Promise<void> {
  if (typeof handler === 'string' || !('run' in handler) || handler.config === undefined) return;
  const issues = await checkAgainst(handler.config as StandardSchema, config);
  if (issues !== null) throw new TypeError(`The config does not fit the handler "${name}": ${issues}`);
}

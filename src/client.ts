/**
 * What an application imports to add and follow jobs: `import { createClient } from 'cloud-jobs/client'`. Nothing here
 * needs Node, so that it runs in Deno, Bun and edge functions too.
 */
import type { HandlerDefinition, JobConfig, JobHandler, SchemaInput, StandardSchema } from './index.ts';
import type { ExecutionRow, JobRow } from './queue/job.ts';
import { createQueue } from './queue/queue.ts';
import type { NewJob } from './queue/requests.ts';
import { createRpc } from './queue/rpc.ts';
import type { JobStatus, Json, OnConflict, OnParentFailure } from './queue/types.ts';
import { checkAgainst } from './standard-schema.ts';
import { VERSION } from './version.ts';

export { QueueError } from './queue/errors.ts';
export type { ExecutionRow, JobRow, JobStatus, Json };

export interface ClientOptions {
  /** `https://<project>.supabase.co` */
  readonly url: string;
  /** The secret key, or a token of a role that may do less, such as `cloud_jobs_enqueue`. Never in a web page. */
  readonly key: string;
  /** The project's publishable key, if `key` is such a token: the gateway requires it. */
  readonly publishableKey?: string;
}

/** What `export default` of a handler is: made by `defineHandler`, or a function. */
// biome-ignore lint/suspicious/noExplicitAny: a handler of any config.
export type AnyHandler = HandlerDefinition<any> | JobHandler<any>;

/** The config that a handler takes: the input of its schema, or the type of its first parameter. */
export type ConfigOf<Handler> =
  Handler extends HandlerDefinition<infer Schema>
    ? unknown extends SchemaInput<Schema>
      ? JobConfig
      : SchemaInput<Schema>
    : Handler extends (config: infer Config, ...rest: never[]) => unknown
      ? unknown extends Config
        ? JobConfig
        : Config
      : JobConfig;

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

/** One job of `enqueueAll`. */
export interface ListedJob extends EnqueueOptions {
  readonly handler: AnyHandler | string;
  readonly config?: JobConfig;
  /** What later jobs of the list name in `dependsOn`. */
  readonly ref?: string;
}

export interface Enqueued {
  readonly jobId: string;
  /** False if an unfinished job with this unique key was there: `jobId` is its id. */
  readonly created: boolean;
  /** With `onConflict: 'replace'`: the waiting job `jobId` took the new config and due time. */
  readonly replaced: boolean;
}

export interface ListOptions {
  readonly status?: JobStatus;
  readonly queue?: string;
  readonly name?: string;
  /** 1 to 1,000; 100 unless given. */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly before?: string;
}

/** A job with its newest executions. The names are those of the columns. */
export type JobWithExecutions = JobRow & {
  readonly config: Json;
  readonly executions: readonly ExecutionRow[];
};

export interface Client {
  /** Adds a job that runs the handler of this name, with any config. */
  enqueue(handler: string, config: JobConfig, options?: EnqueueOptions): Promise<Enqueued>;
  /**
   * Adds a job that runs a handler. Give the handler that `defineHandler` made, with its `name`, or name it and give its
   * type: `client.enqueue<typeof report>('report', { city: 'Bonn' })`. Safe to repeat: a lost reply adds no second job.
   * @throws TypeError if the config does not fit the schema of the handler; QueueError if the project refuses the call.
   */
  enqueue<Handler extends AnyHandler>(
    handler: Handler | string,
    config: NoInfer<ConfigOf<Handler>>,
    options?: EnqueueOptions,
  ): Promise<Enqueued>;
  /**
   * Adds several jobs, all or none. They may depend on each other: `ref: 'fetch'` names one, and a later one says
   * `dependsOn: ['fetch']`. The answers are in the order of the list.
   */
  enqueueAll(jobs: readonly ListedJob[]): Promise<readonly Enqueued[]>;
  /** Cancels a job; one that runs is stopped soon. `cancelled` is false, with the reason, if it had ended. */
  cancel(jobId: string): Promise<{ readonly cancelled: boolean; readonly reason: string | null }>;
  /** The job with its newest executions, up to 10 unless `executions` says otherwise; null if there is none. */
  get(jobId: string, options?: { readonly executions?: number }): Promise<JobWithExecutions | null>;
  /** Jobs, newest first; `next` is null on the last page. */
  list(options?: ListOptions): Promise<{ readonly jobs: readonly JobRow[]; readonly next: string | null }>;
}

/** Opens the queue of a Supabase project. Nothing is sent before the first call. */
export function createClient({ url, key, publishableKey }: ClientOptions): Client {
  if (!URL.canParse(url)) {
    throw new TypeError(`createClient: url is not an address such as https://<project>.supabase.co.`);
  }
  if (typeof key !== 'string' || key.trim() === '') throw new TypeError('createClient: key is empty.');
  const rpc = createRpc({
    url: url.replace(/\/+$/, ''),
    key: key.trim(),
    publishableKey: publishableKey || null,
    clientInfo: `cloud-jobs/${VERSION}`,
  });
  const queue = createQueue(rpc, () => crypto.randomUUID());
  return {
    async enqueue(handler: AnyHandler | string, config: unknown, options: EnqueueOptions = {}) {
      const name = nameOf(handler);
      await checkConfig(handler, config, name);
      const reply = await queue.enqueue([newJob(name, config as JobConfig, options)]);
      const [job] = reply.jobs;
      if (job === undefined) throw new Error('cloud_jobs_enqueue took the job but named none.');
      return { jobId: job.job_id, created: job.created, replaced: job.replaced };
    },
    async enqueueAll(jobs) {
      const items = await Promise.all(
        jobs.map(async ({ handler, config = {}, ref, ...options }) => {
          const name = nameOf(handler);
          await checkConfig(handler, config, name);
          return { ...newJob(name, config, options), ...(ref !== undefined && { ref }) };
        }),
      );
      const { jobs: added } = await queue.enqueue(items);
      return added.map((job) => ({ jobId: job.job_id, created: job.created, replaced: job.replaced }));
    },
    async cancel(jobId) {
      const { applied, reason } = await queue.verb('cancel', jobId);
      return { cancelled: applied, reason };
    },
    async get(jobId, { executions = 10 } = {}) {
      const reply = await queue.show(jobId, executions);
      return reply.job && { ...reply.job, executions: reply.executions };
    },
    async list(options = {}) {
      const { jobs, next } = await queue.list({ limit: 100, ...options });
      return { jobs, next };
    },
  };
}

function nameOf(handler: AnyHandler | string): string {
  if (typeof handler === 'string') return handler;
  if ('run' in handler && handler.name) return handler.name;
  throw new TypeError(
    "enqueue: the handler has no name. Add it (defineHandler({ name: 'report', … })), or call enqueue<typeof report>('report', …).",
  );
}

/** Checks the config as the worker will, so that a mistake shows here and not in a failed run. */
async function checkConfig(handler: AnyHandler | string, config: unknown, name: string): Promise<void> {
  if (typeof handler === 'string' || !('run' in handler) || handler.config === undefined) return;
  const issues = await checkAgainst(handler.config as StandardSchema, config);
  if (issues !== null) throw new TypeError(`The config does not fit the handler "${name}": ${issues}`);
}

const asText = (time: Date | string | undefined): string | undefined =>
  time instanceof Date ? time.toISOString() : time;

function newJob(handler: string, config: JobConfig, options: EnqueueOptions): NewJob {
  const columns: { [Column in keyof NewJob]?: NewJob[Column] | undefined } = {
    job_id: options.jobId,
    description: options.description,
    queue: options.queue,
    priority: options.priority,
    run_at: asText(options.runAt),
    delay_seconds: options.delaySeconds,
    max_retries: options.maxRetries,
    timeout_seconds: options.timeoutSeconds,
    unique_key: options.uniqueKey,
    on_conflict: options.onConflict,
    concurrency_key: options.concurrencyKey,
    concurrency_limit: options.concurrencyLimit,
    retry_delay_seconds: options.retryDelaySeconds,
    retry_factor: options.retryFactor,
    schedule: options.schedule,
    timezone: options.timezone,
    expires_at: asText(options.expiresAt),
    expires_in_seconds: options.expiresInSeconds,
    depends_on: options.dependsOn,
    on_parent_failure: options.onParentFailure,
  };
  return {
    ...Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined)),
    name: options.name ?? handler,
    job_type: 'custom',
    config: { ...config, handler } as Json,
  };
}

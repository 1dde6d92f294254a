/**
 * What an application imports to add and follow jobs: `import { createClient } from 'cloud-jobs/client'`. Nothing here
 * needs Node, so that it runs in Deno, Bun and edge functions too.
 */
import type { HandlerDefinition, JobConfig, SchemaInput } from './index.ts';
import { type AnyHandler, type EnqueueOptions, type ListedJob, newJob } from './listed-job.ts';
import type { ExecutionRow, JobRow } from './queue/job.ts';
import { createQueue } from './queue/queue.ts';
import { createRpc } from './queue/rpc.ts';
import type { JobStatus, Json } from './queue/types.ts';
import { VERSION } from './version.ts';

export type { AnyHandler, EnqueueOptions, ListedJob } from './listed-job.ts';
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
      const reply = await queue.enqueue([
        await newJob({ ...options, handler, config: config as JobConfig }, 'enqueue'),
      ]);
      const [job] = reply.jobs;
      if (job === undefined) throw new Error('cloud_jobs_enqueue took the job but named none.');
      return { jobId: job.job_id, created: job.created, replaced: job.replaced };
    },
    async enqueueAll(jobs) {
      const items = await Promise.all(jobs.map((job) => newJob(job, 'enqueueAll')));
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

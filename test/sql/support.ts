import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { claimReply, enqueueReply, finishReply, renewReply, verbReply } from '../../src/queue/replies.ts';
import type { TestProject } from '../support/stack.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

export const INSTALL = read('sql/install.sql');
export const ANON_ACCESS = read('sql/optional/anon-access.sql');
export const WORKER_ROLE = read('sql/optional/worker-role.sql');
export const ENQUEUE_ROLE = read('sql/optional/enqueue-role.sql');
/** The first version of the schema, whose users upgrade in place. */
export const SEED = read('test/fixtures/seed-schema.sql');
export const SCHEMA_VERSION = Number(/"schema": (\d+)/.exec(INSTALL)?.[1]);

/** What PostgREST answered to a call that was refused. */
export class CallError extends Error {
  readonly code: string;
  readonly status: number;
  readonly hint: string;
  constructor(message: string, code: string, status: number, hint: string) {
    super(message);
    this.code = code;
    this.status = status;
    this.hint = hint;
  }
}

type Args = Readonly<Record<string, unknown>>;

/** Calls a SQL function through gateway and PostgREST. @throws CallError */
export async function call(project: TestProject, name: string, args: Args = {}, key?: string) {
  const { data, error, status } = await project.client(key).rpc(name, args);
  if (error) throw new CallError(error.message, error.code, status, error.hint);
  return data as unknown;
}

export interface JobState extends Record<string, unknown> {
  readonly job_id: string;
  readonly status: string;
  readonly current_retries: number;
  readonly blocked: boolean;
  readonly locked_by: string | null;
  readonly locked_execution_id: string | null;
  readonly error_message: string | null;
  readonly occurrence: number;
  readonly finished: boolean;
  /** Seconds from now until the job is due; 0 or less: due. */
  readonly due_in: number;
}

export interface ExecutionState extends Record<string, unknown> {
  readonly execution_id: string;
  readonly status: string;
  readonly failure_kind: string | null;
  readonly attempt: number;
  readonly instance_id: string | null;
}

/** All attempts: those with a row, and those that run and have none yet. */
export const ATTEMPTS = `select * from (
  select * from cloud_job_executions union all
  select (jsonb_populate_record(null::cloud_job_executions, to_jsonb(r) || '{"status": "running"}')).*
  from cloud_jobs_running(array(select job_id from cloud_jobs)) r) attempts`;

/** The functions of the queue, on a queue of its own: tests that share a database do not meet. */
export function queueOf(project: TestProject, queue = `q-${randomUUID().slice(0, 8)}`) {
  const claim = async (instance: string, limit = 1, more: Args = {}) =>
    claimReply.parse(
      await call(project, 'cloud_jobs_claim', {
        instance_id_param: instance,
        limit_param: limit,
        queues_param: [queue],
        ...more,
      }),
    );
  return {
    queue,
    claim,
    /** Adds jobs and returns their ids. */
    async add(...items: readonly Args[]): Promise<string[]> {
      const named = items.map((item) => ({ name: 'a job', job_type: 'custom', queue, ...item }));
      const reply = enqueueReply.parse(await call(project, 'cloud_jobs_enqueue', { items_param: named }));
      return reply.jobs.map((job) => job.job_id);
    },
    /** Adds one job. */
    async addOne(item: Args = {}): Promise<string> {
      const [id] = await this.add(item);
      if (id === undefined) throw new Error('no job was added');
      return id;
    },
    /** Claims one job that must be there. */
    async take(instance: string, more: Args = {}) {
      const [job] = (await claim(instance, 1, more)).jobs;
      if (job === undefined) throw new Error(`${instance} got no job`);
      return job;
    },
    async finish(instance: string, items: readonly Args[], claimNext: Args | null = null) {
      return finishReply.parse(
        await call(project, 'cloud_jobs_finish', {
          instance_id_param: instance,
          items_param: items,
          claim_param: claimNext && { queues: [queue], ...claimNext },
        }),
      );
    },
    /** Ends one attempt. */
    async end(instance: string, execution: string, outcome: string, more: Args = {}) {
      const { finished } = await this.finish(instance, [{ execution_id: execution, outcome, ...more }]);
      return finished[0];
    },
    async renew(instance: string, items: readonly Args[], seconds = 300) {
      return renewReply.parse(
        await call(project, 'cloud_jobs_renew', {
          instance_id_param: instance,
          items_param: items,
          lock_seconds_param: seconds,
        }),
      ).renewed;
    },
    async verb(name: 'cancel' | 'retry' | 'disable' | 'enable' | 'delete', job: string) {
      return verbReply.parse(await call(project, `cloud_jobs_${name}`, { job_id_param: job }));
    },
    async job(id: string): Promise<JobState> {
      const [row] = await project.sql<JobState>(
        `select *, finished_at is not null as finished, extract(epoch from run_at - clock_timestamp())::float8 as due_in
         from cloud_jobs where job_id = $1`,
        [id],
      );
      if (row === undefined) throw new Error(`There is no job ${id}`);
      return row;
    },
    /** The attempts at a job, with the one that runs. */
    executions: (id: string) =>
      project.sql<ExecutionState>(`${ATTEMPTS} where job_id = $1 order by started_at, execution_id`, [id]),
    /** Lets the locks of these jobs run out, as if their workers had died. */
    expire: (...ids: string[]) =>
      project.sql(
        `update cloud_jobs set lock_expires_at = now() - interval '1 s' where job_id = any ($1) and status = 'locked'`,
        [ids],
      ),
    /** Ends the attempts whose lock has run out, and claims nothing. */
    async reap(): Promise<number> {
      const [row] = await project.sql<{ n: number }>(
        `select cloud_jobs_expire(array[$1], '{paper_fetch,maintenance,custom}') as n`,
        [queue],
      );
      return row?.n ?? 0;
    },
    /** Makes waiting jobs due. */
    due: (...ids: string[]) =>
      project.sql(
        `update cloud_jobs set run_at = now() - interval '1 s' where job_id = any ($1) and status = 'waiting'`,
        [ids],
      ),
  };
}

/** Runs work on `count` connections that act as service_role, and closes them. */
export async function onConnections<T>(
  url: string,
  count: number,
  work: (clients: pg.Client[]) => Promise<T>,
): Promise<T> {
  const clients = Array.from({ length: count }, () => new pg.Client({ connectionString: url }));
  for (const client of clients) client.on('error', () => {});
  try {
    await Promise.all(clients.map((client) => client.connect()));
    await Promise.all(clients.map((client) => client.query('set role service_role')));
    return await work(clients);
  } finally {
    await Promise.allSettled(clients.map((client) => client.end()));
  }
}

/** Two connections that act as service_role. */
export function onTwo<T>(
  project: TestProject,
  work: (one: pg.Client, two: pg.Client) => Promise<T>,
): Promise<T> {
  return onConnections(project.adminUrl, 2, async ([one, two]) => {
    if (!one || !two) throw new Error('no connections');
    return work(one, two);
  });
}

/** Waits until a connection stands in the queue for a lock. */
export async function untilBlocked(project: TestProject, client: pg.Client): Promise<void> {
  const { processID } = client as unknown as { processID: number };
  await until(async () => {
    const [row] = await project.sql<{ n: number }>('select cardinality(pg_blocking_pids($1)) as n', [
      processID,
    ]);
    return (row?.n ?? 0) > 0;
  }, 'a connection to wait for a lock');
}

/** Asks again until it is so. @throws Error after 10 s. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited 10 s in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The first column of the first row. */
export async function value<T>(client: pg.Client, text: string, params: unknown[] = []): Promise<T> {
  const { rows } = await client.query({ text, values: params, rowMode: 'array' });
  return rows[0]?.[0] as T;
}

/**
 * Blocked jobs whose turn could never come: their key has no locked job, and in their own queue and type no due job
 * that is not blocked. There must be none at any moment.
 */
export const STRANDED = `
  select b.job_id from cloud_jobs b where b.blocked and (b.status <> 'waiting' or not exists (
    select from cloud_jobs o where o.concurrency_key = b.concurrency_key and (o.status = 'locked'
      or (o.status = 'waiting' and not o.blocked and o.run_at <= clock_timestamp()
        and o.queue = b.queue and o.job_type = b.job_type))))`;

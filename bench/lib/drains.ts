import type { GraphileOptions } from '../workers/graphile.ts';
import type { OurOptions } from '../workers/ours.ts';
import type { PgBossOptions } from '../workers/pgboss.ts';
import type { Row } from './bench.ts';
import { startWorkerChild, type WorkerChild, type WorkerSample } from './child.ts';
import type { CpuUse } from './cpu.ts';
import { startPgBoss, withGraphile } from './peers.ts';
import { startRelay } from './relay.ts';
import { type BenchStack, sqlOn } from './stack.ts';
import { median } from './stats.ts';

/** One drain of a full queue by one worker process. */
export interface Drain extends WorkerSample {
  readonly cpu: CpuUse;
  /** Bytes of write-ahead log. */
  readonly wal: number;
}

/** The fastest settings that graphile-worker documents. */
export const GRAPHILE_FASTEST = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
};
export const PGBOSS_FASTEST = {
  batchSize: 500,
  localConcurrency: 4,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
};

export const perSecond = (drains: readonly WorkerSample[] = []): number[] =>
  drains.map(({ jobs, seconds }) => jobs / seconds);

/** A row of jobs/s with the CPU milliseconds of a job by process and the requests of a job. */
export function drainRow(label: string, drains: readonly Drain[]): Row {
  const each = (of: (drain: Drain) => number) => median(drains.map((drain) => of(drain) / drain.jobs));
  const cpu = (of: (drain: Drain) => number) => (each(of) * 1000).toFixed(3);
  const parts = [`worker ${cpu((d) => d.cpuSeconds)}`, `Postgres ${cpu((d) => d.cpu.postgres)}`];
  const requests = each((d) => d.requests);
  if (requests > 0) {
    parts.push(`PostgREST ${cpu((d) => d.cpu.postgrest)}`, `gateway ${cpu((d) => d.cpu.gateway)}`);
  }
  const beside = `CPU ms a job: ${parts.join(', ')}${requests > 0 ? `; ${requests.toFixed(3)} requests a job` : ''}`;
  return { label, unit: 'jobs/s', values: perSecond(drains), beside };
}

export async function startOurs(stack: BenchStack, options: Partial<OurOptions> = {}): Promise<WorkerChild> {
  const { url, serviceKey: key } = stack.project;
  const defaults: OurOptions = {
    url,
    key,
    concurrency: 4,
    name: 'octo/consumer/42/1/bench',
    isolated: false,
    jobMs: 0,
  };
  return await startWorkerChild('ours', { ...defaults, ...options });
}

/** Drains `jobs` jobs from a distance; each must end as a success with one execution. */
export async function drainOurs(
  stack: BenchStack,
  jobs: number,
  options: Partial<OurOptions> = {},
  roundTripMs = 0,
): Promise<Drain> {
  await stack.reset();
  await stack.fill(jobs, { config: { handler: 'noop' } });
  const drain = await from(stack.project.url, roundTripMs, async (url) =>
    measured(stack, await startOurs(stack, { ...options, url })),
  );
  const [row] = await stack.sql(
    `select (select count(*)::integer from public.cloud_jobs where status = 'success') as jobs,
       (select count(*)::integer from public.cloud_job_executions where status = 'success') as executions`,
  );
  if (row?.jobs !== jobs || row.executions !== jobs) {
    throw new Error(`Of ${jobs} jobs ${row?.jobs} succeeded in ${row?.executions} executions.`);
  }
  return drain;
}

export async function drainGraphile(
  stack: BenchStack,
  jobs: number,
  settings: GraphileOptions['settings'],
  roundTripMs = 0,
): Promise<Drain> {
  const url = await stack.peerUrl('graphile');
  await withGraphile(url, async () => {});
  await sqlOn(url, 'truncate graphile_worker._private_jobs');
  await sqlOn(
    url,
    `select count(*) from graphile_worker.add_jobs(
       array(select ('noop', json_build_object('n', n), null, null, null, null, null, null)::graphile_worker.job_spec
         from generate_series(1, ${jobs}) as n))`,
  );
  await sqlOn(url, 'checkpoint');
  return await from(url, roundTripMs, async (there) => {
    const options: GraphileOptions = { url: there, jobs, settings };
    return measured(stack, await startWorkerChild('graphile', options));
  });
}

export async function drainPgBoss(
  stack: BenchStack,
  jobs: number,
  settings: PgBossOptions['settings'],
  roundTripMs = 0,
): Promise<Drain> {
  const url = await stack.peerUrl('pgboss');
  const boss = await startPgBoss(url);
  await sqlOn(url, 'truncate pgboss.job cascade');
  await boss.insert(
    'noop',
    Array.from({ length: jobs }, (_, n) => ({ data: { n } })),
  );
  await boss.stop({ graceful: true });
  await sqlOn(url, 'checkpoint');
  return await from(url, roundTripMs, async (there) => {
    const options: PgBossOptions = { url: there, jobs, settings };
    return measured(stack, await startWorkerChild('pgboss', options));
  });
}

/** Does work with an address that is this far away. */
async function from<T>(url: string, roundTripMs: number, work: (url: string) => Promise<T>): Promise<T> {
  if (roundTripMs === 0) return await work(url);
  const relay = await startRelay(url, roundTripMs);
  try {
    return await work(relay.url);
  } finally {
    await relay.stop();
  }
}

async function measured(stack: BenchStack, child: WorkerChild): Promise<Drain> {
  const [start] = await stack.sql('select pg_current_wal_insert_lsn() as lsn');
  const before = stack.cpu();
  const sample = await child.run();
  const after = stack.cpu();
  const [end] = await stack.sql('select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)::float8 as bytes', [
    start?.lsn,
  ]);
  const cpu = {
    postgres: after.postgres - before.postgres,
    postgrest: after.postgrest - before.postgrest,
    gateway: after.gateway - before.gateway,
  };
  return { ...sample, cpu, wal: Number(end?.bytes) };
}

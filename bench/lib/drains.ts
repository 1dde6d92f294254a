import type { GraphileOptions } from '../workers/graphile.ts';
import type { OurOptions } from '../workers/ours.ts';
import type { PgBossOptions } from '../workers/pgboss.ts';
import { startWorkerChild, type WorkerChild, type WorkerSample } from './child.ts';
import { type CpuUse, cpuBetween } from './cpu.ts';
import { openGraphile } from './graphile.ts';
import { openPgBoss } from './pgboss.ts';
import type { Row } from './result.ts';
import { type BenchStack, sqlOn } from './stack.ts';
import { median } from './stats.ts';

/** One drain of a full queue by one worker process. */
export interface Drain extends WorkerSample {
  readonly cpu: CpuUse;
}

export const perSecond = (drains: readonly WorkerSample[]): number[] =>
  drains.map(({ jobs, seconds }) => jobs / seconds);

/** A row of jobs/s with the CPU milliseconds of a job by process. */
export function drainRow(label: string, drains: readonly Drain[]): Row {
  const each = (of: (drain: Drain) => number): string =>
    (median(drains.map((drain) => (of(drain) / drain.jobs) * 1000)) || 0).toFixed(3);
  const http = drains.some(({ requests }) => requests > 0);
  const parts = [`worker ${each((d) => d.cpuSeconds)}`, `Postgres ${each((d) => d.cpu.postgres)}`];
  if (http) {
    parts.push(`PostgREST ${each((d) => d.cpu.postgrest)}`, `gateway ${each((d) => d.cpu.gateway)}`);
  }
  return { label, unit: 'jobs/s', values: perSecond(drains), beside: `CPU ms a job: ${parts.join(', ')}` };
}

export async function startOurs(stack: BenchStack, options: Partial<OurOptions> = {}): Promise<WorkerChild> {
  const { url, serviceKey } = stack.project;
  const all: OurOptions = {
    url,
    key: serviceKey,
    concurrency: 4,
    name: 'octo/consumer/42/1/bench',
    jobMs: 0,
    resultBytes: 0,
    isolated: false,
    ...options,
  };
  return await startWorkerChild('ours', all);
}

/** Drains `jobs` no-op jobs of ours. Every one must be there as a success, with its execution. */
export async function drainOurs(
  stack: BenchStack,
  jobs: number,
  options: Partial<OurOptions> = {},
  job: Readonly<Record<string, unknown>> = { config: { handler: 'noop' } },
): Promise<Drain> {
  await stack.reset();
  await stack.fill(jobs, job);
  const drain = await measured(stack, await startOurs(stack, options));
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
): Promise<Drain> {
  const url = await stack.peerUrl('graphile');
  await openGraphile(url, async () => {});
  await sqlOn(url, 'truncate graphile_worker._private_jobs');
  await sqlOn(
    url,
    `select count(*) from graphile_worker.add_jobs(
       array(select ('noop', json_build_object('n', n), null, null, null, null, null, null)::graphile_worker.job_spec
         from generate_series(1, ${jobs}) as n))`,
  );
  await sqlOn(url, 'checkpoint');
  const options: GraphileOptions = { url, jobs, settings };
  return await measured(stack, await startWorkerChild('graphile', options));
}

export async function drainPgBoss(
  stack: BenchStack,
  jobs: number,
  settings: PgBossOptions['settings'],
): Promise<Drain> {
  const url = await stack.peerUrl('pgboss');
  await openPgBoss(url, async (boss) => {
    await sqlOn(url, 'truncate pgboss.job cascade');
    await boss.insert(
      'noop',
      Array.from({ length: jobs }, (_, n) => ({ data: { n } })),
    );
  });
  await sqlOn(url, 'checkpoint');
  const options: PgBossOptions = { url, jobs, settings };
  return await measured(stack, await startWorkerChild('pgboss', options));
}

async function measured(stack: BenchStack, child: WorkerChild): Promise<Drain> {
  const before = stack.cpu();
  const sample = await child.run();
  return { ...sample, cpu: cpuBetween(before, stack.cpu()) };
}

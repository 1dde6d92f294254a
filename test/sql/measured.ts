import pg from 'pg';
import type { TestProject } from '../support/stack.ts';
import { value } from './support.ts';

/** What a call costs, in rows that are written and in 8 KiB pages that are touched: no noise of the machine changes that. */
interface Cost {
  readonly rows: number;
  readonly pages: number;
}

interface Claim {
  readonly jobs: { readonly job_id: string; readonly execution_id: string }[];
  readonly expired: number;
  readonly set_aside: number;
  readonly more: boolean;
  readonly behind: boolean;
}

/** One connection, on a project that autovacuum does not disturb. */
export async function connectQuietly(project: TestProject): Promise<pg.Client> {
  await project.sql('alter table cloud_jobs set (autovacuum_enabled = off)');
  await project.sql('alter table cloud_job_executions set (autovacuum_enabled = off)');
  const db = new pg.Client({ connectionString: project.adminUrl });
  await db.connect();
  return db;
}

/** The value of a SQL expression, and what it cost. */
export async function measured<T>(db: pg.Client, expression: string): Promise<Cost & { reply: T }> {
  // Rows of earlier transactions count until Postgres has reported them.
  const written = () =>
    value<string>(
      db,
      `select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_xact_user_tables where schemaname = 'public'`,
    );
  await db.query('begin');
  const before = await written();
  const [{ Plan: plan }] = await value<[{ Plan: Record<string, number> }]>(
    db,
    `explain (analyze, buffers, format json) create temporary table reply on commit drop as select ${expression} as reply`,
  );
  const reply = await value<T>(db, 'select reply from reply');
  const rows = Number(await written()) - Number(before);
  await db.query('commit');
  const pages = (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
  return { reply, rows, pages };
}

export async function measuredClaim(db: pg.Client, limit: number): Promise<Claim & Cost> {
  const { reply, ...cost } = await measured<Claim>(db, `cloud_jobs_claim('w', ${limit})`);
  return { ...reply, ...cost };
}

/** Keys that are busy, each with as many jobs that are due behind it. */
export const crowd = (project: TestProject, keys: number, each: number) =>
  project.sql(`
    insert into cloud_jobs (job_id, name, job_type, status, concurrency_key, locked_by, locked_at, lock_expires_at, locked_execution_id)
    select 'busy-' || k, 'busy', 'custom', 'locked', 'key-' || k, 'x', now(), now() + interval '1 h', 'e-' || k from generate_series(1, ${keys}) k;
    insert into cloud_jobs (job_id, name, job_type, concurrency_key, run_at)
    select k || '-' || n, 'waits', 'custom', 'key-' || k, now() - interval '1 h' + n * interval '1 ms'
    from generate_series(1, ${each}) n cross join generate_series(1, ${keys}) k`);

/** Running jobs whose workers are dead. */
export const deadJobs = (project: TestProject, count: number, retries: number) =>
  project.sql(`
    insert into cloud_jobs (job_id, name, job_type, status, max_retries, locked_by, locked_at, lock_expires_at, locked_execution_id)
    select 'dead-' || n, 'dead', 'custom', 'locked', ${retries}, 'x', now(), now() - interval '1 s', 'e-' || n from generate_series(1, ${count}) n;
    insert into cloud_job_executions (execution_id, job_id, status, instance_id)
    select 'e-' || n, 'dead-' || n, 'running', 'x' from generate_series(1, ${count}) n`);

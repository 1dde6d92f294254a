import type { ClockedDatabase } from './place.ts';

export interface Lateness {
  /** Name of the jobs: a policy, or `added`. */
  readonly name: string;
  readonly ran: number;
  /** Occurrences that were recorded as skipped. */
  readonly skipped: number;
  /** Seconds from due to started, of those that ran. */
  readonly median: number;
  readonly p95: number;
  readonly worst: number;
}

/** How late the jobs of a simulation started, from their executions. */
export async function lateness(db: ClockedDatabase): Promise<Lateness[]> {
  const rows = await db.sql<Record<string, string>>(`
    select j.name,
      count(*) filter (where e.failure_kind is null) as ran,
      coalesce(sum((e.error_details->>'skipped')::integer) filter (where e.failure_kind = 'skipped'), 0) as skipped,
      percentile_cont(0.5) within group (order by late) filter (where e.failure_kind is null) as median,
      percentile_cont(0.95) within group (order by late) filter (where e.failure_kind is null) as p95,
      max(late) filter (where e.failure_kind is null) as worst
    from cloud_job_executions e
    join cloud_jobs j using (job_id)
    cross join lateral (select extract(epoch from e.started_at - e.scheduled_for)::float8 as late) l
    group by j.name
    order by array_position('{added,once,all,skip}', j.name)`);
  return rows.map((row) => ({
    name: row.name ?? '',
    ran: Number(row.ran),
    skipped: Number(row.skipped),
    median: Number(row.median),
    p95: Number(row.p95),
    worst: Number(row.worst),
  }));
}

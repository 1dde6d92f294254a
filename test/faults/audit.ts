/**
 * Writes every change of state down, in the database and in the order it happened, so that what held at every moment
 * can be checked afterwards. The sequence is taken when the row's indexes have let the change pass: of two changes that
 * exclude one another, the later one has the higher number.
 */
export const AUDIT_SQL = `
create schema faults;
create table faults.audit (
  seq         bigint generated always as identity primary key,
  at          timestamptz not null default clock_timestamp(),
  kind        text not null,
  job_id      text not null,
  execution   text,
  was         text,
  now         text,
  was_execution text,
  was_retries integer,
  now_retries integer,
  queue       text,
  unique_key  text,
  concurrency_key text,
  was_expiry  timestamptz
);

create function faults.job_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into faults.audit (kind, job_id, execution, was, now, was_execution, was_retries, now_retries, queue, unique_key, concurrency_key, was_expiry)
  values ('job', new.job_id, new.locked_execution_id,
    case when tg_op = 'UPDATE' then old.status end, new.status,
    case when tg_op = 'UPDATE' then old.locked_execution_id end,
    case when tg_op = 'UPDATE' then old.current_retries end, new.current_retries,
    new.queue, new.unique_key, new.concurrency_key, case when tg_op = 'UPDATE' then old.lock_expires_at end);
  return null;
end $$;
create trigger faults_job_inserted after insert on public.cloud_jobs
  for each row execute function faults.job_changed();
create trigger faults_job_changed after update on public.cloud_jobs for each row
  when (old.status is distinct from new.status or old.locked_execution_id is distinct from new.locked_execution_id
    or old.current_retries is distinct from new.current_retries)
  execute function faults.job_changed();

create function faults.execution_changed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into faults.audit (kind, job_id, execution, was, now)
  values ('execution', new.job_id, new.execution_id, case when tg_op = 'UPDATE' then old.status end, new.status);
  return null;
end $$;
create trigger faults_execution_inserted after insert on public.cloud_job_executions
  for each row execute function faults.execution_changed();
create trigger faults_execution_changed after update on public.cloud_job_executions for each row
  when (old.status is distinct from new.status or old.finished_at is distinct from new.finished_at
    or old.failure_kind is distinct from new.failure_kind)
  execute function faults.execution_changed();
`;

export interface AuditRow {
  readonly kind: 'job' | 'execution';
  readonly job_id: string;
  readonly execution: string | null;
  readonly was: string | null;
  readonly now: string;
  readonly was_execution: string | null;
  readonly was_retries: number | null;
  readonly now_retries: number | null;
  readonly queue: string | null;
  readonly unique_key: string | null;
  readonly concurrency_key: string | null;
  /** When it was written, in milliseconds since the epoch. */
  readonly at: number;
  /** When the lock that this change took away would have run out, the same. */
  readonly was_expiry: number | null;
}

export interface JobRow {
  readonly job_id: string;
  readonly status: string;
  readonly behaviour: string;
  readonly current_retries: number;
  readonly max_retries: number;
  readonly locked_execution_id: string | null;
  readonly locked_by: string | null;
  readonly concurrency_key: string | null;
}

/** Times are milliseconds since the epoch, by the database's clock. */
export interface ExecutionRow {
  readonly execution_id: string;
  readonly job_id: string;
  readonly status: string;
  readonly failure_kind: string | null;
  readonly error_message: string | null;
  readonly instance_id: string;
  readonly attempt: number;
  readonly started: number;
  readonly finished: number | null;
}

export const JOBS_SQL = `select job_id, status, config->>'do' as behaviour, current_retries, max_retries,
  locked_execution_id, locked_by, concurrency_key from public.cloud_jobs`;
export const EXECUTIONS_SQL = `select execution_id, job_id, status, failure_kind, error_message, instance_id, attempt,
  extract(epoch from started_at)::float8 * 1000 as started, extract(epoch from finished_at)::float8 * 1000 as finished
  from public.cloud_job_executions`;
export const AUDIT_ROWS_SQL = `select kind, job_id, execution, was, now, was_execution, was_retries, now_retries,
  queue, unique_key, concurrency_key, extract(epoch from at)::float8 * 1000 as at,
  extract(epoch from was_expiry)::float8 * 1000 as was_expiry from faults.audit order by seq`;

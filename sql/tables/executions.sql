-- The executions: one row for each attempt at a job, written when the attempt ends or by its first heartbeat.
create table if not exists public.cloud_job_executions (
  execution_id     text primary key default public.cloud_jobs_new_id(),
  job_id           text not null references public.cloud_jobs (job_id) on delete cascade,
  status           text not null default 'running' check (status in ('running', 'success', 'failed')),
  started_at       timestamptz default now(),
  finished_at      timestamptz,
  duration_seconds real,
  result           jsonb default '{}'::jsonb,
  error_message    text,
  instance_id      text
);

alter table public.cloud_job_executions
  -- 1 for the first attempt at an occurrence.
  add column if not exists attempt integer not null default 1,
  add column if not exists occurrence integer not null default 1,
  -- error, timeout, crashed, discarded, snoozed, released, lost, cancelled, skipped, expired: null while running and on success.
  add column if not exists failure_kind text,
  add column if not exists error_details jsonb,
  -- The last part of what the job printed, redacted by the worker.
  add column if not exists output text,
  add column if not exists progress jsonb,
  -- Page of the GitHub Actions run, for people.
  add column if not exists run_url text,
  -- When the job was due, which shows how late it started.
  add column if not exists scheduled_for timestamptz,
  -- The state of the job after this execution: the answer that a repeated request gets again.
  add column if not exists job_status text,
  add column if not exists next_run_at timestamptz,
  -- How many jobs it added when it succeeded.
  add column if not exists spawned integer;

alter table public.cloud_job_executions alter column execution_id set default public.cloud_jobs_new_id();

do $$
begin
  if not exists (select from pg_constraint where conrelid = 'public.cloud_job_executions'::regclass
    and conname = 'cloud_job_executions_failure_kind' and pg_get_constraintdef(oid) like '%expired%')
  then
    alter table public.cloud_job_executions drop constraint if exists cloud_job_executions_failure_kind;
    alter table public.cloud_job_executions add constraint cloud_job_executions_failure_kind check (failure_kind in
      ('error', 'timeout', 'crashed', 'discarded', 'snoozed', 'released', 'lost', 'cancelled', 'skipped', 'expired'));
  end if;
end
$$;

alter table public.cloud_job_executions set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
  autovacuum_vacuum_insert_scale_factor = 0.1);

-- Indexes of jobs and executions.

-- The index of the claim, in its order. It holds only rows that can be claimed: its size follows the backlog, never the
-- history.
create index if not exists cloud_jobs_claim on public.cloud_jobs (queue, job_type, priority, run_at, job_id)
  where status = 'waiting' and not blocked;
-- Failed rows with retries left, written by clients of the first schema, count as waiting.
create index if not exists cloud_jobs_claim_failed on public.cloud_jobs (queue, job_type, created_at, job_id)
  where status = 'failed' and finished_at is null;
create index if not exists cloud_jobs_lock_expires on public.cloud_jobs (queue, job_type, lock_expires_at)
  where status = 'locked';
-- From an execution to the job that it holds, and from a claim to its jobs: the ids of both begin alike.
create unique index if not exists cloud_jobs_locked_execution on public.cloud_jobs (locked_execution_id collate "C")
  where locked_execution_id is not null;
-- Jobs that were put off, the longest first: few rows, which doctor and stats read.
create index if not exists cloud_jobs_snoozed on public.cloud_jobs (snoozed_since)
  where snoozed_since is not null and status in ('waiting', 'locked');
-- An unfinished job holds its unique key, until it passes it on. A disabled job that had finished does not.
do $$
begin
  if exists (select from pg_indexes where schemaname = 'public' and indexname = 'cloud_jobs_unique_key'
    and indexdef not like '%key_passed%')
  then
    update public.cloud_jobs set finished_at = null where status in ('waiting', 'locked') and finished_at is not null;
    drop index public.cloud_jobs_unique_key;
  end if;
end
$$;
create unique index if not exists cloud_jobs_unique_key on public.cloud_jobs (queue, unique_key)
  where unique_key is not null and status in ('waiting', 'locked', 'disabled') and finished_at is null and not key_passed;
create index if not exists cloud_jobs_replaced_by on public.cloud_jobs (replaced_by) where replaced_by is not null;
-- A place of a concurrency key is held by one locked job.
do $$
begin
  if exists (select from pg_indexes where schemaname = 'public' and indexname = 'cloud_jobs_concurrency_key'
    and indexdef not like '%concurrency_slot%')
  then
    drop index public.cloud_jobs_concurrency_key;
  end if;
end
$$;
create unique index if not exists cloud_jobs_concurrency_key on public.cloud_jobs (concurrency_key, concurrency_slot)
  where concurrency_key is not null and status = 'locked';
create index if not exists cloud_jobs_blocked
  on public.cloud_jobs (concurrency_key, queue, job_type, priority, run_at, job_id)
  where status = 'waiting' and blocked;
-- The same rows by queue: whether jobs wait for a key, and how many.
create index if not exists cloud_jobs_blocked_queue on public.cloud_jobs (queue, job_type)
  where status = 'waiting' and blocked;
-- Occurrences that the policy "skip" leaves out once their grace is over.
create index if not exists cloud_jobs_skippable on public.cloud_jobs (queue, job_type, run_at)
  where missed = 'skip' and status = 'waiting' and schedule is not null;
-- Jobs that expire unless they start in time, the next first.
create index if not exists cloud_jobs_expiring on public.cloud_jobs (queue, job_type, expires_at)
  where status = 'waiting' and expires_at is not null;
create index if not exists cloud_jobs_source on public.cloud_jobs (source) where source is not null;
create index if not exists cloud_jobs_keyed on public.cloud_jobs (concurrency_key, run_at)
  where concurrency_key is not null and status = 'waiting' and not blocked;
-- Lists show the newest first (rows of the first schema may have no created_at); pruning takes finished jobs by age.
create index if not exists cloud_jobs_created_at
  on public.cloud_jobs (coalesce(created_at, '-infinity'::timestamptz), job_id);
-- Each change of a job adds an entry beside the one before. With room for them, pages do not split.
alter index if exists public.cloud_jobs_pkey set (fillfactor = 70);
alter index if exists public.cloud_jobs_created_at set (fillfactor = 70);
-- The few of a large table that people look for: what failed, what is disabled, and what recurs.
create index if not exists cloud_jobs_failed_disabled
  on public.cloud_jobs (status, coalesce(created_at, '-infinity'::timestamptz), job_id)
  where status in ('failed', 'disabled');
create index if not exists cloud_jobs_recurring
  on public.cloud_jobs (coalesce(created_at, '-infinity'::timestamptz), job_id) where schedule is not null;
create index if not exists cloud_jobs_finished_at on public.cloud_jobs (finished_at)
  where status in ('success', 'failed') and finished_at is not null;

create index if not exists cloud_job_executions_job_id on public.cloud_job_executions (job_id, started_at);
create index if not exists cloud_job_executions_started_at on public.cloud_job_executions (started_at);

-- Indexes of the first schema, each covered by one above.
drop index if exists public.idx_cloud_job_executions_job_id;
drop index if exists public.idx_cloud_job_executions_status;
drop index if exists public.idx_cloud_job_executions_started_at;
-- An index on the status of executions would make the end of every attempt a write to all indexes of the table.
drop index if exists public.cloud_job_executions_running;

-- The jobs: a new table, or that of the first cloud-jobs schema brought up to date in place. Every column of the first
-- schema keeps its name, type and meaning, and no row is removed.
create table if not exists public.cloud_jobs (
  job_id          text primary key default public.cloud_jobs_new_id(),
  name            text not null,
  job_type        text not null check (job_type in ('paper_fetch', 'maintenance', 'custom')),
  config          jsonb not null default '{}'::jsonb,
  status          text not null default 'waiting'
                  check (status in ('waiting', 'locked', 'success', 'failed', 'disabled')),
  description     text default '',
  max_retries     integer default 3,
  current_retries integer default 0,
  created_at      timestamptz default now(),
  last_execution  timestamptz,
  locked_at       timestamptz,
  locked_by       text,
  lock_expires_at timestamptz
);

-- Indexes of the first schema: each is covered by one of today, and each costs a write on every change of a row.
drop index if exists public.idx_cloud_jobs_status;
drop index if exists public.idx_cloud_jobs_status_retries;
drop index if exists public.idx_cloud_jobs_lock_expires;
drop index if exists public.idx_cloud_jobs_type;
drop index if exists public.idx_cloud_jobs_created_at;

-- Rows of the first schema have no run_at. Its clients take the oldest first, so a waiting row is due since it was
-- created, or now if a client's clock ran ahead: the first schema has no "not yet". Done only once.
do $$
begin
  if not exists (select from pg_attribute where attrelid = 'public.cloud_jobs'::regclass and attname = 'run_at') then
    alter table public.cloud_jobs
      add column run_at timestamptz not null default now(),
      -- When the job reached success or failed for good. Null in a failed row of a first client with retries left.
      add column finished_at timestamptz;
    update public.cloud_jobs set run_at = least(created_at, now())
      where status <> 'success' and created_at is not null;
    -- As the first schema reads it: a row without a number of retries has none left.
    update public.cloud_jobs set finished_at = coalesce(last_execution, created_at, now())
      where status = 'success' or (status = 'failed' and (current_retries < max_retries) is not true);
  end if;
end
$$;

alter table public.cloud_jobs
  -- A name that groups jobs. A worker takes only the queues that it names.
  add column if not exists queue text not null default 'default',
  -- Smaller runs first, as in graphile-worker, River and Oban. Bounded, because the claim visits each level in use.
  add column if not exists priority smallint not null default 0,
  -- Cron expression and IANA time zone of a recurring job.
  add column if not exists schedule text,
  add column if not exists timezone text,
  -- What happens to occurrences that no worker started in time. once: however many passed, one run. skip: one that is
  -- later than its grace is recorded as skipped. all: each runs, oldest first, up to the newest hundred.
  add column if not exists missed text not null default 'once',
  add column if not exists missed_grace_seconds integer not null default 900,
  -- The occurrence that a recurring job stands for. run_at moves with every retry, this does not.
  add column if not exists scheduled_for timestamptz,
  -- Set if the job was disabled while it was running: it stops when the attempt ends.
  add column if not exists disable_requested_at timestamptz,
  -- The jobs file that the job comes from, so that a job which is gone from the file can be found.
  add column if not exists source text,
  -- The longest that one attempt may take. Null: as long as the worker lives.
  add column if not exists timeout_seconds integer,
  -- How long the first retry waits, and by how much longer each further one: 1 unless set. Null: the handler or
  -- cloud_jobs_end_attempts say so.
  add column if not exists retry_delay_seconds integer,
  add column if not exists retry_factor double precision,
  -- Names one unfinished job in its queue: enqueuing the same key again returns that job.
  add column if not exists unique_key text,
  -- True once a running job has let the next job of its unique key wait behind it: that one holds the key from then on.
  add column if not exists key_passed boolean not null default false,
  -- The job_id of the last enqueued job whose place this one took (on_conflict = 'replace').
  add column if not exists replaced_by text,
  -- At most concurrency_limit jobs with the same key are locked at any moment, in all queues together.
  add column if not exists concurrency_key text,
  add column if not exists concurrency_limit integer not null default 1,
  -- Which of the places of its key a locked job has, 1 to concurrency_limit.
  add column if not exists concurrency_slot integer not null default 1,
  -- True while other jobs with the same concurrency key go first. Such a row is not in the index of the claim, so a
  -- hundred thousand jobs behind one key cost a claim nothing. A trigger unblocks the next. Null while the job waits for its
  -- parents (cloud_job_dependencies): such a row is in no index of jobs that could start.
  add column if not exists blocked boolean default false,
  -- Counts the times the job started anew: each occurrence of a schedule, each "run again".
  add column if not exists occurrence integer not null default 1,
  -- The execution that holds the lock. Every write that ends or renews an attempt must name it.
  add column if not exists locked_execution_id text,
  add column if not exists cancel_requested_at timestamptz,
  -- Why the last attempt failed, kept until the job succeeds or starts anew.
  add column if not exists error_message text,
  -- How often in a row the job was snoozed, and since when. Bounded by cloud_jobs_snooze_fault.
  add column if not exists snoozes integer not null default 0,
  add column if not exists snoozed_since timestamptz,
  -- A job that no worker has started by then fails as expired. Null once it has started.
  add column if not exists expires_at timestamptz,
  -- Sets expires_at anew for each occurrence: this long after it is due.
  add column if not exists expires_in_seconds integer;

-- New rows get ids that sort by time, also if the table is that of the first schema.
alter table public.cloud_jobs alter column job_id set default public.cloud_jobs_new_id();

-- Every job changes its state at least twice, so dead rows come fast: vacuum by their number, not by their share. A change
-- that finds room on the page of the row writes less to the log.
alter table public.cloud_jobs set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
  autovacuum_analyze_scale_factor = 0.05);

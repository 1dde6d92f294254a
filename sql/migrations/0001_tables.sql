-- Tables, columns and indexes of the queue.
-- Creates them, or brings the two tables of the first cloud-jobs schema ("the seed") up to date in place:
-- every column that the seed has keeps its name, type and meaning, and no row is removed.

-- UUID version 7 (RFC 9562): the first 48 bits are milliseconds, the next 12 the fraction of the millisecond,
-- so ids sort by time of creation. New rows then land on the same index page (finishing and claiming are 20 to
-- 40 % cheaper than with random keys) and jobs that became due together keep the order they were added in.
create or replace function public.cloud_jobs_new_id()
returns text
language sql
volatile
parallel safe
set search_path = ''
as $$
  select overlay(
           overlay(
             gen_random_uuid()::text
             placing substr(lpad(to_hex(floor(t.ms)::bigint), 12, '0'), 1, 8) || '-'
                  || substr(lpad(to_hex(floor(t.ms)::bigint), 12, '0'), 9, 4)
             from 1 for 13)
           placing '7' || lpad(to_hex(floor((t.ms - floor(t.ms)) * 4096)::integer), 3, '0')
           from 15 for 4)
  from (select extract(epoch from clock_timestamp()) * 1000 as ms) as t
$$;

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

-- Rows of the seed have no run_at yet: its clients take the oldest first, so a waiting row is due since it was
-- created (now, where a client's clock ran ahead: the seed knows no "not yet"). Only once.
do $$
begin
  if not exists (select from pg_attribute where attrelid = 'public.cloud_jobs'::regclass and attname = 'run_at') then
    alter table public.cloud_jobs
      add column run_at timestamptz not null default now(),
      -- When the job reached success or failed for good. Null in a failed row of a seed client with retries left.
      add column finished_at timestamptz;
    update public.cloud_jobs set run_at = least(created_at, now())
      where status <> 'success' and created_at is not null;
    -- As the seed reads it: without a number of retries there is none left.
    update public.cloud_jobs set finished_at = coalesce(last_execution, created_at, now())
      where status = 'success' or (status = 'failed' and (current_retries < max_retries) is not true);
  end if;
end
$$;

alter table public.cloud_jobs
  -- A name that groups jobs. A worker takes only the queues that it names.
  add column if not exists queue text not null default 'default',
  -- Smaller runs first, as in graphile-worker, River and Oban. Bounded, because the claim walks the levels in use.
  add column if not exists priority smallint not null default 0,
  -- Cron expression and IANA time zone of a recurring job.
  add column if not exists schedule text,
  add column if not exists timezone text,
  -- What becomes of occurrences that no worker started in time. once: late by one or by fifty, it runs once.
  -- skip: one later than its grace is recorded as skipped. all: each, oldest first, the newest hundred at most.
  add column if not exists missed text not null default 'once',
  add column if not exists missed_grace_seconds integer not null default 900,
  -- The occurrence that a recurring job stands for. run_at moves on with every retry, this does not.
  add column if not exists scheduled_for timestamptz,
  -- Disabled while it was running: it stops when the attempt ends.
  add column if not exists disable_requested_at timestamptz,
  -- The jobs file that the job comes from, so that what is gone from the file can be found.
  add column if not exists source text,
  -- The longest that one attempt may take. Null: as long as the worker lives.
  add column if not exists timeout_seconds integer,
  -- Names one unfinished job in its queue: enqueuing the same key again returns that job.
  add column if not exists unique_key text,
  -- At most one job with the same key is locked at any moment, in all queues together.
  add column if not exists concurrency_key text,
  -- True while another job with the same concurrency key goes first. Such a row is out of the claim's index, so
  -- a hundred thousand jobs behind one key cost a claim nothing; the trigger below lets the next one go.
  add column if not exists blocked boolean not null default false,
  -- Counts the times the job started anew: each occurrence of a schedule, each "run again".
  add column if not exists occurrence integer not null default 1,
  -- The execution that holds the lock. Every write that ends or renews an attempt must name it.
  add column if not exists locked_execution_id text,
  add column if not exists cancel_requested_at timestamptz,
  -- Why the last attempt failed, kept until the job succeeds or starts anew.
  add column if not exists error_message text;

alter table public.cloud_job_executions
  -- 1 for the first run of an occurrence.
  add column if not exists attempt integer not null default 1,
  add column if not exists occurrence integer not null default 1,
  -- error, timeout, crashed, discarded, snoozed, released, lost, cancelled, skipped: null while running and on success.
  add column if not exists failure_kind text,
  add column if not exists error_details jsonb,
  -- The last part of what the job printed, redacted by the worker.
  add column if not exists output text,
  add column if not exists progress jsonb,
  -- Page of the GitHub Actions run, for people.
  add column if not exists run_url text,
  -- When the job had been due, to tell how late it started.
  add column if not exists scheduled_for timestamptz,
  -- What became of the job when this execution ended: the answer that a repeated request gets again.
  add column if not exists job_status text,
  add column if not exists next_run_at timestamptz;

-- Rows of the seed may hold nulls where its client wrote them; new rows get sortable ids.
alter table public.cloud_jobs alter column job_id set default public.cloud_jobs_new_id();
alter table public.cloud_job_executions alter column execution_id set default public.cloud_jobs_new_id();

do $$
begin
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs'::regclass and conname = 'cloud_jobs_priority_range') then
    alter table public.cloud_jobs add constraint cloud_jobs_priority_range check (priority between -100 and 100);
  end if;
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs'::regclass and conname = 'cloud_jobs_timeout_positive') then
    alter table public.cloud_jobs add constraint cloud_jobs_timeout_positive check (timeout_seconds > 0);
  end if;
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs'::regclass and conname = 'cloud_jobs_missed') then
    alter table public.cloud_jobs add constraint cloud_jobs_missed
      check (missed in ('once', 'skip', 'all') and missed_grace_seconds between 0 and 31536000);
  end if;
  if not exists (select from pg_constraint where conrelid = 'public.cloud_job_executions'::regclass
    and conname = 'cloud_job_executions_failure_kind' and pg_get_constraintdef(oid) like '%skipped%')
  then
    alter table public.cloud_job_executions drop constraint if exists cloud_job_executions_failure_kind;
    alter table public.cloud_job_executions add constraint cloud_job_executions_failure_kind check (failure_kind in
      ('error', 'timeout', 'crashed', 'discarded', 'snoozed', 'released', 'lost', 'cancelled', 'skipped'));
  end if;
end
$$;

-- The claim's index, in the order of the claim. Only rows that can be claimed are in it: its size follows the
-- backlog, never the history.
create index if not exists cloud_jobs_claim on public.cloud_jobs (queue, job_type, priority, run_at, job_id)
  where status = 'waiting' and not blocked;
-- Failed rows of seed clients with retries left count as waiting.
create index if not exists cloud_jobs_claim_failed on public.cloud_jobs (queue, job_type, created_at, job_id)
  where status = 'failed' and finished_at is null;
create index if not exists cloud_jobs_lock_expires on public.cloud_jobs (queue, job_type, lock_expires_at)
  where status = 'locked';
create unique index if not exists cloud_jobs_unique_key on public.cloud_jobs (queue, unique_key)
  where unique_key is not null and status in ('waiting', 'locked', 'disabled');
create unique index if not exists cloud_jobs_concurrency_key on public.cloud_jobs (concurrency_key)
  where concurrency_key is not null and status = 'locked';
create index if not exists cloud_jobs_blocked
  on public.cloud_jobs (concurrency_key, queue, job_type, priority, run_at, job_id)
  where status = 'waiting' and blocked;
-- Occurrences that "skip" leaves out once their grace is over.
create index if not exists cloud_jobs_skippable on public.cloud_jobs (queue, job_type, run_at)
  where missed = 'skip' and status = 'waiting' and schedule is not null;
create index if not exists cloud_jobs_source on public.cloud_jobs (source) where source is not null;
create index if not exists cloud_jobs_keyed on public.cloud_jobs (concurrency_key, run_at)
  where concurrency_key is not null and status = 'waiting' and not blocked;
-- For people and pruning: newest first (rows of the seed may have no created_at), and finished jobs by age.
create index if not exists cloud_jobs_created_at
  on public.cloud_jobs (coalesce(created_at, '-infinity'::timestamptz), job_id);
create index if not exists cloud_jobs_finished_at on public.cloud_jobs (finished_at)
  where status in ('success', 'failed') and finished_at is not null;

create index if not exists cloud_job_executions_job_id on public.cloud_job_executions (job_id, started_at);
create index if not exists cloud_job_executions_started_at on public.cloud_job_executions (started_at);

-- The seed's indexes: each is covered by one above, and each costs a write on every change of state.
drop index if exists public.idx_cloud_jobs_status;
drop index if exists public.idx_cloud_jobs_status_retries;
drop index if exists public.idx_cloud_jobs_lock_expires;
drop index if exists public.idx_cloud_jobs_type;
drop index if exists public.idx_cloud_jobs_created_at;
drop index if exists public.idx_cloud_job_executions_job_id;
drop index if exists public.idx_cloud_job_executions_status;
drop index if exists public.idx_cloud_job_executions_started_at;
-- An index on the state would have the end of every attempt written to all indexes of the table.
drop index if exists public.cloud_job_executions_running;

-- Every job changes state at least twice, so dead rows come fast: vacuum by number, not by share of the history.
alter table public.cloud_jobs set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
  autovacuum_analyze_scale_factor = 0.05);
alter table public.cloud_job_executions set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
  autovacuum_vacuum_insert_scale_factor = 0.1);

-- A seed client ends jobs by writing to the table. A row that it ends for good gets the time that pruning goes by;
-- a failed row with retries left does not, since it is still to be claimed: the claim's index of failed rows holds
-- those alone. Where such a row has a key, it waits instead: a failed row does not hold its unique key, so it could
-- not be claimed beside a newer job of that key. Giving retries to a failed row makes it claimable, as in the seed.
create or replace function public.cloud_jobs_stamp_finished()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  keyed constant boolean := new.unique_key is not null or new.concurrency_key is not null;
begin
  if new.status = 'failed' and new.current_retries < new.max_retries and not keyed then
    new.finished_at := null;
  elsif new.status = 'failed' and new.current_retries < new.max_retries and tg_op = 'UPDATE' and old.status in ('waiting', 'locked') then
    new.status := 'waiting';
  else
    new.finished_at := coalesce(new.finished_at, now());
  end if;
  return new;
end
$$;

create or replace trigger cloud_jobs_stamp_finished
  before update of status, current_retries, max_retries on public.cloud_jobs
  for each row
  when (new.status in ('success', 'failed') and (new.finished_at is null
    or (old.status = 'failed' and new.status = 'failed'
      and (old.current_retries < old.max_retries) is not true and new.current_retries < new.max_retries)))
  execute function public.cloud_jobs_stamp_finished();

create or replace trigger cloud_jobs_stamp_inserted
  before insert on public.cloud_jobs
  for each row
  when (new.status in ('success', 'failed') and new.finished_at is null)
  execute function public.cloud_jobs_stamp_finished();

-- Closed by default: row level security without a policy lets nobody in but the owner and service_role.
alter table public.cloud_jobs enable row level security;
alter table public.cloud_job_executions enable row level security;

-- The seed let everybody with the public anon key read and write jobs, and so decide what runs beside the
-- repository's secrets. sql/optional/anon-access.sql brings that back for those who want it.
do $$
declare
  policy record;
begin
  for policy in
    select tablename, policyname from pg_policies
    where schemaname = 'public' and tablename in ('cloud_jobs', 'cloud_job_executions')
      and roles && array['anon', 'authenticated', 'public']::name[]
  loop
    raise warning 'cloud-jobs: dropping policy "%" on %, which let anon or authenticated in. If you rely on it, read sql/optional/anon-access.sql.',
      policy.policyname, policy.tablename;
    execute format('drop policy %I on public.%I', policy.policyname, policy.tablename);
  end loop;
end
$$;

-- cloud-jobs: the whole schema in one paste. Built by `npm run build:sql` from the other folders of sql/; do not edit.
--
-- Paste it into the Supabase SQL Editor, or run it with psql -f, as the role postgres. It can be run again at any time:
-- a second run changes nothing. It brings a database with the first cloud-jobs schema up to date in place.
-- One transaction: it is installed whole or not at all.
begin;

-- Waits up to 10 s for a long lock of another session, then fails and changes nothing.
set local lock_timeout = '10s';
set local client_min_messages = warning;
-- Functions name others that are created later.
set local check_function_bodies = off;
-- Names without a schema are those of Postgres itself.
set local search_path = pg_catalog;

do $$
begin
  if (select count(*) from pg_roles where rolname in ('anon', 'authenticated', 'service_role')) < 3 then
    raise exception 'cloud-jobs: the roles anon, authenticated and service_role do not exist here.'
      using hint = 'This file is for a Supabase project, or for the local stack (npm run stack).';
  end if;
  if current_setting('server_version_num')::integer < 150000 then
    raise exception 'cloud-jobs: Postgres % is too old.', current_setting('server_version')
      using hint = 'Version 15 or newer is needed. Upgrade the project in the Supabase dashboard.';
  end if;
end
$$;

-- If two people run this file at the same time, the second waits for the first.
do $$ begin perform pg_advisory_xact_lock(hashtextextended('cloud-jobs install', 0)); end $$;

-- Workers may be active. Takes all tables that they use at once, or none for now: waiting for the second while holding
-- the first deadlocks with a worker that holds the second.
do $$
declare
  patience constant interval := current_setting('lock_timeout');
begin
  perform set_config('lock_timeout', '100ms', true);
  loop
    begin
      if to_regclass('public.cloud_jobs') is not null and to_regclass('public.cloud_job_executions') is not null then
        lock table public.cloud_jobs, public.cloud_job_executions in access exclusive mode;
        if to_regclass('public.cloud_job_workers') is not null then
          lock table public.cloud_job_workers in access exclusive mode;
        end if;
      end if;
      exit;
    exception when lock_not_available then
      if clock_timestamp() > now() + patience then
        raise;
      end if;
    end;
    perform pg_sleep(0.05);
  end loop;
  perform set_config('lock_timeout', (extract(epoch from patience) * 1000)::integer::text, true);
end
$$;

create table if not exists public.cloud_jobs_schema (
  version    integer primary key,
  name       text not null,
  applied_at timestamptz not null default now()
);
alter table public.cloud_jobs_schema enable row level security;

do $$
declare
  installed integer := (select max(version) from public.cloud_jobs_schema);
begin
  if installed > 12 then
    raise exception 'cloud-jobs: this database has schema version %, this file would bring version 12.', installed
      using hint = 'Use the sql/install.sql of the release that your action runs.';
  end if;
end
$$;

-- ==== install/old-forms =========================================================================

-- Functions whose arguments or replies have changed: "create or replace" would refuse them or keep both forms.
do $$
declare
  old text;
begin
  for old in
    select p.oid::regprocedure::text from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and (p.proname, p.prorettype) in (
      ('cloud_jobs_claim', 'jsonb'::regtype), ('cloud_jobs_finish', 'jsonb'::regtype),
      ('cloud_jobs_release', 'jsonb'::regtype), ('cloud_jobs_enqueue', 'jsonb'::regtype),
      ('cloud_jobs_end_successes', 'text[]'::regtype),
      ('cloud_jobs_pick', 'text[]'::regtype), ('cloud_jobs_pick_within_limits', 'text[]'::regtype))
      -- With fewer arguments than today.
      or p.pronamespace = 'public'::regnamespace and p.proname = 'cloud_jobs_create' and p.pronargs < 24
  loop
    execute 'drop function ' || old;
  end loop;
end
$$;

drop function if exists public.cloud_jobs_end_attempts(text, jsonb);
drop function if exists public.cloud_jobs_lock_held(text, jsonb);
drop function if exists public.cloud_jobs_claim(text, integer, text[], text[], double precision, uuid, text, integer);
drop function if exists public.cloud_jobs_refuse_item(bigint, text, text);
drop function if exists public.cloud_jobs_paper_list(text, integer, text);
drop function if exists public.cloud_jobs_cron(text);
drop function if exists public.cloud_jobs_local_moments(timestamp, text, boolean);
drop function if exists public.cloud_jobs_occurrences(text, text, timestamptz, timestamptz, integer, boolean);
drop function if exists public.cloud_jobs_list(text, text, text, text, integer, text);
drop function if exists public.cloud_jobs_see_worker(text, text[], integer, text, text);
drop function if exists public.cloud_jobs_apply(text, jsonb, boolean, boolean);
drop function if exists public.cloud_jobs_schedule_fault(text, text);

-- ==== functions/new-id ==========================================================================

-- A UUID of version 7 (RFC 9562): the first 48 bits are milliseconds, the next 12 the fraction of the millisecond.
--
-- Such ids sort by time of creation. New rows therefore land on the same index page, which makes finishing and claiming
-- 20 to 40 % cheaper than random ids do, and jobs that became due together keep the order in which they were added.
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

-- ==== tables/jobs ===============================================================================

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

-- ==== tables/job-checks =========================================================================

-- What a row of cloud_jobs may hold, by any writer.
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
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs'::regclass and conname = 'cloud_jobs_concurrency_limit') then
    alter table public.cloud_jobs add constraint cloud_jobs_concurrency_limit check (concurrency_limit between 1 and 1000);
  end if;
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs'::regclass and conname = 'cloud_jobs_retry_policy') then
    alter table public.cloud_jobs add constraint cloud_jobs_retry_policy check (retry_delay_seconds between 0 and 31536000
      and retry_factor between 1 and 10 and (retry_factor is null or retry_delay_seconds is not null));
  end if;
end
$$;

-- ==== tables/dependencies =======================================================================

-- Dependencies: a job that starts when its parents have finished.
--
-- One row for each pair of child and parent; nothing is counted. A child that waits for its parents has blocked = null, which
-- keeps it out of the index of the claim. The triggers here act when a parent with children ends, for every writer, and
-- cost nothing for other jobs. Row locks of children are never waited for: what another transaction holds is left for the
-- next claim (cloud_jobs_pass_on), so two parents that end at the same moment cannot deadlock.
create table if not exists public.cloud_job_dependencies (
  job_id     text not null references public.cloud_jobs (job_id) on delete cascade,
  -- No foreign key: the row outlives a deleted parent, and says why the child was cancelled.
  parent_id  text not null,
  -- What the child calls the parent. The id of the parent unless the parent was enqueued with a ref.
  ref        text not null,
  -- The place of the parent in depends_on.
  position   integer not null,
  -- What becomes of the child if the parent fails or is deleted. cancel: it is cancelled. run: it runs all the same. wait: it
  -- waits until the parent has been retried and succeeds.
  on_failure text not null default 'cancel' check (on_failure in ('cancel', 'run', 'wait')),
  -- How the parent ended. Null while the child waits for it.
  outcome    text check (outcome in ('success', 'failed', 'deleted')),
  -- The job whose failure is the root cause, if the parent did not succeed.
  root_id    text,
  -- Whether the child knows: it was released or cancelled, or waits for other parents only.
  passed_on  boolean not null default false,
  primary key (job_id, parent_id)
);
alter table public.cloud_job_dependencies enable row level security;
alter table public.cloud_job_dependencies
  -- The parent added the child when it succeeded. The child neither waits for it nor gets its result.
  add column if not exists spawned boolean not null default false,
  -- The execution whose result the child gets; null for the last success of the parent. Set for an occurrence of a recurring job.
  add column if not exists execution_id text;
create index if not exists cloud_job_dependencies_parent on public.cloud_job_dependencies (parent_id);
create index if not exists cloud_job_dependencies_root on public.cloud_job_dependencies (root_id) where root_id is not null;
-- What a child still waits for. Read from its end: parents tend to end in the order of their ids.
create index if not exists cloud_job_dependencies_open on public.cloud_job_dependencies (job_id, parent_id) where not passed_on;
-- Ends of parents that their children do not know of yet. Nearly always empty.
create index if not exists cloud_job_dependencies_unpassed on public.cloud_job_dependencies (job_id, parent_id)
  where outcome is not null and not passed_on;

alter table public.cloud_jobs
  -- True if the job was enqueued with depends_on: it has rows in cloud_job_dependencies.
  add column if not exists has_parents boolean,
  -- True if other jobs depend on this one.
  add column if not exists has_children boolean,
  -- Of a recurring job: the jobs that are added when an occurrence has ended. See cloud_jobs_add_followers.
  add column if not exists followers jsonb;
-- squawk-ignore ban-drop-not-null
alter table public.cloud_jobs alter column blocked drop not null;

-- Only a job that may still start waits for its parents.
create or replace function public.cloud_jobs_stop_waiting()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.blocked := false;
  return new;
end
$$;

create or replace trigger cloud_jobs_stop_waiting
  before update of status, blocked on public.cloud_jobs
  for each row
  when (new.blocked is null and new.status in ('locked', 'success', 'failed'))
  execute function public.cloud_jobs_stop_waiting();

-- Records how a parent ended, for its children; a trigger at the end of the statement tells them. In between lies a setting of the
-- transaction, so the second trigger costs nothing for statements that end no parent.
create or replace function public.cloud_jobs_record_outcome()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  ended constant text := case when tg_op = 'DELETE' then 'deleted' else new.status end;
  -- A parent that was cancelled because of a parent of its own passes on the root cause.
  never_ran constant boolean := tg_op = 'UPDATE' and new.last_execution is null;
begin
  update public.cloud_job_dependencies d set outcome = ended,
    root_id = case when ended <> 'success' then public.cloud_jobs_root_of(old.job_id, never_ran) end
  where d.parent_id = old.job_id and d.outcome is null and (ended <> 'failed' or d.on_failure <> 'wait');
  -- A child that is cancelled here is a parent that ends: its children follow in the same loop.
  if found and coalesce(current_setting('cloud_jobs.parents', true), '') <> 'pass on' then
    perform set_config('cloud_jobs.parents', 'ended', true);
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end
$$;

-- By its name the last of the triggers before an update: the others may change the status.
create or replace trigger cloud_jobs_tell_children
  before update of status, current_retries, max_retries, finished_at on public.cloud_jobs
  for each row
  when (new.has_children and new.status in ('success', 'failed') and new.finished_at is not null
    and (old.status not in ('success', 'failed') or old.finished_at is null))
  execute function public.cloud_jobs_record_outcome();

create or replace trigger cloud_jobs_tell_children_deleted
  before delete on public.cloud_jobs
  for each row
  when (old.has_children)
  execute function public.cloud_jobs_record_outcome();

create or replace function public.cloud_jobs_parents_ended()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform public.cloud_jobs_pass_on();
  return null;
end
$$;

create or replace trigger cloud_jobs_parents_ended
  after update of status, current_retries, max_retries, finished_at or delete on public.cloud_jobs
  for each statement
  when (current_setting('cloud_jobs.parents', true) = 'ended')
  execute function public.cloud_jobs_parents_ended();

-- Adds the jobs that come after an occurrence which has ended. If that is not possible, the occurrence has ended all the same, and
-- the job says why.
create or replace function public.cloud_jobs_occurrence_ended()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  why text;
begin
  begin
    perform public.cloud_jobs_add_followers(new.job_id, coalesce(new.unique_key, new.job_id), new.followers, e.execution_id, e.status)
    from public.cloud_job_executions e
    where e.execution_id = old.locked_execution_id and e.status <> 'running';
  exception when others then
    get stacked diagnostics why = message_text;
    update public.cloud_jobs set error_message = format('The jobs after it were not added: %s', why) where job_id = new.job_id;
  end;
  return null;
end
$$;

create or replace trigger cloud_jobs_occurrence_ended
  after update of status on public.cloud_jobs
  for each row
  when (new.followers is not null and old.status = 'locked' and new.status <> 'locked'
    and (new.occurrence > old.occurrence or new.status in ('success', 'failed')))
  execute function public.cloud_jobs_occurrence_ended();

-- ==== tables/steps ==============================================================================

-- Durable steps of handlers: named parts of an attempt whose results outlive it, and the events that handlers wait for.
--
-- A step belongs to one occurrence of a job. A later attempt at that occurrence gets the result and does not run the step again.
create table if not exists public.cloud_job_steps (
  job_id           text not null references public.cloud_jobs (job_id) on delete cascade,
  occurrence       integer not null,
  name             text not null check (length(name) between 1 and 200),
  -- step: a function that ran. sleep: a pause. event: what the handler waits for; an approval is one.
  kind             text not null default 'step' check (kind in ('step', 'sleep', 'event')),
  -- The order in which the steps of the occurrence began.
  position         integer not null,
  -- The attempt that stored it.
  execution_id     text,
  result           jsonb,
  started_at       timestamptz not null default now(),
  -- Null while a sleep or the wait for an event goes on.
  finished_at      timestamptz,
  duration_seconds real,
  -- When a sleep ends, or when the wait for an event is given up.
  until            timestamptz,
  -- For people: what an approval is about.
  details          jsonb,
  primary key (job_id, occurrence, name)
);
alter table public.cloud_job_steps enable row level security;

-- Events that were sent to jobs. One that comes before the job waits for it is kept for it.
create table if not exists public.cloud_job_signals (
  job_id    text not null references public.cloud_jobs (job_id) on delete cascade,
  name      text not null check (length(name) between 1 and 200),
  -- Names the event: sent twice, it counts once.
  signal_id text not null check (length(signal_id) between 1 and 200),
  payload   jsonb,
  sent_at   timestamptz not null default now(),
  -- The occurrence of the job that took the event. Null: none yet.
  taken_by  integer,
  primary key (job_id, name, signal_id)
);
alter table public.cloud_job_signals enable row level security;

alter table public.cloud_jobs
  -- True if the job has rows in cloud_job_steps.
  add column if not exists has_steps boolean;

-- Makes a job due now that ends its attempt to wait for an event, if the event came in the meantime.
create or replace function public.cloud_jobs_wait_for_event()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
begin
  if exists (
    select from public.cloud_job_steps s
    join public.cloud_job_signals e on e.job_id = s.job_id and e.name = s.name and e.taken_by is null
    where s.job_id = new.job_id and s.occurrence = new.occurrence and s.kind = 'event' and s.finished_at is null)
  then
    new.run_at := now();
  end if;
  return new;
end
$$;

create or replace trigger cloud_jobs_wait_for_event
  before update of status on public.cloud_jobs
  for each row
  when (new.has_steps and old.status = 'locked' and new.status = 'waiting' and new.run_at > now()
    -- A retry has its backoff.
    and new.current_retries is not distinct from old.current_retries)
  execute function public.cloud_jobs_wait_for_event();

-- ==== tables/executions =========================================================================

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

-- ==== tables/indexes ============================================================================

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

-- ==== tables/workers ============================================================================

-- Which workers came, when, and what started them. Late ticks, silence and live workers are recognised by this record.
-- One small row for each worker, written by its own claims; the newest 300 are kept.
create table if not exists public.cloud_job_workers (
  instance_id text primary key,
  queues      text[] not null,
  -- GitHub's name of the event that started the run; for a schedule with its cron expression: "schedule 17 * * * *".
  trigger     text,
  run_url     text,
  started_at  timestamptz not null default now(),
  -- The last claim, to within 30 s, and the last that found jobs.
  seen_at     timestamptz not null default now(),
  claimed_at  timestamptz
);
-- The job types that the worker asked for. Null: not known, written by an earlier release.
alter table public.cloud_job_workers add column if not exists job_types text[];
alter table public.cloud_job_workers enable row level security;
create index if not exists cloud_job_workers_seen_at on public.cloud_job_workers (seen_at);

-- ==== tables/queues =============================================================================

-- What a queue may do. A queue without a row here has no limits; rows appear when a setting is first made.
create table if not exists public.cloud_jobs_queues (
  queue                   text primary key check (length(queue) between 1 and 100),
  -- No job of a paused queue is started. Running ones go on.
  paused                  boolean not null default false,
  -- No job is started before this time: a pause that ends by itself.
  cool_down_until         timestamptz,
  -- Why the queue is paused or cools down, for people.
  reason                  text check (length(reason) <= 500),
  -- At most this many jobs run at the same time, on all workers together.
  max_running             integer check (max_running between 1 and 100000),
  -- At most rate_limit starts in any rate_period_seconds.
  rate_limit              integer check (rate_limit between 1 and 1000000),
  rate_period_seconds     integer check (rate_period_seconds between 1 and 604800),
  -- The longest that an attempt of a job without a timeout of its own may take.
  default_timeout_seconds integer check (default_timeout_seconds between 1 and 9999999),
  -- The starts in each tenth of a period, the newest first, and the tenth that the newest stands for.
  rate_starts             integer[] not null default '{}',
  rate_slot               bigint not null default 0,
  updated_at              timestamptz not null default now(),
  constraint cloud_jobs_queues_rate check ((rate_limit is null) = (rate_period_seconds is null))
);
alter table public.cloud_jobs_queues enable row level security;

-- ==== tables/papers =============================================================================

-- The papers that the `paper_fetch` handler stores: a new table, or that of a client of the first schema brought up to
-- date in place. Every column of that table keeps its name, type and meaning, and no row is removed.

-- A table of another application may have this name.
do $$
declare
  missing text;
begin
  if exists (select from pg_class where relnamespace = 'public'::regnamespace and relname = 'papers') then
    select string_agg(format('%s %s', w.name, w.type), ', ' order by w.name) into missing
    from (values ('id', 'text'), ('arxiv_id', 'text'), ('title', 'text'), ('authors', 'text'), ('abstract', 'text'),
      ('categories', 'text'), ('published', 'timestamp with time zone'), ('pdf_url', 'text'), ('pdf_path', 'text'),
      ('created_at', 'timestamp with time zone'), ('updated_at', 'timestamp with time zone')) as w (name, type)
    where not exists (
      select from pg_attribute a
      join pg_class c on c.oid = a.attrelid
      where c.relnamespace = 'public'::regnamespace and c.relname = 'papers' and c.relkind in ('r', 'p')
        and a.attname = w.name and format_type(a.atttypid, a.atttypmod) = w.type and not a.attisdropped);
    if missing is not null then
      raise exception 'cloud-jobs: public.papers is not a table of cloud-jobs. It lacks: %.', missing
        using hint = 'Nothing was installed or changed. Rename yours (alter table public.papers rename to my_papers), then run this file again.';
    end if;
  end if;
end
$$;

create table if not exists public.papers (
  id         text primary key default gen_random_uuid()::text,
  arxiv_id   text,
  title      text not null,
  authors    text not null,
  abstract   text,
  categories text not null,
  published  timestamptz not null,
  pdf_url    text,
  pdf_path   text,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

-- Papers of other sources have no arXiv id.
-- squawk-ignore ban-drop-not-null
alter table public.papers alter column arxiv_id drop not null;

alter table public.papers
  add column if not exists author_list      text[],
  add column if not exists category_list    text[],
  add column if not exists primary_category text,
  add column if not exists version          integer,
  add column if not exists source           text,
  add column if not exists source_id        text,
  add column if not exists doi              text,
  add column if not exists comment          text,
  add column if not exists journal_ref      text,
  add column if not exists updated          timestamptz,
  add column if not exists url              text,
  add column if not exists job_id           text;

comment on column public.papers.arxiv_id is 'arXiv id without its version; null for papers that arXiv does not have.';
comment on column public.papers.authors is 'Names joined by |, as the first clients wrote them; author_list holds the same as an array.';
comment on column public.papers.version is 'Version of the paper that this row describes (arXiv: the N of vN).';
comment on column public.papers.doi is 'DOI of the journal version in lower case, never arXiv''s own 10.48550 DOI; held by one row only.';
comment on column public.papers.job_id is 'The job that found the paper first; it may have been deleted since.';
comment on column public.papers.updated is 'When the source published the version that this row describes; updated_at is when this row changed.';

-- The names are those that Postgres gives the constraints of the first table, so an upgraded table gets no second index.
create unique index if not exists papers_arxiv_id_key on public.papers (arxiv_id);
create unique index if not exists papers_doi_key on public.papers (doi);
create unique index if not exists papers_source_source_id_key on public.papers (source, source_id);
create index if not exists papers_job_id_idx on public.papers (job_id, published desc) where job_id is not null;
create index if not exists papers_published_idx on public.papers (published desc);
create index if not exists papers_category_list_idx on public.papers using gin (category_list);

-- The first clients kept the version in the id (2401.01234v1), so two versions of a paper are two rows. The highest
-- version takes the plain id (old ids without their subject class: math.GT/0309136v2 becomes math/0309136), and later
-- fetches update that row. The others keep their id: no row is removed.
with plain as (
  select p.id, p.arxiv_id,
         regexp_replace(regexp_replace(p.arxiv_id, 'v[0-9]{1,4}$', ''), '^([a-z-]+)\.[A-Z]{2}/', '\1/') as plain_id,
         substring(p.arxiv_id from 'v([0-9]{1,4})$')::integer as version
  from public.papers p
  where p.arxiv_id ~ '^([0-9]{4}\.[0-9]{4,5}|[a-z-]+(\.[A-Z]{2})?/[0-9]{7})(v[0-9]{1,4})?$'
),
ranked as (
  select n.*, row_number() over (partition by n.plain_id order by n.version desc nulls last, n.id) as place
  from plain n
  where n.arxiv_id <> n.plain_id
)
update public.papers p
set arxiv_id = r.plain_id, version = coalesce(p.version, r.version)
from ranked r
where p.id = r.id
  and r.place = 1
  and not exists (select from public.papers other where other.arxiv_id = r.plain_id);

update public.papers p
set author_list   = coalesce(p.author_list, string_to_array(nullif(p.authors, ''), '|'), '{}'),
    category_list = coalesce(p.category_list, string_to_array(nullif(p.categories, ''), '|'), '{}')
where p.author_list is null or p.category_list is null;

-- When a query was last read to its end, and how far a reading came that was cut off. Without this, a run that was cut
-- off could be taken for a complete one, and the next one would read everything again.
create table if not exists public.cloud_jobs_paper_queries (
  query_key    text primary key check (length(query_key) between 1 and 200),
  completed_at timestamptz
);
-- squawk-ignore ban-drop-not-null
alter table public.cloud_jobs_paper_queries alter column completed_at drop not null;
alter table public.cloud_jobs_paper_queries
  add column if not exists position      jsonb,
  add column if not exists reading_since timestamptz;

comment on column public.cloud_jobs_paper_queries.position is 'Where the next reading goes on, in the words of the handler; null after a complete reading.';
comment on column public.cloud_jobs_paper_queries.reading_since is 'When the first of the runs started that read up to this position.';

-- Closed by default: only service_role reads and writes. The first clients let anon read or even write everything.
alter table public.papers enable row level security;
alter table public.cloud_jobs_paper_queries enable row level security;

do $$
declare
  found_policy record;
begin
  for found_policy in
    select p.policyname, p.roles
    from pg_catalog.pg_policies p
    where p.schemaname = 'public' and p.tablename = 'papers'
      and p.roles && array['public', 'anon', 'authenticated']::name[]
  loop
    raise notice 'cloud-jobs: dropped policy "%" on public.papers: it gave access to %. Papers are now open to the service role alone; add a policy of your own if others shall read them.',
      found_policy.policyname, array_to_string(found_policy.roles, ', ');
    execute format('drop policy %I on public.papers', found_policy.policyname);
  end loop;
end
$$;

revoke all on table public.papers, public.cloud_jobs_paper_queries from public, anon, authenticated;
grant select, insert, update, delete on table public.papers, public.cloud_jobs_paper_queries to service_role;

-- ==== tables/finished-at ========================================================================

-- Sets finished_at when a row that is written directly, as clients of the first schema do, ends a job.
--
-- A job that ends for good gets finished_at, which pruning goes by. A failed job with retries left does not: it can still
-- be claimed, and the index cloud_jobs_claim_failed holds only such rows. If that job has a unique or concurrency key, it
-- becomes waiting instead: a failed row does not hold its unique key and could meet a newer job with the same key.
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

-- ==== tables/direct-writes ======================================================================

-- What happens when a client of the first schema, or a person, writes to cloud_jobs instead of calling a function.

-- Gives a lock without an expiry, or with one beyond a year, the 30 minutes of the first schema: every lock ends at some time.
create or replace function public.cloud_jobs_limit_lock()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.lock_expires_at := now() + interval '30 minutes';
  return new;
end
$$;

create or replace trigger cloud_jobs_limit_inserted_lock
  before insert on public.cloud_jobs
  for each row
  when (new.status = 'locked' and new.lock_expires_at is null or new.lock_expires_at > now() + interval '366 days')
  execute function public.cloud_jobs_limit_lock();

create or replace trigger cloud_jobs_limit_lock
  before update of status, lock_expires_at on public.cloud_jobs
  for each row
  when (new.status = 'locked' and new.lock_expires_at is null or new.lock_expires_at > now() + interval '366 days')
  execute function public.cloud_jobs_limit_lock();

-- Locks from before these triggers.
update public.cloud_jobs set lock_expires_at = least(locked_at, now()) + interval '30 minutes'
where status = 'locked' and lock_expires_at is null or lock_expires_at > now() + interval '366 days';

-- Ends the execution that held the lock if a plain write takes the job away from it. The worker learns from its next
-- request that it no longer holds the lock; without this the execution would stay "running" for ever.
create or replace function public.cloud_jobs_cut_off()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
begin
  perform public.cloud_jobs_open_executions(array[old.job_id]);
  update public.cloud_job_executions e set
    status = 'failed', finished_at = now(), duration_seconds = extract(epoch from now() - e.started_at), result = null,
    error_message = format('Another client changed the job to "%s" while this attempt was running.', new.status),
    failure_kind = 'lost', job_status = new.status
  where e.execution_id = old.locked_execution_id and e.status = 'running';
  new.locked_execution_id := null;
  return new;
end
$$;

create or replace trigger cloud_jobs_cut_off
  before update of status on public.cloud_jobs
  for each row
  when (old.status = 'locked' and new.status <> 'locked' and old.locked_execution_id is not null
    and new.locked_execution_id = old.locked_execution_id)
  execute function public.cloud_jobs_cut_off();

-- Moves a recurring job that a plain write ended to its next occurrence: a schedule ends only if it is disabled or
-- deleted, or if it can no longer be evaluated.
create or replace function public.cloud_jobs_rearm()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  turn record;
begin
  select t.* into turn from public.cloud_jobs_turn(new.schedule, new.timezone, new.missed, new.missed_grace_seconds,
    coalesce(old.scheduled_for, old.locked_at, now()), coalesce(old.locked_at, now())) as t;
  if turn.next is null then
    return new;
  end if;
  if turn.skipped > 0 then
    insert into public.cloud_job_executions (job_id, status, started_at, finished_at, duration_seconds, result,
      error_message, error_details, failure_kind, occurrence, scheduled_for, job_status, next_run_at)
    values (new.job_id, 'failed', now(), now(), 0, null,
      public.cloud_jobs_skipped_words(turn.skipped, turn.first_skipped, turn.last_skipped, new.missed, new.missed_grace_seconds),
      jsonb_build_object('skipped', turn.skipped, 'first', turn.first_skipped, 'last', turn.last_skipped), 'skipped',
      new.occurrence, turn.first_skipped, 'waiting', turn.next);
  end if;
  new.error_message := case when new.status = 'failed' then coalesce(new.error_message, 'A client of the first schema ended it as failed.') end;
  new.status := case when old.disable_requested_at is null then 'waiting' else 'disabled' end;
  new.run_at := turn.next;
  new.scheduled_for := turn.next;
  new.occurrence := old.occurrence + 1;
  new.current_retries := 0;
  new.snoozes := 0;
  new.snoozed_since := null;
  new.finished_at := null;
  new.disable_requested_at := null;
  new.cancel_requested_at := null;
  new.locked_at := null;
  new.locked_by := null;
  new.lock_expires_at := null;
  new.locked_execution_id := null;
  return new;
end
$$;

-- A failure with retries left stays claimable, as in the first schema.
create or replace trigger cloud_jobs_rearm
  before update of status on public.cloud_jobs
  for each row
  when (new.schedule is not null and old.status in ('waiting', 'locked') and (new.status = 'success'
    or (new.status = 'failed' and (new.current_retries < new.max_retries) is not true)))
  execute function public.cloud_jobs_rearm();

-- ==== tables/job-guards =========================================================================

-- What a row of cloud_jobs may hold, by any writer: a function, a plain insert, a trigger or a jobs file.
--
-- Triggers, not check constraints: a constraint would also refuse every later change of an old row, so a job of an earlier
-- release could not even be claimed. The conditions are those that the triggers are created with, so a row that is as it
-- should be costs no call.
create or replace function public.cloud_jobs_guard()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  earliest constant timestamptz := '1900-01-01Z';
  latest constant timestamptz := '9999-12-31Z';
  -- Only what this statement changes: an old row may hold more than a new one.
  fault constant text := case
    when new.name is distinct from old.name and new.name !~ '[^[:space:]\u00a0]' then 'has no name'
    when new.name is distinct from old.name and length(new.name) > 500 then 'has a name longer than 500 characters'
    when new.queue is distinct from old.queue and (length(new.queue) > 100 or new.queue !~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$')
      then 'has a queue that no worker can name: use 1 to 100 letters, digits and . _ : / -'
    when new.max_retries is distinct from old.max_retries and new.max_retries not between 0 and 9999
      then 'has a max_retries that is not a number from 0 to 9999'
    when new.current_retries is distinct from old.current_retries and new.current_retries not between 0 and 1000000
      then 'has a current_retries that is not a number from 0 to 1000000'
    when new.timeout_seconds is distinct from old.timeout_seconds and new.timeout_seconds > 9999999
      then 'has a timeout_seconds that is more than 9999999'
    when new.occurrence is distinct from old.occurrence and new.occurrence not between 0 and 1000000000
      then 'has an occurrence that is not a number from 0 to 1000000000'
    when new.snoozes is distinct from old.snoozes and new.snoozes not between 0 and 1000000
      then 'has a number of snoozes that is not from 0 to 1000000'
    when new.expires_in_seconds is distinct from old.expires_in_seconds and new.expires_in_seconds not between 1 and 315576000
      then 'has an expires_in_seconds that is not a number from 1 to ten years'
    when new.run_at is distinct from old.run_at and new.run_at not between earliest and latest
      then 'has a run_at that is not a time between 1900 and 9999'
    when new.scheduled_for is distinct from old.scheduled_for and new.scheduled_for not between earliest and latest
      then 'has a scheduled_for that is not a time between 1900 and 9999'
    when new.created_at is distinct from old.created_at and new.created_at not between earliest and latest
      then 'has a created_at that is not a time between 1900 and 9999'
    when new.expires_at is distinct from old.expires_at and new.expires_at not between earliest and latest
      then 'has an expires_at that is not a time between 1900 and 9999'
    when new.locked_at is distinct from old.locked_at and new.locked_at not between earliest and latest
      then 'has a locked_at that is not a time between 1900 and 9999'
    when new.finished_at is distinct from old.finished_at and new.finished_at not between earliest and latest
      then 'has a finished_at that is not a time between 1900 and 9999'
    when new.last_execution is distinct from old.last_execution and new.last_execution not between earliest and latest
      then 'has a last_execution that is not a time between 1900 and 9999'
    when new.snoozed_since is distinct from old.snoozed_since and new.snoozed_since not between earliest and latest
      then 'has a snoozed_since that is not a time between 1900 and 9999'
    when new.config is distinct from old.config then 'has a config ' || public.cloud_jobs_config_fault(new.config)
  end;
begin
  if fault is not null then
    perform public.cloud_jobs_refuse(400, format('The job %s %s.', to_json(left(new.name, 80))::text, fault),
      'Nothing was changed. Correct the job and write it again.');
  end if;
  return new;
end
$$;

-- Rows of earlier releases that the queue could not work as they are. Done only once.
do $$
begin
  if not exists (select from pg_trigger where tgrelid = 'public.cloud_jobs'::regclass and tgname = 'cloud_jobs_guard_texts') then
    update public.cloud_jobs set max_retries = 9999 where max_retries > 9999;
    update public.cloud_jobs set current_retries = 0 where current_retries not between 0 and 1000000;
    update public.cloud_jobs set run_at = case when run_at < now() then created_at else '9999-12-31Z' end
      where not isfinite(run_at) and isfinite(created_at) and status in ('waiting', 'disabled');
    update public.cloud_jobs set run_at = now() where not isfinite(run_at);
  end if;
end
$$;

create or replace trigger cloud_jobs_guard_texts
  before insert or update of name, queue, config on public.cloud_jobs
  for each row
  when (new.name !~ '[^[:space:]\u00a0]' or length(new.name) > 500
    or length(new.queue) > 100 or new.queue !~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$'
    or jsonb_typeof(new.config) <> 'object'
    -- As text it has at most six times the bytes that it has here. In an array: a value that was copied from another table
    -- may be compressed.
    or pg_column_size(jsonb_build_array(new.config)) > 43690
    or (pg_column_size(jsonb_build_array(new.config)) > 1000
      and jsonb_path_exists(new.config, 'strict $.**{200} ? (@.type() == "object" || @.type() == "array")'))
    or jsonb_path_exists(new.config, 'strict $.** ? (@.type() == "number" && (@ > 9007199254740991 || @ < -9007199254740991))'))
  execute function public.cloud_jobs_guard();

create or replace trigger cloud_jobs_guard_numbers
  before insert or update of max_retries, current_retries, timeout_seconds, occurrence, snoozes, expires_in_seconds,
    run_at, scheduled_for, created_at, expires_at, locked_at, finished_at, last_execution, snoozed_since on public.cloud_jobs
  for each row
  when (new.max_retries not between 0 and 9999 or new.current_retries not between 0 and 1000000
    or new.timeout_seconds > 9999999
    or new.occurrence not between 0 and 1000000000 or new.snoozes not between 0 and 1000000
    or new.expires_in_seconds not between 1 and 315576000
    or new.run_at not between '1900-01-01Z' and '9999-12-31Z'
    or new.scheduled_for not between '1900-01-01Z' and '9999-12-31Z'
    or new.created_at not between '1900-01-01Z' and '9999-12-31Z'
    or new.expires_at not between '1900-01-01Z' and '9999-12-31Z'
    or new.locked_at not between '1900-01-01Z' and '9999-12-31Z'
    or new.finished_at not between '1900-01-01Z' and '9999-12-31Z'
    or new.last_execution not between '1900-01-01Z' and '9999-12-31Z'
    or new.snoozed_since not between '1900-01-01Z' and '9999-12-31Z')
  execute function public.cloud_jobs_guard();

-- An unfinished job has no finished_at, for every writer: the index of unique keys depends on it.
create or replace function public.cloud_jobs_clear_finished()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.finished_at := null;
  return new;
end
$$;

create or replace trigger cloud_jobs_clear_finished
  before update of status on public.cloud_jobs
  for each row
  when (new.status in ('waiting', 'locked') and new.finished_at is not null)
  execute function public.cloud_jobs_clear_finished();

-- ==== tables/concurrency-keys ===================================================================

-- Concurrency keys: at most concurrency_limit jobs of a key are locked at any moment.
--
-- The unique index cloud_jobs_concurrency_key guarantees it: each locked job has one of the places 1 to concurrency_limit of
-- its key. The other triggers here keep the claim cheap. A claim marks the
-- jobs behind a full key as blocked, which takes them out of its index, and every event that frees the key unblocks the
-- next. What holds at any moment: a key with blocked jobs also has as many locked jobs as it may, or in each queue and type
-- with blocked jobs due ones that are not blocked to fill it. Triggers keep it so for every writer.
create or replace function public.cloud_jobs_key_freed()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform public.cloud_jobs_unblock(old.concurrency_key);
  return null;
end
$$;

-- schedule and timezone are listed because a change of these moves run_at in another trigger.
create or replace trigger cloud_jobs_key_freed_by_update
  after update of status, run_at, schedule, timezone, concurrency_key, queue, job_type on public.cloud_jobs
  for each row
  when (old.concurrency_key is not null and not old.blocked and old.status in ('waiting', 'locked') and (
    new.status not in ('waiting', 'locked')
    or (old.status = 'locked' and new.status = 'waiting')
    or (new.status = 'waiting' and new.run_at > old.run_at)
    or (new.concurrency_key, new.queue, new.job_type) is distinct from (old.concurrency_key, old.queue, old.job_type)
  ))
  execute function public.cloud_jobs_key_freed();

create or replace trigger cloud_jobs_key_freed_by_delete
  after delete on public.cloud_jobs
  for each row
  when (old.concurrency_key is not null and not old.blocked and old.status in ('waiting', 'locked'))
  execute function public.cloud_jobs_key_freed();

-- Clears the mark of a blocked job that is no longer due, or changes its key, queue or type.
create or replace function public.cloud_jobs_clear_blocked()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.blocked := false;
  return new;
end
$$;

create or replace trigger cloud_jobs_clear_blocked
  before update of status, run_at, schedule, timezone, concurrency_key, concurrency_limit, queue, job_type on public.cloud_jobs
  for each row
  when (old.blocked and new.blocked and (
    new.status <> 'waiting'
    or new.run_at > now()
    or (new.concurrency_key, new.concurrency_limit, new.queue, new.job_type)
      is distinct from (old.concurrency_key, old.concurrency_limit, old.queue, old.job_type)
  ))
  execute function public.cloud_jobs_clear_blocked();

-- A new row cannot know that others go first: a claim marks it if they do. One with parents comes from a dump.
create or replace trigger cloud_jobs_insert_unblocked
  before insert on public.cloud_jobs
  for each row
  when (new.blocked or new.blocked is null and new.has_parents is not true)
  execute function public.cloud_jobs_clear_blocked();

-- Takes turns with claims before a running job moves to another key: a claim of that key would collide with it.
create or replace function public.cloud_jobs_enter_key()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(public.cloud_jobs_key_lock_id(new.concurrency_key));
  return new;
end
$$;

create or replace trigger cloud_jobs_enter_key
  before update of concurrency_key on public.cloud_jobs
  for each row
  when (new.status = 'locked' and new.concurrency_key is not null and new.concurrency_key is distinct from old.concurrency_key)
  execute function public.cloud_jobs_enter_key();

-- Gives a job that becomes locked the first free place of its key. If none is free, it takes a place that is held, which the
-- unique index refuses. A job with a limit of one has place 1 by default and needs no call.
create or replace function public.cloud_jobs_take_slot()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
begin
  select place into new.concurrency_slot
  from generate_series(1, new.concurrency_limit) as place
  where not exists (
    select from public.cloud_jobs j
    where j.concurrency_key = new.concurrency_key and j.concurrency_slot = place and j.status = 'locked' and j.job_id <> new.job_id)
  limit 1;
  new.concurrency_slot := coalesce(new.concurrency_slot, 1);
  return new;
end
$$;

create or replace trigger cloud_jobs_take_slot
  before update of status, concurrency_key on public.cloud_jobs
  for each row
  when (new.status = 'locked' and new.concurrency_key is not null and (new.concurrency_limit > 1 or new.concurrency_slot <> 1)
    and (old.status <> 'locked' or new.concurrency_key is distinct from old.concurrency_key))
  execute function public.cloud_jobs_take_slot();

create or replace trigger cloud_jobs_take_slot_inserted
  before insert on public.cloud_jobs
  for each row
  when (new.status = 'locked' and new.concurrency_key is not null and new.concurrency_limit > 1)
  execute function public.cloud_jobs_take_slot();

-- ==== tables/schedule-anchor ====================================================================

-- Makes a recurring job due at an occurrence of its schedule, for every writer of the row.
--
-- A change of the schedule moves the job to the next occurrence of the new one.
create or replace function public.cloud_jobs_anchor()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  schedule record;
begin
  new.timezone := coalesce(new.timezone, 'UTC');
  select * into schedule from public.cloud_jobs_check_schedule(new.schedule, new.timezone);
  if schedule.fault is not null then
    perform public.cloud_jobs_refuse(400, format('The job %s has a schedule that %s.', to_json(left(new.name, 80))::text, schedule.fault),
      'Nothing was changed. Correct the schedule or the time zone.');
  end if;
  if tg_op = 'INSERT' then
    -- A first occurrence that the writer chose stands; the default of run_at is no choice.
    if new.scheduled_for is null and new.run_at = now() then
      new.run_at := schedule.due;
    end if;
    new.scheduled_for := coalesce(new.scheduled_for, new.run_at);
  elsif new.status in ('waiting', 'disabled') then
    new.run_at := schedule.due;
    new.scheduled_for := new.run_at;
    new.current_retries := 0;
    new.error_message := null;
    new.snoozes := 0;
    new.snoozed_since := null;
    new.occurrence := new.occurrence + 1;
  else
    -- It is running: this run is the last by the old schedule. Its execution keeps when it was due by that.
    perform public.cloud_jobs_open_executions(array[old.job_id]);
    new.scheduled_for := greatest(new.scheduled_for, now());
  end if;
  return new;
end
$$;

create or replace trigger cloud_jobs_anchor_insert
  before insert on public.cloud_jobs
  for each row
  when (new.schedule is not null)
  execute function public.cloud_jobs_anchor();

create or replace trigger cloud_jobs_anchor_update
  before update of schedule, timezone on public.cloud_jobs
  for each row
  when (new.schedule is not null and (new.schedule, new.timezone) is distinct from (old.schedule, old.timezone))
  execute function public.cloud_jobs_anchor();

-- ==== tables/expiry =============================================================================

-- When a waiting job expires, for every writer of the row.
--
-- A job that starts can no longer expire. With expires_in_seconds the time is counted anew for each occurrence. A job that
-- is run again after its own expires_at has no expiry any more: somebody wants it now.
create or replace function public.cloud_jobs_set_expiry()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.expires_at := case
    when new.status in ('waiting', 'disabled') and new.expires_in_seconds is not null
      then case when new.schedule is null then new.run_at else new.scheduled_for end + make_interval(secs => new.expires_in_seconds)
  end;
  return new;
end
$$;

-- The names put both after the triggers that move a job to its next occurrence.
create or replace trigger cloud_jobs_insert_expiry
  before insert on public.cloud_jobs
  for each row
  when (new.expires_in_seconds is not null)
  execute function public.cloud_jobs_set_expiry();

create or replace trigger cloud_jobs_update_expiry
  before update on public.cloud_jobs
  for each row
  when (
    (new.expires_at is not null and new.status = 'locked')
    or (new.expires_at <= now() and new.occurrence <> old.occurrence)
    or (new.expires_in_seconds is not null and new.status in ('waiting', 'disabled') and (
      (new.occurrence, new.scheduled_for, new.expires_in_seconds) is distinct from (old.occurrence, old.scheduled_for, old.expires_in_seconds)
      or (new.schedule is null and new.run_at <> old.run_at and old.expires_at is not null)))
  )
  execute function public.cloud_jobs_set_expiry();

-- ==== tables/row-security =======================================================================

-- Closed by default: row level security without a policy lets in only the owner and service_role.
alter table public.cloud_jobs enable row level security;
alter table public.cloud_job_executions enable row level security;

-- The first schema let everybody with the public anon key read and write jobs, and so decide what runs beside the
-- secrets of the repository. sql/optional/anon-access.sql restores that for those who want it.
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

-- ==== tables/alerts =============================================================================

-- Alerts: what failed, for whom it is to be reported, and what has been reported.
--
-- A channel is a place that alerts go to, such as "issue owner/repository". Workers with the input alert register theirs for
-- their queues. Without a channel nothing is written here.
create table if not exists public.cloud_jobs_alert_channels (
  channel text not null check (length(channel) between 1 and 300),
  queue   text not null,
  seen_at timestamptz not null default now(),
  primary key (channel, queue)
);
alter table public.cloud_jobs_alert_channels enable row level security;

-- The outbox. Its rows are only added in the transaction that fails a job, so two such transactions never wait here.
create table if not exists public.cloud_jobs_alert_outbox (
  alert_id     text primary key default public.cloud_jobs_new_id(),
  channel      text not null,
  queue        text not null,
  -- The name of the job, what a run warns about, or what waits for a decision.
  subject      text not null,
  kind         text not null check (kind in ('job', 'run', 'approval')),
  -- For an approval, failed is that it waits, and recovered that it does no longer.
  action       text not null check (action in ('failed', 'recovered')),
  job_id       text,
  error        text,
  failure_kind text,
  run_url      text,
  created_at   timestamptz not null default now(),
  -- Rows that one message reports, and that message as it was first sent.
  batch_id     text,
  message      jsonb,
  attempts     integer not null default 0,
  next_at      timestamptz not null default now(),
  leased_by    text,
  leased_until timestamptz,
  sent_at      timestamptz,
  last_error   text
);
do $$
begin
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs_alert_outbox'::regclass
    and conname = 'cloud_jobs_alert_outbox_kind_check' and pg_get_constraintdef(oid) like '%approval%')
  then
    alter table public.cloud_jobs_alert_outbox drop constraint if exists cloud_jobs_alert_outbox_kind_check;
    alter table public.cloud_jobs_alert_outbox add constraint cloud_jobs_alert_outbox_kind_check check (kind in ('job', 'run', 'approval'));
  end if;
end
$$;
alter table public.cloud_jobs_alert_outbox enable row level security;
create index if not exists cloud_jobs_alert_outbox_unsent on public.cloud_jobs_alert_outbox (channel, created_at, alert_id)
  where sent_at is null;
create index if not exists cloud_jobs_alert_outbox_batch on public.cloud_jobs_alert_outbox (batch_id);
create index if not exists cloud_jobs_alert_outbox_created_at on public.cloud_jobs_alert_outbox (created_at);

-- What a channel knows of a subject.
create table if not exists public.cloud_jobs_alert_subjects (
  channel        text not null,
  subject        text not null,
  queue          text not null,
  kind           text not null,
  is_open        boolean not null default false,
  opened_at      timestamptz,
  failures       integer not null default 0,
  last_failed_at timestamptz,
  -- The newest jobs of this name that failed, up to 20.
  job_ids        text[] not null default '{}',
  -- Jobs that finished until then were searched for a success.
  checked_to     timestamptz,
  issue_number   bigint,
  last_sent_at   timestamptz,
  primary key (channel, subject)
);
alter table public.cloud_jobs_alert_subjects enable row level security;

-- Writes to the outbox that a job has failed for good: one row for each channel of its queue.
create or replace function public.cloud_jobs_alert_failed()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
begin
  insert into public.cloud_jobs_alert_outbox (channel, queue, subject, kind, action, job_id, error, failure_kind, run_url)
  select c.channel, new.queue, new.name, 'job', 'failed', new.job_id, left(new.error_message, 4000), last.failure_kind, last.run_url
  from public.cloud_jobs_alert_channels c
  left join lateral (
    select e.failure_kind, e.run_url from public.cloud_job_executions e
    where e.job_id = new.job_id order by e.started_at desc limit 1) last on true
  where c.queue = new.queue and c.seen_at > now() - interval '7 days';
  return null;
end
$$;

-- The last attempt at a job, or at an occurrence of a recurring one. What somebody cancelled has not failed.
create or replace trigger cloud_jobs_alert_failed
  after update of status on public.cloud_jobs
  for each row
  when (old.status in ('waiting', 'locked') and old.cancel_requested_at is null
    and new.error_message is not null and new.error_message <> 'Cancelled before it ran.'
    and ((new.status = 'failed' and new.finished_at is not null)
      or (new.schedule is not null and new.occurrence > old.occurrence
        and (old.status = 'locked' or new.error_message like 'It expired: %'))))
  execute function public.cloud_jobs_alert_failed();

-- ==== functions/add-dependencies ================================================================

-- What is wrong with the dependencies of one item of cloud_jobs_enqueue, taken by itself; null if nothing is.
create or replace function public.cloud_jobs_dependency_fault(item_param jsonb)
returns text
language sql
immutable
set search_path = ''
as $$
  select case
    when jsonb_typeof(item_param->'ref') not in ('string', 'null') or item_param->>'ref' !~ '^[A-Za-z_][A-Za-z0-9_-]*$'
      or length(item_param->>'ref') > 100 then 'has a ref that is not 1 to 100 letters, digits and _ -, and begins with a letter'
    when item_param->>'on_parent_failure' not in ('cancel', 'run', 'wait') then 'has an on_parent_failure that is not cancel, run or wait'
    when jsonb_typeof(item_param->'depends_on') = 'null' or not item_param ? 'depends_on' then
      case when item_param->>'on_parent_failure' is not null then 'has an on_parent_failure without depends_on' end
    when jsonb_typeof(item_param->'depends_on') <> 'array'
      or jsonb_path_exists(item_param, '$.depends_on[*] ? (@.type() != "string")')
      then 'has a depends_on that is not a list of refs and job ids'
    when jsonb_array_length(item_param->'depends_on') > 20000 then 'depends on more than 20000 jobs'
    when (select count(*) > count(distinct p.parent) from jsonb_array_elements_text(item_param->'depends_on') as p (parent))
      then 'names a job twice in depends_on'
    when item_param->>'schedule' is not null and jsonb_array_length(item_param->'depends_on') > 0
      then 'has both schedule and depends_on, and a recurring job cannot depend on others'
  end
$$;

-- Adds the dependencies of a batch of jobs that was just inserted: the second half of cloud_jobs_enqueue.
--
-- items: as there. jobs: its reply, in the same order. A job that was there before keeps the dependencies it has, so a repeat
-- changes nothing. A child of jobs that have all finished is due at once.
--
-- Locks the rows of the parents in the order of job_id: a parent that ends at this moment ends either before or after.
create or replace function public.cloud_jobs_add_dependencies(items_param jsonb, jobs_param jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  -- {ref: {"ordinal", "job_id"}} and {job_id: ordinal} of the entries.
  refs jsonb;
  ordinals jsonb;
  edges jsonb;
  parents text[];
  wrong record;
begin
  select r.ordinal, r.name, r.ref into wrong
  from (
    select i.ordinal, i.item->>'name' as name, i.item->>'ref' as ref,
      row_number() over (partition by i.item->>'ref' order by i.ordinal) as turn
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
    where i.item->>'ref' is not null) r
  where r.turn > 1 order by r.ordinal limit 1;
  if found then
    perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, format('has the ref %s of an earlier job of the batch', to_json(wrong.ref)));
  end if;

  select coalesce(jsonb_object_agg(items_param->(j.ordinal - 1)::integer->>'ref', jsonb_build_object('ordinal', j.ordinal, 'job_id', j.job->>'job_id'))
      filter (where items_param->(j.ordinal - 1)::integer->>'ref' is not null), '{}'),
    jsonb_object_agg(j.job->>'job_id', j.ordinal) filter (where (j.job->>'created')::boolean)
  into refs, ordinals
  from jsonb_array_elements(jobs_param) with ordinality as j (job, ordinal);

  select jsonb_agg(jsonb_build_object('ordinal', e.ordinal, 'name', e.name, 'job_id', e.job_id, 'ref', e.ref,
    'position', e.position, 'on_failure', e.on_failure, 'parent_id', e.parent_id))
  into edges
  from (
    select i.ordinal, i.item->>'name' as name, j.job->>'job_id' as job_id, d.ref, d.position,
      coalesce(i.item->>'on_parent_failure', 'cancel') as on_failure,
      case
        when (refs->d.ref->>'ordinal')::integer < i.ordinal then refs->d.ref->>'job_id'
        -- An entry that is not earlier is no parent, so there are no cycles.
        when (ordinals->>d.ref)::integer >= i.ordinal then null
        else (select p.job_id from public.cloud_jobs p where p.job_id = d.ref)
      end as parent_id
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
    join jsonb_array_elements(jobs_param) with ordinality as j (job, ordinal) on j.ordinal = i.ordinal
    cross join jsonb_array_elements_text(i.item->'depends_on') with ordinality as d (ref, position)
    where jsonb_typeof(i.item->'depends_on') = 'array' and (j.job->>'created')::boolean
      and not exists (select from public.cloud_job_dependencies was where was.job_id = j.job->>'job_id')
  ) e;
  if edges is null then
    return;
  end if;
  select e.* into wrong
  from jsonb_to_recordset(edges) as e (ordinal bigint, name text, ref text, parent_id text)
  where e.parent_id is null order by e.ordinal limit 1;
  if found then
    perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, format('depends on %s, which is %s', to_json(left(wrong.ref, 100)),
      case when refs ? wrong.ref or ordinals ? wrong.ref then 'not an earlier job of the batch' else 'neither the ref of an earlier job of the batch nor the id of a job' end));
  end if;

  parents := array(select distinct e.parent_id from jsonb_to_recordset(edges) as e (parent_id text));
  perform from public.cloud_jobs p where p.job_id = any (parents) order by p.job_id for no key update;
  -- A child gets the results of its parents, so a key may name only parents in its own queues.
  if public.cloud_jobs_allowed_queues() is not null then
    perform public.cloud_jobs_check_queues(array(
      select distinct p.queue from public.cloud_jobs p where p.job_id = any (parents)));
  end if;
  select e.ordinal, e.name, e.ref into wrong
  from jsonb_to_recordset(edges) as e (ordinal bigint, name text, ref text, parent_id text)
  join public.cloud_jobs p on p.job_id = e.parent_id and p.schedule is not null
  order by e.ordinal limit 1;
  if found then
    perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, format('depends on %s, which is recurring and so never ends', to_json(left(wrong.ref, 100))));
  end if;

  update public.cloud_jobs p set has_children = true where p.job_id = any (parents) and p.has_children is not true;
  insert into public.cloud_job_dependencies (job_id, parent_id, ref, position, on_failure, outcome, root_id)
  select e.job_id, e.parent_id, e.ref, e.position, e.on_failure, ended.status,
    case when ended.status = 'failed' then public.cloud_jobs_root_of(e.parent_id, ended.never_ran) end
  from jsonb_to_recordset(edges) as e (job_id text, parent_id text, ref text, position integer, on_failure text)
  left join lateral (
    select p.status, p.last_execution is null as never_ran from public.cloud_jobs p
    where p.job_id = e.parent_id and p.status in ('success', 'failed') and p.finished_at is not null
      and (p.status = 'success' or e.on_failure <> 'wait')
  ) ended on true
  on conflict do nothing;
  update public.cloud_jobs c set has_parents = true, blocked = null
  from (select distinct e.job_id from jsonb_to_recordset(edges) as e (job_id text)) e
  where c.job_id = e.job_id;
  perform public.cloud_jobs_pass_on();
end
$$;

-- ==== functions/aftermath =======================================================================

-- What a run leaves for people: which jobs start because others have ended, and which wait for a decision.
--
-- job_ids: the jobs that the run ended or paused, up to 1,000. Reply: {"v", "released": [{"job_id", "name", "status", "parent_id",
-- "spawned"}], "released_count", "approvals": [{"job_id", "name", "step", "title", "details", "until"}]}. A job that was cancelled because another
-- failed is among the released, with its status. Up to 50 of each; a key sees only its own queues. Changes nothing.
create or replace function public.cloud_jobs_aftermath(job_ids_param text[])
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  allowed constant text[] := public.cloud_jobs_allowed_queues();
begin
  if cardinality(job_ids_param) > 1000 then
    perform public.cloud_jobs_refuse(400, 'job_ids_param names more than 1000 jobs.', 'Ask about fewer.');
  end if;
  return (
    with released as materialized (
      select distinct on (c.job_id) c.job_id, c.name, c.status, d.parent_id, d.spawned
      from public.cloud_job_dependencies d
      join public.cloud_jobs c on c.job_id = d.job_id
      where d.parent_id = any (job_ids_param) and d.passed_on and c.blocked is not null
        and (allowed is null or c.queue = any (allowed))
      order by c.job_id)
    select jsonb_build_object('v', 1,
      'released', (
        select coalesce(jsonb_agg(to_jsonb(r) order by r.job_id), '[]') from (select * from released order by job_id limit 50) r),
      'released_count', (select count(*) from released),
      'approvals', (
        select coalesce(jsonb_agg(to_jsonb(a)), '[]')
        from (
          select j.job_id, j.name, s.name as step, s.details->>'title' as title, s.details->'details' as details, s.until
          from public.cloud_jobs j
          join public.cloud_job_steps s on s.job_id = j.job_id and s.occurrence = j.occurrence
          where j.job_id = any (job_ids_param) and j.has_steps and j.status = 'waiting' and s.kind = 'event' and s.finished_at is null
            and s.details->>'title' is not null and (allowed is null or j.queue = any (allowed))
          order by s.started_at limit 50) a)));
end
$$;

-- ==== functions/alert-approval ==================================================================

-- Writes to the outbox that a job waits for a decision: one row for each channel of its queue. A part of cloud_jobs_wait, which
-- calls it when the wait begins.
create or replace function public.cloud_jobs_alert_approval(job_id_param text, step_param text)
returns void
language sql
set search_path = ''
as $$
  insert into public.cloud_jobs_alert_outbox (channel, queue, subject, kind, action, job_id, error)
  select c.channel, j.queue, public.cloud_jobs_approval_subject(j.job_id, j.name, s.name, s.details), 'approval', 'failed', j.job_id,
    concat_ws(E'\n\n', left(s.details->>'details', 3000),
      format('To decide: cloud-jobs approve %1$s%2$s, or cloud-jobs reject %1$s%2$s. It is given up at %3$s UTC.', j.job_id,
        case when s.name <> 'approval' then ' --signal ''' || replace(s.name, '''', '''\''''') || '''' else '' end,
        to_char(s.until at time zone 'UTC', 'YYYY-MM-DD HH24:MI')))
  from public.cloud_jobs j
  join public.cloud_job_steps s on s.job_id = j.job_id and s.occurrence = j.occurrence and s.name = step_param
  join public.cloud_jobs_alert_channels c on c.queue = j.queue and c.seen_at > now() - interval '7 days'
  where j.job_id = job_id_param
$$;

-- What an alert about an approval is called: each approval of each job has a name of its own.
create or replace function public.cloud_jobs_approval_subject(job_id_param text, name_param text, step_param text, details_param jsonb)
returns text
language sql
immutable
set search_path = ''
as $$
  select format('%s (%s, %s%s)', left(details_param->>'title', 200), left(name_param, 100), job_id_param,
    case when step_param <> 'approval' then ', ' || left(step_param, 80) else '' end)
$$;

-- ==== functions/alert-done ======================================================================

-- Records which alerts of a channel were sent.
--
-- results: [{"id", "sent", "error", "retry_seconds", "issue_number"}]. What was not sent is due again after retry_seconds, or
-- after 30 s, 1 min, 2 min, ... up to 6 h. Applies only to alerts that the worker holds. Reply: {"v", "recorded"}. A repeat
-- changes nothing.
create or replace function public.cloud_jobs_alert_done(instance_id_param text, channel_param text, results_param jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  result record;
  recorded integer := 0;
  reported text;
begin
  if jsonb_typeof(results_param) is distinct from 'array' then
    perform public.cloud_jobs_refuse(400, 'results_param is not an array.', 'Pass a JSON array of objects.');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('cloud-jobs alerts: ' || channel_param, 0));
  for result in
    select r.* from jsonb_to_recordset(results_param) as r (id text, sent boolean, error text, retry_seconds double precision, issue_number bigint)
  loop
    with held as (
      update public.cloud_jobs_alert_outbox o set
        sent_at = case when result.sent then now() end,
        attempts = o.attempts + 1,
        next_at = now() + make_interval(secs => coalesce(result.retry_seconds, least(21600, 30 * power(2, least(o.attempts, 20))))),
        leased_until = null,
        last_error = left(result.error, 1000)
      where o.batch_id = result.id and o.channel = channel_param and o.leased_by = instance_id_param and o.sent_at is null
        and o.leased_until is not null
      returning o.subject)
    select max(held.subject) into reported from held;
    if reported is not null then
      recorded := recorded + 1;
      update public.cloud_jobs_alert_subjects s set issue_number = coalesce(result.issue_number, s.issue_number),
        last_sent_at = case when result.sent then now() else s.last_sent_at end
      where s.channel = channel_param and s.subject = reported;
    end if;
  end loop;
  return jsonb_build_object('v', 1, 'recorded', recorded);
end
$$;

-- ==== functions/alert-take ======================================================================

-- Hands a worker the alerts of a channel that are due, up to 20, to send them.
--
-- Registers the channel for the queues, so that later failures are written to the outbox. warnings_param: what the run warns
-- about, [{"subject", "error"}]. hold_param: how long another message about a subject that is known to fail waits, so that a
-- job which fails every minute is not reported every minute.
--
-- Reply: {"v", "alerts": [{"id", "action": "failed" | "recovered", "kind": "job" | "run" | "approval", "subject", "queue", "job_id", "error",
-- "failure_kind", "run_url", "at", "failures", "first_failed_at", "is_new", "issue_number"}]}. One message reports all failures of a
-- subject since the last, and a subject has one message on its way at a time. The message of an id never changes, so a
-- receiver can leave out what it has seen.
--
-- What is handed out is held for lease_seconds_param; report it with cloud_jobs_alert_done. A repeat hands the same alerts to
-- the same worker again. Calls for one channel take turns (an advisory lock).
create or replace function public.cloud_jobs_alert_take(
  instance_id_param text, channel_param text, queues_param text[], warnings_param jsonb default '[]',
  hold_param interval default '0', lease_seconds_param integer default 120)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  group_row record;
  batch text;
  known public.cloud_jobs_alert_subjects;
begin
  perform public.cloud_jobs_check_queues(queues_param);
  if coalesce(instance_id_param, '') = '' or coalesce(channel_param, '') = '' or length(channel_param) > 300
    or coalesce(cardinality(queues_param), 0) = 0 or jsonb_typeof(warnings_param) is distinct from 'array'
    or lease_seconds_param not between 1 and 3600
  then
    perform public.cloud_jobs_refuse(400, 'instance_id_param, channel_param, queues_param, warnings_param or lease_seconds_param cannot be used.',
      'Name the worker, the channel (up to 300 characters) and its queues; the lease is 1 to 3600 s.');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('cloud-jobs alerts: ' || channel_param, 0));
  insert into public.cloud_jobs_alert_channels (channel, queue)
  select channel_param, q.queue from (select distinct unnest(queues_param) as queue) q
  on conflict (channel, queue) do update set seen_at = now()
    where cloud_jobs_alert_channels.seen_at < now() - interval '1 hour';
  -- A week is the longest that an alert is worth sending, and that a sent one is kept.
  delete from public.cloud_jobs_alert_outbox where alert_id in (
    select o.alert_id from public.cloud_jobs_alert_outbox o
    where o.created_at < now() - interval '7 days' order by o.created_at limit 1000 for update skip locked);

  insert into public.cloud_jobs_alert_outbox (channel, queue, subject, kind, action, error)
  select channel_param, queues_param[1], left(w.warning->>'subject', 500), 'run', 'failed', left(w.warning->>'error', 4000)
  from jsonb_array_elements(warnings_param) as w (warning);
  perform public.cloud_jobs_alert_recoveries(channel_param, queues_param);

  -- For each subject without a message on its way: its oldest rows of one action become a message.
  for group_row in
    select o.subject, o.action, min(o.kind) as kind, array_agg(o.alert_id order by o.created_at, o.alert_id) as ids
    from (
      select o.*, sum(case when o.action is distinct from o.before then 1 else 0 end)
        over (partition by o.subject order by o.created_at, o.alert_id) as run
      from (
        select o.*, lag(o.action) over (partition by o.subject order by o.created_at, o.alert_id) as before,
          bool_or(o.batch_id is not null) over (partition by o.subject) as is_on_its_way,
          bool_or(o.action = 'recovered') over (partition by o.subject) as has_recovered
        from (
          select o.* from public.cloud_jobs_alert_outbox o
          where o.channel = channel_param and o.sent_at is null and o.queue = any (queues_param)
          order by o.created_at, o.alert_id limit 20000) o
      ) o
      where not o.is_on_its_way and (o.has_recovered or not exists (
        select from public.cloud_jobs_alert_subjects s
        where s.channel = channel_param and s.subject = o.subject and s.is_open and s.last_sent_at > now() - hold_param))
    ) o
    where o.run = 1
    group by o.subject, o.action
    order by min(o.created_at)
    limit 20
  loop
    batch := public.cloud_jobs_new_id();
    known := null;
    select s.* into known from public.cloud_jobs_alert_subjects s where s.channel = channel_param and s.subject = group_row.subject;
    insert into public.cloud_jobs_alert_subjects as s (channel, subject, queue, kind, is_open, opened_at, failures, last_failed_at, job_ids, checked_to)
    select channel_param, group_row.subject, max(o.queue), group_row.kind, true, min(o.created_at), count(*), max(o.created_at),
      coalesce((array_agg(distinct o.job_id) filter (where o.job_id is not null))[:20], '{}'), max(o.created_at)
    from public.cloud_jobs_alert_outbox o where o.alert_id = any (group_row.ids) and group_row.action = 'failed'
    having count(*) > 0
    on conflict (channel, subject) do update set is_open = true, queue = excluded.queue,
      opened_at = case when s.is_open then s.opened_at else excluded.opened_at end,
      failures = case when s.is_open then s.failures else 0 end + excluded.failures,
      last_failed_at = excluded.last_failed_at,
      job_ids = (array(select distinct unnest(excluded.job_ids || case when s.is_open then s.job_ids else '{}' end)))[:20],
      checked_to = excluded.checked_to;
    if group_row.action = 'recovered' then
      update public.cloud_jobs_alert_subjects s set is_open = false where s.channel = channel_param and s.subject = group_row.subject;
    end if;
    update public.cloud_jobs_alert_outbox o set batch_id = batch, next_at = now(),
      message = case when o.alert_id = group_row.ids[cardinality(group_row.ids)] then jsonb_build_object('id', batch, 'action', o.action,
        'kind', o.kind, 'subject', o.subject, 'queue', o.queue, 'job_id', o.job_id, 'error', o.error, 'failure_kind', o.failure_kind,
        'run_url', o.run_url, 'at', o.created_at, 'failures', s.failures, 'first_failed_at', s.opened_at,
        'is_new', coalesce(known.is_open, false) = false and o.action = 'failed') end
    from public.cloud_jobs_alert_subjects s
    where o.alert_id = any (group_row.ids) and s.channel = channel_param and s.subject = group_row.subject;
  end loop;

  update public.cloud_jobs_alert_outbox o set leased_by = instance_id_param,
    leased_until = now() + make_interval(secs => lease_seconds_param)
  where o.batch_id in (
    select b.batch_id from public.cloud_jobs_alert_outbox b
    where b.channel = channel_param and b.sent_at is null and b.message is not null and b.next_at <= now()
      and b.queue = any (queues_param)
      and (b.leased_until is null or b.leased_until < now() or b.leased_by = instance_id_param)
    order by b.created_at limit 20);
  return jsonb_build_object('v', 1, 'alerts', (
    select coalesce(jsonb_agg(o.message || jsonb_build_object('issue_number', s.issue_number) order by o.created_at, o.alert_id), '[]'::jsonb)
    from public.cloud_jobs_alert_outbox o
    join public.cloud_jobs_alert_subjects s on s.channel = o.channel and s.subject = o.subject
    where o.channel = channel_param and o.sent_at is null and o.message is not null
      and o.leased_by = instance_id_param and o.leased_until > now() and o.next_at <= now()));
end
$$;

-- Writes to the outbox which subjects of a channel that failed have succeeded since.
--
-- A job of the same name that succeeded counts, whether it is the same job or another; up to 50,000 finished jobs are looked
-- at in one call, and the next goes on. A warning of a run has passed if it has not come for a day, an approval if the job waits for it no
-- longer.
create or replace function public.cloud_jobs_alert_recoveries(channel_param text, queues_param text[])
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
declare
  -- A transaction that began earlier may commit later.
  overlap constant interval := interval '1 minute';
  since constant timestamptz := (
    select min(s.checked_to) from public.cloud_jobs_alert_subjects s
    where s.channel = channel_param and s.is_open and s.kind = 'job') - overlap;
  names text[];
  times timestamptz[];
  reached timestamptz;
begin
  if since is not null then
    select array_agg(f.name), array_agg(f.succeeded_at), max(f.reached) into names, times, reached
    from (
      select j.name, max(j.finished_at) filter (where j.status = 'success') as succeeded_at, max(j.finished_at) as reached
      from (
        select j.name, j.status, j.finished_at from public.cloud_jobs j
        where j.status in ('success', 'failed') and j.finished_at is not null and j.finished_at > since
        order by j.finished_at limit 50000) j
      group by j.name
    ) f;
  end if;
  insert into public.cloud_jobs_alert_outbox (channel, queue, subject, kind, action, job_id, run_url)
  select s.channel, s.queue, s.subject, s.kind, 'recovered', good.job_id, good.run_url
  from (
    select s.*, greatest(s.last_failed_at, (
      select max(o.created_at) from public.cloud_jobs_alert_outbox o
      where o.channel = s.channel and o.sent_at is null and o.subject = s.subject and o.action = 'failed')) as failed_at
    from public.cloud_jobs_alert_subjects s
    where s.channel = channel_param and s.is_open and s.queue = any (queues_param)
  ) s
  left join lateral (
    select e.job_id, e.run_url from public.cloud_job_executions e
    where e.job_id = any (s.job_ids) and e.status = 'success' and e.started_at >= s.failed_at
    order by e.started_at desc limit 1) good on s.kind = 'job'
  where (good.job_id is not null
      or exists (select from unnest(names, times) as f (name, at) where s.kind = 'job' and f.name = s.subject and f.at > s.failed_at)
      or (s.kind = 'run' and s.failed_at < now() - interval '1 day')
      or (s.kind = 'approval' and not exists (
        select from public.cloud_jobs j
        join public.cloud_job_steps w on w.job_id = j.job_id and w.occurrence = j.occurrence
        where j.job_id = any (s.job_ids) and j.finished_at is null and w.kind = 'event' and w.finished_at is null
          and public.cloud_jobs_approval_subject(j.job_id, j.name, w.name, w.details) = s.subject)))
    and not exists (
      select from public.cloud_jobs_alert_outbox o
      where o.channel = s.channel and o.sent_at is null and o.subject = s.subject and o.action = 'recovered');
  update public.cloud_jobs_alert_subjects s set checked_to = coalesce(reached, now())
  where s.channel = channel_param and s.is_open and s.kind = 'job' and s.checked_to < coalesce(reached, now()) - overlap;
end
$$;

-- ==== functions/allowed-queues ==================================================================

-- The queues that the caller may use; null for all of them.
--
-- Here it is null: every role that may call the functions may use every queue. sql/optional/worker-role.sql and enqueue-role.sql
-- replace this function for keys that name their queues.
create or replace function public.cloud_jobs_allowed_queues()
returns text[]
language sql
stable
set search_path = ''
as $$
  select null::text[]
$$;

-- Refuses a call that names a queue which the caller may not use.
create or replace function public.cloud_jobs_check_queues(queues_param text[])
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  allowed constant text[] := public.cloud_jobs_allowed_queues();
begin
  if allowed is not null and (queues_param <@ allowed) is not true then
    perform public.cloud_jobs_refuse(403, format('The key may not use all of these queues: %s.',
        left(array_to_string(queues_param, ', ', 'null'), 200)),
      format('It is for %s.', coalesce(nullif(left(array_to_string(allowed, ', '), 200), ''), 'no queue')));
  end if;
end
$$;

-- ==== functions/answer ==========================================================================

-- The reply of a verb about one job. applied: whether the job is now as asked. changed: whether this call did it. reason: why not.
create or replace function public.cloud_jobs_answer(
  job_id_param text, status_param text, applied_param boolean, changed_param boolean, reason_param text default null)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'job_id', job_id_param, 'status', status_param, 'applied', applied_param,
    'changed', changed_param, 'reason', reason_param)
$$;

-- ==== functions/apply ===========================================================================

-- The items of a source in the order of their keys, each with the unfinished job that it describes: the one with its key in
-- its queue, or else one of this source with its key in another queue.
create or replace function public.cloud_jobs_apply_targets(source_param text, items_param jsonb)
returns table (item jsonb, job_id text)
language sql
stable
set search_path = ''
as $$
  -- A null says "the default", but what is in the config is the handler's business.
  select jsonb_strip_nulls(i.item - 'config' - 'followers') || case when jsonb_typeof(i.item->'config') <> 'null'
      then jsonb_build_object('config', i.item->'config') else '{}' end
      || case when i.item->>'followers' is not null then jsonb_build_object('followers', i.item->'followers') else '{}' end,
    coalesce(here.job_id, moved.job_id)
  from jsonb_array_elements(items_param) as i (item)
  left join public.cloud_jobs here on here.queue = coalesce(i.item->>'queue', 'default')
    and here.unique_key = i.item->>'unique_key'
    and here.status in ('waiting', 'locked', 'disabled') and here.finished_at is null and not here.key_passed
  left join (
    select distinct on (j.unique_key) j.unique_key, j.job_id from public.cloud_jobs j
    where j.source = source_param and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null
    order by j.unique_key, j.job_id
  ) moved on here.job_id is null and moved.unique_key = i.item->>'unique_key'
  order by i.item->>'unique_key'
$$;

-- Makes the recurring jobs of a source, such as a jobs file in a repository, what the source says. All or nothing.
--
-- items: as for cloud_jobs_enqueue, each with a schedule and a unique_key. A job of the same queue and key is updated in
-- place and keeps its history. One that is as the source wants it is left alone, and one that does not exist is created.
-- prune disables jobs that came from this source and are no longer in it. A job that a person disabled stays disabled.
--
-- followers of an item: the jobs that are added after each of its occurrences, see cloud_jobs_add_followers.
--
-- A job that belongs to another source is refused, unless adopt is true: then it belongs to this one.
--
-- dry_run does all of this and takes it back, so the plan it shows is the one that would be carried out.
--
-- Reply: {"v", "now", "dry_run", "jobs": [{"key", "job_id", "name", "queue", "action", "status", "run_at", "changes"}]}.
-- action: create, update, enable, unchanged, disable, or gone (no longer in the source, and left alone without prune).
-- changes: {column: [old, new]}.
--
-- Locks: the source (advisory), then the job rows, running ones first, in the order of job_id. A repeat changes nothing.
create or replace function public.cloud_jobs_apply(
  source_param text, items_param jsonb, prune_param boolean default false, dry_run_param boolean default false,
  adopt_param boolean default false)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  defaults constant jsonb := '{"description": "", "config": {}, "max_retries": 3, "priority": 0, "queue": "default",
    "timeout_seconds": null, "concurrency_key": null, "timezone": "UTC", "missed": "once", "missed_grace_seconds": 900,
    "expires_in_seconds": null, "concurrency_limit": 1, "retry_delay_seconds": null, "retry_factor": null, "followers": null}';
  item jsonb;
  job public.cloud_jobs;
  current jsonb;
  wanted jsonb;
  changes jsonb;
  action text;
  id text;
  keys constant text[] := array(select i.item->>'unique_key'
    from jsonb_array_elements(case when jsonb_typeof(items_param) = 'array' then items_param else '[]' end) as i (item));
  plan jsonb[] := '{}';
  missing jsonb;
  created text[];
  taken text;
begin
  if coalesce(btrim(source_param), '') = '' or length(source_param) > 500 then
    perform public.cloud_jobs_refuse(400, 'source_param is empty or longer than 500 characters.',
      'Name where the jobs come from, such as owner/repository:jobs.yml.');
  end if;
  perform public.cloud_jobs_check_items(case when jsonb_typeof(items_param) = 'array' then (
    select coalesce(jsonb_agg(case when jsonb_typeof(i.item) = 'object' then i.item - 'followers' else i.item end order by i.ordinal), '[]')
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)) else items_param end);
  perform public.cloud_jobs_check_followers(i.item->>'unique_key', i.item->'followers')
  from jsonb_array_elements(items_param) as i (item) where i.item->>'followers' is not null;
  select i.item into item from jsonb_array_elements(items_param) as i (item)
  where i.item->>'unique_key' is null or i.item->>'schedule' is null or i.item ?| array['job_id', 'run_at', 'delay_seconds'] limit 1;
  if found then
    perform public.cloud_jobs_refuse(400, format('The job %s cannot be applied.', to_json(left(item->>'name', 80))::text),
      'Each needs unique_key and schedule, and takes neither job_id nor run_at nor delay_seconds.');
  end if;
  select to_jsonb(t.item->>'unique_key') into item
  from jsonb_array_elements(items_param) as t (item) group by t.item->>'unique_key' having count(*) > 1 limit 1;
  if found then
    perform public.cloud_jobs_refuse(400, format('The unique_key %s names two jobs.', item), 'Give each job a key of its own.');
  end if;
  -- Two of the same source at once: the second waits, and finds what the first did.
  perform pg_advisory_xact_lock(hashtextextended('cloud-jobs apply: ' || source_param, 0));

  begin
    -- All rows that this may touch, in the order in which workers lock theirs, and first those that run: ending a job
    -- looks for the next of its concurrency key.
    perform from public.cloud_jobs j
    where j.job_id in (
      select s.job_id from public.cloud_jobs s
      where s.source = source_param and s.status in ('waiting', 'locked', 'disabled') and s.finished_at is null
      union
      select k.job_id from jsonb_array_elements(items_param) as i (item)
      join public.cloud_jobs k on k.queue = coalesce(i.item->>'queue', 'default')
        and k.unique_key = i.item->>'unique_key' and k.status in ('waiting', 'locked', 'disabled') and k.finished_at is null and not k.key_passed)
    order by j.status <> 'locked', j.job_id
    for update;
    -- What is not there is added in one batch.
    select coalesce(jsonb_agg(t.item - 'followers'), '[]') into missing
    from public.cloud_jobs_apply_targets(source_param, items_param) as t where t.job_id is null;
    created := array(select a.job->>'job_id' from json_array_elements(public.cloud_jobs_enqueue(missing)->'jobs') as a (job)
      where (a.job->>'created')::boolean);
    update public.cloud_jobs set source = source_param where job_id = any (created);

    for item, id in select t.item, t.job_id from public.cloud_jobs_apply_targets(source_param, items_param) as t loop
      wanted := defaults || (item - 'unique_key');
      select j.* into job from public.cloud_jobs j where j.job_id = id for update;
      if not found then
        perform public.cloud_jobs_refuse(503, 'A job of the source ended while it was applied.', 'Nothing was changed. Apply again.');
      elsif id = any (created) then
        action := 'create';
        changes := '{}';
        update public.cloud_jobs set followers = wanted->'followers' where job_id = id and wanted->>'followers' is not null;
      else
        if job.source <> source_param and not adopt_param then
          perform public.cloud_jobs_refuse(409,
            format('The job %s in queue %s belongs to %s.', to_json(left(job.unique_key, 80))::text, job.queue, job.source),
            'Nothing was changed. Use another key, remove the job there and apply that with prune, or apply this with adopt.');
        end if;
        current := to_jsonb(job);
        select coalesce(jsonb_object_agg(w.key, jsonb_build_array(current->w.key, w.value)), '{}') into changes
        from jsonb_each(wanted) as w where current->w.key is distinct from w.value;
        action := case
          when job.status = 'disabled' and job.source is distinct from source_param then 'enable'
          when changes <> '{}' or job.source is distinct from source_param then 'update'
          else 'unchanged' end;
        if action <> 'unchanged' then
          update public.cloud_jobs set source = source_param,
            name = wanted->>'name', job_type = wanted->>'job_type', config = wanted->'config',
            description = wanted->>'description', max_retries = (wanted->>'max_retries')::integer,
            priority = (wanted->>'priority')::smallint, queue = wanted->>'queue',
            timeout_seconds = (wanted->>'timeout_seconds')::integer, concurrency_key = wanted->>'concurrency_key',
            missed = wanted->>'missed', missed_grace_seconds = (wanted->>'missed_grace_seconds')::integer,
            concurrency_limit = (wanted->>'concurrency_limit')::integer,
            expires_in_seconds = (wanted->>'expires_in_seconds')::integer,
            retry_delay_seconds = (wanted->>'retry_delay_seconds')::integer,
            retry_factor = (wanted->>'retry_factor')::double precision,
            followers = nullif(wanted->'followers', 'null'),
            disable_requested_at = case when source is not distinct from source_param then disable_requested_at end
          where job_id = id;
          -- By itself: it moves the job to the next occurrence, which nothing else here should.
          if changes ?| array['schedule', 'timezone'] then
            update public.cloud_jobs set schedule = wanted->>'schedule', timezone = wanted->>'timezone' where job_id = id;
          end if;
          if action = 'enable' then
            perform public.cloud_jobs_enable(id);
          end if;
        end if;
      end if;
      select j.* into job from public.cloud_jobs j where j.job_id = id;
      plan := plan || jsonb_build_object('key', job.unique_key, 'job_id', job.job_id, 'name', job.name, 'queue', job.queue,
        'action', action, 'status', job.status, 'run_at', job.run_at, 'changes', changes);
    end loop;

    for job in
      select j.* from public.cloud_jobs j
      where j.source = source_param and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null
        and (j.unique_key = any (keys)) is not true
      order by j.unique_key
      for update
    loop
      if prune_param then
        perform public.cloud_jobs_disable(job.job_id);
        -- Of no source any more: back in the file, it is enabled again.
        update public.cloud_jobs set source = null where job_id = job.job_id returning status into job.status;
      end if;
      plan := plan || jsonb_build_object('key', job.unique_key, 'job_id', job.job_id, 'name', job.name, 'queue', job.queue,
        'action', case when prune_param then 'disable' else 'gone' end, 'status', job.status, 'run_at', job.run_at, 'changes', '{}'::jsonb);
    end loop;

    if dry_run_param then
      raise exception using errcode = 'PT299', message = 'A dry run: everything is taken back.';
    end if;
  exception
    when sqlstate 'PT299' then
      null;
    when unique_violation then
      get stacked diagnostics taken = constraint_name;
      if taken = 'cloud_jobs_concurrency_key' then
        perform public.cloud_jobs_refuse(409,
          format('The job %s runs, and cannot take the concurrency key %s: another job with that key runs.',
            to_json(left(item->>'unique_key', 80))::text, to_json(left(wanted->>'concurrency_key', 80))::text),
          'Nothing was changed. Apply again when one of the two has ended.');
      end if;
      perform public.cloud_jobs_refuse(409,
        format('The job %s cannot move to queue %s: an unfinished job with the same unique key is there.',
          to_json(left(item->>'unique_key', 80))::text, wanted->>'queue'),
        'Nothing was changed. Cancel or delete one of the two.');
  end;
  -- What was not created has no id.
  return jsonb_build_object('v', 1, 'now', now(), 'dry_run', dry_run_param, 'jobs', (
    select coalesce(jsonb_agg(case when dry_run_param and p.job->>'action' = 'create'
      then p.job || '{"job_id": null}' else p.job end order by p.n), '[]'::jsonb)
    from unnest(plan) with ordinality as p (job, n)));
end
$$;

-- ==== functions/backlog =========================================================================

-- How much work is due in each queue, and how many jobs could run at the same time.
--
-- At most as many jobs of a concurrency key count as its limit lets run at a time, and the limits of a queue apply. Jobs of
-- dead workers count. Counts up to 10000 for each queue and stops there. Reply: {"v", "now", "queues": [{"queue", "due", "side_by_side"}]}. Changes nothing.
create or replace function public.cloud_jobs_backlog(
  queues_param text[] default '{default}', job_types_param text[] default '{paper_fetch,maintenance,custom}')
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
  select jsonb_build_object('v', 1, 'now', now(), 'queues', coalesce(jsonb_agg(jsonb_build_object(
    'queue', q.queue, 'due', backlog.due, 'side_by_side', least(backlog.side_by_side, (
      select public.cloud_jobs_queue_room(s) from public.cloud_jobs_queues s where s.queue = q.queue))) order by q.position), '[]'::jsonb))
  from (
    select queue, min(position) as position
    from unnest(queues_param) with ordinality as given (queue, position) group by queue
  ) q
  cross join lateral (
    select count(*) as due,
      count(*) filter (where job.concurrency_key is null or job.place <= job.concurrency_limit) as side_by_side
    from (
      select job.*, row_number() over (partition by job.concurrency_key) as place
      from (
      (select j.concurrency_key, j.concurrency_limit
      from public.cloud_jobs j
      where j.queue = q.queue and j.job_type = any (job_types_param)
        and j.status = 'waiting' and not j.blocked and j.run_at <= now()
      limit 10000)
      union all
      (select j.concurrency_key, j.concurrency_limit
      from public.cloud_jobs j
      where j.queue = q.queue and j.job_type = any (job_types_param)
        and j.status = 'locked' and j.lock_expires_at < now()
      limit 10000)
      ) job
    ) job
  ) backlog
$$;

-- ==== functions/bloat ===========================================================================

-- How much of the tables and indexes of cloud-jobs is wasted space, and what to do about it. Changes nothing.
--
-- An estimate from the statistics of Postgres, as fresh as the last ANALYZE: the expected size of a B-tree follows from the
-- number of rows and the width of the key. Indexes on expressions have no such statistics and get no estimate.
--
-- Reply: {"v", "now", "relations": [{"name", "kind", "bytes", "rows", "dead_rows", "expected_bytes", "advice"}]}, the
-- largest first. advice is null if there is nothing to do.
create or replace function public.cloud_jobs_bloat()
returns jsonb
language sql
stable
set search_path = ''
as $$
  with owner as (
    select c.oid, c.relname, s.n_live_tup, s.n_dead_tup
    from pg_catalog.pg_class c
    left join pg_catalog.pg_stat_all_tables s on s.relid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      and c.relname in ('cloud_jobs', 'cloud_job_executions', 'papers')
  ),
  index as (
    select c.oid, c.relname, greatest(c.reltuples, 0) as reltuples,
      -- 8 bytes of header, 4 of pointer, the key rounded up to 8; leaf pages are filled to 90 %.
      case when not 0 = any (i.indkey::smallint[]) then (
        select 12 + 8 * ceil(sum(coalesce(st.avg_width, 16)) / 8.0)
        from pg_catalog.pg_attribute a
        left join pg_catalog.pg_stats st on st.schemaname = 'public' and st.tablename = owner.relname and st.attname = a.attname
        where a.attrelid = i.indrelid and a.attnum = any (i.indkey::smallint[])) / 0.9 end as row_bytes
    from owner
    join pg_catalog.pg_index i on i.indrelid = owner.oid
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_am am on am.oid = c.relam and am.amname = 'btree'
  ),
  relation as (
    select relname, 'table' as kind, pg_catalog.pg_table_size(oid) as bytes, coalesce(n_live_tup, 0) as tuples,
      coalesce(n_dead_tup, 0) as dead, null::numeric as expected
    from owner
    union all
    select relname, 'index', pg_catalog.pg_relation_size(oid), reltuples::bigint, null,
      ceil(reltuples::numeric * row_bytes::numeric / 8192) * 8192 + 16384
    from index
  )
  select jsonb_build_object('v', 1, 'now', now(), 'relations', coalesce(jsonb_agg(jsonb_build_object(
    'name', relname, 'kind', kind, 'bytes', bytes, 'rows', tuples, 'dead_rows', dead, 'expected_bytes', expected,
    'advice', case
      when kind = 'index' and bytes > 8388608 and bytes > 2 * expected
        then format('reindex index concurrently public.%I;', relname)
      when kind = 'table' and dead > 10000 and dead > tuples / 5 then format('vacuum (analyze) public.%I;', relname)
    end) order by bytes desc, relname), '[]'::jsonb))
  from relation
$$;

-- ==== functions/bulk ============================================================================

-- Does one thing to all jobs that match a filter (cloud_jobs_condition), in batches: call it with the "next" of the reply
-- as before_param while "next" is not null. Each job is done at most once, newest first.
--
-- action: retry | cancel | disable | enable | delete. Only jobs that it makes sense for are taken: retry takes finished jobs
-- and makes waiting ones due, cancel takes waiting one-off and running jobs, disable takes waiting and running recurring
-- ones, enable takes disabled ones, and delete takes all that do not run.
--
-- options, for retry: {"per_minute": n} spreads the jobs, n a minute from "after" jobs on (the sum of "changed" so far);
-- {"config": {...}} is merged into the config of each.
--
-- With dry_run (the default) nothing is changed. Reply: {"v", "now", "matched", "changed", "refused": [{"job_id", "reason"}],
-- "next"}; matched counts the jobs of this batch, and refused lists the first 20 that could not be done, such as a job whose
-- unique key is taken. Locks the job rows in the order of job_id, and leaves alone those that no longer match once it has
-- their locks. A repeat of a batch finds its jobs done already.
create or replace function public.cloud_jobs_bulk(
  action_param text, filter_param jsonb, dry_run_param boolean default true, limit_param integer default 500,
  before_param text default null, options_param jsonb default '{}')
returns jsonb
language plpgsql
set search_path = ''
set jit = off
as $$
declare
  eligible constant text := case action_param
    when 'retry' then $c$(j.status in ('success', 'failed') or j.status = 'waiting' and j.run_at > now())$c$
    when 'cancel' then $c$(j.status = 'locked' and j.cancel_requested_at is null or j.status = 'waiting' and j.schedule is null)$c$
    when 'disable' then $c$(j.status = 'waiting' or j.status = 'locked' and j.schedule is not null and j.disable_requested_at is null)$c$
    when 'enable' then $c$(j.status = 'disabled' or j.disable_requested_at is not null)$c$
    when 'delete' then $c$j.status <> 'locked'$c$
  end;
  per_minute double precision;
  merged constant jsonb := nullif(options_param->'config', 'null');
  fault text;
  position integer;
  condition record;
  found record;
  id text;
  answer jsonb;
  changed integer := 0;
  refused jsonb := '[]';
begin
  if eligible is null then
    perform public.cloud_jobs_refuse(400, format('action_param is %s.', coalesce(to_json(left(action_param, 80))::text, 'null')), 'Use retry, cancel, disable, enable or delete.');
  end if;
  if options_param - array['per_minute', 'config', 'after'] <> '{}' or (options_param <> '{}' and action_param <> 'retry') then
    perform public.cloud_jobs_refuse(400, format('options_param is %s.', left(options_param::text, 200)), 'Only retry takes options: per_minute, config and after.');
  end if;
  if coalesce(jsonb_typeof(options_param->'per_minute'), 'null') not in ('number', 'null')
    or coalesce(jsonb_typeof(options_param->'after'), 'null') not in ('number', 'null')
    or coalesce(jsonb_typeof(merged), 'null') not in ('object', 'null')
    or (options_param->>'per_minute')::numeric not between 0.01 and 1000000
    or (options_param->>'after')::numeric not between 0 and 10000000
  then
    perform public.cloud_jobs_refuse(400, format('options_param is %s.', left(options_param::text, 200)),
      'per_minute is a number from 0.01 to 1000000, after one from 0 to 10000000, and config an object.');
  end if;
  per_minute := options_param->>'per_minute';
  position := coalesce((options_param->>'after')::numeric, 0);
  found := public.cloud_jobs_find(filter_param, limit_param, before_param, eligible);
  if not dry_run_param then
    -- In the order in which finish and renew lock them.
    perform from (
      select from public.cloud_jobs j where j.job_id = any (found.job_ids) order by j.job_id for update
    ) locked;
    -- A worker may have claimed or ended some of them while this waited for their locks.
    condition := public.cloud_jobs_condition(filter_param);
    execute format('select coalesce(array_agg(j.job_id order by p.position), ''{}'') from unnest($1) with ordinality as p (job_id, position)
      join public.cloud_jobs j on j.job_id = p.job_id where %s and %s and %s',
      coalesce(nullif(condition.kind, ''), 'true'), coalesce(nullif(condition.search, ''), 'true'), eligible)
    into found.job_ids using found.job_ids;
    foreach id in array found.job_ids loop
      fault := null;
      if merged is not null then
        select public.cloud_jobs_config_fault(j.config || merged) into fault from public.cloud_jobs j where j.job_id = id;
      end if;
      answer := case
        when fault is not null then public.cloud_jobs_answer(id, null, false, false, format('It would have a config %s.', fault))
        when action_param = 'retry' then public.cloud_jobs_retry(id)
        when action_param = 'cancel' then public.cloud_jobs_cancel(id)
        when action_param = 'disable' then public.cloud_jobs_disable(id)
        when action_param = 'enable' then public.cloud_jobs_enable(id)
        when action_param = 'delete' then public.cloud_jobs_delete(id)
      end;
      if (answer->>'changed')::boolean and (merged is not null or per_minute is not null) then
        update public.cloud_jobs j set config = j.config || coalesce(merged, '{}'),
          run_at = case when per_minute is null then j.run_at else j.run_at + make_interval(secs => position * 60 / per_minute) end
        where j.job_id = id and j.status = 'waiting';
      end if;
      if (answer->>'changed')::boolean then
        changed := changed + 1;
        position := position + 1;
      elsif not (answer->>'applied')::boolean and jsonb_array_length(refused) < 20 then
        refused := refused || jsonb_build_object('job_id', id, 'reason', answer->>'reason');
      end if;
    end loop;
  end if;
  return jsonb_build_object('v', 1, 'now', now(), 'matched', cardinality(found.job_ids), 'changed', changed,
    'refused', refused, 'next', found.next);
end
$$;

-- ==== functions/cancel ==========================================================================

-- Cancels a job.
--
-- A waiting job fails at once. A locked one is marked: its worker learns of it at the next heartbeat, within 15 s, stops the handler and
-- fails the job; if the worker is dead, the expiry of the lock does. Locks the job row. A repeat changes nothing.
create or replace function public.cloud_jobs_cancel(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'locked' and job.locked_execution_id is not null then
    update public.cloud_jobs set cancel_requested_at = coalesce(cancel_requested_at, now()) where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, 'locked', true, job.cancel_requested_at is null,
      case when job.lock_expires_at < now() then 'Its lock has expired: the next run ends it.'
        else 'It stops within 15 s.' end);
  elsif job.schedule is not null and (job.status = 'waiting' or (job.status = 'failed' and job.finished_at is null)) then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'It is recurring and not running now. Disable it to stop the schedule.');
  elsif job.status = 'waiting' or (job.status = 'failed' and job.finished_at is null) then
    update public.cloud_jobs set status = 'failed', finished_at = now(), error_message = 'Cancelled before it ran.'
      where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, 'failed', true, true);
  elsif job.status = 'locked' then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'It is locked by a client of the first cloud-jobs schema, which cannot be told. Wait for its lock to expire.');
  else
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      format('It is %s, so there is nothing to cancel.', job.status));
  end if;
end
$$;

-- ==== functions/check-items =====================================================================

-- Refuses a batch of jobs because of one of them.
create or replace function public.cloud_jobs_refuse_item(
  ordinal_param bigint, name_param text, reason_param text, is_alone_param boolean default false)
returns void
language sql
set search_path = ''
as $$
  select public.cloud_jobs_refuse(400,
    format('%s (%s) %s.', case when is_alone_param then 'The job' else format('Job %s of the batch', ordinal_param) end,
      coalesce(to_json(left(name_param, 80))::text, 'no name'), reason_param),
    case when is_alone_param then 'Nothing was changed. Correct it and try again.'
      else 'Nothing was enqueued. Correct the job and send the batch again.' end)
$$;

-- Whether a text can be read as a time: 30 February, 25:00 and the zone +99:00 look like parts of one.
create or replace function public.cloud_jobs_is_time(time_param text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return time_param::timestamptz between '1900-01-01Z' and '9999-12-31Z';
exception when datetime_field_overflow or invalid_datetime_format or invalid_parameter_value
  or invalid_time_zone_displacement_value then
  return false;
end
$$;

-- Refuses a batch of jobs that cannot be added, naming the job and what is wrong with it.
create or replace function public.cloud_jobs_check_items(items_param jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  known constant text[] := array['job_id', 'name', 'job_type', 'config', 'description', 'max_retries', 'priority',
    'run_at', 'delay_seconds', 'queue', 'timeout_seconds', 'unique_key', 'concurrency_key', 'schedule', 'timezone',
    'missed', 'missed_grace_seconds', 'expires_at', 'expires_in_seconds',
    'on_conflict', 'concurrency_limit', 'ref', 'depends_on', 'on_parent_failure', 'retry_delay_seconds', 'retry_factor'];
  plain constant text[] := array['job_id', 'name', 'job_type', 'config'];
  dependent constant text[] := array['ref', 'depends_on', 'on_parent_failure'];
  wrong record;
begin
  if jsonb_typeof(items_param) is distinct from 'array' then
    perform public.cloud_jobs_refuse(400, 'items_param is not an array.', 'Pass a JSON array of objects, one for each job.');
  end if;
  if jsonb_array_length(items_param) > 50000 then
    perform public.cloud_jobs_refuse(413, format('items_param has %s jobs.', jsonb_array_length(items_param)), 'Enqueue at most 50000 in one call.');
  end if;

  select checked.* into wrong
  from (
    select i.ordinal, i.item->>'name' as name, case
      when jsonb_typeof(i.item) <> 'object' then 'is not an object'
      when i.item - plain <> '{}' and i.item - known <> '{}' then 'has the unknown key "' || (select min(k) from jsonb_object_keys(i.item - known) k) || '"'
      when jsonb_typeof(i.item->'name') is distinct from 'string' or i.item->>'name' !~ '[^[:space:]\u00a0]' then 'has no name'
      when length(i.item->>'name') > 500 then 'has a name longer than 500 characters'
      when i.item->>'job_type' is null or i.item->>'job_type' not in ('paper_fetch', 'maintenance', 'custom')
        then 'has the job_type ' || coalesce(i.item->>'job_type', 'null') || ': use paper_fetch, maintenance or custom'
      -- The conditions of the trigger cloud_jobs_guard_texts: most configs need no closer look.
      when (jsonb_typeof(i.item->'config') not in ('object', 'null') or pg_column_size(i.item->'config') > 1000
        or jsonb_path_exists(i.item->'config', 'strict $.** ? (@.type() == "number" && (@ > 9007199254740991 || @ < -9007199254740991))'))
        and i.item->>'config' is not null and public.cloud_jobs_config_fault(i.item->'config') is not null
        then 'has a config ' || public.cloud_jobs_config_fault(i.item->'config')
      -- Not {1,100}: Postgres takes ten times as long over such a pattern.
      when length(i.item->>'job_id') > 100 or i.item->>'job_id' !~ '^[A-Za-z0-9_.:-]+$' then 'has a job_id that is not 1 to 100 letters, digits and . _ : -'
      -- Most jobs of a large batch say no more than that, and what follows is most of the cost.
      when i.item - plain = '{}' then null
      when jsonb_typeof(i.item->'max_retries') <> 'null'
        and (jsonb_typeof(i.item->'max_retries') <> 'number' or i.item->>'max_retries' !~ '^\d{1,4}$') then 'has a max_retries that is not a number from 0 to 9999'
      when jsonb_typeof(i.item->'priority') <> 'null' and (jsonb_typeof(i.item->'priority') <> 'number' or i.item->>'priority' !~ '^-?\d{1,3}$'
        or (i.item->>'priority')::integer not between -100 and 100) then 'has a priority that is not a whole number from -100 to 100'
      when jsonb_typeof(i.item->'timeout_seconds') <> 'null'
        and (jsonb_typeof(i.item->'timeout_seconds') <> 'number' or i.item->>'timeout_seconds' !~ '^\d{1,7}$' or i.item->>'timeout_seconds' ~ '^0+$')
        then 'has a timeout_seconds that is not a whole number from 1 to 9999999'
      when i.item->>'run_at' is not null and i.item->>'delay_seconds' is not null then 'has both run_at and delay_seconds'
      when i.item->>'run_at' !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$'
        or not public.cloud_jobs_is_time(i.item->>'run_at')
        then 'has a run_at that is not a time with its zone, as 2030-01-31T09:30:00Z'
      when jsonb_typeof(i.item->'delay_seconds') <> 'null' and (jsonb_typeof(i.item->'delay_seconds') <> 'number'
        or (i.item->>'delay_seconds')::numeric not between 0 and 315576000) then 'has a delay_seconds that is not a number from 0 to ten years'
      when jsonb_typeof(i.item->'queue') <> 'null' and (jsonb_typeof(i.item->'queue') <> 'string' or length(i.item->>'queue') > 100 or i.item->>'queue' !~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$')
        then 'has a queue that is not 1 to 100 letters, digits and . _ : / -'
      when length(i.item->>'unique_key') > 500 or i.item->>'unique_key' = '' then 'has a unique_key that is empty or longer than 500 characters'
      when i.item->>'on_conflict' not in ('keep', 'replace', 'next') then 'has an on_conflict that is not keep, replace or next'
      when i.item->>'on_conflict' is not null and i.item->>'unique_key' is null then 'has an on_conflict without a unique_key'
      when i.item->>'on_conflict' <> 'keep' and i.item->>'schedule' is not null then 'has a schedule, which goes only with on_conflict keep'
      when length(i.item->>'concurrency_key') > 500 or i.item->>'concurrency_key' = '' then 'has a concurrency_key that is empty or longer than 500 characters'
      when jsonb_typeof(i.item->'concurrency_limit') <> 'null' and (jsonb_typeof(i.item->'concurrency_limit') <> 'number'
        or i.item->>'concurrency_limit' !~ '^\d{1,4}$' or (i.item->>'concurrency_limit')::integer not between 1 and 1000)
        then 'has a concurrency_limit that is not a whole number from 1 to 1000'
      when i.item->>'concurrency_limit' is not null and i.item->>'concurrency_key' is null then 'has a concurrency_limit without a concurrency_key'
      when length(i.item->>'description') > 10000 then 'has a description longer than 10000 characters'
      when length(i.item->>'schedule') > 500 or i.item->>'schedule' = '' then 'has a schedule that is empty or longer than 500 characters'
      when length(i.item->>'timezone') > 100 or i.item->>'timezone' = '' then 'has a timezone that is empty or longer than 100 characters'
      when i.item->>'schedule' is null and i.item->>'timezone' is not null then 'has a timezone without a schedule'
      when coalesce(i.item->>'missed', 'once') not in ('once', 'skip', 'all') then 'has a missed that is not once, skip or all'
      when jsonb_typeof(i.item->'missed_grace_seconds') <> 'null' and (jsonb_typeof(i.item->'missed_grace_seconds') <> 'number'
        or i.item->>'missed_grace_seconds' !~ '^\d{1,8}$' or (i.item->>'missed_grace_seconds')::integer > 31536000)
        then 'has a missed_grace_seconds that is not a whole number from 0 to 31536000'
      when i.item->>'expires_at' is not null and i.item->>'expires_in_seconds' is not null then 'has both expires_at and expires_in_seconds'
      when i.item->>'expires_at' !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$'
        or not public.cloud_jobs_is_time(i.item->>'expires_at')
        then 'has an expires_at that is not a time with its zone, as 2030-01-31T09:30:00Z'
      when jsonb_typeof(i.item->'expires_in_seconds') <> 'null' and (jsonb_typeof(i.item->'expires_in_seconds') <> 'number'
        or i.item->>'expires_in_seconds' !~ '^\d{1,9}$' or (i.item->>'expires_in_seconds')::integer not between 1 and 315576000)
        then 'has an expires_in_seconds that is not a whole number from 1 to ten years'
      when i.item->>'schedule' is not null and i.item->>'expires_at' is not null
        then 'has an expires_at and a schedule: use expires_in_seconds, which counts for each occurrence'
      when (i.item->>'expires_at')::timestamptz <= (i.item->>'run_at')::timestamptz then 'has an expires_at that is not after its run_at'
      when public.cloud_jobs_retry_fault(i.item) is not null then public.cloud_jobs_retry_fault(i.item)
      when i.item ?| dependent and public.cloud_jobs_dependency_fault(i.item) is not null then public.cloud_jobs_dependency_fault(i.item)
      when i.item->>'schedule' is not null
        then 'has a schedule that ' || (
          select checked.fault from public.cloud_jobs_check_schedule(i.item->>'schedule', i.item->>'timezone') as checked)
    end as reason
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
  ) checked
  where checked.reason is not null
  order by checked.ordinal
  limit 1;
  if found then
    perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, wrong.reason, jsonb_array_length(items_param) = 1);
  end if;
end
$$;

-- ==== functions/check-schedule ==================================================================

-- What is wrong with a schedule and its time zone, as the end of "has a schedule that ..."; null if nothing is. Then due is
-- the next occurrence.
create or replace function public.cloud_jobs_check_schedule(
  schedule_param text, timezone_param text, out fault text, out due timestamptz)
language plpgsql
stable
set search_path = ''
as $$
declare
  hint text;
begin
  due := public.cloud_jobs_next_occurrence(schedule_param, timezone_param, now());
  if due is null then
    fault := format('is never due: "%s" has no occurrence in the next 40 years', left(schedule_param, 100));
  elsif not public.cloud_jobs_is_timezone(coalesce(timezone_param, 'UTC')) then
    fault := format('goes with the time zone "%s", which is not an IANA name. Write one, such as Europe/Berlin',
      left(timezone_param, 100));
  end if;
exception
  when sqlstate 'PT400' then
    get stacked diagnostics fault = message_text, hint = pg_exception_hint;
    fault := fault || case when hint <> '' then '. ' || rtrim(hint, '.') else '' end;
  when invalid_parameter_value then
    fault := format('goes with the time zone "%s", which this database does not know. Write an IANA name, such as Europe/Berlin',
      left(timezone_param, 100));
end
$$;

-- ==== functions/claim ===========================================================================

-- Refuses the arguments of a claim that cannot be used, before anything is changed.
create or replace function public.cloud_jobs_check_claim(
  instance_id_param text, limit_param integer, queues_param text[], job_types_param text[],
  lock_seconds_param double precision, client_schema_param integer)
returns void
language plpgsql
set search_path = ''
as $$
declare
  version jsonb := public.cloud_jobs_version();
begin
  if client_schema_param > (version->>'schema')::integer then
    perform public.cloud_jobs_refuse(426, format('The cloud-jobs schema in this database is version %s, the client needs version %s.',
      version->>'schema', client_schema_param), 'Run the sql/install.sql of the release that the client comes from.');
  elsif client_schema_param < (version->>'requires')::integer then
    perform public.cloud_jobs_refuse(426, format('The cloud-jobs schema in this database is version %s, newer than the client (%s) can use.',
      version->>'schema', client_schema_param), 'Use the release of cloud-jobs that the schema was installed from.');
  elsif coalesce(instance_id_param, '') = '' then
    perform public.cloud_jobs_refuse(400, 'instance_id_param is empty.', 'Pass a name that no other worker has.');
  elsif length(instance_id_param) > 200 then
    perform public.cloud_jobs_refuse(400, 'instance_id_param is longer than 200 characters.', 'It is kept with each job that is claimed.');
  elsif limit_param is null or limit_param not between 1 and 1000 then
    perform public.cloud_jobs_refuse(400, format('limit_param is %s.', coalesce(limit_param::text, 'null')), 'Pass a number from 1 to 1000.');
  elsif coalesce(cardinality(queues_param), 0) = 0 or coalesce(cardinality(job_types_param), 0) = 0 then
    perform public.cloud_jobs_refuse(400, 'queues_param and job_types_param must each name at least one.', 'Leave them out for the defaults.');
  elsif lock_seconds_param is null or lock_seconds_param not between 1 and 86400 then
    perform public.cloud_jobs_refuse(400, format('lock_seconds_param is %s.', coalesce(lock_seconds_param::text, 'null')), 'Pass a number of seconds from 1 to 86400.');
  end if;
  perform public.cloud_jobs_check_queues(queues_param);
end
$$;

-- Claims up to limit_param due jobs of the queues and types named, after ending the attempts of dead workers there.
--
-- instance_id_param names the worker. request_id_param is a random UUID. run_url_param is the page of the run.
-- trigger_param says what started the worker, such as "workflow_dispatch" or "schedule 17 * * * *".
--
-- Reply: {"v", "schema", "now", "jobs": [...], "expired", "set_aside", "worker", "more", "behind", "next_due_seconds", "held"}. If no
-- job was claimed, next_due_seconds says when the next one becomes due, up to a day; null if none is. expired is the number
-- of attempts of dead workers that this call ended, set_aside the number of jobs that it found behind a busy concurrency
-- key. If more is true, due jobs may be left: "no jobs" with more = true does not mean that the queue is empty, and if
-- expired or set_aside is not 0 it pays to ask again at once. behind says whether jobs wait for a concurrency key. worker
-- is null unless the worker is new: see cloud_jobs_see_worker. held lists the queues in which no job may start now, as
-- {"queue", "paused", "until", "reason"}: until is the end of a cool-down, and a queue that is neither paused nor cools down
-- has reached a limit.
--
-- Work: up to 500 expired locks, and what cloud_jobs_skip_missed and cloud_jobs_pick are bounded to.
--
-- Locks: the request (advisory), expired and due rows (it skips those that another transaction has locked), and for a
-- moment the concurrency keys that it meets.
--
-- A repeat with the same request_id_param gets the jobs that the first call locked and that the worker still holds. The
-- ids of the executions derive from the first 28 hex digits of the request id. Their rows are written when they end:
-- cloud_jobs_running shows them until then.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_claim(
  instance_id_param text,
  limit_param integer default 1,
  queues_param text[] default '{default}',
  job_types_param text[] default '{paper_fetch,maintenance,custom}',
  lock_seconds_param double precision default 300,
  request_id_param uuid default null,
  run_url_param text default null,
  client_schema_param integer default null,
  trigger_param text default null)
returns json
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_memoize = off
set jit = off
as $$
declare
  -- The last four hex digits of the id of an execution are its number within the claim.
  id_prefix constant text := left(coalesce(request_id_param::text, public.cloud_jobs_new_id()), 32);
  earliest constant timestamptz := '0001-01-01 00:00:00+00';
  latest constant timestamptz := '9999-12-31 00:00:00+00';
  expired integer := 0;
  set_aside integer := 0;
  repeated boolean := false;
  collided boolean := false;
  picked text[];
  jobs json;
  worker jsonb;
  open_queues text[];
begin
  perform public.cloud_jobs_check_claim(instance_id_param, limit_param, queues_param, job_types_param,
    lock_seconds_param, client_schema_param);

  if request_id_param is not null then
    -- If the same request comes twice at once, the second waits and finds what the first did.
    perform pg_advisory_xact_lock(hashtextextended('cloud-jobs claim: ' || request_id_param::text, 0));
    -- Those that run and those that have ended. Any of them: some of the jobs may have been deleted since.
    repeated := exists (
      select from public.cloud_jobs j
      where j.locked_execution_id collate "C" between id_prefix || '0000' and id_prefix || 'ffff'
    ) or exists (
      select from generate_series(1, limit_param) as n
      join public.cloud_job_executions e on e.execution_id = id_prefix || lpad(to_hex(n), 4, '0'));
  end if;

  if repeated then
    select array_agg(j.job_id) into picked
    from public.cloud_jobs j
    where j.locked_execution_id collate "C" between id_prefix || '0000' and id_prefix || 'ffff'
      and j.locked_by = instance_id_param;
    -- Some time has passed, so the locks start anew. The fence is needed again: a job that expires at this moment may
    -- belong to another worker by now.
    update public.cloud_jobs j set lock_expires_at = now() + make_interval(secs => lock_seconds_param)
    where j.job_id = any (picked) and coalesce(j.status, '') = 'locked' and left(j.locked_execution_id, 32) = id_prefix;
  else
    expired := public.cloud_jobs_expire(queues_param, job_types_param, 500);
    perform public.cloud_jobs_pass_on();
    perform public.cloud_jobs_skip_missed(queues_param, job_types_param);
    begin
      select p.picked, p.set_aside into picked, set_aside
      from public.cloud_jobs_pick_within_limits(queues_param, job_types_param, limit_param) as p;
      update public.cloud_jobs j set
        status = 'locked',
        locked_at = now(),
        locked_by = instance_id_param,
        lock_expires_at = now() + make_interval(secs => lock_seconds_param),
        locked_execution_id = id_prefix || lpad(to_hex(p.position), 4, '0'),
        cancel_requested_at = null,
        finished_at = null
      from unnest(picked) with ordinality as p (job_id, position)
      where j.job_id = p.job_id and coalesce(j.status, '') in ('waiting', 'failed');
    exception when unique_violation then
      -- A plain write locked a job of the same concurrency key at this moment. The next claim sees it.
      picked := '{}';
      collided := true;
    end;
    worker := public.cloud_jobs_see_worker(instance_id_param, queues_param, coalesce(cardinality(picked), 0),
      trigger_param, run_url_param, job_types_param);
  end if;

  select json_agg(job order by job.execution_id) into jobs
  from (
    select j.job_id, j.locked_execution_id as execution_id, j.name, j.job_type, j.config,
      coalesce(j.description, '') as description, j.queue, j.priority,
      least(coalesce(j.current_retries, 0), 2147483646) + 1 as attempt, coalesce(j.current_retries, 0) as current_retries,
      coalesce(j.max_retries, 3) as max_retries, j.occurrence,
      coalesce(j.timeout_seconds, (
        select s.default_timeout_seconds from public.cloud_jobs_queues s where s.queue = j.queue)) as timeout_seconds,
      j.schedule, j.timezone,
      -- A plain write may store infinity, which clients cannot read. A row of the first schema may have no created_at.
      greatest(least(case when j.schedule is null then j.run_at else coalesce(j.scheduled_for, j.run_at) end, latest), earliest)
        as scheduled_for,
      j.unique_key, j.concurrency_key, coalesce(j.has_parents, false) as has_parents,
      coalesce(j.has_steps, false) as has_steps, coalesce(j.has_children, false) as has_children, greatest(least(j.run_at, latest), earliest) as run_at,
      greatest(least(coalesce(j.created_at, j.run_at), latest), earliest) as created_at
    from unnest(picked) as p (job_id)
    join public.cloud_jobs j on j.job_id = p.job_id and coalesce(j.status, '') = 'locked'
      and left(coalesce(j.locked_execution_id, ''), 32) = id_prefix
  ) job;

  open_queues := public.cloud_jobs_open_queues(queues_param);
  return json_build_object('v', 1, 'schema', (public.cloud_jobs_version()->>'schema')::integer, 'now', now(),
    'jobs', coalesce(jobs, '[]'::json), 'expired', expired, 'set_aside', set_aside, 'worker', worker,
    -- A full reply may have left some. A short one has left what other workers are claiming at this moment, or what
    -- became due meanwhile: the caller should look once more.
    'more', coalesce(cardinality(picked), 0) >= limit_param or expired >= 500 or collided
      or exists (select from public.cloud_job_dependencies d where d.outcome is not null and not d.passed_on)
      or public.cloud_jobs_due(open_queues, job_types_param),
    'next_due_seconds', case when coalesce(cardinality(picked), 0) = 0 then
      public.cloud_jobs_next_due(open_queues, job_types_param) end,
    'held', case when cardinality(open_queues) < cardinality(queues_param) then (
      select json_agg(json_build_object('queue', s.queue, 'paused', s.paused,
        'until', case when s.cool_down_until > now() then s.cool_down_until end, 'reason', s.reason) order by s.queue)
      from public.cloud_jobs_queues s where s.queue = any (queues_param) and s.queue <> all (open_queues)) end,
    'behind', exists (
      select from unnest(queues_param) as q (queue)
      cross join unnest(job_types_param) as t (job_type)
      cross join lateral (
        select from public.cloud_jobs j
        where j.queue = q.queue and j.job_type = t.job_type and j.status = 'waiting' and j.blocked limit 1
      ) front));
end
$$;

-- ==== functions/condition =======================================================================

-- Turns a filter of jobs into SQL conditions on public.cloud_jobs j, for cloud_jobs_find and cloud_jobs_count.
--
-- filter: {"status", "state": "due" | "scheduled" | "blocked" | "running", "recurring": true, "job_ids": [...], "queue",
-- "job_type", "name", "name_contains", "handler", "error", "failure_kind", "config_contains": {...}, "created_after",
-- "created_before", "finished_after", "finished_before"}. Every field is optional, and all that are given must match.
--
-- kind: conditions that an index answers. search: the others, which look at each row. Values are quoted as literals, so the
-- planner sees them and nothing in them becomes SQL.
create or replace function public.cloud_jobs_condition(filter_param jsonb, out kind text, out search text)
language plpgsql
stable
set search_path = ''
as $$
declare
  filter constant jsonb := jsonb_strip_nulls(coalesce(filter_param, '{}'));
  kinds text[] := '{}';
  searches text[] := '{}';
  field record;
begin
  if jsonb_typeof(filter) <> 'object' then
    perform public.cloud_jobs_refuse(400, 'The filter is not an object.', 'Pass a JSON object, such as {"status": "failed"}.');
  end if;
  for field in select key as name, value, value #>> '{}' as text, jsonb_typeof(value) as type from jsonb_each(filter) loop
    if field.type <> (case field.name when 'recurring' then 'boolean' when 'job_ids' then 'array'
      when 'config_contains' then 'object' else 'string' end)
    then
      perform public.cloud_jobs_refuse(400, format('The field %s of the filter has the type %s.', field.name, field.type),
        'See the SQL reference for what each field takes.');
    end if;
    case field.name
      when 'status' then
        if field.text not in ('waiting', 'locked', 'success', 'failed', 'disabled') then
          perform public.cloud_jobs_refuse(400, format('There is no status %s.', to_json(left(field.text, 80))), 'Use waiting, locked, success, failed or disabled.');
        end if;
        kinds := kinds || format('j.status = %L', field.text);
      when 'state' then
        kinds := kinds || case field.text
          when 'due' then $c$j.status = 'waiting' and not j.blocked and j.run_at <= now()$c$
          when 'scheduled' then $c$j.status = 'waiting' and j.run_at > now()$c$
          when 'blocked' then $c$j.status = 'waiting' and j.blocked$c$
          when 'running' then $c$j.status = 'locked'$c$
        end;
        if kinds[cardinality(kinds)] is null then
          perform public.cloud_jobs_refuse(400, format('There is no state %s.', to_json(left(field.text, 80))), 'Use due, scheduled, blocked or running.');
        end if;
      when 'recurring' then
        kinds := kinds || format('j.schedule is %s null', case when field.value::boolean then 'not' else '' end);
      when 'job_ids' then
        kinds := kinds || format('j.job_id = any (%L::text[])', array(select jsonb_array_elements_text(field.value)));
      when 'queue' then searches := searches || format('j.queue = %L', field.text);
      when 'job_type' then searches := searches || format('j.job_type = %L', field.text);
      when 'name' then searches := searches || format('j.name = %L', field.text);
      when 'name_contains' then searches := searches || format('strpos(lower(j.name), lower(%L)) > 0', field.text);
      when 'handler' then searches := searches || format($c$j.config->>'handler' = %L$c$, field.text);
      when 'error' then searches := searches || format('strpos(lower(j.error_message), lower(%L)) > 0', field.text);
      when 'failure_kind' then
        searches := searches || format('exists (select from public.cloud_job_executions e where e.job_id = j.job_id
          and e.occurrence = j.occurrence and e.failure_kind = %L)', field.text);
      when 'config_contains' then searches := searches || format('j.config @> %L', field.value);
      when 'created_after', 'created_before', 'finished_after', 'finished_before' then
        begin
          perform field.text::timestamptz;
        exception when others then
          perform public.cloud_jobs_refuse(400, format('The field %s of the filter is %s, which is not a time.', field.name, to_json(left(field.text, 80))),
            'Write a time with its zone, such as 2030-01-31T09:30:00Z.');
        end;
        searches := searches || format('j.%I %s %L::timestamptz', split_part(field.name, '_', 1) || '_at',
          case when field.name like '%after' then '>=' else '<' end, field.text);
      else
        perform public.cloud_jobs_refuse(400, format('The filter has the unknown field %s.', to_json(left(field.name, 80))), 'See the SQL reference for its fields.');
    end case;
  end loop;
  kind := coalesce(array_to_string(kinds, ' and '), '');
  search := coalesce(array_to_string(searches, ' and '), '');
end
$$;

-- ==== functions/config-fault ====================================================================

-- What is wrong with the config of a job, as the end of "has a config ..."; null if nothing is.
--
-- Handlers get it as JSON: JavaScript rounds whole numbers beyond 2^53, and what is nested too deep ends the process that
-- reads it.
create or replace function public.cloud_jobs_config_fault(config_param jsonb)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  large record;
begin
  if jsonb_typeof(config_param) <> 'object' then
    return 'that is not an object';
  elsif octet_length(config_param::text) > 262144 then
    return 'of more than 256 KiB';
  elsif jsonb_path_exists(config_param, 'strict $.**{200} ? (@.type() == "object" || @.type() == "array")') then
    return 'that is nested more than 200 levels deep';
  end if;
  with recursive node (path, value) as (
    select ''::text, config_param
    union all
    select node.path || child.name, child.value
    from node
    cross join lateral (
      select '.' || member.key as name, member.value
      from jsonb_each(case when jsonb_typeof(node.value) = 'object' then node.value else '{}' end) as member
      union all
      select '[' || (item.position - 1) || ']', item.value
      from jsonb_array_elements(case when jsonb_typeof(node.value) = 'array' then node.value else '[]' end)
        with ordinality as item (value, position)
    ) child
    where jsonb_path_exists(child.value,
      'strict $.** ? (@.type() == "number" && (@ > 9007199254740991 || @ < -9007199254740991))')
  )
  select left(ltrim(node.path, '.'), 200) as path, left(node.value::text, 100) as number into large
  from node
  where jsonb_typeof(node.value) = 'number'
    -- Larger ones are kept if they have a short form, such as 1e300.
    and case when abs(node.value::numeric) between 1e21 and 1e308
      then node.value::numeric::double precision::text::numeric <> node.value::numeric else true end
  limit 1;
  if found then
    return format('whose "%s" is %s, which JavaScript cannot keep exactly: write it as text', large.path, large.number);
  end if;
  return null;
end
$$;

-- ==== functions/cool-down =======================================================================

-- Lets the queues of running jobs cool down, as their handlers asked.
--
-- items: those of cloud_jobs_finish; each may have "pause_queue": {"seconds", "reason"}. Applies only while the execution holds
-- its lock, so a repeat changes nothing. A longer pause that is there already stays, and so does the reason of a paused queue.
-- Locks the settings of the queues, in the order of their names, as a claim does.
create or replace function public.cloud_jobs_cool_down(instance_id_param text, items_param jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  wrong jsonb;
begin
  select item->'pause_queue' into wrong from jsonb_array_elements(items_param) as item
  where item ? 'pause_queue' and (jsonb_typeof(item->'pause_queue'->'seconds') is distinct from 'number'
    or (item->'pause_queue'->>'seconds')::numeric not between 1 and 2592000)
  limit 1;
  if found then
    perform public.cloud_jobs_refuse(400, format('pause_queue is %s.', left(wrong::text, 200)), 'seconds is a number from 1 to 2592000 (30 days).');
  end if;
  insert into public.cloud_jobs_queues as s (queue, cool_down_until, reason)
  select distinct on (j.queue) j.queue,
    now() + make_interval(secs => (item->'pause_queue'->>'seconds')::double precision), left(item->'pause_queue'->>'reason', 500)
  from jsonb_array_elements(items_param) as item
  join public.cloud_jobs j on j.locked_execution_id collate "C" = item->>'execution_id' and j.locked_by = instance_id_param and j.status = 'locked'
  where item ? 'pause_queue'
  order by j.queue, (item->'pause_queue'->>'seconds')::double precision desc
  on conflict (queue) do update set cool_down_until = excluded.cool_down_until, updated_at = now(),
    reason = case when s.paused then s.reason else excluded.reason end
    where s.cool_down_until is null or s.cool_down_until < excluded.cool_down_until;
end
$$;

-- ==== functions/count ===========================================================================

-- Counts the jobs that match a filter (cloud_jobs_condition), by status.
--
-- Reply: {"v", "now", "by_status": {status: {"count", "capped", "estimated"}}, "searched_to"}. Counting stops at 10,000
-- (capped). If the filter asks for nothing but a status, more successes than that are estimated from the statistics of the
-- table. Conditions that no index answers are tried on the newest 100,000 jobs, back to searched_to. Changes nothing.
create or replace function public.cloud_jobs_count(filter_param jsonb default '{}')
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  most constant integer := 10000;
  window_size constant integer := 100000;
  condition record := public.cloud_jobs_condition(filter_param);
  base text := 'from public.cloud_jobs j where true';
  status text;
  n bigint;
  others bigint := 0;
  estimate bigint;
  by_status jsonb := '{}';
  searched_to timestamptz;
begin
  if condition.kind <> '' then
    base := base || ' and ' || condition.kind;
  end if;
  if condition.search = '' then
    foreach status in array array['waiting', 'locked', 'failed', 'disabled', 'success'] loop
      execute format('select count(*) from (select %s and j.status = %L limit %s) c', base, status, most + 1) into n;
      estimate := null;
      if n > most and status = 'success' and condition.kind in ('', $c$j.status = 'success'$c$) then
        select greatest(n, c.reltuples::bigint - others) into estimate from pg_catalog.pg_class c where c.oid = 'public.cloud_jobs'::regclass;
      end if;
      others := others + n;
      by_status := by_status || jsonb_build_object(status, jsonb_build_object('count', coalesce(estimate, least(n, most)),
        'capped', n > most and estimate is null, 'estimated', estimate is not null));
    end loop;
  else
    base := base || $c$ order by coalesce(j.created_at, '-infinity'::timestamptz) desc, j.job_id desc$c$;
    execute format($q$
      select coalesce(jsonb_object_agg(s.status, jsonb_build_object('count', s.n, 'capped', false, 'estimated', false)), '{}')
      from (select j.status, count(*) as n from (select j.* %s limit %s) j where %s group by j.status) s $q$,
      base, window_size, condition.search)
    into by_status;
    execute format('select j.created_at %s offset %s limit 1', base, window_size - 1) into searched_to;
    by_status := (
      select jsonb_object_agg(s, '{"count": 0, "capped": false, "estimated": false}'::jsonb)
      from unnest(array['waiting', 'locked', 'failed', 'disabled', 'success']) s) || by_status;
  end if;
  return jsonb_build_object('v', 1, 'now', now(), 'by_status', by_status, 'searched_to', searched_to);
end
$$;

-- ==== functions/create ==========================================================================

-- Adds one job, for people who write SQL: select cloud_jobs_create('Nightly report', 'custom',
-- '{"handler": "report"}', queue_param => 'reports').
--
-- Returns the job id: the new one, or that of the unfinished job with the same unique key. A recurring job: select
-- cloud_jobs_create('Nightly report', 'custom', '{"handler": "report"}', schedule_param => '30 3 * * *', timezone_param =>
-- 'Europe/Berlin'). A job that starts when another has succeeded: depends_on_param => array['the id of that job'].
create or replace function public.cloud_jobs_create(
  name_param text,
  job_type_param text,
  config_param jsonb default '{}',
  description_param text default '',
  max_retries_param integer default 3,
  priority_param integer default 0,
  run_at_param timestamptz default null,
  queue_param text default 'default',
  timeout_seconds_param integer default null,
  unique_key_param text default null,
  concurrency_key_param text default null,
  schedule_param text default null,
  timezone_param text default null,
  missed_param text default 'once',
  missed_grace_seconds_param integer default 900,
  expires_at_param timestamptz default null,
  expires_in_seconds_param integer default null,
  on_conflict_param text default null,
  concurrency_limit_param integer default null,
  depends_on_param text[] default null,
  on_parent_failure_param text default null,
  delay_seconds_param double precision default null,
  retry_delay_seconds_param integer default null,
  retry_factor_param double precision default null)
returns text
language sql
set search_path = ''
as $$
  select public.cloud_jobs_enqueue(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'name', name_param, 'job_type', job_type_param, 'description', description_param,
    'max_retries', max_retries_param, 'priority', priority_param, 'run_at', run_at_param, 'queue', queue_param,
    'timeout_seconds', timeout_seconds_param, 'unique_key', unique_key_param,
    'concurrency_key', concurrency_key_param, 'schedule', schedule_param, 'timezone', timezone_param,
    'missed', missed_param, 'missed_grace_seconds', missed_grace_seconds_param,
    'expires_at', expires_at_param, 'expires_in_seconds', expires_in_seconds_param,
    'on_conflict', on_conflict_param, 'concurrency_limit', concurrency_limit_param,
    'depends_on', depends_on_param, 'on_parent_failure', on_parent_failure_param,
    'delay_seconds', delay_seconds_param, 'retry_delay_seconds', retry_delay_seconds_param,
    'retry_factor', retry_factor_param)) || jsonb_build_object('config', config_param)))->'jobs'->0->>'job_id'
$$;

-- ==== functions/cron ============================================================================

-- One field of a cron expression as the sorted numbers that it stands for.
create or replace function public.cloud_jobs_cron_field(
  field_param text, name_param text, min_param integer, max_param integer, names_param text[] default '{}')
returns integer[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  part text;
  found text[];
  low integer;
  high integer;
  step integer;
  span constant integer := case when name_param = 'day of week' then 7 else max_param - min_param + 1 end;
  numbers integer[] := '{}';
begin
  if field_param = '*' then
    return array(select generate_series(min_param, max_param));
  end if;
  foreach part in array string_to_array(field_param, ',') loop
    -- Names to numbers: mon is 1 in 0-based weekdays, jan is 1 in months. A range may end with Sunday, as 7.
    if part ~ '[a-z]' then
      for position in 1..cardinality(names_param) loop
        part := regexp_replace(part, '(^|-)' || names_param[position] || '($|-|/)',
          '\1' || (position - 1 + case when min_param = 1 then 1 else 0 end)::text || '\2', 'i');
      end loop;
    end if;
    if name_param = 'day of week' then
      part := regexp_replace(part, '^([1-6])-0($|/)', '\1-7\2');
    end if;
    found := regexp_match(part, '^(?:(\*)|(\d{1,3})(?:-(\d{1,3}))?)(?:/(\d{1,3}))?$');
    if found is null or (found[4] is not null and found[1] is null and found[3] is null) then
      perform public.cloud_jobs_refuse(400, format('is not valid: its %s, "%s", cannot be read', name_param, left(field_param, 100)),
        'Write * or */5, numbers, ranges such as 1-5 or 0-30/10, and lists of these.');
    end if;
    low := case when found[1] is not null then min_param else found[2]::integer end;
    high := case when found[1] is not null then max_param else coalesce(found[3], found[2])::integer end;
    step := coalesce(found[4]::integer, 1);
    if low < min_param or high > max_param then
      perform public.cloud_jobs_refuse(400, format('is not valid: its %s, "%s", is outside of %s to %s', name_param, left(field_param, 100), min_param, max_param));
    elsif low > high then
      perform public.cloud_jobs_refuse(400, format('is not valid: its %s, "%s", has a range that runs backwards', name_param, left(field_param, 100)));
    elsif step not between 1 and span then
      perform public.cloud_jobs_refuse(400, format('is not valid: its %s, "%s", has a step that is not 1 to %s', name_param, left(field_param, 100), span));
    end if;
    if low = high then
      numbers := numbers || low;
    else
      numbers := numbers || array(select generate_series(low, high, step));
    end if;
  end loop;
  if name_param = 'day of week' then
    -- Sunday is 0 and 7.
    numbers := array(select n % 7 from unnest(numbers) as n);
  elsif field_param not like '%,%' then
    -- One part is in order already.
    return numbers;
  end if;
  return array(select distinct n from unnest(numbers) as n order by n);
end
$$;

-- The fields of a cron expression, or of a nickname such as @daily; days, months and weekdays are null for *.
--
-- Raises PT400 with the reason if the expression is not valid.
create or replace function public.cloud_jobs_cron_fields(
  schedule_param text, out minutes integer[], out hours integer[], out days integer[], out months integer[],
  out weekdays integer[], out either_day boolean, out fixed boolean)
language plpgsql
immutable
set search_path = ''
as $$
declare
  expression constant text := lower(btrim(schedule_param));
  field text[];
begin
  field := regexp_split_to_array(case expression
    when '@yearly' then '0 0 1 1 *' when '@annually' then '0 0 1 1 *' when '@monthly' then '0 0 1 * *'
    when '@weekly' then '0 0 * * 0' when '@daily' then '0 0 * * *' when '@midnight' then '0 0 * * *'
    when '@hourly' then '0 * * * *' else expression end, '\s+');
  if expression like '@%' and cardinality(field) = 1 then
    perform public.cloud_jobs_refuse(400, format('is not valid: "%s" is not a nickname', left(schedule_param, 100)),
      'The nicknames are @yearly, @monthly, @weekly, @daily and @hourly.');
  elsif cardinality(field) <> 5 then
    perform public.cloud_jobs_refuse(400, format('is not valid: it has %s and not 5',
        case cardinality(field) when 1 then '1 field' else cardinality(field) || ' fields' end),
      'Write minute, hour, day of month, month and day of week, such as 30 6 * * 1-5.');
  end if;
  minutes := public.cloud_jobs_cron_field(field[1], 'minute', 0, 59);
  hours := public.cloud_jobs_cron_field(field[2], 'hour', 0, 23);
  days := case when field[3] <> '*' then public.cloud_jobs_cron_field(field[3], 'day of month', 1, 31) end;
  months := case when field[4] <> '*' then public.cloud_jobs_cron_field(field[4], 'month', 1, 12,
    '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}') end;
  weekdays := case when field[5] <> '*' then
    public.cloud_jobs_cron_field(field[5], 'day of week', 0, 7, '{sun,mon,tue,wed,thu,fri,sat}') end;
  -- As in vixie cron, pg_cron and GitHub: a day field that begins with * does not count as restricted. If both are
  -- restricted either will do, otherwise both must match.
  either_day := field[3] not like '*%' and field[5] not like '*%';
  -- "At half past two" is meant once a day, "every ten minutes" follows the clock on the wall.
  fixed := field[1] !~ '[*/]' and field[2] !~ '[*/]';
end
$$;

-- The first day from day_param on that a schedule allows, or with step_param -1 the last one up to it; null if there is
-- none within 40 years. Months, days and weekdays that are null allow all.
create or replace function public.cloud_jobs_cron_day(
  months_param integer[], days_param integer[], weekdays_param integer[], either_day_param boolean, day_param date,
  step_param integer default 1)
returns date
language plpgsql
immutable
set search_path = ''
as $$
declare
  day date := day_param;
  next_month date;
  candidate date;
  number integer;
begin
  -- 29 February may be 40 years from the last one on the same day of the week.
  while abs(day - day_param) < 14610 loop
    next_month := date_trunc('month', day::timestamp) + case when step_param > 0 then interval '1 month' else interval '-1 day' end;
    if extract(month from day)::integer <> all (months_param) then
      day := next_month;
    elsif days_param is null or either_day_param then
      -- At most a week goes by until a weekday matches.
      if (days_param is null and weekdays_param is null) or extract(dow from day)::integer = any (weekdays_param)
        or extract(day from day)::integer = any (days_param)
      then
        return day;
      end if;
      day := day + step_param;
    else
      for position in 1..cardinality(days_param) loop
        number := days_param[case when step_param > 0 then position else cardinality(days_param) + 1 - position end];
        candidate := date_trunc('month', day::timestamp)::date + number - 1;
        if (candidate - day) * step_param >= 0 and extract(month from candidate) = extract(month from day)
          and (weekdays_param is null or extract(dow from candidate)::integer = any (weekdays_param))
        then
          return candidate;
        end if;
      end loop;
      day := next_month;
    end if;
  end loop;
  return null;
end
$$;

-- ==== functions/delete ==========================================================================

-- Deletes a job and its history. A running job is left alone. Locks the job row; a repeat changes nothing.
create or replace function public.cloud_jobs_delete(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, true, false, 'There is no job with this id.');
  elsif job.status = 'locked' and (job.lock_expires_at >= now()) is not false then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, 'It is running. Cancel it first, or wait until it ends.');
  end if;
  delete from public.cloud_jobs where job_id = job_id_param;
  return public.cloud_jobs_answer(job_id_param, 'deleted', true, true);
end
$$;

-- ==== functions/dependencies ====================================================================

-- Whether a job that has not finished depends on this one, and may still read its result. A job that it spawned does not.
create or replace function public.cloud_jobs_is_needed(job_id_param text)
returns boolean
language sql
stable
set search_path = ''
as $$
  select exists (
    select from public.cloud_job_dependencies d
    join public.cloud_jobs c on c.job_id = d.job_id
    where d.parent_id = job_id_param and not d.spawned and c.status in ('waiting', 'locked', 'disabled') and c.finished_at is null)
$$;

-- The parents and children of a job with their states, for cloud_jobs_show: up to 100 each, the newest of the children, and how many there are.
create or replace function public.cloud_jobs_family(job_id_param text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'parents', (
      select coalesce(jsonb_agg(jsonb_build_object('job_id', d.parent_id, 'ref', d.ref, 'name', p.name,
        -- Of a recurring job: how the occurrence ended that the child came after.
        'status', case when d.execution_id is null then p.status else d.outcome end, 'outcome', d.outcome, 'on_failure', d.on_failure, 'spawned', d.spawned) order by d.position), '[]')
      from (
        select * from public.cloud_job_dependencies where job_id = job_id_param order by position limit 100) d
      left join public.cloud_jobs p on p.job_id = d.parent_id),
    'parent_count', (select count(*) from public.cloud_job_dependencies d where d.job_id = job_id_param),
    'children', (
      select coalesce(jsonb_agg(jsonb_build_object('job_id', c.job_id, 'ref', d.ref, 'name', c.name,
        'status', c.status, 'outcome', d.outcome, 'on_failure', d.on_failure, 'spawned', d.spawned) order by c.job_id), '[]')
      from (
        select * from public.cloud_job_dependencies where parent_id = job_id_param order by job_id desc limit 100) d
      join public.cloud_jobs c on c.job_id = d.job_id),
    'child_count', (select count(*) from public.cloud_job_dependencies d where d.parent_id = job_id_param))
$$;

-- The parents of a job with their results, in the order of depends_on, for its handler.
--
-- [{"ref", "job_id", "name", "status", "result"}]. Results beyond 1 MiB in all are null with "left_out": true. status is null if
-- the parent was deleted.
create or replace function public.cloud_jobs_parent_results(job_id_param text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('ref', r.ref, 'job_id', r.parent_id, 'name', r.name,
      'status', case when r.execution_id is null then r.status else r.outcome end)
    || case when r.bytes <= 1048576 then jsonb_build_object('result', r.result) else '{"result": null, "left_out": true}' end
    order by r.position), '[]')
  from (
    select d.ref, d.parent_id, d.position, d.execution_id, d.outcome, p.name, p.status, e.result,
      sum(coalesce(octet_length(e.result::text), 0)) over (order by d.position) as bytes
    from public.cloud_job_dependencies d
    left join public.cloud_jobs p on p.job_id = d.parent_id
    left join lateral (
      select e.result from public.cloud_job_executions e
      where e.job_id = d.parent_id and e.status = 'success' and (d.execution_id is null or e.execution_id = d.execution_id)
      order by e.started_at desc, e.execution_id desc limit 1) e on true
    where d.job_id = job_id_param and not d.spawned) r
$$;

-- ==== functions/disable =========================================================================

-- Takes a job out of the queue until it is enabled again.
--
-- A recurring job that is running is taken out when the run ends. Any other running job is left alone, and so is a finished
-- one: it does not run, and enabling it later must not run it again. Locks the job row. A repeat changes nothing.
create or replace function public.cloud_jobs_disable(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'disabled' then
    return public.cloud_jobs_answer(job_id_param, job.status, true, false, 'It is disabled already.');
  elsif job.status = 'locked' and job.schedule is not null and job.locked_execution_id is not null then
    update public.cloud_jobs set disable_requested_at = coalesce(disable_requested_at, now()) where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, job.status, true, job.disable_requested_at is null,
      'It is running, and disabled when this run ends.');
  elsif job.status = 'locked' then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, 'It is running. Cancel it first, or wait until it ends.');
  elsif job.status in ('success', 'failed') and job.finished_at is not null then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'It has finished, so there is nothing to disable.');
  end if;
  begin
    update public.cloud_jobs set status = 'disabled' where job_id = job_id_param;
  exception when unique_violation then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'Another unfinished job has the same unique key.');
  end;
  return public.cloud_jobs_answer(job_id_param, 'disabled', true, true);
end
$$;

-- ==== functions/doctor ==========================================================================

-- The facts that the doctor command judges. Changes nothing.
create or replace function public.cloud_jobs_doctor()
returns jsonb
language sql
stable
set search_path = ''
as $$
  with relation as (
    select c.oid, c.relname, c.relkind, c.relrowsecurity,
      c.relname::text as name
    from pg_catalog.pg_class c
    where c.relnamespace = 'public'::regnamespace
      and c.relname in ('cloud_jobs', 'cloud_job_executions', 'cloud_job_workers', 'cloud_jobs_queues', 'cloud_job_dependencies', 'cloud_job_steps', 'cloud_job_signals', 'papers', 'cloud_jobs_paper_queries',
        'cloud_jobs_alert_channels', 'cloud_jobs_alert_outbox', 'cloud_jobs_alert_subjects',
        'job_statistics')
  ),
  routine as (
    select p.oid, p.oid::regprocedure::text as name
    from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and (p.proname like 'cloud\_jobs\_%' or p.proname in ('get_next_available_job', 'release_expired_locks'))
  ),
  outsider (role) as (
    select r.rolname from pg_catalog.pg_roles r where r.rolname in ('anon', 'authenticated')
  )
  select jsonb_build_object('v', 1, 'now', clock_timestamp(), 'role', current_user::text,
    'schema', (public.cloud_jobs_version()->>'schema')::integer,
    'server_version', current_setting('server_version'),
    'statement_timeout', current_setting('statement_timeout'),
    'read_only', current_setting('default_transaction_read_only')::boolean or pg_catalog.pg_is_in_recovery(),
    'workers', public.cloud_jobs_workers_state(), 'wake', public.cloud_jobs_wake_state(),
    'oldest_due_seconds', (
      -- A plain write may store '-infinity'.
      select extract(epoch from now() - public.cloud_jobs_finite(min(j.run_at))) from public.cloud_jobs j
      where j.status = 'waiting' and not j.blocked and j.run_at <= now()
      having count(*) > 0),
    -- Jobs that were put off for a day or more, the longest first.
    'snoozed_for_a_day', (
      select coalesce(jsonb_agg(jsonb_build_object('job_id', s.job_id, 'name', s.name, 'queue', s.queue,
        'snoozes', s.snoozes, 'snoozed_since', s.snoozed_since) order by s.snoozed_since), '[]'::jsonb)
      from (
        select j.job_id, j.name, j.queue, j.snoozes, j.snoozed_since from public.cloud_jobs j
        where j.snoozed_since < now() - interval '1 day' and j.status in ('waiting', 'locked')
        order by j.snoozed_since limit 20
      ) s),
    'without_row_security', (select coalesce(jsonb_agg(name order by name), '[]'::jsonb) from relation
      where relkind = 'r' and not relrowsecurity),
    'policies', (select coalesce(jsonb_agg(tablename || ': ' || policyname order by tablename, policyname), '[]'::jsonb)
      from pg_catalog.pg_policies where schemaname = 'public' and tablename in (select name from relation)),
    -- A privilege on a table is of use only if a policy lets rows through; one on a function always is.
    'open_tables', (select coalesce(jsonb_agg(s.role || ' may ' || v.verb || ' ' || r.name order by r.name, s.role, v.verb), '[]'::jsonb)
      from relation r cross join outsider s cross join (values ('select'), ('insert'), ('update'), ('delete'), ('truncate')) as v (verb)
      -- Or on one of its columns.
      where case when v.verb in ('delete', 'truncate') then pg_catalog.has_table_privilege(s.role, r.oid, v.verb)
        else pg_catalog.has_any_column_privilege(s.role, r.oid, v.verb) end),
    'open_functions', (select coalesce(jsonb_agg(s.role || ' may call ' || f.name order by f.name, s.role), '[]'::jsonb)
      from routine f cross join outsider s where pg_catalog.has_function_privilege(s.role, f.oid, 'execute')),
    'missing_grants', (select coalesce(jsonb_agg(m.what order by m.what), '[]'::jsonb) from (
      select v.verb || ' on ' || r.name as what
      from relation r cross join (values ('select'), ('insert'), ('update'), ('delete')) as v (verb)
      where r.relkind = 'r' and not pg_catalog.has_table_privilege(current_user, r.oid, v.verb)
      union all
      select 'execute on ' || f.name from routine f where not pg_catalog.has_function_privilege(current_user, f.oid, 'execute')) m))
$$;

-- ==== functions/due =============================================================================

-- Whether a job of these queues and types could be claimed now.
--
-- One index probe for each priority in use. A row that another transaction has locked counts, because that transaction may
-- not take it.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_due(
  queues_param text[] default '{default}', job_types_param text[] default '{paper_fetch,maintenance,custom}')
returns boolean
language sql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
  with recursive lane as materialized (
    select q.queue, t.job_type
    from unnest(queues_param) as q (queue)
    cross join unnest(job_types_param) as t (job_type)
  ),
  level (queue, job_type, priority) as (
    select lane.queue, lane.job_type, (
      select j.priority from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked
      order by j.priority limit 1)
    from lane
    union all
    select level.queue, level.job_type, (
      select j.priority from public.cloud_jobs j
      where j.queue = level.queue and j.job_type = level.job_type and j.status = 'waiting' and not j.blocked
        and j.priority > level.priority
      order by j.priority limit 1)
    from level
    where level.priority is not null
  )
  select exists (
    select from level
    cross join lateral (
      select j.job_id from public.cloud_jobs j
      where j.queue = level.queue and j.job_type = level.job_type and j.priority = level.priority
        and j.status = 'waiting' and not j.blocked and j.run_at <= now()
        and (j.lock_expires_at is null or j.lock_expires_at < now())
      order by j.run_at limit 1
    ) front
    where level.priority is not null
  ) or exists (
    select from lane
    cross join lateral (
      select j.job_id from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'failed' and j.finished_at is null
        and j.current_retries < j.max_retries and j.unique_key is null and j.concurrency_key is null
        and (j.lock_expires_at is null or j.lock_expires_at < now())
      order by j.created_at limit 1
    ) front
  )
$$;

-- ==== functions/enable ==========================================================================

-- Puts a disabled job back: it is waiting, due at its old time or now, with its retries fresh.
--
-- A recurring job waits for its next occurrence; those that passed while it was disabled are not missed. A job that a
-- plain write disabled after it had finished is finished again. Locks the job row. A repeat changes nothing.
create or replace function public.cloud_jobs_enable(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'locked' and job.disable_requested_at is not null then
    update public.cloud_jobs set disable_requested_at = null where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, job.status, true, true);
  elsif job.status <> 'disabled' then
    return public.cloud_jobs_answer(job_id_param, job.status, job.status in ('waiting', 'locked'), false,
      format('It is %s, not disabled.', job.status));
  end if;
  if job.finished_at is not null and job.schedule is null then
    job.status := case when job.error_message is null then 'success' else 'failed' end;
    update public.cloud_jobs set status = job.status where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, job.status, true, true, 'It had finished before it was disabled.');
  end if;
  -- An occurrence that failed and waited for its retry is over as well.
  if job.schedule is not null and (job.run_at <= now() or job.run_at is distinct from job.scheduled_for) then
    job.run_at := public.cloud_jobs_next_occurrence(job.schedule, job.timezone, now());
  end if;
  update public.cloud_jobs set status = 'waiting', run_at = greatest(job.run_at, now()), current_retries = 0,
    occurrence = occurrence + 1,
    scheduled_for = case when schedule is not null then job.run_at end, disable_requested_at = null,
    error_message = null, snoozes = 0, snoozed_since = null, finished_at = null, cancel_requested_at = null,
    -- What a client that disabled it by a plain write while it was locked has left.
    locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null
  where job_id = job_id_param;
  return public.cloud_jobs_answer(job_id_param, 'waiting', true, true);
end
$$;

-- ==== functions/end-attempts ====================================================================

-- When the occurrence after a moment is due; null if the schedule cannot be evaluated: an attempt must end all the same.
create or replace function public.cloud_jobs_following(schedule_param text, timezone_param text, after_param timestamptz)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
  return public.cloud_jobs_next_occurrence(schedule_param, timezone_param, after_param);
exception when others then
  return null;
end
$$;

-- What an execution says about the retries that its occurrence did not get.
create or replace function public.cloud_jobs_left_out_words(retries_param integer, due_param timestamptz)
returns text
language sql
stable
set search_path = ''
as $$
  select format('(%s left out: the next occurrence is due at %s UTC.)',
    case retries_param when 1 then '1 retry is' else retries_param || ' retries are' end,
    to_char(due_param at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
  where retries_param is not null
$$;

-- Ends attempts of any outcome: the right-hand side of the state machine, in one statement for the whole batch.
--
-- items: [{"execution_id", "outcome", "result", "error", "error_details", "failure_kind", "delay_seconds",
-- "duration_seconds", "progress", "output", "job_id", "instance_id"}]. outcome: success, failure, discard, snooze or
-- release; with lost_param only lost. job_id and instance_id count only with lost_param, because the lock of a client of
-- the first schema names no execution.
--
-- Returns one element for each item, in order: {"execution_id", "applied", "status", "failure_kind", "run_at",
-- "retries_left_out"}. applied is false if the execution no longer holds the lock. Of two items about one execution the first counts.
--
-- A retry waits as the job says (retry_delay_seconds), else as the handler asks (delay_seconds), else 30 s, 1 min, 2 min,
-- ... up to 6 h, and up to a fifth more or less. The first retry after a lost lock is
-- due at once. A snooze beyond the limits of cloud_jobs_snooze_fault is a failure.
--
-- The occurrence of a recurring job is over with its last attempt, however that ended, or when the next one is due before
-- the next retry; error and error_details then say how many retries were left out. The schedule says when the next is due,
-- and occurrences that are left out are recorded as skipped.
--
-- Locks the job rows in the order of job_id, then inserts the executions. A repeat changes nothing and gets the first
-- answer.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_end_attempts(
  instance_id_param text, items_param jsonb, lost_param boolean default false)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_memoize = off
set jit = off
as $$
declare
  reply jsonb;
begin
  with item as materialized (
    select i.ordinal, i.execution_id, i.outcome, i.result, i.error, i.error_details, i.failure_kind, i.delay_seconds,
      i.duration_seconds, i.progress, i.output,
      -- A caller who ends attempts of its own cannot name the lock of another instance.
      case when lost_param then i.instance_id else instance_id_param end as instance_id,
      case when lost_param then i.job_id else j.job_id end as job_id,
      row_number() over (partition by coalesce(i.execution_id, i.job_id) order by i.ordinal) as turn
    from rows from (jsonb_to_recordset(items_param) as (
      execution_id text, outcome text, result jsonb, error text, error_details jsonb, failure_kind text,
      delay_seconds double precision, duration_seconds real, progress jsonb, output text, job_id text,
      instance_id text)) with ordinality as i (
      execution_id, outcome, result, error, error_details, failure_kind, delay_seconds, duration_seconds, progress,
      output, job_id, instance_id, ordinal)
    left join lateral (
      select h.job_id from public.cloud_jobs h where h.locked_execution_id collate "C" = i.execution_id limit 1
    ) j on not lost_param
    order by job_id
  ),
  -- The fence. Rows are locked in the order of item, so two batches never deadlock.
  held as materialized (
    select item.*, j.current_retries, j.max_retries, j.occurrence, j.schedule, j.timezone, j.missed,
      j.missed_grace_seconds, j.scheduled_for, j.run_at, j.locked_at, j.attempts_left, j.was_cancelled, j.disable_wanted,
      j.retry_delay_seconds, j.retry_factor,
      case when item.outcome = 'snooze' then public.cloud_jobs_snooze_fault(j.snoozes, j.snoozed_since) end as snooze_fault,
      -- Whether no attempt at this occurrence was lost before.
      item.outcome = 'lost' and not exists (
        select from (
          select e.failure_kind, e.occurrence from public.cloud_job_executions e
          where e.job_id = item.job_id order by e.started_at desc limit 20) recent
        where recent.failure_kind = 'lost' and recent.occurrence = j.occurrence) as lost_first
    from item
    cross join lateral (
      select c.current_retries, c.max_retries, c.occurrence, c.schedule, c.timezone, c.missed, c.missed_grace_seconds,
        c.retry_delay_seconds, c.retry_factor,
        c.scheduled_for, c.run_at, c.locked_at, c.snoozes, c.snoozed_since, c.disable_requested_at is not null as disable_wanted,
        coalesce(c.current_retries, 0) < coalesce(c.max_retries, 3) as attempts_left,
        c.cancel_requested_at is not null as was_cancelled
      from public.cloud_jobs c
      where c.job_id = item.job_id
        and item.turn = 1
        and c.status = 'locked'
        and c.locked_by is not distinct from item.instance_id
        and c.locked_execution_id is not distinct from item.execution_id
      for update of c
    ) j
  ),
  asked as materialized (
    select held.*,
      case
        when outcome = 'success' then 'done'
        when was_cancelled then 'cancelled'
        when outcome in ('snooze', 'release') and snooze_fault is null then 'again'
        when outcome in ('failure', 'lost', 'snooze') and attempts_left then 'retry'
        else 'dead'
      end as wanted,
      case when lost_first then now() else now() + make_interval(secs => coalesce(
        public.cloud_jobs_retry_seconds(retry_delay_seconds, retry_factor, current_retries),
        case when snooze_fault is null then delay_seconds end,
        least(21600, 30 * power(2, least(greatest(coalesce(current_retries, 0), 0), 20))) * (0.8 + 0.4 * random()))) end as retry_at
    from held
  ),
  -- Only recurring jobs: a function in an outer join would be called for every row, whatever its condition.
  following as materialized (
    select asked.ordinal, public.cloud_jobs_following(schedule, timezone, greatest(scheduled_for, coalesce((
      select e.started_at from public.cloud_job_executions e
      where e.job_id = asked.job_id and e.occurrence = asked.occurrence and e.attempt = 1
      order by e.started_at desc limit 1), locked_at))) as due
    from asked
    where asked.schedule is not null and asked.wanted = 'retry'
  ),
  decided as materialized (
    select asked.*, case when following.due <= asked.retry_at then 'dead' else asked.wanted end as decision,
      case when following.due <= asked.retry_at then least(coalesce(max_retries, 3), 1000000) - greatest(coalesce(current_retries, 0), 0) end as retries_left_out,
      following.due as following_due
    from asked
    left join following on following.ordinal = asked.ordinal
  ),
  turn as materialized (
    select decided.ordinal, t.*
    from decided
    cross join lateral public.cloud_jobs_turn(schedule, timezone, missed, missed_grace_seconds,
      coalesce(scheduled_for, locked_at), locked_at) as t
    where decided.schedule is not null and decided.decision in ('done', 'dead', 'cancelled')
  ),
  turned as materialized (
    select decided.*, t.next as next_occurrence, coalesce(t.skipped, 0) as skipped, t.first_skipped, t.last_skipped, t.fault
    from decided
    left join turn t on t.ordinal = decided.ordinal
  ),
  next as materialized (
    select turned.*,
      case
        when disable_wanted and schedule is not null then 'disabled'
        -- A schedule that can no longer be read, such as one in an abolished time zone, must not look like success.
        when fault is not null then 'failed'
        when decision in ('again', 'retry') then 'waiting'
        when next_occurrence is not null then 'waiting'
        when decision = 'done' then 'success'
        else 'failed'
      end as new_status,
      case
        when decision = 'again' then now() + make_interval(secs => coalesce(delay_seconds, 0))
        when decision = 'retry' then retry_at
        else next_occurrence
      end as new_run_at,
      case
        when decision = 'done' then null
        when outcome = 'lost' then 'lost'
        when decision = 'cancelled' then 'cancelled'
        when outcome = 'snooze' and snooze_fault is null then 'snoozed'
        when outcome = 'release' then 'released'
        when outcome = 'discard' then 'discarded'
        else coalesce(failure_kind, 'error')
      end as new_failure_kind,
      case
        when decision = 'done' then null
        when snooze_fault is not null then concat_ws(' ', snooze_fault, 'Its last reason: ' || nullif(error, ''))
        else nullif(concat_ws(' ',
          coalesce(error, case when outcome = 'lost'
            then format('The lock expired: the worker %s is taken for dead.', coalesce(instance_id, 'without a name')) end),
          public.cloud_jobs_left_out_words(retries_left_out, following_due)), '')
      end as new_error,
      case
        when retries_left_out is null or jsonb_typeof(error_details) <> 'object' then error_details
        else coalesce(error_details, '{}') || jsonb_build_object('retries_left_out', retries_left_out)
      end as new_error_details
    from turned
  ),
  job as (
    update public.cloud_jobs c set
      status = next.new_status,
      run_at = coalesce(next.new_run_at, c.run_at),
      current_retries = case
        -- Within what the guard allows, whatever the row held.
        when next.decision = 'retry' then greatest(0, least(coalesce(c.current_retries, 0) + 1, 1000000))
        when next.decision = 'again' then c.current_retries
        when next.next_occurrence is not null then 0
        else c.current_retries
      end,
      occurrence = case when next.next_occurrence is not null then c.occurrence + 1 else c.occurrence end,
      scheduled_for = coalesce(next.next_occurrence, c.scheduled_for),
      -- An attempt that was handed back or lost says nothing about the snoozes before it.
      snoozes = case
        when next.decision = 'again' and next.outcome = 'snooze' then c.snoozes + 1
        when next.next_occurrence is null and (next.outcome in ('release', 'lost') or next.snooze_fault is not null) then c.snoozes
        else 0
      end,
      snoozed_since = case
        when next.decision = 'again' and next.outcome = 'snooze' then coalesce(c.snoozed_since, now())
        when next.next_occurrence is null and (next.outcome in ('release', 'lost') or next.snooze_fault is not null) then c.snoozed_since
      end,
      disable_requested_at = null,
      last_execution = case when next.outcome = 'release' then c.last_execution else now() end,
      finished_at = case when next.new_status in ('success', 'failed') then now() end,
      -- Neither a snooze nor a release says why the job failed before.
      error_message = case when next.decision = 'again' then c.error_message
        else nullif(concat_ws(' ', next.new_error, next.fault), '') end,
      locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null,
      cancel_requested_at = null
    from next
    where c.job_id = next.job_id
    returning c.job_id
  ),
  -- The first heartbeat of a long attempt has written its row already.
  execution as (
    insert into public.cloud_job_executions as e (execution_id, job_id, status, started_at, finished_at, duration_seconds,
      result, error_message, error_details, failure_kind, progress, output, instance_id, attempt, occurrence, run_url,
      scheduled_for, job_status, next_run_at)
    select next.execution_id, next.job_id, case when next.decision = 'done' then 'success' else 'failed' end,
      next.locked_at, now(), coalesce(next.duration_seconds, extract(epoch from now() - next.locked_at)), next.result,
      next.new_error, next.new_error_details, next.new_failure_kind, next.progress, next.output, next.instance_id,
      least(coalesce(next.current_retries, 0), 2147483646) + 1, next.occurrence,
      (select w.run_url from public.cloud_job_workers w where w.instance_id = next.instance_id),
      case when next.schedule is null then next.run_at else coalesce(next.scheduled_for, next.run_at) end,
      next.new_status, next.new_run_at
    from next
    where next.execution_id is not null
    on conflict (execution_id) do update set
      status = excluded.status, finished_at = excluded.finished_at, duration_seconds = excluded.duration_seconds,
      result = excluded.result, error_message = excluded.error_message, error_details = excluded.error_details,
      failure_kind = excluded.failure_kind, progress = coalesce(excluded.progress, e.progress), output = excluded.output,
      job_status = excluded.job_status, next_run_at = excluded.next_run_at
    where e.status = 'running'
  ),
  -- A client of the first schema writes execution rows of its own: this closes those of a lock that expired. A statement
  -- of its own, because with OR every running execution would be compared with every item.
  first_schema_execution as (
    update public.cloud_job_executions e set
      status = 'failed', finished_at = now(), duration_seconds = extract(epoch from now() - e.started_at), result = null,
      error_message = next.new_error, failure_kind = next.new_failure_kind, job_status = next.new_status,
      next_run_at = next.new_run_at
    from next
    where next.execution_id is null and e.job_id = next.job_id and e.status = 'running'
  ),
  skipped as (
    insert into public.cloud_job_executions (job_id, status, started_at, finished_at, duration_seconds, result,
      error_message, error_details, failure_kind, instance_id, occurrence, scheduled_for, job_status, next_run_at)
    select next.job_id, 'failed', now(), now(), 0, null,
      public.cloud_jobs_skipped_words(next.skipped, next.first_skipped, next.last_skipped, next.missed, next.missed_grace_seconds),
      jsonb_build_object('skipped', next.skipped, 'first', next.first_skipped, 'last', next.last_skipped), 'skipped',
      next.instance_id, next.occurrence, next.first_skipped, next.new_status, next.new_run_at
    from next
    where next.skipped > 0
  )
  select coalesce(jsonb_agg(answer.said order by answer.ordinal), '[]'::jsonb)
  into reply
  from (
    select next.ordinal, jsonb_build_object('execution_id', next.execution_id, 'applied', true, 'status', next.new_status,
      'failure_kind', next.new_failure_kind, 'run_at', next.new_run_at, 'retries_left_out', next.retries_left_out) as said
    from next
    union all
    select item.ordinal, jsonb_build_object('execution_id', item.execution_id, 'applied', false)
    from item
    where item.ordinal not in (select next.ordinal from next)
  ) answer;

  -- A request that is sent again gets the same answer, and nothing is done twice. An execution that ended because its
  -- lock expired was not ended by this worker. A statement of its own, since the one above does not see what a first
  -- request did that it had to wait for.
  if reply @> '[{"applied": false}]' then
    select jsonb_agg(
      case when e.execution_id is null then a.answer else jsonb_build_object(
        'execution_id', e.execution_id, 'applied', true, 'status', e.job_status,
        'failure_kind', e.failure_kind, 'run_at', e.next_run_at,
        'retries_left_out', e.error_details->'retries_left_out') end order by a.ordinal)
    into reply
    from jsonb_array_elements(reply) with ordinality as a (answer, ordinal)
    left join public.cloud_job_executions e on a.answer @> '{"applied": false}'
      and e.execution_id = a.answer->>'execution_id' and e.instance_id = instance_id_param
      and e.status <> 'running' and e.failure_kind is distinct from 'lost';
  end if;
  return reply;
end
$$;

-- ==== functions/end-successes ===================================================================

-- Ends a batch of attempts that succeeded at jobs which do not recur and were not snoozed, before their first heartbeat, and
-- returns how many it ended. If that is not all of them, the caller takes it back and passes the batch to
-- cloud_jobs_end_attempts. So it does after a unique_violation: a heartbeat came at this moment.
--
-- This is the commonest case. It has the fence and the effect of that function, through which a batch and the claim of the
-- next one take 30 % more of the database's time. Locks the job rows in the order of job_id, then inserts the executions.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_end_successes(instance_id_param text, items_param jsonb)
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_memoize = off
set jit = off
as $$
declare
  ended integer;
begin
  with item as materialized (
    select i.execution_id, i.result, i.duration_seconds, i.progress, i.output, j.job_id, j.locked_at, j.run_at,
      j.occurrence, j.current_retries
    from jsonb_to_recordset(items_param) as i (
      execution_id text, result jsonb, duration_seconds real, progress jsonb, output text)
    cross join lateral (
      select h.* from public.cloud_jobs h where h.locked_execution_id collate "C" = i.execution_id limit 1
    ) j
    -- The first heartbeat writes the execution.
    where (select e.status from public.cloud_job_executions e where e.execution_id = i.execution_id) is null
    -- Every batch locks its rows in this order, so two never deadlock.
    order by j.job_id
  ),
  job as (
    update public.cloud_jobs c set
      status = 'success',
      last_execution = now(), finished_at = now(), error_message = null, disable_requested_at = null,
      locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null,
      cancel_requested_at = null
    from item
    where c.job_id = item.job_id
      -- The fence.
      and coalesce(c.locked_execution_id, '') = item.execution_id and c.locked_by = instance_id_param
      and coalesce(c.status, '') = 'locked'
      and c.schedule is null and c.snoozed_since is null
    returning item.*
  ),
  execution as (
    insert into public.cloud_job_executions (execution_id, job_id, status, started_at, finished_at, duration_seconds,
      result, progress, output, instance_id, attempt, occurrence, run_url, scheduled_for, job_status)
    select job.execution_id, job.job_id, 'success', job.locked_at, now(),
      coalesce(job.duration_seconds, extract(epoch from now() - job.locked_at)), job.result, job.progress, job.output,
      instance_id_param, least(coalesce(job.current_retries, 0), 2147483646) + 1, job.occurrence,
      (select w.run_url from public.cloud_job_workers w where w.instance_id = instance_id_param), job.run_at, 'success'
    from job
  )
  select count(*) into ended from job;
  return ended;
end
$$;

-- ==== functions/enqueue =========================================================================

-- Adds jobs, all or none.
--
-- items: [{"name", "job_type", "config", "description", "max_retries", "priority", "run_at" | "delay_seconds", "queue",
-- "timeout_seconds", "unique_key", "concurrency_key", "schedule", "timezone", "missed", "missed_grace_seconds",
-- "expires_at" | "expires_in_seconds", "on_conflict",
-- "retry_delay_seconds", "retry_factor", "concurrency_limit", "job_id", "ref", "depends_on", "on_parent_failure"}].
-- name and job_type are required; the rest has the defaults of the table. A job that is not started by expires_at, or
-- within expires_in_seconds of when it is due, fails as expired. A recurring job is first due at the next
-- occurrence of its schedule, or at run_at if that is given.
--
-- depends_on: refs of earlier items, or ids of jobs. The job starts when all of them have succeeded. on_parent_failure says what
-- becomes of it if one fails for good or is deleted: cancel (the default), run, or wait for the one to succeed after all.
--
-- Reply: {"v", "schema", "jobs": [{"job_id", "created"}]} in the order of items; replaced is added for on_conflict replace and next.
--
-- A repeat adds nothing if each job has a job_id chosen by the caller (a fresh UUID): created is true again, but false if
-- the id is that of another job, of other content or in another queue. null is an empty list. Jobs of one batch that are
-- due at the same time are worked in the order of items. A unique_key names one unfinished job
-- of its queue: if there is one, that job is the answer, unless on_conflict says otherwise (see
-- cloud_jobs_enqueue_on_conflict). Inserts in the order of queue and unique_key, so that two batches
-- with the same keys do not deadlock.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_enqueue(items_param jsonb)
returns json
language plpgsql
set search_path = ''
-- Rows are looked up only by their keys.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  -- The jsonb_agg of a trigger that saw no rows is null.
  items jsonb := coalesce(nullif(items_param, 'null'), '[]');
  total integer;
  wrong record;
  added bigint;
  reply json;
  missing boolean;
  settled jsonb := '{}';
begin
  perform public.cloud_jobs_check_items(items);
  if public.cloud_jobs_allowed_queues() is not null then
    perform public.cloud_jobs_check_queues(array(
      select distinct coalesce(i.item->>'queue', 'default') from jsonb_array_elements(items) as i (item)));
    -- It deletes history, of all queues: more than such a key may do itself.
    if items @> '[{"job_type": "maintenance"}]' then
      perform public.cloud_jobs_refuse(403, 'The key may not add maintenance jobs.', 'They prune the history of all queues. Use the secret key.');
    end if;
  end if;

  -- Every job gets its id here, so that the rows can be found again below whatever a conflict did.
  if exists (select from jsonb_array_elements(items) as i (item) where i.item->>'job_id' is null) then
    select jsonb_agg(case when i.item->>'job_id' is null then i.item || jsonb_build_object('job_id', public.cloud_jobs_new_id()) else i.item end order by i.ordinal)
    into items
    from jsonb_array_elements(items) with ordinality as i (item, ordinal);
  end if;

  if items @? '$[*].on_conflict ? (@ == "replace" || @ == "next")' then
    settled := public.cloud_jobs_enqueue_on_conflicts(items);
    if settled <> '{}' then
      select coalesce(jsonb_agg(i.item order by i.ordinal), '[]') into items
      from jsonb_array_elements(items) with ordinality as i (item, ordinal) where not settled ? i.ordinal::text;
    end if;
  end if;

  total := jsonb_array_length(items);
  -- More than one round only when a job with the same unique key was finished between insert and look-up.
  for round in 1..5 loop
    insert into public.cloud_jobs (job_id, name, job_type, config, description, max_retries, priority, run_at, queue,
      timeout_seconds, unique_key, concurrency_key, schedule, timezone, scheduled_for, missed, missed_grace_seconds,
      expires_at, expires_in_seconds, concurrency_limit, retry_delay_seconds, retry_factor)
    select i.job_id, i.name, i.job_type, coalesce(i.config, '{}'::jsonb), coalesce(i.description, ''),
      coalesce(i.max_retries, 3), coalesce(i.priority, 0),
      -- Microseconds keep the order of the batch: ids may be the caller's. A job that is due now stays due now.
      case
        when i.schedule is not null then coalesce(i.run_at, now() + make_interval(secs => coalesce(i.delay_seconds, 0)))
        when coalesce(i.run_at, now()) <= now() and coalesce(i.delay_seconds, 0) = 0
          then coalesce(i.run_at, now()) - (total - i.ordinal) * interval '1 microsecond'
        else coalesce(i.run_at, now() + make_interval(secs => i.delay_seconds)) + (i.ordinal - 1) * interval '1 microsecond'
      end, coalesce(i.queue, 'default'),
      i.timeout_seconds, i.unique_key, i.concurrency_key, i.schedule,
      case when i.schedule is not null then coalesce(i.timezone, 'UTC') end,
      case when i.schedule is not null then coalesce(i.run_at, now() + make_interval(secs => i.delay_seconds)) end,
      coalesce(i.missed, 'once'), coalesce(i.missed_grace_seconds, 900), i.expires_at, i.expires_in_seconds,
      coalesce(i.concurrency_limit, 1), i.retry_delay_seconds, i.retry_factor
    from rows from (jsonb_to_recordset(items) as (job_id text, name text, job_type text, config jsonb, description text,
      max_retries integer, priority smallint, run_at timestamptz, delay_seconds double precision, queue text,
      timeout_seconds integer, unique_key text, concurrency_key text, schedule text, timezone text, missed text,
      missed_grace_seconds integer, expires_at timestamptz, expires_in_seconds integer, concurrency_limit integer,
      retry_delay_seconds integer, retry_factor double precision))
      with ordinality as i (job_id, name, job_type, config, description, max_retries, priority, run_at, delay_seconds,
        queue, timeout_seconds, unique_key, concurrency_key, schedule, timezone, missed, missed_grace_seconds,
        expires_at, expires_in_seconds, concurrency_limit, retry_delay_seconds, retry_factor, ordinal)
    -- Two batches with the same keys meet them in the same order, so neither waits for the other in a circle.
    order by coalesce(i.queue, 'default'), i.unique_key, i.ordinal
    on conflict do nothing;
    get diagnostics added = row_count;

    if added = total then
      -- The common case: every job is new, and there is nothing to look up.
      select json_agg(job) into reply
      from (select i.item->>'job_id' as job_id, true as created from jsonb_array_elements(items) as i (item)) job;
      exit;
    end if;

    if round = 1 then
      select max(i.ordinal) as ordinal, max(i.item->>'name') as name into wrong
      from jsonb_array_elements(items) with ordinality as i (item, ordinal)
      group by i.item->>'job_id' having count(*) > 1
      limit 1;
      if found then
        perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, 'has the job_id of another job of the batch');
      end if;
    end if;

    select json_agg(json_build_object('job_id', coalesce(found.own, found.twin), 'created', coalesce(found.is_same, false)) order by found.ordinal),
      bool_or(found.own is null and found.twin is null)
    into reply, missing
    from (
      select i.ordinal, own.job_id as own,
        -- As the first sending of this request made it. Otherwise the id is another job's.
        (own.name, own.job_type, own.queue, own.config, own.description, own.max_retries, own.priority, own.timeout_seconds,
          own.unique_key, own.concurrency_key, own.schedule, own.timezone, own.missed, own.missed_grace_seconds,
          own.expires_in_seconds, own.concurrency_limit, own.retry_delay_seconds, own.retry_factor)
        is not distinct from (i.item->>'name', i.item->>'job_type', coalesce(i.item->>'queue', 'default'),
          coalesce(nullif(i.item->'config', 'null'), '{}'), coalesce(i.item->>'description', ''),
          coalesce((i.item->>'max_retries')::integer, 3), coalesce((i.item->>'priority')::smallint, 0::smallint),
          (i.item->>'timeout_seconds')::integer, i.item->>'unique_key', i.item->>'concurrency_key', i.item->>'schedule',
          case when i.item->>'schedule' is not null then coalesce(i.item->>'timezone', 'UTC') end,
          coalesce(i.item->>'missed', 'once'), coalesce((i.item->>'missed_grace_seconds')::integer, 900),
          (i.item->>'expires_in_seconds')::integer, coalesce((i.item->>'concurrency_limit')::integer, 1),
          (i.item->>'retry_delay_seconds')::integer, (i.item->>'retry_factor')::double precision)
        -- Not yet due, it has not started, and so its time has not moved.
        and (own.status = 'waiting' and own.occurrence = 1 and (i.item->>'run_at')::timestamptz > now() + interval '1 s'
          and (i.item->>'run_at')::timestamptz - own.run_at not between interval '-1 s' and interval '1 s') is not true
        as is_same,
        (select j.job_id from public.cloud_jobs j
         where j.unique_key = i.item->>'unique_key' and j.queue = coalesce(i.item->>'queue', 'default')
           and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null and not j.key_passed) as twin
      from jsonb_array_elements(items) with ordinality as i (item, ordinal)
      left join public.cloud_jobs own on own.job_id = i.item->>'job_id'
    ) found;
    exit when not missing;
  end loop;
  if missing then
    perform public.cloud_jobs_refuse(503, 'Jobs with the same unique key came and went while this batch was added.',
      'Nothing was enqueued. Send the batch again.');
  end if;

  if settled <> '{}' then
    reply := public.cloud_jobs_merge_replies(settled, reply);
  end if;
  if items_param @> '[{"depends_on": []}]' then
    perform public.cloud_jobs_add_dependencies(items_param, reply::jsonb);
  end if;
  return json_build_object('v', 1, 'schema', (public.cloud_jobs_version()->>'schema')::integer,
    'jobs', coalesce(reply, '[]'::json));
end
$$;

-- ==== functions/enqueue-on-conflict =============================================================

-- Adds the jobs of a batch whose on_conflict is replace or next, one by one, and returns their replies by ordinal.
--
-- Calls that name the same unique keys take turns: it takes the advisory locks of all keys, in order, then the rows of the
-- jobs that hold them, in the order of job_id.
create or replace function public.cloud_jobs_enqueue_on_conflicts(items_param jsonb)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  total constant integer := jsonb_array_length(items_param);
  replies jsonb := '{}';
  line record;
begin
  for line in
    select distinct coalesce(i.item->>'queue', 'default') as queue, i.item->>'unique_key' as key
    from jsonb_array_elements(items_param) as i (item) where i.item->>'on_conflict' in ('replace', 'next')
    order by 1, 2
  loop
    perform pg_advisory_xact_lock(hashtextextended(format('cloud-jobs unique key: %s/%s', line.queue, line.key), 0));
  end loop;
  perform from public.cloud_jobs j
  where j.job_id in (
    select k.job_id from jsonb_array_elements(items_param) as i (item)
    join public.cloud_jobs k on k.queue = coalesce(i.item->>'queue', 'default') and k.unique_key = i.item->>'unique_key'
      and k.status in ('waiting', 'locked', 'disabled') and k.finished_at is null and not k.key_passed
    where i.item->>'on_conflict' in ('replace', 'next'))
  order by j.job_id
  for update;
  for line in
    select i.item, i.ordinal from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
    where i.item->>'on_conflict' in ('replace', 'next')
    order by i.ordinal
  loop
    -- Jobs of one batch that are due now keep their order.
    if line.item->>'run_at' is null and coalesce((line.item->>'delay_seconds')::double precision, 0) = 0 then
      line.item := line.item || jsonb_build_object('run_at', now() - (total - line.ordinal) * interval '1 microsecond');
    end if;
    replies := replies || jsonb_build_object(line.ordinal::text, public.cloud_jobs_enqueue_on_conflict(line.item - 'delay_seconds'
      || case when line.item->>'run_at' is null
        then jsonb_build_object('run_at', now() + make_interval(secs => (line.item->>'delay_seconds')::double precision)) else '{}' end));
  end loop;
  return replies;
end
$$;

-- Adds one job with a unique key that may be taken, and returns {"job_id", "created", "replaced"}.
--
-- replace: a waiting job with the key takes the config, the due time and the rest of the new one, and starts with fresh
-- retries. next: a waiting job stays as it is. With both, if the job with the key is running, the new one is added and waits
-- until that has ended, so that no change is lost; it holds the key from then on. The jobs keep apart by their concurrency
-- key, which is made from the unique key if they have none. A recurring and a disabled job stay as they are.
create or replace function public.cloud_jobs_enqueue_on_conflict(item_param jsonb)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  queue_name constant text := coalesce(item_param->>'queue', 'default');
  how constant text := item_param->>'on_conflict';
  item constant jsonb := item_param - 'on_conflict' - case when item_param->>'concurrency_key' is null then 'concurrency_limit' else '' end
    || jsonb_build_object('concurrency_key',
    coalesce(item_param->>'concurrency_key', format('unique key %s/%s', queue_name, md5(item_param->>'unique_key'))));
  holder public.cloud_jobs;
  reply jsonb;
begin
  -- The reply to the first sending of this request was lost.
  select jsonb_build_object('job_id', j.job_id, 'created', false, 'replaced', true) into reply
  from public.cloud_jobs j where j.replaced_by = item->>'job_id';
  if found then
    return reply;
  end if;
  if exists (select from public.cloud_jobs j where j.job_id = item->>'job_id') then
    return public.cloud_jobs_enqueue(jsonb_build_array(item))->'jobs'->0;
  end if;

  -- More than one round only if a plain enqueue of the key comes between.
  for round in 1..5 loop
    select j.* into holder from public.cloud_jobs j
    where j.queue = queue_name and j.unique_key = item->>'unique_key'
      and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null and not j.key_passed
    for update;
    if found and holder.schedule is null then
      if holder.status = 'waiting' and how = 'replace' then
        update public.cloud_jobs j set replaced_by = item->>'job_id',
          name = item->>'name', job_type = item->>'job_type', config = coalesce(nullif(item->'config', 'null'), '{}'),
          description = coalesce(item->>'description', ''), priority = coalesce((item->>'priority')::smallint, 0),
          max_retries = coalesce((item->>'max_retries')::integer, 3), run_at = (item->>'run_at')::timestamptz,
          timeout_seconds = (item->>'timeout_seconds')::integer, expires_at = (item->>'expires_at')::timestamptz,
          expires_in_seconds = (item->>'expires_in_seconds')::integer,
          retry_delay_seconds = (item->>'retry_delay_seconds')::integer,
          retry_factor = (item->>'retry_factor')::double precision,
          -- Its attempts so far were at another config.
          occurrence = j.occurrence + (j.last_execution is not null)::integer,
          current_retries = 0, error_message = null, snoozes = 0, snoozed_since = null
        where j.job_id = holder.job_id;
        return jsonb_build_object('job_id', holder.job_id, 'created', false, 'replaced', true);
      elsif holder.status = 'locked' then
        update public.cloud_jobs j set key_passed = true, concurrency_key = coalesce(j.concurrency_key, item->>'concurrency_key')
        where j.job_id = holder.job_id;
      end if;
    end if;
    reply := public.cloud_jobs_enqueue(jsonb_build_array(item))->'jobs'->0;
    exit when (reply->>'created')::boolean or not exists (
      select from public.cloud_jobs j
      where j.job_id = reply->>'job_id' and j.schedule is null and (j.status = 'locked' or (j.status = 'waiting' and how = 'replace')));
  end loop;
  return reply;
end
$$;

-- The replies to a batch in its order: those of cloud_jobs_enqueue_on_conflicts by ordinal, and the others between them.
create or replace function public.cloud_jobs_merge_replies(settled_param jsonb, others_param json)
returns json
language plpgsql
immutable
set search_path = ''
as $$
declare
  others constant jsonb := coalesce(others_param, '[]');
  total constant integer := jsonb_array_length(others) + (select count(*) from jsonb_object_keys(settled_param));
  merged jsonb[] := '{}';
  taken integer := 0;
begin
  for ordinal in 1..total loop
    if settled_param ? ordinal::text then
      merged := merged || (settled_param->ordinal::text);
    else
      merged := merged || (others->taken);
      taken := taken + 1;
    end if;
  end loop;
  return array_to_json(merged);
end
$$;

-- ==== functions/expire ==========================================================================

-- Ends the attempts whose lock has expired, up to limit_param, and returns how many it ended.
--
-- Without queues it looks at all of them. If it returns limit_param, more may be left: call it again. Skips rows that
-- another transaction has locked, and checks the state and the expiry under the row lock, so a job that was finished or
-- renewed meanwhile is left alone.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_expire(
  queues_param text[] default null, job_types_param text[] default null, limit_param integer default 500)
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
declare
  items jsonb;
begin
  if queues_param is null then
    select jsonb_agg(jsonb_build_object('job_id', j.job_id, 'execution_id', j.locked_execution_id,
      'instance_id', j.locked_by, 'outcome', 'lost'))
    into items
    from (
      select c.job_id, c.locked_execution_id, c.locked_by
      from public.cloud_jobs c
      where c.status = 'locked' and c.lock_expires_at < now()
      limit limit_param
      for update skip locked
    ) j;
  else
    select jsonb_agg(jsonb_build_object('job_id', j.job_id, 'execution_id', j.locked_execution_id,
      'instance_id', j.locked_by, 'outcome', 'lost'))
    into items
    from (
      select late.*
      from (select distinct q.queue from unnest(queues_param) as q (queue)) as q
      cross join (select distinct t.job_type from unnest(job_types_param) as t (job_type)) as t
      cross join lateral (
        select c.job_id, c.locked_execution_id, c.locked_by
        from public.cloud_jobs c
        where c.status = 'locked' and c.queue = q.queue and c.job_type = t.job_type and c.lock_expires_at < now()
        order by c.lock_expires_at limit limit_param
        for update skip locked
      ) late
      limit limit_param
    ) j;
  end if;
  if items is null then
    return 0;
  end if;
  perform public.cloud_jobs_end_attempts(null, items, true);
  return jsonb_array_length(items);
end
$$;

-- ==== functions/expire-waiting ==================================================================

-- Fails the waiting jobs whose expires_at has passed, records each as expired, and returns how many it handled.
--
-- A recurring job moves to its next occurrence. Handles up to limit_param jobs, those that expired first before the others.
-- Skips rows that another transaction has locked.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_expire_waiting(
  queues_param text[], job_types_param text[], limit_param integer default 500)
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
declare
  late record;
  turn record;
  why text;
  handled integer := 0;
begin
  for late in
    select j.*
    from (select distinct q.queue from unnest(queues_param) as q (queue)) as q
    cross join (select distinct t.job_type from unnest(job_types_param) as t (job_type)) as t
    cross join lateral (
      select c.job_id, c.schedule, c.timezone, c.missed, c.missed_grace_seconds, c.occurrence, c.scheduled_for, c.run_at,
        c.expires_at, c.concurrency_key, c.blocked
      from public.cloud_jobs c
      where c.status = 'waiting' and c.expires_at is not null
        and c.queue = q.queue and c.job_type = t.job_type and c.expires_at <= now()
      order by c.expires_at limit limit_param
      for update skip locked
    ) j
    limit limit_param
  loop
    -- Its end lets the next of its key go. Never wait for a key while holding row locks: another claim will see to it.
    continue when late.concurrency_key is not null and not late.blocked
      and not pg_try_advisory_xact_lock(public.cloud_jobs_key_lock_id(late.concurrency_key));
    why := format('It expired: it was due at %s UTC, and no worker had started it by %s UTC.',
      to_char(late.run_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'), to_char(late.expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'));
    select t.* into turn from public.cloud_jobs_turn(late.schedule, late.timezone, late.missed, late.missed_grace_seconds,
      late.scheduled_for, now()) as t
    where late.schedule is not null;
    insert into public.cloud_job_executions (job_id, status, started_at, finished_at, duration_seconds, result,
      error_message, failure_kind, occurrence, scheduled_for, job_status, next_run_at)
    values (late.job_id, 'failed', now(), now(), 0, null, why, 'expired', late.occurrence,
      coalesce(late.scheduled_for, late.run_at), case when turn.next is null then 'failed' else 'waiting' end, turn.next);
    if turn.skipped > 0 then
      insert into public.cloud_job_executions (job_id, status, started_at, finished_at, duration_seconds, result,
        error_message, error_details, failure_kind, occurrence, scheduled_for, job_status, next_run_at)
      values (late.job_id, 'failed', now(), now(), 0, null,
        public.cloud_jobs_skipped_words(turn.skipped, turn.first_skipped, turn.last_skipped, late.missed, late.missed_grace_seconds),
        jsonb_build_object('skipped', turn.skipped, 'first', turn.first_skipped, 'last', turn.last_skipped), 'skipped',
        late.occurrence, turn.first_skipped, case when turn.next is null then 'failed' else 'waiting' end, turn.next);
    end if;
    update public.cloud_jobs set
      status = case when turn.next is null then 'failed' else 'waiting' end,
      finished_at = case when turn.next is null then now() end,
      error_message = concat_ws(' ', why, turn.fault),
      run_at = coalesce(turn.next, run_at), scheduled_for = coalesce(turn.next, scheduled_for),
      occurrence = case when turn.next is null then occurrence else occurrence + 1 end
    where job_id = late.job_id;
    handled := handled + 1;
  end loop;
  return handled;
end
$$;

-- ==== functions/find ============================================================================

-- Finds jobs that match a filter (cloud_jobs_condition), newest first: one page of them.
--
-- more_param is a further condition on j. before_param is the "next" of the page before. Conditions that no index answers
-- are tried on at most 100,000 jobs a page; searched_to is the age that this page got to, if it stopped there.
create or replace function public.cloud_jobs_find(
  filter_param jsonb, limit_param integer, before_param text default null, more_param text default 'true',
  out job_ids text[], out next text, out searched_to timestamptz)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  most constant integer := 100000;
  condition record := public.cloud_jobs_condition(filter_param);
  wanted text := more_param;
  base text;
  last record;
begin
  if limit_param is null or limit_param not between 1 and 1000 then
    perform public.cloud_jobs_refuse(400, format('limit_param is %s.', coalesce(limit_param::text, 'null')), 'Pass a number from 1 to 1000.');
  end if;
  base := 'from public.cloud_jobs j where true';
  if condition.kind <> '' then
    base := base || ' and ' || condition.kind;
  end if;
  if before_param is not null then
    begin
      base := base || format($c$ and (coalesce(j.created_at, '-infinity'::timestamptz), j.job_id) < (%L::timestamptz, %L)$c$,
        split_part(before_param, '|', 1)::timestamptz, substr(before_param, strpos(before_param, '|') + 1));
    exception when invalid_datetime_format or datetime_field_overflow or invalid_time_zone_displacement_value then
      perform public.cloud_jobs_refuse(400, 'before_param is not the "next" of a page.', 'Leave it out to start with the newest job.');
    end;
  end if;
  base := base || $c$ order by coalesce(j.created_at, '-infinity'::timestamptz) desc, j.job_id desc$c$;
  if condition.search <> '' then
    wanted := condition.search || ' and ' || wanted;
  end if;

  execute format($q$
    select array_agg(found.job_id order by found.position) filter (where found.position <= %2$s),
      max(found.created || '|' || found.job_id) filter (where found.position = %2$s and found.total > %2$s)
    from (
      select j.*, row_number() over (order by j.created desc, j.job_id desc) as position, count(*) over () as total
      from (
        select j.job_id, j.created
        from (select j.*, coalesce(j.created_at, '-infinity'::timestamptz) as created %1$s limit %3$s) j
        where %4$s
        limit %2$s + 1
      ) j
    ) found $q$, base, limit_param, most, wanted)
  into job_ids, next;

  -- Fewer than asked for: the end of the table, or only that of what one page may look at.
  if next is null and wanted <> 'true' then
    execute format($q$select coalesce(j.created_at, '-infinity'::timestamptz) as created, j.job_id %s offset %s limit 1$q$, base, most - 1) into last;
    if last.job_id is not null then
      next := last.created || '|' || last.job_id;
      searched_to := last.created;
    end if;
  end if;
  job_ids := coalesce(job_ids, '{}');
end
$$;

-- ==== functions/finish ==========================================================================

-- Ends attempts and, in the same call, claims the next jobs.
--
-- items: [{"execution_id", "outcome": "success" | "failure" | "discard" | "snooze" | "release", "result", "error",
-- "error_details", "failure_kind": "error" | "timeout" | "crashed", "delay_seconds", "duration_seconds", "progress",
-- "output", "pause_queue": {"seconds", "reason"}, "spawn": [...]}]. pause_queue lets the queue of the job cool down. spawn
-- adds jobs together with the success: see cloud_jobs_spawn.
--
-- claim: {"limit", "queues", "job_types", "lock_seconds", "request_id", "run_url"}, or null to claim nothing.
--
-- Reply: {"v", "finished": [{"execution_id", "applied", "status", "failure_kind", "run_at"}], "claim": {...} or null}.
--
-- Locks the job rows in the order of job_id, then those that cloud_jobs_claim locks. A repeat ends nothing twice and gets
-- the same answer; so does its claim if it has the same request_id.
create or replace function public.cloud_jobs_finish(
  instance_id_param text, items_param jsonb, claim_param jsonb default null)
returns json
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  wrong jsonb;
  is_unusable boolean;
  finished json;
begin
  if jsonb_typeof(items_param) is distinct from 'array' then
    perform public.cloud_jobs_refuse(400, 'items_param is not an array.', 'Pass a JSON array of objects.');
  end if;
  select item, unusable into wrong, is_unusable
  from jsonb_array_elements(items_param) as item
  cross join lateral (
    select item->>'execution_id' is null
      or coalesce(item->>'outcome', '') not in ('success', 'failure', 'discard', 'snooze', 'release')
      or coalesce(item->>'failure_kind', 'error') not in ('error', 'timeout', 'crashed')
      or case jsonb_typeof(item->'duration_seconds')
        when 'number' then (item->>'duration_seconds')::numeric not between 1e-30 and 1e9 and item->'duration_seconds' <> '0' else item->>'duration_seconds' is not null end
      or case jsonb_typeof(item->'delay_seconds')
        when 'number' then (item->>'delay_seconds')::numeric not between 1e-300 and 31536000 and item->'delay_seconds' <> '0' else item->>'delay_seconds' is not null end
      as unusable
  ) looked
  where unusable
    -- As text an item has up to six times the bytes that it has here (\u0001 is one byte here), so most items need not be
    -- written out.
    or pg_column_size(item) > 2048 and (
      octet_length((item->'result')::text) > 262144
      or octet_length((item->'error_details')::text) > 65536
      or octet_length(item->>'error') > 65536
      or octet_length(item->>'output') > 65536
      or octet_length((item->'progress')::text) > 16384)
  order by unusable desc limit 1;
  if is_unusable then
    perform public.cloud_jobs_refuse(400, format('An item of items_param cannot be used: %s', left(wrong::text, 200)),
      'Each needs execution_id, an outcome (success, failure, discard, snooze or release), and numbers for seconds.');
  elsif found then
    perform public.cloud_jobs_refuse(413, format('What execution %s returned is too large.', wrong->>'execution_id'),
      'At most 256 KiB of result, 64 KiB each of error, error_details and output, 16 KiB of progress.');
  end if;

  if items_param @? '$[*].pause_queue' then
    perform public.cloud_jobs_cool_down(instance_id_param, items_param);
  end if;
  if not exists (select from jsonb_array_elements(items_param) as item where item->>'outcome' <> 'success') then
    begin
      if public.cloud_jobs_end_successes(instance_id_param, items_param) < jsonb_array_length(items_param) then
        raise exception using errcode = 'PT298', message = 'Some of the jobs recur, were snoozed, run for long, or are not held.';
      end if;
      select json_agg(answer) into finished
      from (
        select item->>'execution_id' as execution_id, true as applied, 'success' as status, null as failure_kind,
          null as run_at, null as retries_left_out
        from jsonb_array_elements(items_param) as item) answer;
    -- Undoes the row locks as well: a second statement that holds them could deadlock with a renewal.
    exception when sqlstate 'PT298' or unique_violation then
      null;
    end;
  end if;
  if finished is null then
    finished := public.cloud_jobs_end_attempts(instance_id_param, items_param);
  end if;
  if items_param @? '$[*].spawn' then
    perform public.cloud_jobs_spawn(instance_id_param, items_param);
  end if;

  return json_build_object('v', 1, 'finished', coalesce(finished, '[]'), 'claim',
    case when jsonb_typeof(claim_param) = 'object' then
      public.cloud_jobs_claim(
        instance_id_param,
        (claim_param->>'limit')::integer,
        case when jsonb_typeof(claim_param->'queues') = 'array'
          then array(select jsonb_array_elements_text(claim_param->'queues')) else '{default}' end,
        case when jsonb_typeof(claim_param->'job_types') = 'array'
          then array(select jsonb_array_elements_text(claim_param->'job_types')) else '{paper_fetch,maintenance,custom}' end,
        coalesce((claim_param->>'lock_seconds')::double precision, 300),
        (claim_param->>'request_id')::uuid,
        claim_param->>'run_url')
    end);
end
$$;

-- ==== functions/finite ==========================================================================

-- A time that every client can read: a plain write can store infinity, or a year that JSON has no form for.
create or replace function public.cloud_jobs_finite(at_param timestamptz)
returns timestamptz
language sql
immutable
parallel safe
set search_path = ''
as $$
  select case when at_param is not null then
    greatest(least(at_param, '9999-12-31 00:00:00+00'::timestamptz), '0001-01-01 00:00:00+00'::timestamptz) end
$$;

-- ==== functions/followers =======================================================================

-- Adds the jobs that come after an occurrence of a recurring job: `after` in a jobs file.
--
-- followers: a list as cloud_jobs_enqueue takes it, in which depends_on names only others of the list, and after_root is true for
-- those that come after the recurring job itself. ended: success or failed. If the occurrence failed, those that come after it
-- are left out unless their on_parent_failure is run, and so are those that come after what is left out.
--
-- A job that comes after the recurring one has it as a parent, by its unique key, with the result of this execution.
create or replace function public.cloud_jobs_add_followers(
  job_id_param text, ref_param text, followers_param jsonb, execution_id_param text, ended_param text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  item jsonb;
  batch jsonb := '[]';
  firsts boolean[] := '{}';
  left_out text[] := '{}';
  added jsonb;
begin
  for item in select f.item from jsonb_array_elements(followers_param) with ordinality as f (item, ordinal) order by f.ordinal loop
    if coalesce(item->>'on_parent_failure', 'cancel') <> 'run'
      and (((item->>'after_root')::boolean and ended_param <> 'success')
        or exists (select from jsonb_array_elements_text(item->'depends_on') as d (ref) where d.ref = any (left_out)))
    then
      left_out := left_out || (item->>'ref');
    else
      firsts := firsts || coalesce((item->>'after_root')::boolean, false);
      batch := batch || jsonb_build_array(item - 'after_root' || jsonb_build_object('depends_on', (
        select coalesce(jsonb_agg(d.ref), '[]') from jsonb_array_elements_text(item->'depends_on') as d (ref)
        where d.ref <> all (left_out))));
    end if;
  end loop;
  if batch = '[]' then
    return;
  end if;
  added := public.cloud_jobs_enqueue(batch)->'jobs';
  insert into public.cloud_job_dependencies (job_id, parent_id, ref, position, on_failure, outcome, passed_on, execution_id)
  select a.job->>'job_id', job_id_param, ref_param, 0, coalesce(batch->(a.ordinal - 1)::integer->>'on_parent_failure', 'cancel'),
    ended_param, true, execution_id_param
  from jsonb_array_elements(added) with ordinality as a (job, ordinal)
  where firsts[a.ordinal];
  update public.cloud_jobs j set has_parents = true
  where j.job_id in (select a.job->>'job_id' from jsonb_array_elements(added) with ordinality as a (job, ordinal) where firsts[a.ordinal]);
  update public.cloud_jobs j set has_children = true where j.job_id = job_id_param and j.has_children is not true;
end
$$;

-- Refuses followers that could not be added, by adding them and taking that back.
create or replace function public.cloud_jobs_check_followers(key_param text, followers_param jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  why text;
begin
  if jsonb_typeof(followers_param) <> 'array' or jsonb_path_exists(followers_param, '$[*].schedule ? (@ != null)') then
    perform public.cloud_jobs_refuse(400, format('The followers of the job %s are no list of jobs without a schedule.', to_json(left(key_param, 80))),
      'Pass what cloud_jobs_enqueue takes.');
  end if;
  begin
    perform public.cloud_jobs_enqueue((
      select coalesce(jsonb_agg(f.item - 'after_root' order by f.ordinal), '[]')
      from jsonb_array_elements(followers_param) with ordinality as f (item, ordinal)));
    raise exception using errcode = 'PT297', message = 'Everything is taken back.';
  exception
    when sqlstate 'PT297' then
      return;
    when sqlstate 'PT400' then
      get stacked diagnostics why = message_text;
  end;
  perform public.cloud_jobs_refuse(400, format('A job after %s cannot be used: %s', to_json(left(key_param, 80)), why),
    'Nothing was changed. Correct the job and apply again.');
end
$$;

-- ==== functions/get-next-available-job ==========================================================

-- Claims one job for a client of the first schema: the name, arguments and columns are those of that schema.
--
-- Such a client writes its own execution rows and ends the job by writing to the table, so no execution is made here. If it
-- dies, the expiry of the lock ends the attempt like any other.
create or replace function public.get_next_available_job(instance_id_param text, lock_duration_minutes integer default 30)
returns table (
  job_id text,
  name text,
  job_type text,
  config jsonb,
  description text,
  current_retries integer,
  max_retries integer
)
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
declare
  -- Called once: in a condition, a function that locks rows is called again for each row of the table.
  picked constant text[] := (
    public.cloud_jobs_pick_within_limits('{default}', '{paper_fetch,maintenance,custom}', 1)).picked;
begin
  return query
  update public.cloud_jobs j set
    status = 'locked',
    locked_at = now(),
    locked_by = instance_id_param,
    lock_expires_at = now() + interval '1 minute' * lock_duration_minutes,
    locked_execution_id = null,
    cancel_requested_at = null,
    finished_at = null
  where j.job_id = any (picked)
    and j.status in ('waiting', 'failed')
  returning j.job_id, j.name, j.job_type, j.config, j.description, j.current_retries, j.max_retries;
end
$$;

-- ==== functions/inspect =========================================================================

-- What is installed: the functions, tables, columns, defaults, constraints, indexes, triggers, views and grants of cloud-jobs.
--
-- One row for each thing: its name for people, its definition, and the statement that makes it again, or null if
-- sql/install.sql does so. Names no other function, so that it works in a broken schema. Changes nothing.
create or replace function public.cloud_jobs_catalog()
returns table (thing text, definition text, repair text)
language sql
stable
set search_path = ''
as $$
  with relation as (
    select c.oid, c.relname, c.relkind, c.relrowsecurity, c.reloptions
    from pg_catalog.pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
      and (c.relname like 'cloud\_job%' or c.relname in ('papers', 'job_statistics'))
  ),
  routine as (
    select p.oid, replace(p.oid::regprocedure::text, 'public.', '') as name
    from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname <> 'cloud_jobs_installed'
      and (p.proname like 'cloud\_jobs\_%' or p.proname in ('get_next_available_job', 'release_expired_locks'))
  )
  select 'function ' || r.name, md5(pg_get_functiondef(r.oid)), null from routine r
  union all
  select case r.relkind when 'v' then 'view ' else 'table ' end || r.relname,
    case r.relkind when 'v' then md5(pg_get_viewdef(r.oid) || coalesce(r.reloptions::text, '')) else 'table' end, null
  from relation r
  union all
  select 'row level security of ' || r.relname, r.relrowsecurity::text, null from relation r where r.relkind = 'r'
  union all
  select format('column %s.%s', r.relname, a.attname),
    format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end,
    format('alter table public.%I alter column %I type %s, alter column %I %s not null', r.relname, a.attname,
      format_type(a.atttypid, a.atttypmod), a.attname, case when a.attnotnull then 'set' else 'drop' end)
  from relation r join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  where r.relkind = 'r'
  union all
  select format('default of %s.%s', r.relname, a.attname), pg_get_expr(d.adbin, d.adrelid),
    format('alter table public.%I alter column %I set default %s', r.relname, a.attname, pg_get_expr(d.adbin, d.adrelid))
  from relation r join pg_catalog.pg_attribute a on a.attrelid = r.oid
  join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where r.relkind = 'r'
  union all
  select format('constraint %s of %s', k.conname, r.relname), pg_get_constraintdef(k.oid) || case when k.convalidated then '' else ' (not valid)' end,
    format('alter table public.%I drop constraint if exists %I, add constraint %I %s', r.relname, k.conname, k.conname, pg_get_constraintdef(k.oid))
  from relation r join pg_catalog.pg_constraint k on k.conrelid = r.oid and k.contype <> 'n'
  union all
  -- An index of a constraint is made with it.
  select format('index %s of %s', i.relname, r.relname), pg_get_indexdef(x.indexrelid) || case when x.indisvalid then '' else ' (invalid)' end,
    format('drop index if exists public.%I; %s', i.relname, pg_get_indexdef(x.indexrelid))
  from relation r join pg_catalog.pg_index x on x.indrelid = r.oid join pg_catalog.pg_class i on i.oid = x.indexrelid
  where i.relname like 'cloud\_job%' and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.oid and k.conrelid = r.oid)
  union all
  select format('trigger %s of %s', t.tgname, r.relname), pg_get_triggerdef(t.oid) || case when t.tgenabled = 'D' then ' (disabled)' else '' end,
    null
  from relation r join pg_catalog.pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
  join pg_catalog.pg_proc p on p.oid = t.tgfoid
  where p.proname like 'cloud\_jobs\_%'
  union all
  select format('grant of %s on %s to service_role', v.verb, r.relname), 'granted', null
  from relation r cross join (values ('select'), ('insert'), ('update'), ('delete')) as v (verb)
  where has_table_privilege('service_role', r.oid, v.verb)
  union all
  select format('grant of execute on %s to service_role', r.name), 'granted', null
  from routine r where has_function_privilege('service_role', r.oid, 'execute')
$$;

-- How this database differs from what its sql/install.sql made, and through what others reach the tables. For doctor.
--
-- Reply: {"v", "differences": [{"thing", "state": "missing" | "changed", "repair"}], "reached_through": [text]}.
-- differences is null if nothing was recorded, by an installation of an earlier release. What others added is no difference.
-- After an upgrade of Postgres, which prints definitions in another form, only missing things are found. Changes nothing.
create or replace function public.cloud_jobs_inspect()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  installed jsonb;
  differences jsonb;
  reached jsonb;
begin
  begin
    installed := public.cloud_jobs_installed();
  exception when undefined_function then
    null;
  end;
  if installed is not null then
    with was as (
      select thing.key as thing, thing.value->>'definition' as definition, thing.value->>'repair' as repair
      from jsonb_each(installed->'things') as thing (key, value)
    ),
    gone as (
      select regexp_replace(was.thing, '^(table|view|function) ', '') as name from was
      where was.thing ~ '^(table|view|function) '
        and not exists (select from public.cloud_jobs_catalog() is_now where is_now.thing = was.thing)
    )
    select coalesce(jsonb_agg(jsonb_build_object('thing', was.thing,
      'state', case when is_now.thing is null then 'missing' else 'changed' end,
      -- sql/install.sql makes missing columns and indexes again, but no defaults and no constraint within a table.
      'repair', case when is_now.thing is not null or was.thing ~ '^(default|constraint) ' then was.repair end)
      -- Foreign keys need the primary key first.
      order by was.thing ~ '_pkey ' desc, was.thing), '[]')
    into differences
    from was left join public.cloud_jobs_catalog() is_now using (thing)
    where (is_now.thing is null
        or (is_now.definition <> was.definition
          and installed->>'server' = split_part(current_setting('server_version'), '.', 1)))
      -- Of a table or function that is gone, its parts and grants are not named as well.
      and not exists (select from gone where was.thing !~ '^(table|view|function) '
        and (right(was.thing, length(gone.name) + 4) = ' of ' || gone.name
          or strpos(was.thing, ' ' || gone.name || '.') > 0
          or strpos(was.thing, ' on ' || gone.name || ' to ') > 0));
  end if;

  with recursive dependent as (
    select c.oid, c.oid as relation from pg_catalog.pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname like 'cloud\_job%'
    union
    select v.oid, dependent.relation
    from dependent
    join pg_catalog.pg_depend d on d.refobjid = dependent.oid and d.refclassid = 'pg_catalog.pg_class'::regclass
      and d.classid = 'pg_catalog.pg_rewrite'::regclass
    join pg_catalog.pg_rewrite w on w.oid = d.objid
    join pg_catalog.pg_class v on v.oid = w.ev_class and v.oid <> dependent.oid
    where v.relkind in ('v', 'm')
  ),
  outsider (role) as (
    select r.rolname from pg_catalog.pg_roles r where r.rolname in ('anon', 'authenticated')
  ),
  way as (
    select format('%s may %s through the view %s.%s', o.role, string_agg(distinct v.verb, ', ' order by v.verb), n.nspname, c.relname) as line
    from (select distinct oid from dependent) d
    join pg_catalog.pg_class c on c.oid = d.oid and c.relkind in ('v', 'm')
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    cross join outsider o cross join (values ('select'), ('insert'), ('update'), ('delete')) as v (verb)
    -- A view with security_invoker shows nothing that whoever asks could not read without it.
    where coalesce(c.reloptions::text, '') !~ 'security_invoker=(true|on|1|yes)'
      and has_schema_privilege(o.role, n.oid, 'usage') and has_table_privilege(o.role, c.oid, v.verb)
      and (v.verb = 'select' or c.relkind = 'v')
    group by o.role, n.nspname, c.relname
    union all
    -- A trigger function cannot be called.
    select format('%s may call %s, which runs with the rights of its owner and names cloud_jobs', o.role, p.oid::regprocedure)
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    cross join outsider o
    where p.prosecdef and p.prorettype <> 'trigger'::regtype
      and n.nspname not in ('pg_catalog', 'information_schema')
      and (p.prosrc ~ 'cloud_job' or pg_get_function_sqlbody(p.oid) ~ 'cloud_job')
      and not (n.nspname = 'public' and p.proname like 'cloud\_jobs\_%')
      and has_schema_privilege(o.role, n.oid, 'usage') and has_function_privilege(o.role, p.oid, 'execute')
  )
  select coalesce(jsonb_agg(way.line order by way.line), '[]') into reached from way;
  return jsonb_build_object('v', 1, 'differences', differences, 'reached_through', reached);
end
$$;

-- ==== functions/job-statistics ==================================================================

-- The number of jobs in each status. A view of the first schema.
create or replace view public.job_statistics
with (security_invoker = on)
as
select
  count(*) as total_jobs,
  sum(case when status = 'waiting' then 1 else 0 end) as waiting_jobs,
  sum(case when status = 'locked' then 1 else 0 end) as locked_jobs,
  sum(case when status = 'success' then 1 else 0 end) as success_jobs,
  sum(case when status = 'failed' then 1 else 0 end) as failed_jobs,
  sum(case when status = 'disabled' then 1 else 0 end) as disabled_jobs,
  now() as calculated_at
from public.cloud_jobs;

-- ==== functions/list ============================================================================

-- Lists jobs that match a filter, newest first: select cloud_jobs_list('{"status": "failed"}').
--
-- The fields of a filter are those of cloud_jobs_condition. before_param is the "next" of the page before.
-- Reply: {"v", "now", "jobs": [...], "next", "searched_to"}; with searched_to the page looked at its share of old jobs and
-- stopped there, and "next" goes on. Changes nothing.
create or replace function public.cloud_jobs_list(
  filter_param jsonb default '{}', limit_param integer default 50, before_param text default null)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'now', now(), 'next', found.next, 'searched_to', found.searched_to,
    'jobs', (
      select coalesce(jsonb_agg(public.cloud_jobs_row(j) order by id.position), '[]'::jsonb)
      from unnest(found.job_ids) with ordinality as id (job_id, position)
      join public.cloud_jobs j on j.job_id = id.job_id))
  from public.cloud_jobs_find(filter_param, limit_param, before_param) found
$$;

-- ==== functions/metrics =========================================================================

-- What a monitoring system asks for: jobs by queue, type and state, and how the attempts of the last hour went.
--
-- Reply: {"v", "now", "window_seconds", "is_partial", "jobs": [{"queue", "job_type", "due", "scheduled", "blocked", "running",
-- "failed", "disabled", "oldest_due_seconds"}], "attempts": [{"queue", "job_type", "outcome", "count"}], "bounds": {"wait",
-- "run"}, "times": [{"kind", "queue", "job_type", "bucket", "count", "sum"}], "paused": [...], "workers",
-- "last_worker_seconds"}. outcome is success or a failure kind. bucket is the number of bounds that the times reach.
--
-- Work: counts stop at 10,000 for each queue, type and state, and failed and disabled jobs are counted among the newest
-- 50,000 of each. Attempts are the newest 50,000 of the hour (is_partial: there were more). Lists up to 1,000 pairs of queue
-- and type. Changes nothing.
create or replace function public.cloud_jobs_metrics()
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
  with recursive bounds as (
    select '{1,5,15,60,300,900,3600,21600}'::double precision[] as wait,
      '{0.1,0.5,1,5,15,60,300,900,3600,21600}'::double precision[] as run
  ),
  -- One step through an index for each queue and type, however many jobs there are.
  waiting (queue, job_type) as (
    (select j.queue, j.job_type from public.cloud_jobs j where j.status = 'waiting' and not j.blocked order by j.queue, j.job_type limit 1)
    union all
    select following.* from waiting cross join lateral (
      select j.queue, j.job_type from public.cloud_jobs j
      where j.status = 'waiting' and not j.blocked and (j.queue, j.job_type) > (waiting.queue, waiting.job_type)
      order by j.queue, j.job_type limit 1) following
  ),
  blocked (queue, job_type) as (
    (select j.queue, j.job_type from public.cloud_jobs j where j.status = 'waiting' and j.blocked order by j.queue, j.job_type limit 1)
    union all
    select following.* from blocked cross join lateral (
      select j.queue, j.job_type from public.cloud_jobs j
      where j.status = 'waiting' and j.blocked and (j.queue, j.job_type) > (blocked.queue, blocked.job_type)
      order by j.queue, j.job_type limit 1) following
  ),
  locked (queue, job_type) as (
    (select j.queue, j.job_type from public.cloud_jobs j where j.status = 'locked' order by j.queue, j.job_type limit 1)
    union all
    select following.* from locked cross join lateral (
      select j.queue, j.job_type from public.cloud_jobs j
      where j.status = 'locked' and (j.queue, j.job_type) > (locked.queue, locked.job_type)
      order by j.queue, j.job_type limit 1) following
  ),
  ended as materialized (
    select e.queue, e.job_type, e.status, count(*) as n from (
      (select j.queue, j.job_type, j.status from public.cloud_jobs j
      where j.status = 'failed' order by coalesce(j.created_at, '-infinity'::timestamptz) desc, j.job_id desc limit 50000)
      union all
      (select j.queue, j.job_type, j.status from public.cloud_jobs j
      where j.status = 'disabled' order by coalesce(j.created_at, '-infinity'::timestamptz) desc, j.job_id desc limit 50000)
    ) e group by 1, 2, 3
  ),
  lane as materialized (
    select * from (
      (select * from waiting limit 1000) union (select * from blocked limit 1000) union (select * from locked limit 1000)
      union select e.queue, e.job_type from ended e
    ) named order by queue, job_type limit 1000
  ),
  line as (
    select lane.*, due.n as due, due.oldest, scheduled.n as scheduled, behind.n as blocked, running.n as running,
      coalesce((select e.n from ended e where (e.queue, e.job_type, e.status) = (lane.queue, lane.job_type, 'failed')), 0) as failed,
      coalesce((select e.n from ended e where (e.queue, e.job_type, e.status) = (lane.queue, lane.job_type, 'disabled')), 0) as disabled
    from lane
    cross join lateral (select count(*) as n, min(j.run_at) as oldest from (
      select j.run_at from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked and j.run_at <= now()
      limit 10000) j) due
    cross join lateral (select count(*) as n from (
      select from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked and j.run_at > now()
      limit 10000) j) scheduled
    cross join lateral (select count(*) as n from (
      select from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and j.blocked limit 10000) j) behind
    cross join lateral (select count(*) as n from (
      select from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'locked' limit 10000) j) running
  ),
  recent as materialized (
    select e.job_id, e.attempt, e.started_at, e.scheduled_for, coalesce(e.failure_kind, 'success') as outcome,
      -- A plain write may store NaN.
      case when e.duration_seconds between 0 and 1e9 then e.duration_seconds::double precision end as took
    from public.cloud_job_executions e
    where e.started_at > now() - interval '1 hour' and e.status <> 'running'
    order by e.started_at desc
    limit 50001
  ),
  attempt as materialized (
    select r.*, j.queue, j.job_type, r.outcome not in ('skipped', 'expired') as was_started
    from recent r join public.cloud_jobs j on j.job_id = r.job_id
  ),
  seconds as (
    select 'wait' as kind, a.queue, a.job_type, extract(epoch from a.started_at - a.scheduled_for)::double precision as value
    from attempt a where a.was_started and a.attempt = 1 and a.scheduled_for <= a.started_at
    union all
    select 'run', a.queue, a.job_type, a.took from attempt a where a.was_started and a.took is not null
  )
  select jsonb_build_object('v', 1, 'now', now(), 'window_seconds', 3600, 'is_partial', (select count(*) > 50000 from recent),
    'jobs', (
      select coalesce(jsonb_agg(jsonb_build_object('queue', l.queue, 'job_type', l.job_type, 'due', l.due,
        'scheduled', l.scheduled, 'blocked', l.blocked, 'running', l.running, 'failed', l.failed, 'disabled', l.disabled,
        'oldest_due_seconds', extract(epoch from now() - public.cloud_jobs_finite(l.oldest)))
        order by l.queue, l.job_type), '[]'::jsonb)
      from line l),
    'attempts', (
      select coalesce(jsonb_agg(to_jsonb(a) order by a.queue, a.job_type, a.outcome), '[]'::jsonb)
      from (select queue, job_type, outcome, count(*) as count from attempt group by 1, 2, 3 order by 1, 2, 3 limit 1000) a),
    'bounds', (select to_jsonb(bounds) from bounds),
    'times', (
      select coalesce(jsonb_agg(to_jsonb(t) order by t.kind, t.queue, t.job_type, t.bucket), '[]'::jsonb)
      from (
        select s.kind, s.queue, s.job_type, width_bucket(s.value, case s.kind when 'wait' then b.wait else b.run end) as bucket,
          count(*) as count, sum(s.value) as sum
        from seconds s cross join bounds b
        group by 1, 2, 3, 4 order by 1, 2, 3, 4 limit 10000) t),
    'paused', (
      select coalesce(jsonb_agg(s.queue order by s.queue), '[]'::jsonb) from public.cloud_jobs_queues s
      where s.paused or s.cool_down_until > now()),
    'workers', (select count(*) from public.cloud_job_workers w where w.seen_at > now() - interval '2 minutes'),
    'last_worker_seconds', (select extract(epoch from now() - max(w.seen_at)) from public.cloud_job_workers w))
$$;

-- ==== functions/newest-occurrence ===============================================================

-- The oldest of the newest count_param occurrences after one moment and up to another; null if there is none.
--
-- Counts local times back from the end, by whole days and hours, and lists only the occurrences from there on.
create or replace function public.cloud_jobs_newest_occurrence(
  schedule_param text, timezone_param text, after_param timestamptz, until_param timestamptz, count_param integer default 1)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  cron record;
  earliest constant date := (after_param at time zone timezone_param)::date - 1;
  clock constant timestamp := until_param at time zone timezone_param;
  day date;
  begin_at timestamptz;
  -- Local times to go back by: more than asked for, since a change of clocks may leave some out.
  wanted integer;
  passed integer;
  unneeded integer;
  found timestamptz[];
begin
  select * into cron from public.cloud_jobs_cron_fields(schedule_param);
  wanted := count_param + 2 * cardinality(cron.minutes);
  loop
    day := clock::date + 1;
    passed := 0;
    while passed < wanted loop
      day := public.cloud_jobs_cron_day(cron.months, cron.days, cron.weekdays, cron.either_day, day - 1, -1);
      exit when day is null or day < earliest;
      passed := passed + cardinality(cron.minutes) * case when day < clock::date then cardinality(cron.hours)
        else (select count(*) from unnest(cron.hours) as h where h < extract(hour from clock))::integer end;
    end loop;
    if day is null or day < earliest then
      begin_at := after_param;
    else
      -- The first hours of that day are not needed.
      unneeded := greatest(0, passed - wanted) / cardinality(cron.minutes);
      begin_at := greatest(after_param,
        ((day + cron.hours[1 + unneeded] * interval '1 hour') at time zone timezone_param) - interval '1 minute');
    end if;
    select array_agg(o order by o desc) into found
    from public.cloud_jobs_occurrences(schedule_param, timezone_param, begin_at, until_param, null) as o;
    exit when cardinality(found) >= count_param or begin_at = after_param;
    wanted := wanted * 2;
  end loop;
  return found[least(count_param, cardinality(found))];
end
$$;

-- ==== functions/next-due ========================================================================

-- In how many seconds the next job of these queues and types becomes due; null if none waits for a later time.
--
-- One index probe for each priority in use.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_next_due(
  queues_param text[] default '{default}', job_types_param text[] default '{paper_fetch,maintenance,custom}')
returns double precision
language sql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
  with recursive lane as materialized (
    select q.queue, t.job_type
    from unnest(queues_param) as q (queue)
    cross join unnest(job_types_param) as t (job_type)
  ),
  level (queue, job_type, priority) as (
    select lane.queue, lane.job_type, (
      select j.priority from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked
      order by j.priority limit 1)
    from lane
    union all
    select level.queue, level.job_type, (
      select j.priority from public.cloud_jobs j
      where j.queue = level.queue and j.job_type = level.job_type and j.status = 'waiting' and not j.blocked
        and j.priority > level.priority
      order by j.priority limit 1)
    from level
    where level.priority is not null
  )
  select extract(epoch from min(least(front.run_at, now() + interval '1 day')) - now())::double precision
  from level
  cross join lateral (
    select j.run_at from public.cloud_jobs j
    where j.queue = level.queue and j.job_type = level.job_type and j.priority = level.priority
      and j.status = 'waiting' and not j.blocked and j.run_at > now()
    order by j.run_at limit 1
  ) front
  where level.priority is not null
$$;

-- ==== functions/occurrences =====================================================================

-- The occurrences of a schedule after one moment and up to another, oldest first, at most limit_param of them (null:
-- all of them, so until_param must be given). Looks 40 years ahead at most.
--
-- Goes through the matching days by the clock on the wall. A day whose clocks change is read in two parts: up to the
-- change, and from it on. A fixed time of day is due once: at the first of two equal local times, and at the end of a
-- gap that it falls into. Any other time is due whenever the clock shows it.
create or replace function public.cloud_jobs_occurrences(
  schedule_param text, timezone_param text, after_param timestamptz, until_param timestamptz default null,
  limit_param integer default 1)
returns setof timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  cron record;
  -- Nothing before this moment is left to find, and from it on clocks are so far ahead of UTC.
  here timestamptz := after_param;
  ahead interval := public.cloud_jobs_utc_offset(after_param, timezone_param);
  -- The first local time to look at.
  clock timestamp := date_trunc('minute', after_param at time zone timezone_param) + interval '1 minute';
  day date;
  day_end timestamptz;
  -- Clocks do not change before this moment.
  steady_until timestamptz := after_param;
  -- Where the part of the day ends by the local clock, and the change of clocks that ends it.
  stop timestamp;
  change timestamptz;
  changed interval;
  hour integer;
  minute integer;
  local_time timestamp;
  moment timestamptz;
  given integer := 0;
begin
  select * into cron from public.cloud_jobs_cron_fields(schedule_param);
  changed := public.cloud_jobs_utc_offset(here - interval '1 day', timezone_param);
  if cron.fixed and changed > ahead then
    -- Clocks were just set back: local times up to the change have been shown before.
    change := public.cloud_jobs_clock_change(timezone_param, here - interval '1 day', here);
    clock := greatest(clock, (change at time zone 'UTC') + changed);
  end if;

  loop
    day := clock;
    if cron.months is not null or cron.days is not null or cron.weekdays is not null then
      day := public.cloud_jobs_cron_day(cron.months, cron.days, cron.weekdays, cron.either_day, day);
      exit when day is null;
    end if;
    if day > clock::date then
      clock := day;
      here := greatest(here, (clock at time zone 'UTC') - ahead - interval '1 day');
      exit when here > until_param;
      if here > steady_until then
        ahead := public.cloud_jobs_utc_offset(here, timezone_param);
      end if;
    end if;
    stop := day + 1;
    day_end := (stop at time zone 'UTC') - ahead;
    change := null;
    if day_end > steady_until then
      -- No zone changes its clocks twice in a week.
      steady_until := here + interval '7 days';
      if public.cloud_jobs_utc_offset(steady_until, timezone_param) <> ahead then
        steady_until := day_end;
        if public.cloud_jobs_utc_offset(day_end, timezone_param) <> ahead then
          change := public.cloud_jobs_clock_change(timezone_param, here, day_end);
          stop := (change at time zone 'UTC') + ahead;
        end if;
      end if;
    end if;

    foreach hour in array cron.hours loop
      continue when clock >= day + (hour + 1) * interval '1 hour';
      foreach minute in array cron.minutes loop
        local_time := day + hour * interval '1 hour' + minute * interval '1 minute';
        continue when local_time < clock;
        exit when local_time >= stop;
        moment := (local_time at time zone 'UTC') - ahead;
        if moment > until_param then
          return;
        end if;
        return next moment;
        given := given + 1;
        if given = limit_param then
          return;
        end if;
      end loop;
    end loop;

    if change is null then
      clock := stop;
      here := day_end;
      continue;
    end if;
    changed := public.cloud_jobs_utc_offset(change, timezone_param);
    clock := stop + (changed - ahead);
    if cron.fixed and changed < ahead then
      clock := stop;
    elsif cron.fixed and exists (
      select from generate_series(stop, clock - interval '1 minute', interval '1 minute') as skipped
      where extract(hour from skipped)::integer = any (cron.hours)
        and extract(minute from skipped)::integer = any (cron.minutes)
        and public.cloud_jobs_cron_day(cron.months, cron.days, cron.weekdays, cron.either_day, skipped::date) = skipped::date)
    then
      if change > until_param then
        return;
      end if;
      return next change;
      given := given + 1;
      if given = limit_param then
        return;
      end if;
      clock := clock + interval '1 minute';
    end if;
    here := change;
    steady_until := change;
    ahead := changed;
  end loop;
end
$$;

-- The next occurrence after a moment; null if there is none within 40 years.
--
-- Raises PT400 if the schedule is not valid, and the error of Postgres if the time zone is not.
create or replace function public.cloud_jobs_next_occurrence(schedule_param text, timezone_param text, after_param timestamptz)
returns timestamptz
language sql
stable
set search_path = ''
as $$
  select o from public.cloud_jobs_occurrences(schedule_param, coalesce(timezone_param, 'UTC'), after_param) as o
$$;

-- ==== functions/outcomes ========================================================================

-- How the last 30 occurrences of recurring jobs ended, oldest first.
--
-- Reply: {"v", "jobs": {job_id: [{"scheduled_for", "started_at", "status", "failure_kind"}]}}. Changes nothing.
create or replace function public.cloud_jobs_outcomes(job_ids_param text[])
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'jobs', coalesce(jsonb_object_agg(j.job_id, j.outcomes), '{}'::jsonb))
  from (
    select id.job_id, jsonb_agg(jsonb_build_object('scheduled_for', e.scheduled_for, 'started_at', e.started_at,
      'status', e.status, 'failure_kind', e.failure_kind) order by e.started_at) as outcomes
    from (select distinct unnest(job_ids_param) as job_id limit 200) id
    cross join lateral (
      -- The last attempt at each occurrence.
      select distinct on (e.occurrence) e.* from (
        select e.occurrence, e.scheduled_for, e.started_at, e.status, e.failure_kind
        from public.cloud_job_executions e where e.job_id = id.job_id
        union all
        select r.occurrence, r.scheduled_for, r.started_at, 'running', null
        from public.cloud_jobs_running(array[id.job_id]) r
        order by started_at desc limit 120) e
      order by e.occurrence desc, e.started_at desc
      limit 30
    ) e
    group by id.job_id
  ) j
$$;

-- ==== functions/overview ========================================================================

-- How the queue is doing now, and how it did in the last hours, for the dashboard.
--
-- Attempts are counted from the newest 50,000 of the period; cut_at is the start of the oldest of them if there are more.
-- Counts of jobs stop at 10,000. Reply: {"v", "now", "counts": {...}, "wait": {...}, "series": {"step_seconds", "cut_at",
-- "points": [...]}, "oldest_due": [...], "workers": [...], "ticks": {...}, "minutes_billed_estimate"}. Changes nothing.
create or replace function public.cloud_jobs_overview(hours_param integer default 24)
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
  with step as (
    select hours_param * 3600 / 48 as seconds
  ),
  recent as materialized (
    select e.status, e.failure_kind, e.job_status, e.attempt, e.started_at, e.scheduled_for, e.instance_id
    from public.cloud_job_executions e
    where e.started_at > now() - make_interval(hours => hours_param)
    union all
    select 'running', null, null, r.attempt, r.started_at, r.scheduled_for, r.instance_id
    from public.cloud_jobs_running(array(select j.job_id from public.cloud_jobs j where j.status = 'locked')) r
    where r.started_at > now() - make_interval(hours => hours_param)
    order by started_at desc
    limit 50000
  ),
  bucket as (
    select floor(extract(epoch from r.started_at) / step.seconds)::bigint as slot,
      count(*) filter (where r.status = 'success') as succeeded,
      count(*) filter (where r.status = 'failed' and r.job_status = 'waiting' and r.failure_kind not in ('snoozed', 'released', 'skipped')) as retried,
      count(*) filter (where r.status = 'failed' and r.job_status is distinct from 'waiting' and r.failure_kind not in ('snoozed', 'released', 'skipped', 'cancelled')) as failed
    from recent r cross join step
    group by 1
  ),
  seen as (
    select w.*, least(w.seen_at, now()) as last_seen_at from public.cloud_job_workers w
    where w.started_at > now() - make_interval(hours => hours_param)
  ),
  gap as (
    select extract(epoch from s.started_at - lag(s.started_at) over (partition by s.trigger order by s.started_at)) as seconds
    from seen s where s.trigger like 'schedule%'
  )
  select jsonb_build_object('v', 1, 'now', now(),
    'counts', jsonb_build_object(
      'due', (select count(*) from (select from public.cloud_jobs j where j.status = 'waiting' and not j.blocked and j.run_at <= now() limit 10000) j),
      'scheduled', (select count(*) from (select from public.cloud_jobs j where j.status = 'waiting' and not j.blocked and j.run_at > now() limit 10000) j),
      'blocked', (select count(*) from (select from public.cloud_jobs j where j.status = 'waiting' and j.blocked limit 10000) j),
      'running', (select count(*) from (select from public.cloud_jobs j where j.status = 'locked' limit 10000) j),
      'failed_24h', (select count(*) from (select from public.cloud_jobs j where j.status = 'failed' and j.finished_at > now() - interval '24 hours' limit 10000) j)),
    'wait', (
      select jsonb_build_object('p50_seconds', percentile_cont(0.5) within group (order by w.seconds),
        'p95_seconds', percentile_cont(0.95) within group (order by w.seconds))
      from (select extract(epoch from r.started_at - r.scheduled_for) as seconds from recent r
        where r.attempt = 1 and r.scheduled_for <= r.started_at and coalesce(r.failure_kind, '') not in ('skipped', 'expired')) w),
    'series', (
      select jsonb_build_object('step_seconds', step.seconds,
        'cut_at', case when (select count(*) from recent) >= 50000 then (select min(r.started_at) from recent r) end,
        'points', (
          select jsonb_agg(jsonb_build_object('at', to_timestamp(slot * step.seconds), 'succeeded', coalesce(bucket.succeeded, 0),
            'retried', coalesce(bucket.retried, 0), 'failed', coalesce(bucket.failed, 0)) order by slot)
          from generate_series(floor(extract(epoch from now()) / step.seconds)::bigint - 47, floor(extract(epoch from now()) / step.seconds)::bigint) as slot
          left join bucket using (slot)))
      from step),
    'oldest_due', (
      select coalesce(jsonb_agg(q.line order by (q.line->>'oldest_due_seconds')::double precision desc), '[]'::jsonb)
      from (
        select line from jsonb_array_elements(public.cloud_jobs_queue_list()->'queues') as line
        where (line->>'due')::integer > 0
        order by (line->>'oldest_due_seconds')::double precision desc limit 10) q),
    'workers', (
      select coalesce(jsonb_agg(jsonb_build_object('instance_id', s.instance_id, 'queues', s.queues, 'run_url', s.run_url,
        'trigger', s.trigger, 'started_at', s.started_at, 'last_seen_at', s.last_seen_at,
        'claimed', (select count(*) from recent r where r.instance_id = s.instance_id)) order by s.last_seen_at desc), '[]'::jsonb)
      from (select * from seen order by last_seen_at desc limit 10) s),
    'ticks', (
      select jsonb_build_object('count', count(*), 'median_gap_seconds', percentile_cont(0.5) within group (order by gap.seconds))
      from gap where gap.seconds is not null),
    -- GitHub bills each run by the minute, rounded up.
    'minutes_billed_estimate', (
      select coalesce(sum(greatest(ceil(extract(epoch from s.last_seen_at - s.started_at) / 60), 1)), 0) from seen s
      where s.run_url is not null))
$$;

-- ==== functions/paper-list ======================================================================

-- Papers, newest first. search_param is a part of the title or the abstract; before_param is the "next" of the page before.
-- job_id_param leaves the papers that this job found first.
--
-- A search looks at the newest 100,000 papers. Reply: {"v", "papers": [...], "next"}. Changes nothing.
create or replace function public.cloud_jobs_paper_list(
  search_param text default null, limit_param integer default 30, before_param text default null,
  job_id_param text default null)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  papers jsonb;
  next text;
begin
  if limit_param is null or limit_param not between 1 and 100 then
    perform public.cloud_jobs_refuse(400, format('limit_param is %s.', coalesce(limit_param::text, 'null')), 'Pass a number from 1 to 100.');
  end if;
  select jsonb_agg(jsonb_build_object('paper_id', p.id, 'title', p.title,
      'authors', coalesce(to_jsonb(p.author_list), to_jsonb(string_to_array(p.authors, '|'))),
      'published', p.published, 'source', coalesce(p.source, 'arxiv'), 'url', p.url, 'primary_category', p.primary_category)
      order by p.position) filter (where p.position <= limit_param),
    max(p.published || '|' || p.id) filter (where p.position = limit_param and p.total > limit_param)
  into papers, next
  from (
    select found.*, row_number() over (order by found.published desc, found.id desc) as position, count(*) over () as total
    from (
      select newest.* from (
        select * from public.papers p
        where (job_id_param is null or p.job_id = job_id_param)
          and (before_param is null or (p.published, p.id) < (split_part(before_param, '|', 1)::timestamptz, substr(before_param, strpos(before_param, '|') + 1)))
        order by p.published desc, p.id desc limit 100000) newest
      where search_param is null or strpos(lower(newest.title), lower(search_param)) > 0 or strpos(lower(newest.abstract), lower(search_param)) > 0
      limit limit_param + 1
    ) found
  ) p;
  return jsonb_build_object('v', 1, 'papers', coalesce(papers, '[]'::jsonb), 'next', next);
end
$$;

-- ==== functions/paper-query =====================================================================

-- How far a query was read:
-- {"v": 1, "completed_seconds_ago": n or null, "position": object or null, "position_seconds_ago": n or null}.
--
-- With started_seconds_ago_param and position_param it first notes that a reading which started that many seconds ago
-- has come to this position; without position_param, that it has come to the end. The time of the last complete
-- reading never moves back. The call can be repeated.
drop function if exists public.cloud_jobs_paper_query(text, double precision);
create or replace function public.cloud_jobs_paper_query(
  query_key_param text, started_seconds_ago_param double precision default null, position_param jsonb default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  started timestamptz := now() - make_interval(secs => greatest(started_seconds_ago_param, 0));
  found_query public.cloud_jobs_paper_queries;
begin
  if pg_column_size(position_param) > 16384 then
    raise exception 'position_param has % bytes; send at most 16384', pg_column_size(position_param)
      using errcode = '22023';
  end if;
  if started_seconds_ago_param is not null then
    insert into public.cloud_jobs_paper_queries as q (query_key, completed_at, position, reading_since)
    values (
      query_key_param,
      case when position_param is null then started end,
      position_param,
      case when position_param is not null then started end)
    on conflict (query_key) do update set
      completed_at = greatest(q.completed_at, excluded.completed_at),
      position = excluded.position,
      reading_since = excluded.reading_since;
  end if;
  select q.* into found_query from public.cloud_jobs_paper_queries q where q.query_key = query_key_param;
  return jsonb_build_object(
    'v', 1,
    'completed_seconds_ago', extract(epoch from now() - found_query.completed_at),
    'position', found_query.position,
    'position_seconds_ago', extract(epoch from now() - found_query.reading_since));
end
$$;

-- ==== functions/paper-stats =====================================================================

-- Returns {"v": 1, "total_papers": n}.
create or replace function public.cloud_jobs_paper_stats()
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'total_papers', (select count(*) from public.papers))
$$;

-- ==== functions/pass-on =========================================================================

-- Tells children how their parents ended: releases those that wait for no other parent, and cancels those whose policy says so.
--
-- Called by a trigger at the end of each statement that ends parents, and by every claim for what was left: children that another
-- transaction has locked, and whatever is beyond 20,000 pairs or 1,000 generations of one call. Returns how many pairs it
-- handled. A repeat handles nothing twice.
--
-- A released child is due now unless its own time is later. Children are locked in the order of job_id.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_pass_on()
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  most constant integer := 20000;
  handled integer := 0;
  passed integer;
  children text[];
  failed jsonb;
begin
  if not exists (select from public.cloud_job_dependencies d where d.outcome is not null and not d.passed_on) then
    return 0;
  end if;
  perform set_config('cloud_jobs.parents', 'pass on', true);
  -- Children that are cancelled here are the parents of the next generation.
  for generation in 1..1000 loop
    with held as materialized (
      select e.pair
      from (
        select d.ctid as pair, d.job_id from public.cloud_job_dependencies d
        where d.outcome is not null and not d.passed_on
        -- Not the order of the primary key, whose index holds every pair there is.
        order by d.job_id || '', d.parent_id limit most - handled) e
      cross join lateral (
        select from public.cloud_jobs c where c.job_id = e.job_id for update of c skip locked
      ) child
    ),
    passed as (
      -- By the place of the rows: the planner cannot choose another way, whatever the statistics say.
      update public.cloud_job_dependencies d set passed_on = true
      where d.ctid = any (array(select held.pair from held)) and not coalesce(d.passed_on, false)
      returning d.job_id, d.outcome, d.on_failure, d.root_id
    )
    select count(*), array_agg(distinct p.job_id),
      jsonb_object_agg(p.job_id, p.root_id) filter (where p.outcome <> 'success' and p.on_failure <> 'run')
    into passed, children, failed
    from passed p;
    exit when passed = 0;
    handled := handled + passed;

    if failed is not null then
      update public.cloud_jobs c set status = 'failed', finished_at = now(),
        error_message = public.cloud_jobs_not_run_words(f.root_id)
      from jsonb_each_text(failed) as f (job_id, root_id)
      where c.job_id = f.job_id and c.blocked is null and c.status in ('waiting', 'disabled');
    end if;
    -- A statement of its own: it sees what another transaction passed on before it let go of the child.
    update public.cloud_jobs c set blocked = false, run_at = greatest(c.run_at, now())
    from unnest(children) as held (job_id)
    where c.job_id = held.job_id and c.blocked is null
      -- From the end of the index: its beginning holds the dead entries of parents that have ended.
      and (select d.job_id from public.cloud_job_dependencies d
        where d.job_id = c.job_id and not d.passed_on order by d.job_id desc, d.parent_id desc limit 1) is null;
    exit when handled >= most;
  end loop;
  perform set_config('cloud_jobs.parents', '', true);
  return handled;
end
$$;

-- Why a job was cancelled that depends on another: names the job at the root, and its error.
create or replace function public.cloud_jobs_not_run_words(root_id_param text)
returns text
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select format('Not run: it depends on the job %s (%s), which failed%s', to_json(left(j.name, 80)), j.job_id,
        coalesce(': ' || left(j.error_message, 500), '.'))
      from public.cloud_jobs j where j.job_id = root_id_param),
    format('Not run: it depends on the job %s, which was deleted.', root_id_param))
$$;

-- The root cause of the failure of a job: the job itself, or if it was cancelled because of a parent, the root cause there.
create or replace function public.cloud_jobs_root_of(job_id_param text, never_ran_param boolean)
returns text
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select d.root_id from public.cloud_job_dependencies d
      where never_ran_param and d.job_id = job_id_param and d.root_id is not null and d.on_failure <> 'run' and d.passed_on
      order by d.position limit 1),
    job_id_param)
$$;

-- ==== functions/peek ============================================================================

-- What a claim would find now, in its order, without taking it.
--
-- Reply: {"v", "now", "due", "due_is_minimum", "expired_locks", "blocked", "jobs": [...]}. due counts the jobs that a worker
-- could claim now, those whose lock has expired, and those that wait for a concurrency key; the latter two are reported by
-- themselves as well. Each of the three is counted up to 10,000: if one reaches that, due_is_minimum is true. Changes
-- nothing.
create or replace function public.cloud_jobs_peek(
  queues_param text[] default '{default}', job_types_param text[] default '{paper_fetch,maintenance,custom}',
  limit_param integer default 0)
returns jsonb
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
  select public.cloud_jobs_check_queues(queues_param);
  with lane as materialized (
    select distinct q.queue, t.job_type
    from unnest(queues_param) as q (queue)
    cross join unnest(job_types_param) as t (job_type)
  ),
  counted as materialized (
    select (
        select count(*) from (
          select from lane cross join lateral (
            select from public.cloud_jobs j
            where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked
              and j.run_at <= now()
            union all
            select from public.cloud_jobs j
            where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'failed' and j.finished_at is null
              and j.current_retries < j.max_retries and j.unique_key is null and j.concurrency_key is null
          ) one limit 10000
        ) found) as claimable,
      (
        select count(*) from (
          select from lane cross join lateral (
            select from public.cloud_jobs j
            where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'locked' and j.lock_expires_at < now()
          ) one limit 10000
        ) found) as expired,
      (
        select count(*) from (
          select from lane cross join lateral (
            select from public.cloud_jobs j
            where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and j.blocked
          ) one limit 10000
        ) found) as blocked
  )
  select jsonb_build_object('v', 1, 'now', now(),
    'due', counted.claimable + counted.expired + counted.blocked,
    'due_is_minimum', 10000 in (counted.claimable, counted.expired, counted.blocked),
    'expired_locks', counted.expired, 'blocked', counted.blocked,
    'jobs', coalesce((
      select jsonb_agg(public.cloud_jobs_row(next.j) order by (next.j).priority, (next.j).run_at, (next.j).job_id)
      from (
        select front.j
        from lane cross join lateral (
          select j
          from public.cloud_jobs j
          where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked
            and j.run_at <= now()
          order by j.priority, j.run_at, j.job_id
          limit least(greatest(coalesce(limit_param, 0), 0), 1000)
        ) front
        order by (front.j).priority, (front.j).run_at, (front.j).job_id
        limit least(greatest(coalesce(limit_param, 0), 0), 1000)
      ) next), '[]'::jsonb))
  from counted
$$;

-- ==== functions/pick ============================================================================

-- Locks the rows of the next due jobs and returns their ids in the order of the claim: priority, then due time.
--
-- The rows stay locked until the transaction ends; the caller changes their state. Skips rows that another transaction
-- has locked. Jobs behind a full concurrency key are marked as blocked, up to 1,000 and 20 for each job asked for, so the
-- work of a call is bounded by its limit. set_aside is their number: if no job was picked and some were set aside, the
-- next call may find one. taken_param names jobs that the same claim has picked from other queues: they count for their keys.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_pick(
  queues_param text[], job_types_param text[], limit_param integer, taken_param text[] default '{}',
  out picked text[], out set_aside integer)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
declare
  budget constant integer := least(1000 + 20 * limit_param, 10000);
  candidates text[];
  keys text[];
  key text;
  taken text[];
  admitted text[];
  running bigint;
  marked integer;
  passed boolean;
begin
  picked := '{}';
  set_aside := 0;
  -- Each round but the last blocks at least one job, so the budget bounds the rounds.
  loop
    with recursive lane as materialized (
      select distinct q.queue, t.job_type
      from unnest(queues_param) as q (queue)
      cross join unnest(job_types_param) as t (job_type)
    ),
    -- The priorities in use, smallest first, found by jumping from one to the next through the index. A plain range
    -- scan would read every job of a higher priority that is due only tomorrow.
    level (priority) as (
      select min(head.priority)
      from lane
      cross join lateral (
        select j.priority from public.cloud_jobs j
        where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked
        order by j.priority limit 1
      ) head
      union all
      select (
        select min(head.priority)
        from lane
        cross join lateral (
          select j.priority from public.cloud_jobs j
          where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked
            and j.priority > level.priority
          order by j.priority limit 1
        ) head
      )
      from level
      where level.priority is not null
    ),
    -- Levels come one by one, in order, and the limit stops the search: only rows that are taken, and a few of the same
    -- level in other queues and types, are locked.
    due as materialized (
      select j.job_id, j.priority, j.run_at, j.concurrency_key
      from level
      cross join lateral (
        select front.job_id, front.priority, front.run_at, front.concurrency_key
        from lane
        cross join lateral (
          select c.job_id, c.priority, c.run_at, c.concurrency_key
          from public.cloud_jobs c
          where c.queue = lane.queue and c.job_type = lane.job_type and c.priority = level.priority
            and c.status = 'waiting' and not c.blocked and c.run_at <= now()
            and (c.lock_expires_at is null or c.lock_expires_at < now())
            and c.job_id <> all (picked)
            -- Expired, but locked when cloud_jobs_expire_waiting came by.
            and (c.expires_at is null or c.expires_at > now())
            -- Later than its grace, and not yet recorded as skipped: cloud_jobs_skip_missed takes a bounded number.
            and not (c.missed = 'skip' and c.schedule is not null and c.run_at = c.scheduled_for
              and c.run_at < now() - make_interval(secs => c.missed_grace_seconds))
          order by c.run_at, c.job_id
          limit limit_param - cardinality(picked)
          for update of c skip locked
        ) front
        order by front.run_at, front.job_id
        limit limit_param - cardinality(picked)
      ) j
      limit limit_param - cardinality(picked)
    )
    select coalesce(array_agg(due.job_id order by due.priority, due.run_at, due.job_id), '{}'),
      coalesce(array_agg(distinct due.concurrency_key) filter (where due.concurrency_key is not null), '{}')
    into candidates, keys
    from due;

    exit when cardinality(candidates) = 0;

    if cardinality(keys) = 0 then
      picked := picked || candidates;
      exit;
    end if;

    taken := '{}';
    passed := false;
    foreach key in array keys loop
      -- Never waits for a key while it holds row locks. Whoever holds the lock of the key is working on it now.
      if not pg_try_advisory_xact_lock(public.cloud_jobs_key_lock_id(key)) then
        passed := true;
        continue;
      end if;
      running := (select count(*) from public.cloud_jobs j where j.concurrency_key = key and j.status = 'locked')
        + (select count(*) from public.cloud_jobs j where j.job_id = any (picked || taken_param) and j.concurrency_key = key);
      -- The first of the key go, in the order of the candidates, up to the limit of each.
      admitted := array(
        select c.job_id
        from (
          select c.job_id, j.concurrency_limit, row_number() over (order by c.position) as position
          from unnest(candidates) with ordinality as c (job_id, position)
          join public.cloud_jobs j on j.job_id = c.job_id
          where j.concurrency_key = key
        ) c
        where running + c.position <= c.concurrency_limit);
      taken := taken || admitted;
      -- Those that find the key full leave the index of the claim, each key with its share of the budget, since they tend
      -- to come in crowds.
      update public.cloud_jobs c set blocked = true
      where c.job_id = any (array(
        select j.job_id from public.cloud_jobs j
        where j.concurrency_key = key and j.status = 'waiting' and not j.blocked and j.run_at <= now()
          and j.concurrency_limit <= running + cardinality(admitted)
          and j.job_id <> all (picked || taken)
        limit least(budget - set_aside, greatest(20, budget / cardinality(keys)))
        for update skip locked
      ));
      get diagnostics marked = row_count;
      set_aside := set_aside + marked;
    end loop;

    picked := picked || array(
      select c.job_id
      from unnest(candidates) with ordinality as c (job_id, position)
      join public.cloud_jobs j on j.job_id = c.job_id
      where j.concurrency_key is null or c.job_id = any (taken)
      order by c.position);

    exit when cardinality(picked) >= limit_param or passed or set_aside >= budget;
  end loop;

  -- Rows that a client of the first schema marked as failed, with retries left, come last, oldest first.
  if cardinality(picked) < limit_param then
    picked := picked || array(
      select front.job_id
      from (select distinct q.queue from unnest(queues_param) as q (queue)) as q
      cross join (select distinct t.job_type from unnest(job_types_param) as t (job_type)) as t
      cross join lateral (
        select c.job_id, c.created_at
        from public.cloud_jobs c
        where c.queue = q.queue and c.job_type = t.job_type and c.status = 'failed' and c.finished_at is null
          and c.current_retries < c.max_retries
          and c.unique_key is null and c.concurrency_key is null
          and (c.lock_expires_at is null or c.lock_expires_at < now())
        order by c.created_at, c.job_id
        limit limit_param - cardinality(picked)
        for update of c skip locked
      ) front
      order by front.created_at, front.job_id
      limit limit_param - cardinality(picked));
  end if;
end
$$;

-- ==== functions/pick-within-limits ==============================================================

-- cloud_jobs_pick, within the limits of the queues.
--
-- Jobs that have expired end before any is picked; they count in set_aside. If there were as many as one call handles,
-- nothing is picked, and the next call goes on.
--
-- Jobs of limited queues come first, since they have less room than the others. Locks the settings of the limited queues
-- named, in order, so that two claims never share the same room.
create or replace function public.cloud_jobs_pick_within_limits(
  queues_param text[], job_types_param text[], limit_param integer, out picked text[], out set_aside integer)
language plpgsql
set search_path = ''
as $$
declare
  most_expired constant integer := 500;
  settings public.cloud_jobs_queues;
  free text[];
  room bigint;
  slot bigint;
  starts integer[];
  part record;
begin
  picked := '{}';
  set_aside := public.cloud_jobs_expire_waiting(queues_param, job_types_param, most_expired);
  if set_aside >= most_expired then
    return;
  end if;
  for settings in
    select s.* from public.cloud_jobs_queues s
    where s.queue = any (queues_param)
      and (s.paused or s.cool_down_until > now() or s.max_running is not null or s.rate_limit is not null)
      -- A limited queue without a job that could be claimed costs no more than this look. Not "exists": the planner may read
      -- the waiting jobs of all queues for that.
      and ((select j.priority from public.cloud_jobs j where j.queue = s.queue and j.status = 'waiting' and not j.blocked limit 1) is not null
        or (select j.job_id from public.cloud_jobs j where j.queue = s.queue and j.status = 'failed' and j.finished_at is null limit 1) is not null)
    order by s.queue
    for update
  loop
    exit when cardinality(picked) >= limit_param;
    room := least(public.cloud_jobs_queue_room(settings), limit_param - cardinality(picked));
    continue when room = 0;
    part := public.cloud_jobs_pick(array[settings.queue], job_types_param, room::integer, picked);
    picked := picked || part.picked;
    set_aside := set_aside + part.set_aside;
    if settings.rate_limit is not null and cardinality(part.picked) > 0 then
      slot := public.cloud_jobs_rate_slot(settings);
      starts := public.cloud_jobs_recent_starts(settings, slot);
      starts[1] := starts[1] + cardinality(part.picked);
      update public.cloud_jobs_queues s set rate_slot = slot, rate_starts = starts where s.queue = settings.queue;
    end if;
  end loop;
  if cardinality(picked) < limit_param then
    free := array(
      select q.queue from unnest(queues_param) with ordinality as q (queue, position)
      where (
        select s.paused or s.cool_down_until > now() or s.max_running is not null or s.rate_limit is not null
        from public.cloud_jobs_queues s where s.queue = q.queue) is not true
      order by q.position);
  end if;
  if cardinality(free) > 0 then
    part := public.cloud_jobs_pick(free, job_types_param, limit_param - cardinality(picked), picked);
    picked := picked || part.picked;
    set_aside := set_aside + part.set_aside;
  end if;
end
$$;

-- ==== functions/plan ============================================================================

-- The backlog, for a run that plans workers.
--
-- The run is recorded as a worker that came: on a day without work no other worker comes, and the runs of its schedule
-- would seem to be missing. Changes no job. Reply: that of cloud_jobs_backlog, and "worker" as in cloud_jobs_claim.
create or replace function public.cloud_jobs_plan(
  instance_id_param text,
  queues_param text[] default '{default}',
  job_types_param text[] default '{paper_fetch,maintenance,custom}',
  run_url_param text default null,
  trigger_param text default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(instance_id_param, '') = '' or length(instance_id_param) > 500 then
    perform public.cloud_jobs_refuse(400, 'instance_id_param is empty or longer than 500 characters.', 'Pass a name that no other worker has.');
  end if;
  perform public.cloud_jobs_check_queues(queues_param);
  return public.cloud_jobs_backlog(queues_param, job_types_param) || jsonb_build_object('worker',
    public.cloud_jobs_see_worker(instance_id_param, queues_param, 0, trigger_param, run_url_param, job_types_param));
end
$$;

-- ==== functions/prune ===========================================================================

-- Removes history in one bounded batch: executions that ended, and finished one-off jobs with their executions, that are
-- older than so many days.
--
-- Null leaves a kind alone. Reply: {"v", "executions", "jobs", "more"}; call it again while more is true. Never touches a
-- job that is running, waiting, disabled or recurring, nor one that an unfinished job depends on. An execution that still says "running" though its job does not run
-- counts as ended. Calls take turns (an advisory lock).
create or replace function public.cloud_jobs_prune(
  executions_days_param double precision default null, jobs_days_param double precision default null,
  limit_param integer default 1000)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
-- Oldest first through the index, whatever stale statistics say about the size of the history.
set enable_seqscan = off
set jit = off
set enable_bitmapscan = off
as $$
declare
  executions integer := 0;
  jobs integer := 0;
begin
  if coalesce(executions_days_param, 0) < 0 or coalesce(jobs_days_param, 0) < 0 then
    perform public.cloud_jobs_refuse(400, 'A number of days is negative.', 'Pass 0 or more.');
  end if;
  if limit_param is null or limit_param not between 1 and 10000 then
    perform public.cloud_jobs_refuse(400, format('limit_param is %s.', coalesce(limit_param::text, 'null')), 'Pass a number from 1 to 10000.');
  end if;
  -- Each deletes executions, some of them through their jobs, and would wait for the rows of the other.
  perform pg_advisory_xact_lock(hashtextextended('cloud-jobs prune', 0));
  if executions_days_param is not null then
    delete from public.cloud_job_executions where execution_id = any (array(
      select e.execution_id from public.cloud_job_executions e
      where (e.status <> 'running' or not exists (
          select from public.cloud_jobs j where j.job_id = e.job_id and j.status = 'locked'
            and coalesce(j.locked_execution_id, e.execution_id) = e.execution_id))
        and not exists (
          select from public.cloud_jobs j where j.job_id = e.job_id and j.has_children and public.cloud_jobs_is_needed(j.job_id))
        and e.started_at < now() - make_interval(secs => executions_days_param * 86400)
        and coalesce(e.finished_at, e.started_at) < now() - make_interval(secs => executions_days_param * 86400)
      order by e.started_at
      limit limit_param
      for update skip locked
    ));
    get diagnostics executions = row_count;
  end if;
  if jobs_days_param is not null then
    delete from public.cloud_jobs where job_id = any (array(
      select j.job_id from public.cloud_jobs j
      where j.status in ('success', 'failed') and j.finished_at is not null and j.schedule is null
        and j.finished_at < now() - make_interval(secs => jobs_days_param * 86400)
        and not (coalesce(j.has_children, false) and public.cloud_jobs_is_needed(j.job_id))
      order by j.finished_at
      limit limit_param
      for update skip locked
    ));
    get diagnostics jobs = row_count;
  end if;
  return jsonb_build_object('v', 1, 'executions', executions, 'jobs', jobs,
    'more', executions >= limit_param or jobs >= limit_param);
end
$$;

-- ==== functions/queue-rates =====================================================================

-- How many attempts of each queue began in each of the last 24 hours, for the dashboard.
--
-- Counted from the newest 20,000 attempts; cut_at is the start of the oldest of them if there are more. Attempts that were
-- snoozed, handed back or skipped did no work and do not count. Reply: {"v", "now", "cut_at", "queues": [{"queue", "hours": [24 numbers,
-- oldest first]}]}. Changes nothing.
create or replace function public.cloud_jobs_queue_rates()
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
  with recent as materialized (
    select e.job_id, e.started_at from public.cloud_job_executions e
    where e.started_at > now() - interval '24 hours'
      and coalesce(e.failure_kind, '') not in ('snoozed', 'released', 'skipped', 'expired')
    order by e.started_at desc
    limit 20000
  ),
  counted as (
    select j.queue, floor(extract(epoch from now() - r.started_at) / 3600)::integer as hours_ago, count(*) as n
    from recent r
    join public.cloud_jobs j on j.job_id = r.job_id
    where r.started_at <= now()
    group by 1, 2
  )
  select jsonb_build_object('v', 1, 'now', now(),
    'cut_at', case when (select count(*) from recent) >= 20000 then (select min(r.started_at) from recent r) end,
    'queues', coalesce((
      select jsonb_agg(jsonb_build_object('queue', q.queue, 'hours', (
        select jsonb_agg(coalesce(c.n, 0) order by h.ago desc)
        from generate_series(0, 23) as h (ago)
        left join counted c on c.queue = q.queue and c.hours_ago = h.ago)) order by q.queue)
      from (select distinct queue from counted) q), '[]'))
$$;

-- ==== functions/queue-room ======================================================================

-- The starts of a queue within its rate period, by tenths of a period, moved on to now. Newest first.
--
-- Eleven slots: the newest is not full yet, so the oldest still counts in part. In PL/pgSQL, like cloud_jobs_rate_slot, because
-- a function in SQL would be planned at every call.
create or replace function public.cloud_jobs_recent_starts(settings public.cloud_jobs_queues, slot_param bigint)
returns integer[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (array_fill(0, array[least(slot_param - settings.rate_slot, 11)::integer]) || settings.rate_starts || array_fill(0, '{11}'))[1:11];
end
$$;

-- How many jobs of a queue may be started now, for its pause, its cool-down, its max_running and its rate: 0 or more, or null
-- for no limit.
create or replace function public.cloud_jobs_queue_room(settings public.cloud_jobs_queues)
returns bigint
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  room bigint;
  running bigint;
begin
  if settings.paused or settings.cool_down_until > now() then
    return 0;
  end if;
  if settings.max_running is not null then
    select count(*) into running from (
      select from public.cloud_jobs j where j.queue = settings.queue and j.status = 'locked' limit settings.max_running) j;
    room := settings.max_running - running;
  end if;
  if settings.rate_limit is not null then
    room := least(room, settings.rate_limit - (
      select sum(n) from unnest(public.cloud_jobs_recent_starts(settings, public.cloud_jobs_rate_slot(settings))) n));
  end if;
  return greatest(room, 0);
end
$$;

-- The number of the current tenth of a queue's rate period. A transaction that began before another's is not earlier here.
create or replace function public.cloud_jobs_rate_slot(settings public.cloud_jobs_queues)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return greatest(floor(extract(epoch from now()) * 10 / settings.rate_period_seconds)::bigint, settings.rate_slot);
end
$$;

-- The queues of a list in which a job may be started now. Changes nothing.
create or replace function public.cloud_jobs_open_queues(queues_param text[])
returns text[]
language sql
stable
set search_path = ''
as $$
  select array(
    select q.queue
    from unnest(queues_param) with ordinality as q (queue, position)
    where (select public.cloud_jobs_queue_room(s) from public.cloud_jobs_queues s where s.queue = q.queue) is distinct from 0
    order by q.position)
$$;

-- ==== functions/queues ==========================================================================

-- The queues that have unfinished jobs or settings, with their depth and limits.
--
-- Reply: {"v", "now", "queues": [{"queue", "due", "due_is_capped", "running", "oldest_due_seconds", "paused",
-- "cool_down_until", "reason", "max_running", "rate_limit", "rate_period_seconds", "rate_used",
-- "default_timeout_seconds"}]}. due counts up to 10,000 and stops there (due_is_capped). Changes nothing.
create or replace function public.cloud_jobs_queue_list()
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
  -- The names in use, found by jumping from one to the next through the indexes of waiting and locked jobs.
  with recursive waiting (queue) as (
    select min(j.queue) from public.cloud_jobs j where j.status = 'waiting' and not j.blocked
    union all
    select (select min(j.queue) from public.cloud_jobs j where j.status = 'waiting' and not j.blocked and j.queue > waiting.queue)
    from waiting where waiting.queue is not null
  ),
  locked (queue) as (
    select min(j.queue) from public.cloud_jobs j where j.status = 'locked'
    union all
    select (select min(j.queue) from public.cloud_jobs j where j.status = 'locked' and j.queue > locked.queue)
    from locked where locked.queue is not null
  ),
  named as (
    select queue from waiting union select queue from locked union select queue from public.cloud_jobs_queues
  )
  select jsonb_build_object('v', 1, 'now', now(), 'queues', coalesce(jsonb_agg(jsonb_build_object(
    'queue', named.queue, 'due', least(due.n, 10000), 'due_is_capped', due.n > 10000, 'running', running.n,
    'oldest_due_seconds', extract(epoch from now() - public.cloud_jobs_finite(due.oldest)),
    'paused', coalesce(s.paused, false), 'cool_down_until', case when s.cool_down_until > now() then s.cool_down_until end,
    'reason', s.reason, 'max_running', s.max_running, 'rate_limit', s.rate_limit, 'rate_period_seconds', s.rate_period_seconds,
    'rate_used', case when s.rate_limit is not null then
      (select sum(n) from unnest(public.cloud_jobs_recent_starts(s, public.cloud_jobs_rate_slot(s))) n) end,
    'default_timeout_seconds', s.default_timeout_seconds) order by named.queue), '[]'::jsonb))
  from named
  left join public.cloud_jobs_queues s on s.queue = named.queue
  cross join lateral (
    select count(*) as n, min(j.run_at) as oldest from (
      select j.run_at from public.cloud_jobs j
      where j.queue = named.queue and j.status = 'waiting' and not j.blocked and j.run_at <= now() limit 10001) j) due
  cross join lateral (
    select count(*) as n from public.cloud_jobs j where j.queue = named.queue and j.status = 'locked') running
  where named.queue is not null
$$;

-- ==== functions/refuse ==========================================================================

-- Raises an error that the caller can act on. PostgREST answers SQLSTATE PTxyz with HTTP status xyz.
create or replace function public.cloud_jobs_refuse(status_param integer, message_param text, hint_param text default '')
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT' || status_param, message = message_param, hint = hint_param;
end
$$;

-- ==== functions/release =========================================================================

-- Hands attempts back: the jobs are due now, and no retry is spent.
--
-- For a worker that shuts down or that claimed more than it can run. Locks and repeats as in cloud_jobs_finish.
create or replace function public.cloud_jobs_release(
  instance_id_param text, execution_ids_param text[], reason_param text default 'The worker shut down.')
returns json
language sql
set search_path = ''
as $$
  select public.cloud_jobs_finish(instance_id_param, coalesce(jsonb_agg(jsonb_build_object(
    'execution_id', execution_id, 'outcome', 'release', 'error', reason_param)), '[]'::jsonb))
  from unnest(execution_ids_param) as execution_id
$$;

-- ==== functions/release-expired-locks ===========================================================

-- Ends the attempts of dead workers in all queues and returns how many. A function of the first schema.
--
-- Each spends a retry, so a job that kills its workers stops after max_retries. Bounded to 8 batches of 500, to stay far
-- below the statement timeout; the next call takes the rest.
create or replace function public.release_expired_locks()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  released integer := 0;
  batch integer;
begin
  for round in 1..8 loop
    batch := public.cloud_jobs_expire(null, null, 500);
    released := released + batch;
    exit when batch < 500;
  end loop;
  return released;
end
$$;

-- ==== functions/renew ===========================================================================

-- Extends the locks of running attempts, and writes their execution rows with their progress.
--
-- items: [{"execution_id", "progress"}]. Reply: {"v", "now", "renewed": [{"execution_id", "held", "cancel_requested"}]}.
-- held = false means that the attempt has ended and the handler must stop.
--
-- A lock that has more than two thirds of its time left is not extended: workers call this every 15 s, to learn of cancels.
-- Locks the job rows in the order of job_id. A repeat does the same.
create or replace function public.cloud_jobs_renew(
  instance_id_param text, items_param jsonb, lock_seconds_param double precision default 300)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
declare
  reply jsonb;
  running text[];
begin
  if lock_seconds_param is null or lock_seconds_param not between 1 and 86400 then
    perform public.cloud_jobs_refuse(400, format('lock_seconds_param is %s.', coalesce(lock_seconds_param::text, 'null')), 'Pass a number of seconds from 1 to 86400.');
  end if;
  if exists (select from jsonb_array_elements(items_param) as item where octet_length((item->'progress')::text) > 16384) then
    perform public.cloud_jobs_refuse(413, 'The progress of an execution is too large.', 'At most 16 KiB.');
  end if;
  with item as materialized (
    select i.ordinal, i.execution_id, i.progress, j.job_id
    from rows from (jsonb_to_recordset(items_param) as (execution_id text, progress jsonb))
      with ordinality as i (execution_id, progress, ordinal)
    left join lateral (
      select h.job_id from public.cloud_jobs h where h.locked_execution_id collate "C" = i.execution_id limit 1
    ) j on true
    order by j.job_id
  ),
  held as materialized (
    select item.ordinal, item.execution_id, item.progress, item.job_id, j.cancel_requested
    from item
    cross join lateral (
      select c.cancel_requested_at is not null as cancel_requested
      from public.cloud_jobs c
      where c.job_id = item.job_id and c.status = 'locked' and c.locked_by = instance_id_param
        and c.locked_execution_id = item.execution_id
      for update of c
    ) j
  ),
  job as (
    update public.cloud_jobs c set lock_expires_at = now() + make_interval(secs => lock_seconds_param)
    from held
    where c.job_id = held.job_id and c.lock_expires_at < now() + make_interval(secs => lock_seconds_param * 2 / 3)
  )
  select coalesce(jsonb_agg(jsonb_build_object('execution_id', item.execution_id, 'held', held.ordinal is not null,
    'cancel_requested', coalesce(held.cancel_requested, false)) order by item.ordinal), '[]'::jsonb),
    coalesce(array_agg(held.job_id) filter (where held.ordinal is not null), '{}')
  into reply, running
  from item
  left join held on held.ordinal = item.ordinal;

  -- The first heartbeat of an attempt writes its row, where progress has its place.
  perform public.cloud_jobs_open_executions(running);
  update public.cloud_job_executions e set progress = item->'progress'
  from jsonb_array_elements(items_param) as item
  where e.execution_id = item->>'execution_id' and e.job_id = any (running) and item->>'progress' is not null;
  return jsonb_build_object('v', 1, 'now', now(), 'renewed', reply);
end
$$;

-- ==== functions/retry ===========================================================================

-- Runs a finished job again: it is waiting and due now, with retries, error and timestamps reset.
-- A failed job keeps the results of its finished steps; one that succeeded begins anew.
--
-- A waiting job becomes due now. Locks the job row. A repeat changes nothing while the job is due.
create or replace function public.cloud_jobs_retry(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  -- For recurring jobs. An occurrence whose run_at is not its scheduled_for is never skipped for being late: somebody
  -- asked for this one.
  asked_for constant timestamptz := now() - interval '1 microsecond';
  job public.cloud_jobs;
  twin text;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'waiting' and job.run_at <= now() then
    update public.cloud_jobs set run_at = run_at - interval '1 microsecond'
    where job_id = job_id_param and schedule is not null and run_at = scheduled_for;
    return public.cloud_jobs_answer(job_id_param, job.status, true, false, case
      when job.blocked is null then 'It waits for the jobs that it depends on.' else 'It is waiting and due already.' end);
  elsif job.status = 'waiting' then
    -- A retry in hours: run it now. An occurrence tomorrow: run it now as well, and tomorrow all the same.
    update public.cloud_jobs set run_at = case when schedule is null then now() else asked_for end,
      scheduled_for = case when schedule is not null and run_at = scheduled_for then now() else scheduled_for end
    where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, 'waiting', true, true);
  elsif job.status not in ('failed', 'success') then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, case job.status
      when 'locked' then 'It is running. Cancel it first, or wait until it ends.'
      else 'It is disabled. Enable it first.' end);
  end if;
  if job.unique_key is not null then
    select j.job_id into twin from public.cloud_jobs j
    where j.queue = job.queue and j.unique_key = job.unique_key and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null and not j.key_passed;
    if found then
      return public.cloud_jobs_answer(job_id_param, job.status, false, false,
        format('Job %s has the same unique key and is unfinished.', twin));
    end if;
  end if;
  begin
    update public.cloud_jobs set status = 'waiting', run_at = case when schedule is null then now() else asked_for end,
      current_retries = 0, occurrence = occurrence + 1, scheduled_for = case when schedule is not null then now() end,
      disable_requested_at = null, error_message = null, snoozes = 0, snoozed_since = null, finished_at = null,
      last_execution = null, cancel_requested_at = null, key_passed = false,
      locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null
    where job_id = job_id_param;
    if job.has_steps and job.status = 'failed' then
      perform public.cloud_jobs_keep_steps(job_id_param, job.occurrence);
    end if;
  exception when unique_violation then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'A job with the same unique key was enqueued at this moment.');
  end;
  return public.cloud_jobs_answer(job_id_param, 'waiting', true, true);
end
$$;

-- ==== functions/retry-seconds ===================================================================

-- How long the next retry of a job waits by the job's own setting, after so many retries; null without one. Growth ends at
-- a day.
create or replace function public.cloud_jobs_retry_seconds(
  delay_param integer, factor_param double precision, retries_param integer)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select case when delay_param is not null then
    least(delay_param * power(coalesce(factor_param, 1), least(greatest(coalesce(retries_param, 0), 0), 20)),
      greatest(delay_param, 86400)) end
$$;

-- What is wrong with the retry_delay_seconds and retry_factor of a new job; null if nothing is.
create or replace function public.cloud_jobs_retry_fault(item_param jsonb)
returns text
language sql
immutable
set search_path = ''
as $$
  select case
    when jsonb_typeof(item_param->'retry_delay_seconds') <> 'null' and (jsonb_typeof(item_param->'retry_delay_seconds') <> 'number'
      or item_param->>'retry_delay_seconds' !~ '^\d{1,8}$' or (item_param->>'retry_delay_seconds')::integer > 31536000)
      then 'has a retry_delay_seconds that is not a whole number from 0 to 31536000'
    when jsonb_typeof(item_param->'retry_factor') <> 'null' and (jsonb_typeof(item_param->'retry_factor') <> 'number'
      or (item_param->>'retry_factor')::numeric not between 1 and 10)
      then 'has a retry_factor that is not a number from 1 to 10'
    when item_param->>'retry_factor' is not null and item_param->>'retry_delay_seconds' is null
      then 'has a retry_factor without a retry_delay_seconds'
  end
$$;

-- ==== functions/retry-with-dependents ===========================================================

-- Runs a job again as cloud_jobs_retry does, and puts back the jobs that were cancelled because it failed: they wait for it anew.
--
-- A job whose unique key another unfinished job has by now stays cancelled, and so does one with another parent that failed.
-- The answer has "dependents", the number of jobs that wait again. Locks the job row, then those rows in the order of job_id. A
-- repeat changes nothing.
create or replace function public.cloud_jobs_retry_with_dependents(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  answer jsonb := public.cloud_jobs_retry(job_id_param);
  dependents text[];
begin
  if not (answer->>'applied')::boolean then
    return answer || '{"dependents": 0}';
  end if;
  dependents := array(
    select c.job_id from public.cloud_jobs c
    where c.job_id in (
        select d.job_id from public.cloud_job_dependencies d where d.root_id = job_id_param and d.on_failure <> 'run')
      and c.status = 'failed' and c.last_execution is null and starts_with(c.error_message, 'Not run: ')
      and not exists (
        select from public.cloud_jobs twin
        where twin.queue = c.queue and twin.unique_key = c.unique_key and twin.job_id <> c.job_id
          and twin.status in ('waiting', 'locked', 'disabled') and twin.finished_at is null)
    order by c.job_id
    for update);
  update public.cloud_jobs c set status = 'waiting', run_at = now(), current_retries = 0, occurrence = c.occurrence + 1,
    error_message = null, finished_at = null, cancel_requested_at = null, blocked = null
  where c.job_id = any (dependents);
  update public.cloud_job_dependencies d set outcome = null, root_id = null, passed_on = false
  from public.cloud_jobs p
  where d.job_id = any (dependents) and p.job_id = d.parent_id and p.finished_at is null;
  -- What another parent has spoiled is cancelled again, because of that one.
  update public.cloud_job_dependencies d set passed_on = false
  where d.job_id = any (dependents) and d.outcome <> 'success' and d.on_failure <> 'run';
  perform public.cloud_jobs_pass_on();
  return answer || jsonb_build_object('dependents', (
    select count(*) from public.cloud_jobs c where c.job_id = any (dependents) and c.blocked is null and c.status = 'waiting'));
end
$$;

-- ==== functions/row =============================================================================

-- A job as cloud_jobs_list, cloud_jobs_show and cloud_jobs_peek report it.
create or replace function public.cloud_jobs_row(job public.cloud_jobs)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'job_id', job.job_id, 'name', job.name, 'job_type', job.job_type, 'status', job.status, 'queue', job.queue,
    'handler', job.config->>'handler',
    'priority', job.priority, 'due', job.status = 'waiting' and job.run_at <= now(), 'blocked', coalesce(job.blocked, false),
    'waits_for_parents', job.status in ('waiting', 'disabled') and job.blocked is null,
    'description', coalesce(job.description, ''), 'max_retries', coalesce(job.max_retries, 3),
    'current_retries', coalesce(job.current_retries, 0), 'occurrence', job.occurrence,
    'timeout_seconds', job.timeout_seconds, 'schedule', job.schedule, 'timezone', job.timezone,
    'retry_delay_seconds', job.retry_delay_seconds, 'retry_factor', job.retry_factor,
    'missed', job.missed, 'missed_grace_seconds', job.missed_grace_seconds, 'source', job.source,
    'unique_key', job.unique_key, 'concurrency_key', job.concurrency_key, 'concurrency_limit', job.concurrency_limit,
    'error_message', job.error_message,
    'snoozes', job.snoozes, 'snoozed_since', job.snoozed_since, 'locked_by', job.locked_by,
    'lock_expired', job.status = 'locked' and job.lock_expires_at < now(),
    'disable_requested_at', job.disable_requested_at, 'cancel_requested_at', job.cancel_requested_at,
    'run_at', public.cloud_jobs_finite(job.run_at), 'scheduled_for', public.cloud_jobs_finite(job.scheduled_for),
    'created_at', public.cloud_jobs_finite(job.created_at), 'finished_at', public.cloud_jobs_finite(job.finished_at),
    'last_execution', public.cloud_jobs_finite(job.last_execution), 'locked_at', public.cloud_jobs_finite(job.locked_at),
    'expires_at', public.cloud_jobs_finite(job.expires_at), 'expires_in_seconds', job.expires_in_seconds,
    'expired', job.status = 'failed' and job.expires_at is not null and job.expires_at <= job.finished_at,
    'lock_expires_at', public.cloud_jobs_finite(job.lock_expires_at))
$$;

-- ==== functions/running =========================================================================

-- The attempts that run and have no row in cloud_job_executions yet, as that row will say it.
--
-- A row is written when the attempt ends, or before by its first heartbeat; until then the job's row says all of it.
-- Changes nothing.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_running(job_ids_param text[])
returns table (
  execution_id text, job_id text, started_at timestamptz, instance_id text, attempt integer, occurrence integer,
  run_url text, scheduled_for timestamptz)
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
  select j.locked_execution_id, j.job_id, j.locked_at, j.locked_by,
    least(coalesce(j.current_retries, 0), 2147483646) + 1, j.occurrence,
    (select w.run_url from public.cloud_job_workers w where w.instance_id = j.locked_by),
    case when j.schedule is null then j.run_at else coalesce(j.scheduled_for, j.run_at) end
  from public.cloud_jobs j
  where j.job_id = any (job_ids_param) and coalesce(j.locked_execution_id, '') <> ''
    and not exists (select from public.cloud_job_executions e where e.execution_id = j.locked_execution_id)
$$;

-- Writes the rows of attempts that run, unless they are there. The caller has locked the rows of these jobs.
create or replace function public.cloud_jobs_open_executions(job_ids_param text[])
returns void
language sql
set search_path = ''
as $$
  insert into public.cloud_job_executions (execution_id, job_id, status, started_at, result, instance_id, attempt,
    occurrence, run_url, scheduled_for)
  select r.execution_id, r.job_id, 'running', r.started_at, null, r.instance_id, r.attempt, r.occurrence, r.run_url,
    r.scheduled_for
  from public.cloud_jobs_running(job_ids_param) r
  on conflict (execution_id) do nothing
$$;

-- ==== functions/see-worker ======================================================================

-- The URL of a GitHub run without its attempt; null if there is none.
create or replace function public.cloud_jobs_run_of(run_url_param text)
returns text
language sql
immutable
set search_path = ''
as $$
  select regexp_replace(run_url_param, '/attempts/\d+$', '')
$$;

-- The repository of a GitHub run; null if there is none.
create or replace function public.cloud_jobs_repository_of(run_url_param text)
returns text
language sql
immutable
set search_path = ''
as $$
  select substring(run_url_param from '([^/]+/[^/]+)/actions/runs/')
$$;

-- Records that a worker claims, up to once in 30 s for each worker.
--
-- Returns null for a worker that is known, and for a new one {"now", "last_seen_at", "ticks"}. last_seen_at is when another
-- worker of its queues was last seen. ticks says when the newest runs of the same schedule in the same repository began,
-- newest first.
create or replace function public.cloud_jobs_see_worker(
  instance_id_param text, queues_param text[], jobs_param integer, trigger_param text, run_url_param text,
  job_types_param text[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  known record;
begin
  select w.seen_at, w.claimed_at into known from public.cloud_job_workers w where w.instance_id = instance_id_param;
  if found then
    if known.seen_at < now() - interval '30 seconds'
      or (jobs_param > 0 and (known.claimed_at is null or known.claimed_at < now() - interval '30 seconds'))
    then
      update public.cloud_job_workers w set seen_at = now(),
        claimed_at = case when jobs_param > 0 then now() else w.claimed_at end
      where w.instance_id = instance_id_param;
    end if;
    return null;
  end if;
  insert into public.cloud_job_workers (instance_id, queues, job_types, trigger, run_url, claimed_at)
  values (instance_id_param, queues_param, job_types_param, left(trigger_param, 200), left(run_url_param, 500),
    case when jobs_param > 0 then now() end)
  on conflict (instance_id) do nothing;
  delete from public.cloud_job_workers where instance_id in (
    select w.instance_id from public.cloud_job_workers w
    order by w.seen_at desc offset 300 limit 20
    for update skip locked);
  return jsonb_build_object('now', now(),
    'last_seen_at', (
      select max(w.seen_at) from public.cloud_job_workers w
      where w.queues && queues_param and w.instance_id <> instance_id_param),
    'ticks', (
      select coalesce(jsonb_agg(tick.began order by tick.began desc), '[]'::jsonb)
      from (
        select min(w.started_at) as began
        from public.cloud_job_workers w
        where w.trigger = trigger_param and trigger_param like 'schedule %'
          and public.cloud_jobs_repository_of(w.run_url) = public.cloud_jobs_repository_of(run_url_param)
        group by public.cloud_jobs_run_of(w.run_url)
        order by began desc limit 13
      ) tick));
end
$$;

-- ==== functions/set-queue =======================================================================

-- Changes the settings of a queue: select cloud_jobs_set_queue('reports', '{"max_running": 5}').
--
-- changes: {"paused", "reason", "cool_down_seconds", "max_running", "rate_limit", "rate_period_seconds",
-- "default_timeout_seconds"}. Null takes a limit away; what is left out stays. Locks the settings of the queue. A repeat
-- changes nothing, but a cool-down starts anew. Reply: {"v", "queue"}.
create or replace function public.cloud_jobs_set_queue(queue_param text, changes_param jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  known constant text[] := array['paused', 'reason', 'cool_down_seconds', 'max_running', 'rate_limit',
    'rate_period_seconds', 'default_timeout_seconds'];
  settings public.cloud_jobs_queues;
  wrong text;
begin
  if queue_param is null or length(queue_param) > 100 or queue_param !~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$' then
    perform public.cloud_jobs_refuse(400, format('queue_param is %s.', coalesce(to_json(left(queue_param, 80))::text, 'null')),
      'The name of a queue has 1 to 100 letters, digits and . _ : / -.');
  end if;
  if jsonb_typeof(changes_param) is distinct from 'object' or changes_param = '{}' or changes_param - known <> '{}' then
    perform public.cloud_jobs_refuse(400, format('changes_param is %s.', left(changes_param::text, 200)),
      'These can be set: ' || array_to_string(known, ', ') || '.');
  end if;
  select format('%s is %s', c.key, left(c.value::text, 80)) into wrong
  from jsonb_each(changes_param) c
  where case c.key
    when 'paused' then jsonb_typeof(c.value) <> 'boolean'
    when 'reason' then jsonb_typeof(c.value) not in ('string', 'null') or length(c.value #>> '{}') > 500
    when 'cool_down_seconds' then jsonb_typeof(c.value) <> 'null' and (jsonb_typeof(c.value) <> 'number' or (c.value #>> '{}')::numeric not between 0 and 2592000)
    else jsonb_typeof(c.value) <> 'null' and (jsonb_typeof(c.value) <> 'number' or c.value #>> '{}' !~ '^\d{1,7}$'
      or (c.value #>> '{}')::integer not between 1 and case c.key when 'max_running' then 100000 when 'rate_limit' then 1000000
        when 'rate_period_seconds' then 604800 else 9999999 end)
  end
  limit 1;
  if found then
    perform public.cloud_jobs_refuse(400, wrong || '.', 'paused is true or false, reason a text of up to 500 characters, and the others whole numbers above 0, or null for no limit.');
  end if;

  insert into public.cloud_jobs_queues (queue) values (queue_param) on conflict do nothing;
  select * into settings from public.cloud_jobs_queues where queue = queue_param for update;
  settings := jsonb_populate_record(settings, changes_param - 'cool_down_seconds');
  if changes_param ? 'rate_limit' and settings.rate_limit is null then
    settings.rate_period_seconds := null;
  elsif settings.rate_limit is not null then
    settings.rate_period_seconds := coalesce(settings.rate_period_seconds, 60);
  end if;
  if changes_param ? 'cool_down_seconds' then
    settings.cool_down_until := now() + make_interval(secs => (changes_param->>'cool_down_seconds')::double precision);
  end if;
  -- The reason belongs to a pause.
  if not settings.paused and (settings.cool_down_until > now()) is not true then
    settings.reason := null;
  end if;
  update public.cloud_jobs_queues s set paused = settings.paused, reason = settings.reason, cool_down_until = settings.cool_down_until,
    max_running = settings.max_running, rate_limit = settings.rate_limit, rate_period_seconds = settings.rate_period_seconds,
    default_timeout_seconds = settings.default_timeout_seconds, updated_at = now(),
    -- Another period cuts time into other tenths, so counting starts anew.
    rate_starts = case when s.rate_period_seconds is distinct from settings.rate_period_seconds then '{}' else s.rate_starts end,
    rate_slot = case when s.rate_period_seconds is distinct from settings.rate_period_seconds then 0 else s.rate_slot end
  where s.queue = queue_param;
  return jsonb_build_object('v', 1, 'queue', queue_param);
end
$$;

-- ==== functions/show ============================================================================

-- One job with its config and its newest executions.
--
-- Reply: {"v", "now", "job", "executions", "family", "steps"}. steps: those of the current occurrence, or null. family: see cloud_jobs_family; null if the job depends on none and none on it. job is null if there is none with this id. Changes nothing.
create or replace function public.cloud_jobs_show(job_id_param text, limit_param integer default 10)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'now', now(),
    'job', (select public.cloud_jobs_row(j) || jsonb_build_object('config', j.config, 'followers', j.followers)
      from public.cloud_jobs j where j.job_id = job_id_param),
    'steps', (select public.cloud_jobs_steps(j.job_id, j.occurrence) from public.cloud_jobs j
      where j.job_id = job_id_param and j.has_steps),
    'family', (select public.cloud_jobs_family(j.job_id) from public.cloud_jobs j
      where j.job_id = job_id_param and (j.has_parents or j.has_children
        or exists (select from public.cloud_job_dependencies d where d.job_id = j.job_id))),
    'executions', coalesce((
      select jsonb_agg(jsonb_build_object(
        'execution_id', e.execution_id, 'status', e.status, 'attempt', e.attempt, 'occurrence', e.occurrence,
        'failure_kind', e.failure_kind, 'started_at', public.cloud_jobs_finite(e.started_at),
        'finished_at', public.cloud_jobs_finite(e.finished_at),
        -- A plain write may store what is no number.
        'duration_seconds', case when e.duration_seconds between 0 and 1e9 then e.duration_seconds end, 'result', e.result, 'error_message', e.error_message,
        'error_details', e.error_details, 'output', e.output, 'progress', e.progress, 'instance_id', e.instance_id,
        'run_url', e.run_url, 'scheduled_for', public.cloud_jobs_finite(e.scheduled_for),
        'next_run_at', public.cloud_jobs_finite(e.next_run_at), 'spawned', e.spawned)
        order by e.started_at desc, e.execution_id desc)
      from (
        select e.execution_id, e.status, e.attempt, e.occurrence, e.failure_kind, e.started_at, e.finished_at,
          e.duration_seconds, e.result, e.error_message, e.error_details, e.output, e.progress, e.instance_id, e.run_url,
          e.scheduled_for, e.next_run_at, e.spawned
        from public.cloud_job_executions e where e.job_id = job_id_param
        union all
        select r.execution_id, 'running', r.attempt, r.occurrence, null, r.started_at, null,
          null, null, null, null, null, null, r.instance_id, r.run_url,
          r.scheduled_for, null, null
        from public.cloud_jobs_running(array[job_id_param]) r
        order by started_at desc
        limit least(greatest(coalesce(limit_param, 10), 1), 200)
      ) e), '[]'::jsonb))
$$;

-- ==== functions/signal ==========================================================================

-- Sends an event to a job: select cloud_jobs_signal('the job id', 'paid', '{"amount": 12}').
--
-- job: a job id, or the unique key of an unfinished job. name: what the handler waits for. A job that waits for it is due now; one
-- that does not wait yet gets the event when it does. signal_id names the event: sent twice with the same id, it counts once.
-- Without one, each call is an event of its own.
--
-- Reply: {"v", "job_id", "status", "applied", "changed", "reason"}. Locks the job row. At most 1,000 events of a name, and 64 KiB each.
create or replace function public.cloud_jobs_signal(
  job_param text, name_param text, payload_param jsonb default null, signal_id_param text default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
  waiting boolean;
begin
  perform public.cloud_jobs_check_step(name_param, null);
  if octet_length(payload_param::text) > 65536 or length(signal_id_param) > 200 or signal_id_param = '' then
    perform public.cloud_jobs_refuse(413, 'The event is too large, or its id is empty or longer than 200 characters.', 'At most 64 KiB of payload.');
  end if;
  select * into job from public.cloud_jobs j where j.job_id = job_param for update;
  if not found then
    begin
      select * into strict job from public.cloud_jobs j
      where j.unique_key = job_param and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null for update;
    exception
      when no_data_found then
        return public.cloud_jobs_answer(job_param, null, false, false, 'There is no job with this id, and no unfinished one with this unique key.');
      when too_many_rows then
        return public.cloud_jobs_answer(job_param, null, false, false, 'Jobs of several queues have this unique key. Name the job by its id.');
    end;
  end if;
  if job.status in ('success', 'failed') and job.finished_at is not null then
    return public.cloud_jobs_answer(job.job_id, job.status, false, false, 'It has finished, so it waits for nothing.');
  end if;
  if (select count(*) from public.cloud_job_signals e where e.job_id = job.job_id and e.name = name_param) >= 1000 then
    perform public.cloud_jobs_refuse(413, format('The job has 1000 events of the name %s already.', to_json(left(name_param, 80))), 'Send no more.');
  end if;
  insert into public.cloud_job_signals (job_id, name, signal_id, payload, sent_at)
  values (job.job_id, name_param, coalesce(signal_id_param, public.cloud_jobs_new_id()), payload_param, clock_timestamp())
  on conflict do nothing;
  if not found then
    return public.cloud_jobs_answer(job.job_id, job.status, true, false, 'This event was sent before.');
  end if;
  waiting := exists (
    select from public.cloud_job_steps s
    where s.job_id = job.job_id and s.occurrence = job.occurrence and s.name = name_param and s.kind = 'event' and s.finished_at is null);
  if waiting and job.status = 'waiting' and job.run_at > now() then
    update public.cloud_jobs set run_at = now() where job_id = job.job_id;
  end if;
  return public.cloud_jobs_answer(job.job_id, job.status, true, true, case
    when waiting then null else 'It does not wait for this event yet: it gets it when it does.' end);
end
$$;

-- ==== functions/skip-missed =====================================================================

-- The message of an execution that records skipped occurrences.
create or replace function public.cloud_jobs_skipped_words(
  skipped_param integer, first_param timestamptz, last_param timestamptz, missed_param text, grace_param integer)
returns text
language sql
stable
set search_path = ''
as $$
  select format('Skipped %s from %s to %s UTC: %s.',
    case when skipped_param = 1 then '1 occurrence' when skipped_param >= 100 then '100 occurrences or more'
      else skipped_param || ' occurrences' end,
    to_char(first_param at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), to_char(last_param at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
    case when missed_param = 'skip' then 'no worker came within the grace of ' || grace_param || ' s'
      else 'of a longer backlog only the newest hundred run' end)
$$;

-- Moves jobs with missed = 'skip' to their next occurrence if the present one is later than its grace and was never
-- started, records what was skipped, and returns how many jobs it moved.
--
-- Handles up to limit_param jobs, and stops early when it has counted 20000 skipped occurrences: the next claim goes on.
-- Skips rows that another transaction has locked.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_skip_missed(
  queues_param text[], job_types_param text[], limit_param integer default 100)
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
declare
  late record;
  turn record;
  moved integer := 0;
  counted integer := 0;
begin
  for late in
    select j.*
    from (select distinct q.queue from unnest(queues_param) as q (queue)) as q
    cross join (select distinct t.job_type from unnest(job_types_param) as t (job_type)) as t
    cross join lateral (
      select c.job_id, c.schedule, c.timezone, c.missed_grace_seconds, c.occurrence, c.scheduled_for, c.concurrency_key
      from public.cloud_jobs c
      where c.missed = 'skip' and c.status = 'waiting' and c.schedule is not null
        and c.queue = q.queue and c.job_type = t.job_type
        and c.run_at < now() and c.run_at < now() - make_interval(secs => c.missed_grace_seconds)
        -- An occurrence that was begun is late for another reason, and goes on.
        and c.run_at = c.scheduled_for
      order by c.run_at limit limit_param
      for update skip locked
    ) j
    limit limit_param
  loop
    -- Moving it lets the next of its key go. Never wait for a key while holding row locks: another claim will see to it.
    continue when late.concurrency_key is not null
      and not pg_try_advisory_xact_lock(public.cloud_jobs_key_lock_id(late.concurrency_key));
    select t.* into turn from public.cloud_jobs_turn(late.schedule, late.timezone, 'skip', late.missed_grace_seconds,
      late.scheduled_for - interval '1 microsecond', null) as t;
    -- A first occurrence that somebody chose need not be one of the schedule: it is skipped all the same.
    if turn.first_skipped is distinct from late.scheduled_for then
      turn.first_skipped := late.scheduled_for;
      turn.last_skipped := coalesce(turn.last_skipped, late.scheduled_for);
      turn.skipped := turn.skipped + 1;
    end if;
    insert into public.cloud_job_executions (job_id, status, started_at, finished_at, duration_seconds, result,
      error_message, error_details, failure_kind, occurrence, scheduled_for, job_status, next_run_at)
    values (late.job_id, 'failed', now(), now(), 0, null,
      public.cloud_jobs_skipped_words(turn.skipped, turn.first_skipped, turn.last_skipped, 'skip', late.missed_grace_seconds),
      jsonb_build_object('skipped', turn.skipped, 'first', turn.first_skipped, 'last', turn.last_skipped), 'skipped',
      late.occurrence, turn.first_skipped, case when turn.next is null then 'failed' else 'waiting' end, turn.next);
    update public.cloud_jobs set
      status = case when turn.next is null then 'failed' else 'waiting' end,
      finished_at = case when turn.next is null then now() end,
      error_message = coalesce(turn.fault, error_message),
      run_at = coalesce(turn.next, run_at), scheduled_for = coalesce(turn.next, scheduled_for), occurrence = occurrence + 1
    where job_id = late.job_id;
    moved := moved + 1;
    counted := counted + turn.skipped;
    exit when counted >= 20000;
  end loop;
  return moved;
end
$$;

-- ==== functions/snooze-fault ====================================================================

-- Why a job may not be snoozed once more: after 1,000 snoozes in a row or 30 days of them. Null if it may.
create or replace function public.cloud_jobs_snooze_fault(snoozes_param integer, since_param timestamptz)
returns text
language sql
stable
set search_path = ''
as $$
  select case
    when snoozes_param >= 1000 then format('It was snoozed %s times in a row, which is the limit.', snoozes_param)
    when since_param < now() - interval '30 days' then format(
      'It has been snoozed since %s UTC, and 30 days is the limit.', to_char(since_param at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
  end
$$;

-- ==== functions/spawn ===========================================================================

-- Adds the jobs that attempts spawn, in the transaction that ends these attempts with success: a part of cloud_jobs_finish.
--
-- items: as there. spawn of an item is a list as cloud_jobs_enqueue takes it; a job without a queue goes to the queue of the job
-- that spawned it. At most 5,000 jobs and 4 MiB for an attempt. Nothing is added for an attempt that this call did not end
-- with success. If a list is refused, so is the whole call.
--
-- A new job is shown as a child of the job that spawned it, and does not wait for it. A repeat adds nothing. Locks what
-- cloud_jobs_enqueue locks, after the rows of the jobs that ended.
create or replace function public.cloud_jobs_spawn(instance_id_param text, items_param jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  item jsonb;
  spawner record;
  added jsonb;
begin
  for item in
    select i.item from jsonb_array_elements(items_param) as i (item)
    where i.item->>'spawn' is not null order by i.item->>'execution_id'
  loop
    if jsonb_typeof(item->'spawn') <> 'array' or item->>'outcome' <> 'success' then
      perform public.cloud_jobs_refuse(400, format('The spawn of execution %s is no list, or its outcome is not success.', item->>'execution_id'),
        'Only an attempt that succeeds can spawn jobs.');
    elsif jsonb_array_length(item->'spawn') > 5000 or octet_length((item->'spawn')::text) > 4194304 then
      perform public.cloud_jobs_refuse(413, format('Execution %s spawns too much: %s jobs.', item->>'execution_id', jsonb_array_length(item->'spawn')),
        'At most 5000 jobs and 4 MiB. Let a job that is spawned spawn more.');
    end if;
    update public.cloud_job_executions e set spawned = jsonb_array_length(item->'spawn')
    from public.cloud_jobs j
    where e.execution_id = item->>'execution_id' and e.instance_id = instance_id_param and e.status = 'success'
      and e.finished_at = now() and e.spawned is null and j.job_id = e.job_id
    returning j.job_id, j.queue into spawner;
    continue when not found or jsonb_array_length(item->'spawn') = 0;

    added := public.cloud_jobs_enqueue((
      select jsonb_agg(case when s.job->>'queue' is null then s.job || jsonb_build_object('queue', spawner.queue) else s.job end
        order by s.ordinal)
      from jsonb_array_elements(item->'spawn') with ordinality as s (job, ordinal)))->'jobs';
    insert into public.cloud_job_dependencies (job_id, parent_id, ref, position, outcome, passed_on, spawned)
    select a.job->>'job_id', spawner.job_id, spawner.job_id, 0, 'success', true, true
    from jsonb_array_elements(added) as a (job)
    where (a.job->>'created')::boolean
    on conflict do nothing;
    update public.cloud_jobs j set has_children = true where j.job_id = spawner.job_id and j.has_children is not true;
  end loop;
end
$$;

-- ==== functions/stats ===========================================================================

-- How the queue is doing.
--
-- Reply: {"v", "now", "jobs": {status: n}, "due", "scheduled", "blocked", "oldest_due_seconds", "expired_locks", "snoozed":
-- {"jobs", "longest_seconds"}, "queues": [...], "executions_24h": {...}, "workers": {...}, "wake": {...}}. Of executions,
-- failed counts neither those that were handed back (snoozed, released) nor those that never began (skipped): put_off
-- counts them by kind. Nor does it count those that expired before they began (expired). Its by_queue and by_type are from the newest 100,000 executions (is_partial: there were more), the 50
-- queues and types with the most; failed in them counts neither lost, cancelled nor expired ones. Reads every job of the queue.
-- Changes nothing.
create or replace function public.cloud_jobs_stats(queue_param text default null)
returns jsonb
language sql
stable
set search_path = ''
as $$
  with job as materialized (
    select j.queue, j.status, count(*) as n,
      count(*) filter (where j.status = 'waiting' and j.run_at <= now()) as due,
      count(*) filter (where j.status = 'waiting' and j.run_at > now()) as scheduled,
      count(*) filter (where j.blocked) as blocked,
      count(*) filter (where j.status = 'locked' and j.lock_expires_at < now()) as expired_locks,
      -- A plain write may store '-infinity'.
      min(greatest(j.run_at, '0001-01-01 00:00:00+00')) filter (where j.status = 'waiting' and j.run_at <= now()) as oldest_due,
      count(*) filter (where j.snoozed_since is not null and j.status in ('waiting', 'locked')) as snoozed,
      min(j.snoozed_since) filter (where j.status in ('waiting', 'locked')) as snoozed_since
    from public.cloud_jobs j
    where queue_param is null or j.queue = queue_param
    group by j.queue, j.status
  ),
  recent as (
    select e.status, e.failure_kind,
      e.status = 'failed' and e.failure_kind in ('snoozed', 'released', 'skipped') as was_put_off,
      -- A plain write may store NaN.
      case when e.duration_seconds between 0 and 1e9 then e.duration_seconds end as duration_seconds
    from public.cloud_job_executions e
    where e.started_at > now() - interval '24 hours'
      and (queue_param is null or exists (
        select from public.cloud_jobs j where j.job_id = e.job_id and j.queue = queue_param))
    union all
    select 'running', null, null, null
    from public.cloud_jobs_running(array(
      select j.job_id from public.cloud_jobs j where j.status = 'locked' and (queue_param is null or j.queue = queue_param))) r
    where r.started_at > now() - interval '24 hours'
  ),
  newest as materialized (
    select j.queue, j.job_type, e.status, e.failure_kind,
      -- A plain write may store NaN.
      case when e.status = 'success' and e.duration_seconds between 0 and 1e9 then e.duration_seconds end as took
    from public.cloud_job_executions e
    join public.cloud_jobs j on j.job_id = e.job_id
    where e.started_at > now() - interval '24 hours' and (queue_param is null or j.queue = queue_param)
    order by e.started_at desc
    limit 100001
  ),
  part as (
    select g.kind, row_number() over (partition by g.kind order by count(*) desc, g.name) as place,
      jsonb_build_object(g.kind, g.name,
        'success', count(*) filter (where n.status = 'success'),
        'failed', count(*) filter (where n.status = 'failed'
          and coalesce(n.failure_kind, 'error') not in ('snoozed', 'released', 'skipped', 'cancelled', 'lost', 'expired')),
        'expired', count(*) filter (where n.failure_kind = 'expired'),
        'lost', count(*) filter (where n.failure_kind = 'lost'),
        'average_seconds', avg(n.took), 'p95_seconds', percentile_cont(0.95) within group (order by n.took)) as line
    from newest n cross join lateral (values ('queue', n.queue), ('job_type', n.job_type)) g (kind, name)
    group by g.kind, g.name
  )
  select jsonb_build_object('v', 1, 'now', now(), 'total', coalesce(sum(n), 0),
    'workers', public.cloud_jobs_workers_state(), 'wake', public.cloud_jobs_wake_state(),
    'jobs', jsonb_build_object(
      'waiting', coalesce(sum(n) filter (where status = 'waiting'), 0),
      'locked', coalesce(sum(n) filter (where status = 'locked'), 0),
      'success', coalesce(sum(n) filter (where status = 'success'), 0),
      'failed', coalesce(sum(n) filter (where status = 'failed'), 0),
      'disabled', coalesce(sum(n) filter (where status = 'disabled'), 0)),
    'due', coalesce(sum(due), 0), 'scheduled', coalesce(sum(scheduled), 0), 'blocked', coalesce(sum(blocked), 0),
    'expired_locks', coalesce(sum(expired_locks), 0),
    'snoozed', jsonb_build_object('jobs', coalesce(sum(snoozed), 0),
      'longest_seconds', extract(epoch from now() - min(snoozed_since))),
    'oldest_due_seconds', extract(epoch from now() - min(oldest_due)),
    'queues', (
      select coalesce(jsonb_agg(q.line order by q.queue), '[]'::jsonb)
      from (
        select job.queue, jsonb_build_object('queue', job.queue, 'due', sum(due), 'oldest_due_seconds', extract(epoch from now() - min(oldest_due)),
          'waiting', coalesce(sum(n) filter (where status = 'waiting'), 0),
          'locked', coalesce(sum(n) filter (where status = 'locked'), 0),
          'success', coalesce(sum(n) filter (where status = 'success'), 0),
          'failed', coalesce(sum(n) filter (where status = 'failed'), 0),
          'disabled', coalesce(sum(n) filter (where status = 'disabled'), 0)) as line
        from job group by job.queue
      ) q),
    'executions_24h', (
      select jsonb_build_object(
        'running', count(*) filter (where status = 'running'),
        'success', count(*) filter (where status = 'success'),
        'failed', count(*) filter (where status = 'failed' and was_put_off is not true and failure_kind is distinct from 'expired'),
        'expired', count(*) filter (where failure_kind = 'expired'),
        'failure_kinds', coalesce((select jsonb_object_agg(k.failure_kind, k.n) from (
          select r.failure_kind, count(*) as n from recent r
          where r.failure_kind is not null and not r.was_put_off group by r.failure_kind) k), '{}'::jsonb),
        'put_off', coalesce((select jsonb_object_agg(k.failure_kind, k.n) from (
          select r.failure_kind, count(*) as n from recent r where r.was_put_off group by r.failure_kind) k), '{}'::jsonb),
        'by_queue', (select coalesce(jsonb_agg(line order by place), '[]'::jsonb) from part where kind = 'queue' and place <= 50),
        'by_type', (select coalesce(jsonb_agg(line order by place), '[]'::jsonb) from part where kind = 'job_type' and place <= 50),
        'is_partial', (select count(*) > 100000 from newest),
        'average_seconds', avg(duration_seconds) filter (where status = 'success'),
        'p95_seconds', percentile_cont(0.95) within group (order by duration_seconds) filter (where status = 'success'))
      from recent))
  from job
$$;

-- ==== functions/step ============================================================================

-- Refuses a call about a step whose name or result cannot be stored.
create or replace function public.cloud_jobs_check_step(name_param text, result_param jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(btrim(name_param), '') = '' or length(name_param) > 200 then
    perform public.cloud_jobs_refuse(400, 'The name of a step is empty or longer than 200 characters.', 'Give each step a short name.');
  elsif octet_length(result_param::text) > 262144 then
    perform public.cloud_jobs_refuse(413, format('The result of the step %s is too large.', to_json(left(name_param, 80))),
      'At most 256 KiB. Store it elsewhere, and return where.');
  end if;
end
$$;

-- Locks the job of a running attempt and returns it; no row if the execution no longer holds the lock.
create or replace function public.cloud_jobs_hold(instance_id_param text, job_id_param text, execution_id_param text)
returns setof public.cloud_jobs
language sql
set search_path = ''
as $$
  select j.* from public.cloud_jobs j
  where j.job_id = job_id_param and j.status = 'locked' and j.locked_execution_id = execution_id_param
    and j.locked_by = instance_id_param
  for update
$$;

-- Stores the result of a step of a running attempt.
--
-- Reply: {"v", "held", "result"}. held is false if the execution no longer holds the lock: nothing is stored, and the handler must
-- stop. result is what is stored now; a step that is stored already keeps its result, so a repeat changes nothing. At most
-- 1,000 steps in an occurrence. Locks the job row.
create or replace function public.cloud_jobs_step(
  instance_id_param text, job_id_param text, execution_id_param text, name_param text, result_param jsonb default null,
  duration_seconds_param double precision default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
  stored jsonb;
begin
  perform public.cloud_jobs_check_step(name_param, result_param);
  select * into job from public.cloud_jobs_hold(instance_id_param, job_id_param, execution_id_param);
  if not found then
    return '{"v": 1, "held": false, "result": null}';
  end if;
  insert into public.cloud_job_steps (job_id, occurrence, name, position, execution_id, result, started_at, finished_at, duration_seconds)
  values (job.job_id, job.occurrence, name_param, public.cloud_jobs_next_step(job.job_id, job.occurrence), execution_id_param, result_param,
    clock_timestamp() - make_interval(secs => greatest(coalesce(duration_seconds_param, 0), 0)), clock_timestamp(), duration_seconds_param)
  on conflict (job_id, occurrence, name) do nothing;
  update public.cloud_jobs set has_steps = true where job_id = job.job_id and has_steps is not true;
  select s.result into stored from public.cloud_job_steps s
  where s.job_id = job.job_id and s.occurrence = job.occurrence and s.name = name_param;
  return jsonb_build_object('v', 1, 'held', true, 'result', stored);
end
$$;

-- The position of a new step.
create or replace function public.cloud_jobs_next_step(job_id_param text, occurrence_param integer)
returns integer
language plpgsql
stable
set search_path = ''
as $$
declare
  place constant integer := (
    select coalesce(max(s.position), 0) + 1 from public.cloud_job_steps s
    where s.job_id = job_id_param and s.occurrence = occurrence_param);
begin
  if place > 1000 then
    perform public.cloud_jobs_refuse(413, 'The job has 1000 steps already.', 'Let one step do more, or split the job.');
  end if;
  return place;
end
$$;

-- Begins or continues a sleep, or the wait for an event, of a running attempt.
--
-- kind: sleep or event. seconds: how long to sleep, or to wait at most; it counts from the first call. details: for people.
--
-- Reply: {"v", "held", "done", "result", "wait_seconds"}. If done, result is the event, or null if none came in time; a sleep has the
-- result null. Otherwise the attempt has to end by a release with this delay: the job is due when the sleep is over, and when
-- the event comes. Events count once each, in the order in which they came. Locks the job row; a repeat changes nothing.
create or replace function public.cloud_jobs_wait(
  instance_id_param text, job_id_param text, execution_id_param text, name_param text, kind_param text,
  seconds_param double precision, details_param jsonb default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
  step public.cloud_job_steps;
  event public.cloud_job_signals;
begin
  perform public.cloud_jobs_check_step(name_param, details_param);
  if coalesce(kind_param, '') not in ('sleep', 'event') or seconds_param is null or seconds_param not between 0 and 31536000 then
    perform public.cloud_jobs_refuse(400, format('The wait %s cannot be used.', to_json(left(name_param, 80))),
      'kind_param is sleep or event, and seconds_param a number from 0 to 31536000 (a year).');
  end if;
  select * into job from public.cloud_jobs_hold(instance_id_param, job_id_param, execution_id_param);
  if not found then
    return '{"v": 1, "held": false, "done": false, "result": null, "wait_seconds": 0}';
  end if;
  insert into public.cloud_job_steps (job_id, occurrence, name, kind, position, execution_id, until, details)
  values (job.job_id, job.occurrence, name_param, kind_param, public.cloud_jobs_next_step(job.job_id, job.occurrence), execution_id_param,
    now() + make_interval(secs => seconds_param), details_param)
  on conflict (job_id, occurrence, name) do nothing;
  if found and kind_param = 'event' and details_param->>'title' is not null then
    perform public.cloud_jobs_alert_approval(job.job_id, name_param);
  end if;
  update public.cloud_jobs set has_steps = true where job_id = job.job_id and has_steps is not true;
  select * into step from public.cloud_job_steps s
  where s.job_id = job.job_id and s.occurrence = job.occurrence and s.name = name_param;
  if step.kind <> kind_param then
    perform public.cloud_jobs_refuse(409, format('The name %s is that of another step of this job, of kind %s.', to_json(left(name_param, 80)), step.kind),
      'Give each step a name of its own.');
  end if;
  if step.finished_at is null and kind_param = 'event' then
    select * into event from public.cloud_job_signals e
    where e.job_id = job.job_id and e.name = name_param and e.taken_by is null
    order by e.sent_at, e.signal_id limit 1;
    if found then
      update public.cloud_job_signals e set taken_by = job.occurrence
      where e.job_id = event.job_id and e.name = event.name and e.signal_id = event.signal_id;
      step.result := event.payload;
      step.finished_at := now();
    end if;
  end if;
  if step.finished_at is null and step.until <= now() then
    step.finished_at := now();
  end if;
  if step.finished_at is not null then
    update public.cloud_job_steps s set result = step.result, finished_at = step.finished_at,
      duration_seconds = extract(epoch from step.finished_at - step.started_at)
    where s.job_id = job.job_id and s.occurrence = job.occurrence and s.name = name_param and s.finished_at is null;
  end if;
  return jsonb_build_object('v', 1, 'held', true, 'done', step.finished_at is not null, 'result', step.result,
    'wait_seconds', greatest(extract(epoch from step.until - now()), 0));
end
$$;

-- What a handler may need of the past when an attempt starts: its finished steps, and the results of the jobs that it depends on.
--
-- Reply: {"v", "held", "steps": [{"name", "kind", "result"}], "parents": [...]}; parents: see
-- cloud_jobs_parent_results. Fenced like every call of a worker. Changes nothing.
create or replace function public.cloud_jobs_recall(instance_id_param text, job_id_param text, execution_id_param text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce((
    select jsonb_build_object('v', 1, 'held', true,
      'steps', (
        select coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'kind', s.kind, 'result', s.result) order by s.position), '[]')
        from public.cloud_job_steps s
        where s.job_id = j.job_id and s.occurrence = j.occurrence and s.finished_at is not null),
      'parents', case when j.has_parents then public.cloud_jobs_parent_results(j.job_id) else '[]' end)
    from public.cloud_jobs j
    where j.job_id = job_id_param and j.status = 'locked' and j.locked_execution_id = execution_id_param
      and j.locked_by = instance_id_param),
    '{"v": 1, "held": false, "steps": [], "parents": []}')
$$;

-- Keeps the steps of an occurrence for the next one: all, or those before the step named. Finished ones only.
create or replace function public.cloud_jobs_keep_steps(
  job_id_param text, occurrence_param integer, before_param text default null)
returns void
language sql
set search_path = ''
as $$
  insert into public.cloud_job_steps (job_id, occurrence, name, kind, position, execution_id, result, started_at, finished_at,
    duration_seconds, until, details)
  select s.job_id, j.occurrence, s.name, s.kind, s.position, s.execution_id, s.result, s.started_at, s.finished_at,
    s.duration_seconds, s.until, s.details
  from public.cloud_job_steps s
  join public.cloud_jobs j on j.job_id = s.job_id
  where s.job_id = job_id_param and s.occurrence = occurrence_param and s.finished_at is not null
    and (before_param is null or s.position < (
      select b.position from public.cloud_job_steps b
      where b.job_id = job_id_param and b.occurrence = occurrence_param and b.name = before_param))
  on conflict do nothing
$$;

-- Runs a job again from one of its steps: that step and those after it are forgotten, the results of those before it are kept.
--
-- For a job that has finished, or that waits for a retry. The answer is that of cloud_jobs_retry. Locks the job row.
create or replace function public.cloud_jobs_retry_from_step(job_id_param text, step_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
  place integer;
  answer jsonb;
begin
  select * into job from public.cloud_jobs j where j.job_id = job_id_param for update;
  select s.position into place from public.cloud_job_steps s
  where s.job_id = job_id_param and s.occurrence = job.occurrence and s.name = step_param;
  if place is null then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, case
      when job.job_id is null then 'There is no job with this id.'
      else format('Its last run has no step %s.', to_json(left(step_param, 80))) end);
  end if;
  answer := public.cloud_jobs_retry(job_id_param);
  if (answer->>'applied')::boolean then
    -- A waiting job goes on with the same occurrence, a finished one begins the next, for which the retry may have kept steps.
    perform public.cloud_jobs_keep_steps(job_id_param, job.occurrence, step_param);
    delete from public.cloud_job_steps s
    using public.cloud_jobs j
    where j.job_id = job_id_param and s.job_id = j.job_id and s.occurrence = j.occurrence and s.position >= place;
  end if;
  return answer;
end
$$;

-- The steps of the current occurrence of a job, for cloud_jobs_show.
create or replace function public.cloud_jobs_steps(job_id_param text, occurrence_param integer)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'kind', s.kind, 'started_at', s.started_at,
    'finished_at', s.finished_at, 'duration_seconds', s.duration_seconds, 'until', s.until, 'details', s.details,
    'result', case when octet_length(s.result::text) <= 2000 then s.result end) order by s.position), '[]')
  from public.cloud_job_steps s
  where s.job_id = job_id_param and s.occurrence = occurrence_param
$$;

-- ==== functions/time-zones ======================================================================

-- How far the clocks of a time zone are ahead of UTC at a moment.
create or replace function public.cloud_jobs_utc_offset(at_param timestamptz, timezone_param text)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  return (at_param at time zone timezone_param) - (at_param at time zone 'UTC');
end
$$;

-- The moment at which the clocks of a time zone change, between two moments with different offsets.
create or replace function public.cloud_jobs_clock_change(timezone_param text, before_param timestamptz, after_param timestamptz)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  ahead constant interval := public.cloud_jobs_utc_offset(before_param, timezone_param);
  low timestamptz := before_param;
  high timestamptz := after_param;
  middle timestamptz;
begin
  while high - low > interval '1 second' loop
    middle := low + (high - low) / 2;
    if public.cloud_jobs_utc_offset(middle, timezone_param) = ahead then
      low := middle;
    else
      high := middle;
    end if;
  end loop;
  return date_trunc('second', high);
end
$$;

-- Whether a name is one of IANA's that this database knows: an area and a place, such as Europe/Berlin, or one of the
-- old names of one word, such as UTC.
--
-- Postgres also takes abbreviations (CEST, and CET without its summer) and POSIX rules (UTC+3, three hours to the west).
-- The names of IANA that look like those (CET, EST5EDT) count as such, since they mean something else to Postgres.
create or replace function public.cloud_jobs_is_timezone(timezone_param text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  perform now() at time zone timezone_param;
  return (timezone_param ~ '^[A-Za-z]+(/[A-Za-z_-]+){1,2}$' and timezone_param !~* '^(posix|right)/')
    or timezone_param ~* '^Etc/GMT(0|[+-]0|\+([1-9]|1[0-2])|-([1-9]|1[0-4]))$'
    or timezone_param ~* '^(UTC|GMT|UCT|Zulu|Universal|Greenwich|Cuba|Egypt|Eire|GB|GB-Eire|Hongkong|Iceland|Iran|Israel|Jamaica|Japan|Kwajalein|Libya|NZ|NZ-CHAT|Navajo|PRC|Poland|Portugal|ROC|ROK|Singapore|Turkey|W-SU)$';
exception when invalid_parameter_value then
  return false;
end
$$;

-- ==== functions/turn ============================================================================

-- The occurrence that follows one that is over, by the job's policy for occurrences that no worker started in time.
--
-- once: the next after the last start, since that start stood for all that had been due by then. skip: the next, unless it
-- is later than its grace; then the first that is not. all: the next, however late; of a long backlog the newest hundred.
--
-- skipped, first_skipped and last_skipped describe those left out (skipped counts up to 100). fault is set if the schedule
-- cannot be evaluated: an attempt must end whatever has become of its schedule.
create or replace function public.cloud_jobs_turn(
  schedule_param text, timezone_param text, missed_param text, grace_param integer,
  after_param timestamptz, started_param timestamptz,
  out next timestamptz, out skipped integer, out first_skipped timestamptz, out last_skipped timestamptz, out fault text)
language plpgsql
stable
set search_path = ''
as $$
declare
  moment constant interval := interval '1 microsecond';
  grace constant interval := make_interval(secs => grace_param);
  oldest timestamptz;
begin
  skipped := 0;
  next := public.cloud_jobs_next_occurrence(schedule_param, timezone_param,
    case when missed_param = 'once' then greatest(after_param, started_param) else after_param end);
  if missed_param = 'skip' and next < now() - grace then
    oldest := public.cloud_jobs_next_occurrence(schedule_param, timezone_param, now() - grace - moment);
  elsif missed_param = 'all' and next < now() - interval '100 minutes' then
    oldest := public.cloud_jobs_newest_occurrence(schedule_param, timezone_param, after_param, now(), 100);
  end if;
  if oldest > next then
    first_skipped := next;
    last_skipped := public.cloud_jobs_newest_occurrence(schedule_param, timezone_param, next - moment, oldest - moment);
    select count(*) into skipped
    from public.cloud_jobs_occurrences(schedule_param, timezone_param, next - moment, oldest - moment, 100) as o;
    next := oldest;
  end if;
  if next is null then
    fault := format('Its schedule "%s" has no occurrence in the next 40 years, so it has ended.', schedule_param);
  end if;
exception when others then
  next := null;
  skipped := 0;
  fault := format('Its schedule "%s" in %s cannot be evaluated, so it has ended: %s', schedule_param, timezone_param, sqlerrm);
end
$$;

-- ==== functions/unattended ======================================================================

-- When a worker last asked for jobs of a queue and a type; null if none of the recorded workers did.
create or replace function public.cloud_jobs_last_asked(queue_param text, job_type_param text)
returns timestamptz
language sql
stable
set search_path = ''
as $$
  select max(w.seen_at) from public.cloud_job_workers w
  where queue_param = any (w.queues) and (w.job_types is null or job_type_param = any (w.job_types))
$$;

-- Queues and job types whose jobs are due while workers come and ask for others, the longest first.
--
-- Reply: [{"queue", "job_type", "due", "last_asked_at", "seconds"}]. seconds is how long jobs have been due without a worker
-- that asked for them. Only pairs of at least two hours are listed, and only if some worker came during that time: if none
-- did, no queue is special. Jobs that wait for a concurrency key or in a paused queue do not count. Counts up to 10000 for
-- each pair and stops there. Changes nothing.
create or replace function public.cloud_jobs_unattended(queue_param text default null)
returns jsonb
language sql
stable
set search_path = ''
as $$
  with recursive pair as (
    -- One step through the index of the claim for each queue and type, however many jobs there are.
    (select j.queue, j.job_type from public.cloud_jobs j
    where j.status = 'waiting' and not j.blocked and (queue_param is null or j.queue = queue_param)
    order by j.queue, j.job_type limit 1)
    union all
    select following.queue, following.job_type from pair cross join lateral (
      select j.queue, j.job_type from public.cloud_jobs j
      where j.status = 'waiting' and not j.blocked and (queue_param is null or j.queue = queue_param)
        and (j.queue, j.job_type) > (pair.queue, pair.job_type)
      order by j.queue, j.job_type limit 1) following
  ),
  waiting as (
    select pair.queue, pair.job_type, due.jobs, public.cloud_jobs_last_asked(pair.queue, pair.job_type) as asked,
      greatest(due.since, public.cloud_jobs_last_asked(pair.queue, pair.job_type)) as since
    from pair cross join lateral (
      select count(*) as jobs, min(j.run_at) as since
      from (
        select j.run_at from public.cloud_jobs j
        where j.queue = pair.queue and j.job_type = pair.job_type and j.status = 'waiting' and not j.blocked
          and j.run_at <= now()
        limit 10000
      ) j
    ) due
    where due.jobs > 0
      and not exists (select from public.cloud_jobs_queues s where s.queue = pair.queue and (s.paused or s.cool_down_until > now()))
  )
  select coalesce(jsonb_agg(jsonb_build_object('queue', w.queue, 'job_type', w.job_type, 'due', w.jobs,
    'last_asked_at', w.asked, 'seconds', extract(epoch from now() - public.cloud_jobs_finite(w.since)))
    order by w.since, w.queue, w.job_type), '[]'::jsonb)
  from waiting w
  where w.since < now() - interval '2 hours'
    and exists (select from public.cloud_job_workers s where s.seen_at > w.since)
$$;

-- ==== functions/unblock =========================================================================

-- The id of the advisory lock of a concurrency key. A claim that blocks jobs of the key and a trigger that unblocks them take turns by it.
create or replace function public.cloud_jobs_key_lock_id(concurrency_key_param text)
returns bigint
language sql
immutable
parallel safe
set search_path = ''
as $$
  select hashtextextended('cloud-jobs concurrency key: ' || concurrency_key_param, 0)
$$;

-- Unblocks the first blocked job of a concurrency key in each queue and job type, and returns how many it unblocked.
--
-- One for each queue and type, because a queue that no worker asks for must not hold up another. Unblocking too many does
-- no harm: the next claim blocks them again. Waits for the advisory lock of the key.
--
-- Planner settings: see sql/README.md. A key may have a hundred thousand blocked jobs, whatever the statistics say.
create or replace function public.cloud_jobs_unblock(concurrency_key_param text)
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
declare
  lane record;
  unblocked integer := 0;
  last_queue text := '';
  last_type text := '';
begin
  perform pg_advisory_xact_lock(public.cloud_jobs_key_lock_id(concurrency_key_param));
  loop
    select j.job_id, j.queue, j.job_type into lane
    from public.cloud_jobs j
    where j.concurrency_key = concurrency_key_param and j.status = 'waiting' and j.blocked
      and (j.queue, j.job_type) > (last_queue, last_type)
    order by j.queue, j.job_type, j.priority, j.run_at, j.job_id
    limit 1;
    exit when not found;
    update public.cloud_jobs set blocked = false where job_id = lane.job_id and blocked;
    -- Somebody cancelled, disabled or deleted it at this moment: the next of the same lane goes instead.
    continue when not found;
    unblocked := unblocked + 1;
    last_queue := lane.queue;
    last_type := lane.job_type;
  end loop;
  return unblocked;
end
$$;

-- ==== functions/update ==========================================================================

-- Changes a job that does not run.
--
-- changes: {"name", "config", "description", "priority", "run_at", "queue", "max_retries", "timeout_seconds", "schedule",
-- "timezone", "missed", "missed_grace_seconds", "expires_at", "expires_in_seconds",
-- "retry_delay_seconds", "retry_factor"}, each with the meaning and limits it has in cloud_jobs_enqueue. A new
-- schedule moves the job to its next occurrence. Locks the job row. A repeat changes nothing.
create or replace function public.cloud_jobs_update(job_id_param text, changes_param jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  known constant text[] := array['name', 'config', 'description', 'priority', 'run_at', 'queue', 'max_retries',
    'timeout_seconds', 'schedule', 'timezone', 'missed', 'missed_grace_seconds', 'expires_at',
    'expires_in_seconds', 'retry_delay_seconds', 'retry_factor'];
  job public.cloud_jobs;
  changed public.cloud_jobs;
begin
  if jsonb_typeof(changes_param) is distinct from 'object' or changes_param = '{}' then
    perform public.cloud_jobs_refuse(400, 'changes_param holds no change.', 'Pass a JSON object with what to change, such as {"priority": -10}.');
  end if;
  if changes_param - known <> '{}' then
    perform public.cloud_jobs_refuse(400, format('changes_param has the unknown key %s.', (select to_json(min(k)) from jsonb_object_keys(changes_param - known) k)),
      'These can be changed: ' || array_to_string(known, ', ') || '.');
  end if;
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'locked' then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, 'It is running. Change it when it has ended.');
  end if;
  -- The same checks as for a new job.
  perform public.cloud_jobs_check_items(jsonb_build_array(jsonb_strip_nulls(
    jsonb_build_object('name', job.name, 'job_type', job.job_type, 'schedule', job.schedule, 'timezone', job.timezone,
      'retry_delay_seconds', job.retry_delay_seconds)
    || changes_param)));
  changed := jsonb_populate_record(job, changes_param);
  if changed is not distinct from job then
    return public.cloud_jobs_answer(job_id_param, job.status, true, false);
  end if;
  begin
    update public.cloud_jobs set name = changed.name, config = coalesce(changed.config, '{}'), description = changed.description,
      priority = changed.priority, run_at = changed.run_at, queue = changed.queue, max_retries = changed.max_retries,
      timeout_seconds = changed.timeout_seconds, schedule = changed.schedule,
      timezone = case when changed.schedule is not null then coalesce(changed.timezone, 'UTC') end,
      missed = changed.missed, missed_grace_seconds = changed.missed_grace_seconds,
      expires_at = changed.expires_at, expires_in_seconds = changed.expires_in_seconds,
      retry_delay_seconds = changed.retry_delay_seconds,
      retry_factor = case when changed.retry_delay_seconds is not null then changed.retry_factor end
    where job_id = job_id_param;
  exception when unique_violation then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'An unfinished job of that queue has the same unique key.');
  end;
  return public.cloud_jobs_answer(job_id_param, job.status, true, true);
end
$$;

-- ==== functions/upsert-papers ===================================================================

-- Stores up to 1,000 papers.
--
-- A paper equals a stored one if the arXiv id is the same, else the DOI, else (source, source_id). Two different arXiv
-- ids are never one paper. A paper that comes twice in a batch counts once.
--
-- The same source (or arXiv over any other) replaces what is stored, unless what is stored is a newer version. Another
-- source only fills in what is missing. A primary key, created_at, pdf_path and job_id (the job that found the paper first)
-- never change. A DOI that another row holds
-- is left out.
--
-- Returns {"v": 1, "inserted": n, "updated": n, "unchanged": n, "inserted_ids": [...]}. An inserted id is the identity of
-- the paper: arXiv id, else DOI, else source:source_id.
--
-- A repeat stores nothing new and reports the papers as unchanged. Writers take turns (an advisory lock).
create or replace function public.cloud_jobs_upsert_papers(papers_param jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  reply jsonb;
begin
  if papers_param is null or jsonb_typeof(papers_param) <> 'array' then
    raise exception 'papers_param must be a JSON array of papers' using errcode = '22023';
  end if;
  if jsonb_array_length(papers_param) > 1000 then
    raise exception 'papers_param has % papers; send at most 1000 at a time', jsonb_array_length(papers_param)
      using errcode = '22023';
  end if;
  if exists (
    select from jsonb_array_elements(papers_param) as item(value)
    where jsonb_typeof(item.value) <> 'object'
       or item.value ->> 'source' is null or item.value ->> 'source_id' is null
       or item.value ->> 'title' is null or item.value ->> 'published' is null
  ) then
    raise exception 'every paper needs source, source_id, title and published' using errcode = '22023';
  end if;

  -- One writer at a time: identity spans three unique keys, which no single "on conflict" covers. A page takes
  -- milliseconds, and the statement below then sees what the writer before has committed.
  perform pg_advisory_xact_lock(hashtextextended('cloud_jobs_upsert_papers', 0));

  with given as (
    select item.place,
           regexp_replace(nullif(btrim(x.arxiv_id), ''), 'v[0-9]{1,4}$', '') as arxiv_id,
           lower(nullif(btrim(x.doi), '')) as doi,
           x.source, x.source_id, x.version, x.title, x.abstract, x.published, x.updated, x.pdf_url, x.url,
           x.primary_category, x.comment, x.journal_ref, x.job_id,
           coalesce(x.author_list, '{}') as author_list,
           coalesce(x.category_list, '{}') as category_list
    from jsonb_array_elements(papers_param) with ordinality as item(value, place)
    cross join lateral jsonb_to_record(item.value) as x(
      arxiv_id text, doi text, source text, source_id text, version integer, title text, abstract text,
      author_list text[], category_list text[], primary_category text, published timestamptz, updated timestamptz,
      pdf_url text, url text, comment text, journal_ref text, job_id text)
  ),
  keyed as (
    -- A paper with only a DOI is the same as one with that DOI and an arXiv id.
    select g.*,
           coalesce(
             'a:' || coalesce(g.arxiv_id,
                              case when g.doi is not null then min(g.arxiv_id) over (partition by g.doi) end),
             'd:' || g.doi,
             's:' || g.source || ':' || g.source_id) as batch_key
    from given g
  ),
  one_each as (
    select distinct on (k.batch_key) k.*
    from keyed k
    order by k.batch_key, (k.source = 'arxiv') desc, k.version desc nulls last, k.updated desc nulls last, k.place
  ),
  one_each_source_id as (
    select distinct on (o.source, o.source_id) o.* from one_each o order by o.source, o.source_id, o.place
  ),
  matched as (
    select o.*, coalesce(by_arxiv.id, by_doi.id, by_source.id) as row_id
    from one_each_source_id o
    left join public.papers by_arxiv on by_arxiv.arxiv_id = o.arxiv_id
    left join public.papers by_doi
      on by_doi.doi = o.doi and (by_doi.arxiv_id is null or o.arxiv_id is null)
    left join public.papers by_source
      -- Whatever arXiv id the source gives it now: the row keeps the one that it has.
      on by_source.source = o.source and by_source.source_id = o.source_id
  ),
  one_each_row as (
    select distinct on (coalesce(m.row_id, m.batch_key)) m.*
    from matched m
    order by coalesce(m.row_id, m.batch_key), (m.source = 'arxiv') desc, m.place
  ),
  fitted as (
    -- Two arXiv papers may name the same journal DOI (authors type it in); the first one keeps it.
    select o.*,
           case when row_number() over (partition by o.doi order by (o.row_id is null), o.place) = 1
                 and not exists (select from public.papers p where p.doi = o.doi and p.id is distinct from o.row_id)
                then o.doi end as free_doi
    from one_each_row o
  ),
  planned as (
    select f.*,
           p.id is null as is_new,
           -- A source that joins two of its entries names a row by the id that another row holds.
           not exists (
             select from public.papers o
             where o.source = f.source and o.source_id = f.source_id and o.id is distinct from f.row_id
           ) as is_source_id_free,
           (coalesce(p.source, 'arxiv') = f.source or f.source = 'arxiv') as replaces,
           coalesce(
             coalesce(p.source, 'arxiv') = f.source
             and (f.version < p.version
                  or (f.version is not distinct from p.version and f.updated < p.updated)), false) as is_stale
    from fitted f
    left join public.papers p on p.id = f.row_id
  ),
  inserted as (
    insert into public.papers (
      arxiv_id, doi, source, source_id, version, title, abstract, authors, author_list, categories, category_list,
      primary_category, published, updated, pdf_url, url, comment, journal_ref, job_id)
    select n.arxiv_id, n.free_doi, n.source, n.source_id, n.version, n.title, n.abstract,
           array_to_string(n.author_list, '|'), n.author_list,
           array_to_string(n.category_list, '|'), n.category_list,
           n.primary_category, n.published, n.updated, n.pdf_url, n.url, n.comment, n.journal_ref, n.job_id
    from planned n
    where n.is_new
    order by n.place
    -- Somebody may write to the table by other ways, outside the lock above.
    on conflict do nothing
    returning id, coalesce(arxiv_id, doi, source || ':' || source_id) as identity
  ),
  merged as (
    select p.id,
           coalesce(p.arxiv_id, n.arxiv_id) as arxiv_id,
           case when n.replaces then coalesce(n.free_doi, p.doi) else coalesce(p.doi, n.free_doi) end as doi,
           case when n.replaces and n.is_source_id_free then n.source else p.source end as source,
           case when n.replaces and n.is_source_id_free then n.source_id else p.source_id end as source_id,
           case when n.replaces then coalesce(n.version, p.version) else p.version end as version,
           case when n.replaces then n.title else p.title end as title,
           case when n.replaces then coalesce(n.abstract, p.abstract) else coalesce(p.abstract, n.abstract) end
             as abstract,
           case when n.replaces then array_to_string(n.author_list, '|') else p.authors end as authors,
           case when n.replaces then n.author_list else p.author_list end as author_list,
           case when n.replaces then array_to_string(n.category_list, '|') else p.categories end as categories,
           case when n.replaces then n.category_list else p.category_list end as category_list,
           case when n.replaces then n.primary_category else coalesce(p.primary_category, n.primary_category) end
             as primary_category,
           case when n.replaces then n.published else p.published end as published,
           case when n.replaces then coalesce(n.updated, p.updated) else p.updated end as updated,
           case when n.replaces then coalesce(n.pdf_url, p.pdf_url) else coalesce(p.pdf_url, n.pdf_url) end as pdf_url,
           case when n.replaces then coalesce(n.url, p.url) else coalesce(p.url, n.url) end as url,
           case when n.replaces then n.comment else coalesce(p.comment, n.comment) end as comment,
           case when n.replaces then coalesce(n.journal_ref, p.journal_ref)
                else coalesce(p.journal_ref, n.journal_ref) end as journal_ref
    from planned n
    join public.papers p on p.id = n.row_id
    where not n.is_stale
  ),
  changed as (
    update public.papers p
    set arxiv_id = m.arxiv_id, doi = m.doi, source = m.source, source_id = m.source_id, version = m.version,
        title = m.title, abstract = m.abstract, authors = m.authors, author_list = m.author_list,
        categories = m.categories, category_list = m.category_list, primary_category = m.primary_category,
        published = m.published, updated = m.updated, pdf_url = m.pdf_url, url = m.url, comment = m.comment,
        journal_ref = m.journal_ref, updated_at = now()
    from merged m
    where p.id = m.id
      and (p.arxiv_id, p.doi, p.source, p.source_id, p.version, p.title, p.abstract, p.authors, p.author_list,
           p.categories, p.category_list, p.primary_category, p.published, p.updated, p.pdf_url, p.url, p.comment,
           p.journal_ref)
          is distinct from
          (m.arxiv_id, m.doi, m.source, m.source_id, m.version, m.title, m.abstract, m.authors, m.author_list,
           m.categories, m.category_list, m.primary_category, m.published, m.updated, m.pdf_url, m.url, m.comment,
           m.journal_ref)
    returning p.id
  ),
  counts as (
    select (select count(*) from inserted) as inserted,
           (select count(*) from changed) as updated,
           (select count(*) from planned) as planned
  )
  select jsonb_build_object(
           'v', 1,
           'inserted', c.inserted,
           'updated', c.updated,
           'unchanged', c.planned - c.inserted - c.updated,
           'inserted_ids', coalesce((select jsonb_agg(i.identity) from inserted i), '[]'::jsonb))
  into reply
  from counts c;

  return reply;
end
$$;

-- ==== functions/version =========================================================================

-- The version of this schema, and the oldest client version that can use it. Constants, because every claim asks.
create or replace function public.cloud_jobs_version()
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select '{"v": 1, "schema": 12, "requires": 1}'::jsonb
$$;

-- ==== functions/wake-state ======================================================================

-- What sql/optional/wake.sql did lately; null if it is not installed or the caller may not see it.
create or replace function public.cloud_jobs_wake_state()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  state jsonb;
begin
  if not coalesce((
    select has_schema_privilege(n.oid, 'usage') from pg_catalog.pg_namespace n where n.nspname = 'cloud_jobs_wake'), false)
  then
    return null;
  end if;
  execute 'select cloud_jobs_wake.state()' into state;
  return state;
end
$$;

-- ==== functions/workers-state ===================================================================

-- What is known of workers and of the runs that schedules started, for doctor and stats. Changes nothing.
create or replace function public.cloud_jobs_workers_state()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'last_seen_at', (select max(w.seen_at) from public.cloud_job_workers w),
    'schedules', (
      select coalesce(jsonb_agg(jsonb_build_object('repository', s.repository, 'schedule', s.schedule, 'ticks', s.ticks)
        order by s.repository, s.schedule), '[]'::jsonb)
      from (
        select tick.repository, tick.schedule, jsonb_agg(tick.began order by tick.began desc) as ticks
        from (
          select run.repository, run.schedule, run.began,
            row_number() over (partition by run.repository, run.schedule order by run.began desc) as position
          from (
            select public.cloud_jobs_repository_of(w.run_url) as repository, substr(w.trigger, 10) as schedule,
              min(w.started_at) as began
            from public.cloud_job_workers w
            where w.trigger like 'schedule %' and w.run_url is not null
            group by 1, 2, public.cloud_jobs_run_of(w.run_url)
          ) run
        ) tick
        where tick.position <= 13
        group by tick.repository, tick.schedule
      ) s))
$$;

-- ==== install/access ============================================================================

-- Who may do what: service_role everything that the worker and the commands need, nobody else anything.
--
-- Spelled out, because defaults differ: Supabase projects made before 30 May 2026 grant everything new to anon and
-- authenticated, later ones grant nothing, not even to service_role, and a new function is open to PUBLIC in both.
do $$
declare
  object record;
begin
  for object in
    select format('table public.%I', c.relname) as name, c.relkind
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
      and c.relname in ('cloud_jobs', 'cloud_job_executions', 'cloud_job_workers', 'cloud_jobs_queues', 'cloud_job_dependencies', 'cloud_job_steps', 'cloud_job_signals', 'cloud_jobs_schema', 'job_statistics',
        'cloud_jobs_alert_channels', 'cloud_jobs_alert_outbox', 'cloud_jobs_alert_subjects')
  loop
    execute format('revoke all on %s from public, anon, authenticated', object.name);
    execute format('grant %s on %s to service_role',
      case when object.relkind = 'v' then 'select' else 'select, insert, update, delete' end, object.name);
  end loop;
  for object in
    select p.oid::regprocedure::text as name
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and (p.proname like 'cloud\_jobs\_%' or p.proname in ('get_next_available_job', 'release_expired_locks'))
  loop
    execute format('revoke all on function %s from public, anon, authenticated', object.name);
    execute format('grant execute on function %s to service_role', object.name);
  end loop;
end
$$;

-- ==== install/record ============================================================================

-- Records what was made, as a function that returns it: doctor compares the database with it.
--
-- A second run of this file makes no column, default, constraint or index again that somebody changed. Their first record
-- is kept, so that doctor goes on naming the change.
do $$
declare
  server constant text := split_part(current_setting('server_version'), '.', 1);
  made jsonb := (
    select jsonb_object_agg(thing, jsonb_build_object('definition', definition, 'repair', repair))
    from public.cloud_jobs_catalog());
  earlier jsonb;
begin
  begin
    earlier := public.cloud_jobs_installed();
  exception when undefined_function then
    null;
  end;
  if earlier->>'tables' = '4e8d7e324efb23c3' and earlier->>'server' = server then
    made := made || coalesce((
      select jsonb_object_agg(key, value) from jsonb_each(earlier->'things')
      where key ~ '^(column|default|constraint|index) '), '{}');
  end if;
  execute format('create or replace function public.cloud_jobs_installed() returns jsonb language sql immutable set search_path = %L as %L',
    '', format('select %L::jsonb', jsonb_build_object('tables', '4e8d7e324efb23c3', 'server', server, 'things', made)));
  revoke all on function public.cloud_jobs_installed() from public, anon, authenticated;
  grant execute on function public.cloud_jobs_installed() to service_role;
  comment on function public.cloud_jobs_installed() is 'What sql/install.sql made here, for cloud_jobs_inspect.';
end
$$;

-- ==== install/end ===============================================================================

insert into public.cloud_jobs_schema (version, name) values (12, 'cloud-jobs')
on conflict (version) do nothing;

-- PostgREST learns of the new functions.
notify pgrst, 'reload schema';

commit;

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

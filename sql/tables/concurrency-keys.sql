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

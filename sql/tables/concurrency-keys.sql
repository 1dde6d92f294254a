-- Concurrency keys: at most one job of a key is locked at any moment.
--
-- The unique index cloud_jobs_concurrency_key guarantees it. The triggers here keep the claim cheap. A claim marks the
-- jobs behind a busy key as blocked, which takes them out of its index, and every event that frees the key unblocks the
-- next. What holds at any moment: a key with blocked jobs also has a locked job, or in each queue and type with blocked
-- jobs a due one that is not blocked. Triggers keep it so for every writer.
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
  before update of status, run_at, schedule, timezone, concurrency_key, queue, job_type on public.cloud_jobs
  for each row
  when (old.blocked and new.blocked and (
    new.status <> 'waiting'
    or new.run_at > now()
    or (new.concurrency_key, new.queue, new.job_type) is distinct from (old.concurrency_key, old.queue, old.job_type)
  ))
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

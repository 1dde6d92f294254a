-- Concurrency keys: at most one job of a key is locked at any moment.
--
-- The unique index cloud_jobs_concurrency_key guarantees it. What is here keeps the claim cheap: a job that a claim
-- finds behind a busy key is marked blocked, which takes it out of the claim's index, and whatever frees the key
-- lets the next one go. The invariant: while a key has blocked jobs it also has a locked job, or a due one that
-- is not blocked, in each queue and type that has blocked ones. It is kept by triggers, so it also holds for
-- people who write to the table by hand.

-- The lock that orders "this key is busy, so wait" in a claim and "this key is free, so go" in the trigger.
create or replace function public.cloud_jobs_key_lock_id(concurrency_key_param text)
returns bigint
language sql
immutable
parallel safe
set search_path = ''
as $$
  select hashtextextended('cloud-jobs concurrency key: ' || concurrency_key_param, 0)
$$;

-- Lets the first blocked job of the key go, in each queue and job type: a queue that nobody works must not hold
-- up another. Letting too many go does no harm, the next claim blocks them again.
create or replace function public.cloud_jobs_unblock(concurrency_key_param text)
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
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

-- A blocked mark belongs to a due job and its key: it goes when either does.
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

-- Of schedule and timezone too: a change of these moves run_at by a trigger, of which the list of columns hears nothing.
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

create or replace trigger cloud_jobs_clear_blocked
  before update of status, run_at, schedule, timezone, concurrency_key, queue, job_type on public.cloud_jobs
  for each row
  when (old.blocked and new.blocked and (
    new.status <> 'waiting'
    or new.run_at > now()
    or (new.concurrency_key, new.queue, new.job_type) is distinct from (old.concurrency_key, old.queue, old.job_type)
  ))
  execute function public.cloud_jobs_clear_blocked();

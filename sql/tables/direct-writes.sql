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

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

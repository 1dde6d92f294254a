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

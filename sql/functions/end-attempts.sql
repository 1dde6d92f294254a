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

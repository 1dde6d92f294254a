-- The life of an attempt: claim, renew, finish, release, expire.
--
-- Every function here is fenced (a write that ends or renews an attempt names its execution and its instance, and
-- applies only while that execution holds the lock), idempotent (a request whose reply was lost can be sent again)
-- and atomic. None raises SQLSTATE 40001: PostgREST before version 16 repeats such a request without end.
--
-- Plans. What every call runs has one plan, kept by the connection (force_generic_plan): planning the statements of a
-- claim anew took most of its time, and so did planning each check of a foreign key. The trap is a plan that was made
-- while the table was empty and is kept when it has grown. So nothing is left to choose: sequential scans, bitmaps and
-- sorts of a table are off, and coalesce() hides a state from partial indexes that hold few rows only sometimes. What
-- is left is the index in the order of the claim and the primary keys, whatever the statistics say. Costs that switch
-- off a plan look enormous, so jit, which goes by costs, is off too. test/sql/plans.test.ts keeps it so. The rare way
-- (cloud_jobs_end_attempts) is planned by call.

-- The forms that answered in jsonb: building and printing it took four times as long as json.
do $$
declare
  old text;
begin
  for old in
    select p.oid::regprocedure::text from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.prorettype = 'jsonb'::regtype
      and p.proname in ('cloud_jobs_claim', 'cloud_jobs_finish', 'cloud_jobs_release', 'cloud_jobs_enqueue')
  loop
    execute 'drop function ' || old;
  end loop;
end
$$;

-- Errors that a caller can act on. PostgREST answers SQLSTATE PTxyz with HTTP status xyz.
create or replace function public.cloud_jobs_refuse(status_param integer, message_param text, hint_param text default '')
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT' || status_param, message = message_param, hint = hint_param;
end
$$;

-- The queues that the caller may use; null for all of them, as here: whoever may call the functions of the queue may
-- use all of it. sql/optional/worker-role.sql and enqueue-role.sql replace it, for keys that name their queues.
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

-- Ends attempts: the state machine's right-hand side, in one statement for the whole batch.
--
-- items: [{"execution_id", "outcome", "result", "error", "error_details", "failure_kind", "delay_seconds",
--          "duration_seconds", "progress", "output", "job_id", "instance_id"}]
-- outcome: success | failure | discard | snooze | release; where lost_param is true, lost alone. job_id and instance_id
-- are for that, where the lock may be one of a seed client, which has no execution. The occurrence of a recurring job is over with its last
-- attempt, however that ended, and the next one is due by the schedule; what it leaves out is recorded as skipped.
-- Returns one element for each item, in order: {"execution_id", "applied", "status", "failure_kind", "run_at"}, or
-- applied = false where the execution no longer holds the lock. Of two items about one execution the first counts.
drop function if exists public.cloud_jobs_end_attempts(text, jsonb);
create or replace function public.cloud_jobs_end_attempts(
  instance_id_param text, items_param jsonb, lost_param boolean default false)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
declare
  reply jsonb;
begin
  with item as materialized (
    select i.ordinal, i.execution_id, i.outcome, i.result, i.error, i.error_details, i.failure_kind, i.delay_seconds,
      i.duration_seconds, i.progress, i.output,
      -- Other people's locks are not for a caller who ends attempts of its own.
      case when lost_param then i.instance_id else instance_id_param end as instance_id,
      case when lost_param then i.job_id else e.job_id end as job_id,
      row_number() over (partition by coalesce(i.execution_id, i.job_id) order by i.ordinal) as turn
    from rows from (jsonb_to_recordset(items_param) as (
      execution_id text, outcome text, result jsonb, error text, error_details jsonb, failure_kind text,
      delay_seconds double precision, duration_seconds real, progress jsonb, output text, job_id text,
      instance_id text)) with ordinality as i (
      execution_id, outcome, result, error, error_details, failure_kind, delay_seconds, duration_seconds, progress,
      output, job_id, instance_id, ordinal)
    left join public.cloud_job_executions e on e.execution_id = i.execution_id
    order by job_id
  ),
  -- The fence. Rows are locked in the order of item, so that two batches never wait for each other.
  held as materialized (
    select item.*, j.current_retries, j.max_retries, j.occurrence, j.schedule, j.timezone, j.missed,
      j.missed_grace_seconds, j.scheduled_for, j.locked_at, j.attempts_left, j.was_cancelled, j.disable_wanted
    from item
    cross join lateral (
      select c.current_retries, c.max_retries, c.occurrence, c.schedule, c.timezone, c.missed, c.missed_grace_seconds,
        c.scheduled_for, c.locked_at, c.disable_requested_at is not null as disable_wanted,
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
  decided as materialized (
    select held.*,
      case
        when outcome = 'success' then 'done'
        when was_cancelled then 'cancelled'
        when outcome in ('snooze', 'release') then 'again'
        when outcome in ('failure', 'lost') and attempts_left then 'retry'
        else 'dead'
      end as decision
    from held
  ),
  -- Of recurring jobs alone: a function in an outer join would be called for every row, whatever its condition.
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
        -- A schedule that cannot be read any more (a time zone that was abolished) must not pass for one that ended.
        when fault is not null then 'failed'
        when decision in ('again', 'retry') then 'waiting'
        when next_occurrence is not null then 'waiting'
        when decision = 'done' then 'success'
        else 'failed'
      end as new_status,
      case
        when decision = 'again' then now() + make_interval(secs => coalesce(delay_seconds, 0))
        when decision = 'retry' then now() + make_interval(secs => coalesce(delay_seconds,
          -- 30 s, 1 min, 2 min, ... up to 6 h, and up to a fifth more or less so that failures do not march in step.
          least(21600, 30 * power(2, least(coalesce(current_retries, 0), 20))) * (0.8 + 0.4 * random())))
        else next_occurrence
      end as new_run_at,
      case
        when decision = 'done' then null
        when outcome = 'lost' then 'lost'
        when decision = 'cancelled' then 'cancelled'
        when outcome = 'snooze' then 'snoozed'
        when outcome = 'release' then 'released'
        when outcome = 'discard' then 'discarded'
        else coalesce(failure_kind, 'error')
      end as new_failure_kind,
      case
        when decision = 'done' then null
        else coalesce(error, case when outcome = 'lost'
          then 'The lock expired: the worker ' || instance_id || ' is taken for dead.' end)
      end as new_error
    from turned
  ),
  job as (
    update public.cloud_jobs c set
      status = next.new_status,
      run_at = coalesce(next.new_run_at, c.run_at),
      current_retries = case
        when next.decision = 'retry' then coalesce(c.current_retries, 0) + 1
        when next.decision = 'again' then c.current_retries
        when next.next_occurrence is not null then 0
        else c.current_retries
      end,
      occurrence = case when next.next_occurrence is not null then c.occurrence + 1 else c.occurrence end,
      scheduled_for = coalesce(next.next_occurrence, c.scheduled_for),
      disable_requested_at = null,
      last_execution = case when next.outcome = 'release' then c.last_execution else now() end,
      finished_at = case when next.new_status in ('success', 'failed') then now() end,
      error_message = nullif(concat_ws(' ', next.new_error, next.fault), ''),
      locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null,
      cancel_requested_at = null
    from next
    where c.job_id = next.job_id
    returning c.job_id
  ),
  execution as (
    update public.cloud_job_executions e set
      status = case when next.decision = 'done' then 'success' else 'failed' end,
      finished_at = now(),
      duration_seconds = coalesce(next.duration_seconds, extract(epoch from now() - e.started_at)),
      result = next.result,
      error_message = next.new_error,
      error_details = next.error_details,
      failure_kind = next.new_failure_kind,
      progress = coalesce(next.progress, e.progress),
      output = next.output,
      job_status = next.new_status,
      next_run_at = next.new_run_at
    from next
    where e.execution_id = next.execution_id and e.status = 'running'
  ),
  -- A seed client writes execution rows of its own: close those of a lock that expired. Apart from the above, where
  -- an OR would compare every running execution with every item.
  seed_execution as (
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
  select coalesce(jsonb_agg(
    case
      when next.job_id is not null then jsonb_build_object(
        'execution_id', item.execution_id, 'applied', true, 'status', next.new_status,
        'failure_kind', next.new_failure_kind, 'run_at', next.new_run_at)
      else jsonb_build_object('execution_id', item.execution_id, 'applied', false)
    end order by item.ordinal), '[]'::jsonb)
  into reply
  from item
  left join next on next.ordinal = item.ordinal;

  -- Sent again after its reply was lost: the same answer, and nothing is done twice. An execution that was ended by
  -- its lock's expiry was not ended by this worker, whatever it believes. A statement of its own, since the one above
  -- does not see what a first request did that it had to wait for.
  if reply @> '[{"applied": false}]' then
    select jsonb_agg(
      case when e.execution_id is null then a.answer else jsonb_build_object(
        'execution_id', e.execution_id, 'applied', true, 'status', e.job_status,
        'failure_kind', e.failure_kind, 'run_at', e.next_run_at) end order by a.ordinal)
    into reply
    from jsonb_array_elements(reply) with ordinality as a (answer, ordinal)
    left join public.cloud_job_executions e on a.answer @> '{"applied": false}'
      and e.execution_id = a.answer->>'execution_id' and e.instance_id = instance_id_param
      and e.status <> 'running' and e.failure_kind is distinct from 'lost';
  end if;
  return reply;
end
$$;

-- Ends the attempts of a batch that the commonest case is: success of a job that does not recur. The same fence and
-- the same effect as cloud_jobs_end_attempts, which has every other case, at a third of its cost. Returns the ids of
-- the executions that it ended; what it leaves is for the other, and that it left it says nothing.
create or replace function public.cloud_jobs_end_successes(instance_id_param text, items_param jsonb)
returns text[]
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_memoize = off
set jit = off
as $$
declare
  done text[];
begin
  with item as materialized (
    select i.execution_id, i.result, i.duration_seconds, i.progress, i.output, e.job_id
    from (
      select given.*, row_number() over (partition by given.execution_id order by given.ordinal) as turn
      from rows from (jsonb_to_recordset(items_param) as (
        execution_id text, outcome text, result jsonb, duration_seconds real, progress jsonb, output text))
        with ordinality as given (execution_id, outcome, result, duration_seconds, progress, output, ordinal)
    ) i
    join public.cloud_job_executions e on e.execution_id = i.execution_id
    -- Of two items about one execution the first counts, whatever it says.
    where i.turn = 1 and i.outcome = 'success'
    -- Rows are locked in this order by every batch, so that two never wait for each other.
    order by e.job_id
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
      and c.locked_execution_id = item.execution_id and c.locked_by = instance_id_param
      and coalesce(c.status, '') = 'locked'
      and c.schedule is null
    returning item.execution_id, item.result, item.duration_seconds, item.progress, item.output
  ),
  execution as (
    update public.cloud_job_executions e set
      status = 'success',
      finished_at = now(),
      duration_seconds = coalesce(job.duration_seconds, extract(epoch from now() - e.started_at)),
      result = job.result, progress = coalesce(job.progress, e.progress), output = job.output,
      job_status = 'success'
    from job
    where e.execution_id = job.execution_id and coalesce(e.status, '') = 'running'
  )
  select coalesce(array_agg(job.execution_id), '{}') into done from job;
  return done;
end
$$;

-- Locks the rows of a batch in the order in which every other function does: two passes over it would lock the rest of
-- them out of order, and wait for a renewal that waits for them.
create or replace function public.cloud_jobs_lock_held(instance_id_param text, items_param jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
  perform from (
    select e.job_id
    from jsonb_array_elements(items_param) as item
    join public.cloud_job_executions e on e.execution_id = item->>'execution_id'
    order by e.job_id
  ) held
  cross join lateral (
    select from public.cloud_jobs c
    where c.job_id = held.job_id and c.locked_by = instance_id_param
    for update of c
  ) locked;
end
$$;

-- Ends the attempts of dead workers, a bounded number at a time, in the queues and types asked for, or in all.
-- Guarded by state and expiry under a row lock, so a job that was finished or renewed meanwhile is left alone.
create or replace function public.cloud_jobs_expire(
  queues_param text[] default null, job_types_param text[] default null, limit_param integer default 100)
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
    from (select distinct q.queue from unnest(queues_param) as q (queue)) as q
    cross join (select distinct t.job_type from unnest(job_types_param) as t (job_type)) as t
    cross join lateral (
      select c.job_id, c.locked_execution_id, c.locked_by
      from public.cloud_jobs c
      where c.status = 'locked' and c.queue = q.queue and c.job_type = t.job_type and c.lock_expires_at < now()
      order by c.lock_expires_at limit limit_param
      for update skip locked
    ) j;
  end if;
  if items is null then
    return 0;
  end if;
  perform public.cloud_jobs_end_attempts(null, items, true);
  return jsonb_array_length(items);
end
$$;

create or replace function public.cloud_jobs_skipped_words(
  skipped_param integer, first_param timestamptz, last_param timestamptz, missed_param text, grace_param integer)
returns text
language sql
stable
set search_path = ''
as $$
  select format('Skipped %s from %s to %s UTC: %s.',
    case when skipped_param = 1 then '1 occurrence' when skipped_param >= 1000 then '1000 occurrences or more'
      else skipped_param || ' occurrences' end,
    to_char(first_param at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), to_char(last_param at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
    case when missed_param = 'skip' then 'no worker came within the grace of ' || grace_param || ' s'
      else 'of a longer line only the newest hundred run' end)
$$;

-- Moves recurring jobs with missed = 'skip' on whose occurrence is later than its grace and has never been started,
-- and records what was skipped. A bounded number at a time. Returns how many jobs.
create or replace function public.cloud_jobs_skip_missed(
  queues_param text[], job_types_param text[], limit_param integer default 200)
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
  end loop;
  return moved;
end
$$;

-- Locks the rows of the next due jobs and returns their ids in the order of the claim: priority, then due time.
-- The rows are locked until the end of the transaction; the caller changes their state.
create or replace function public.cloud_jobs_pick(queues_param text[], job_types_param text[], limit_param integer)
returns text[]
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
declare
  picked text[] := '{}';
  candidates text[];
  keyed boolean;
  key text;
  taken text[];
  passed boolean;
begin
  -- Each round but the last blocks at least one job, so rounds are bounded by what there is to block; ten of them
  -- keep a single call short, and the caller is told that there may be more.
  for round in 1..10 loop
    with recursive lane as materialized (
      select distinct q.queue, t.job_type
      from unnest(queues_param) as q (queue)
      cross join unnest(job_types_param) as t (job_type)
    ),
    -- The priorities in use, smallest first, found by jumping from one to the next through the index. A plain range
    -- scan would walk over every job of a higher priority that is due only tomorrow.
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
    -- Levels come out one by one, in order, and the limit stops asking for more: only rows that are taken, and a few
    -- of their neighbours in other lanes, are locked.
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
            -- Too late to run, and in too long a line to be recorded as skipped by this claim already.
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
      coalesce(bool_or(due.concurrency_key is not null), false)
    into candidates, keyed
    from due;

    exit when cardinality(candidates) = 0;

    if not keyed then
      picked := picked || candidates;
      exit;
    end if;

    taken := '{}';
    passed := false;
    for key in
      select distinct j.concurrency_key from public.cloud_jobs j
      where j.job_id = any (candidates) and j.concurrency_key is not null
    loop
      -- Never wait for a key while holding row locks. Somebody who holds it is at work on this key now.
      if not pg_try_advisory_xact_lock(public.cloud_jobs_key_lock_id(key)) then
        passed := true;
        continue;
      end if;
      if not exists (select from public.cloud_jobs j where j.concurrency_key = key and j.status = 'locked')
        and not exists (select from public.cloud_jobs j where j.job_id = any (picked) and j.concurrency_key = key)
      then
        -- The first of the key goes, in the order of the candidates.
        taken := taken || array(
          select c.job_id
          from unnest(candidates) with ordinality as c (job_id, position)
          join public.cloud_jobs j on j.job_id = c.job_id
          where j.concurrency_key = key
          order by c.position limit 1);
      end if;
      -- The others wait, out of the claim's index. By the thousand, since they tend to come in crowds.
      update public.cloud_jobs c set blocked = true
      where c.job_id = any (array(
        select j.job_id from public.cloud_jobs j
        where j.concurrency_key = key and j.status = 'waiting' and not j.blocked and j.run_at <= now()
          and j.job_id <> all (picked || taken)
        limit 1000
        for update skip locked
      ));
    end loop;

    picked := picked || array(
      select c.job_id
      from unnest(candidates) with ordinality as c (job_id, position)
      join public.cloud_jobs j on j.job_id = c.job_id
      where j.concurrency_key is null or c.job_id = any (taken)
      order by c.position);

    exit when cardinality(picked) >= limit_param or passed;
  end loop;

  -- Rows that a client of the seed marked failed, with retries left, come after the waiting ones, oldest first.
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

  return picked;
end
$$;

-- The words that a worker may send, checked before anything is touched.
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

-- Its form before trigger_param was added.
drop function if exists public.cloud_jobs_claim(text, integer, text[], text[], double precision, uuid, text, integer);

-- Claims up to limit_param due jobs of the queues and types named, after ending what dead workers left there.
--
-- request_id_param, a random UUID, makes the request repeatable: execution ids derive from its first 28 hex digits, and
-- a request that comes again gets the jobs that it already holds. Reply: {"v", "schema", "now", "jobs": [...], "more", "expired"}; more = true when
-- due jobs may be left, so "no jobs" with more = true is not the end of the queue. "worker" is null unless the worker is
-- new: see cloud_jobs_see_worker. trigger_param says what started it: "workflow_dispatch", "schedule 17 * * * *".
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
  -- The last four hex digits of an execution id number it within its claim.
  id_prefix constant text := left(coalesce(request_id_param::text, public.cloud_jobs_new_id()), 32);
  expired integer := 0;
  repeated boolean := false;
  picked text[];
  jobs json;
  worker jsonb;
begin
  perform public.cloud_jobs_check_claim(instance_id_param, limit_param, queues_param, job_types_param,
    lock_seconds_param, client_schema_param);

  if request_id_param is not null then
    -- The same request twice at once: the second waits, then finds what the first did.
    perform pg_advisory_xact_lock(hashtextextended('cloud-jobs claim: ' || request_id_param::text, 0));
    repeated := exists (select from public.cloud_job_executions e where e.execution_id = id_prefix || '0001');
  end if;

  if repeated then
    select array_agg(e.job_id) into picked
    from generate_series(1, limit_param) as n
    join public.cloud_job_executions e on e.execution_id = id_prefix || lpad(to_hex(n), 4, '0')
    join public.cloud_jobs j on j.job_id = e.job_id and j.locked_execution_id = e.execution_id
      and j.locked_by = instance_id_param and j.status = 'locked';
    -- The reply took a while to be asked for again: the lock starts anew. The fence once more: a job that expires in
    -- this moment may be somebody else's by now.
    update public.cloud_jobs j set lock_expires_at = now() + make_interval(secs => lock_seconds_param)
    where j.job_id = any (picked) and coalesce(j.status, '') = 'locked' and left(j.locked_execution_id, 32) = id_prefix;
  else
    expired := public.cloud_jobs_expire(queues_param, job_types_param);
    perform public.cloud_jobs_skip_missed(queues_param, job_types_param);
    picked := public.cloud_jobs_pick(queues_param, job_types_param, limit_param);
    with locked as (
      update public.cloud_jobs j set
        status = 'locked',
        locked_at = now(),
        locked_by = instance_id_param,
        lock_expires_at = now() + make_interval(secs => lock_seconds_param),
        locked_execution_id = id_prefix || lpad(to_hex(p.position), 4, '0'),
        cancel_requested_at = null,
        finished_at = null
      from unnest(picked) with ordinality as p (job_id, position)
      where j.job_id = p.job_id and coalesce(j.status, '') in ('waiting', 'failed')
      returning j.job_id, j.locked_execution_id, j.current_retries, j.occurrence,
        case when j.schedule is null then j.run_at else coalesce(j.scheduled_for, j.run_at) end as scheduled_for
    )
    insert into public.cloud_job_executions
      (execution_id, job_id, status, result, instance_id, attempt, occurrence, run_url, scheduled_for)
    select l.locked_execution_id, l.job_id, 'running', null, instance_id_param, coalesce(l.current_retries, 0) + 1,
      l.occurrence, left(run_url_param, 500), l.scheduled_for
    from locked l;
    worker := public.cloud_jobs_see_worker(instance_id_param, queues_param, coalesce(cardinality(picked), 0),
      trigger_param, run_url_param);
  end if;

  select json_agg(job order by job.execution_id) into jobs
  from (
    select j.job_id, j.locked_execution_id as execution_id, j.name, j.job_type, j.config,
      coalesce(j.description, '') as description, j.queue, j.priority,
      coalesce(j.current_retries, 0) + 1 as attempt, coalesce(j.current_retries, 0) as current_retries,
      coalesce(j.max_retries, 3) as max_retries, j.occurrence, j.timeout_seconds, j.schedule, j.timezone,
      case when j.schedule is null then j.run_at else coalesce(j.scheduled_for, j.run_at) end as scheduled_for,
      j.unique_key, j.concurrency_key, j.run_at,
      -- A row of the seed may have none.
      coalesce(j.created_at, j.run_at) as created_at
    from unnest(picked) as p (job_id)
    join public.cloud_jobs j on j.job_id = p.job_id and coalesce(j.status, '') = 'locked'
      and left(j.locked_execution_id, 32) = id_prefix
  ) job;

  return json_build_object('v', 1, 'schema', (public.cloud_jobs_version()->>'schema')::integer, 'now', now(),
    'jobs', coalesce(jobs, '[]'::json), 'expired', expired, 'worker', worker,
    -- A full reply may have left some. A short one has left what other workers are claiming at this moment, or what
    -- became due meanwhile: the caller should look once more.
    'more', coalesce(cardinality(picked), 0) >= limit_param
      or public.cloud_jobs_due(queues_param, job_types_param));
end
$$;

-- Whether any job of these queues and types could be claimed now: one index probe for each priority in use. What
-- another transaction has locked at this moment counts, since that one may not take it.
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

-- Keeps the locks of running attempts. items: [{"execution_id", "progress"}].
-- Reply: {"v", "renewed": [{"execution_id", "held", "cancel_requested"}]}; held = false means that the attempt was
-- ended by somebody else, so the handler must stop.
create or replace function public.cloud_jobs_renew(
  instance_id_param text, items_param jsonb, lock_seconds_param double precision default 300)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
as $$
declare
  reply jsonb;
begin
  if lock_seconds_param is null or lock_seconds_param not between 1 and 86400 then
    perform public.cloud_jobs_refuse(400, format('lock_seconds_param is %s.', coalesce(lock_seconds_param::text, 'null')), 'Pass a number of seconds from 1 to 86400.');
  end if;
  if exists (select from jsonb_array_elements(items_param) as item where octet_length((item->'progress')::text) > 16384) then
    perform public.cloud_jobs_refuse(413, 'The progress of an execution is too large.', 'At most 16 KiB.');
  end if;
  with item as materialized (
    select i.ordinal, i.execution_id, i.progress, e.job_id
    from rows from (jsonb_to_recordset(items_param) as (execution_id text, progress jsonb))
      with ordinality as i (execution_id, progress, ordinal)
    left join public.cloud_job_executions e on e.execution_id = i.execution_id
    order by e.job_id
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
    where c.job_id = held.job_id
  ),
  execution as (
    update public.cloud_job_executions e set progress = held.progress
    from held
    where e.execution_id = held.execution_id and held.progress is not null
  )
  select coalesce(jsonb_agg(jsonb_build_object('execution_id', item.execution_id, 'held', held.ordinal is not null,
    'cancel_requested', coalesce(held.cancel_requested, false)) order by item.ordinal), '[]'::jsonb)
  into reply
  from item
  left join held on held.ordinal = item.ordinal;
  return jsonb_build_object('v', 1, 'now', now(), 'renewed', reply);
end
$$;

-- Ends attempts and, in the same call, claims the next.
--
-- items: [{"execution_id", "outcome": "success" | "failure" | "discard" | "snooze" | "release", "result", "error",
--   "error_details", "failure_kind": "error" | "timeout" | "crashed", "delay_seconds", "duration_seconds",
--   "progress", "output"}]
-- claim: {"limit", "queues", "job_types", "lock_seconds", "request_id", "run_url"}, or null to claim nothing.
-- Reply: {"v", "finished": [{"execution_id", "applied", "status", "failure_kind", "run_at"}], "claim": {...} or null}
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
  done text[];
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
      or coalesce((item->>'delay_seconds')::double precision, 0) not between 0 and 31536000 as unusable
  ) looked
  where unusable
    -- As text it has at most six times the bytes that it has here (a control character is one here and \u0001 there), so
    -- that most items need not be written out.
    or pg_column_size(item) > 2048 and (
      octet_length((item->'result')::text) > 262144
      or octet_length((item->'error_details')::text) > 65536
      or octet_length(item->>'error') > 65536
      or octet_length(item->>'output') > 65536
      or octet_length((item->'progress')::text) > 16384)
  order by unusable desc limit 1;
  if is_unusable then
    perform public.cloud_jobs_refuse(400, format('An item of items_param cannot be used: %s', left(wrong::text, 200)),
      'Each needs execution_id, and outcome as success, failure, discard, snooze or release.');
  elsif found then
    perform public.cloud_jobs_refuse(413, format('What execution %s returned is too large.', wrong->>'execution_id'),
      'At most 256 KiB of result, 64 KiB each of error, error_details and output, 16 KiB of progress.');
  end if;

  if exists (select from jsonb_array_elements(items_param) as item where item->>'outcome' <> 'success') then
    perform public.cloud_jobs_lock_held(instance_id_param, items_param);
  end if;
  done := public.cloud_jobs_end_successes(instance_id_param, items_param);
  if cardinality(done) = jsonb_array_length(items_param) then
    select json_agg(item) into finished
    from (
      select d as execution_id, true as applied, 'success' as status, null as failure_kind, null as run_at
      from unnest(done) as d) item;
  else
    -- Each of the rest is answered in its place.
    with rest as materialized (
      select item, ordinal, row_number() over (order by ordinal) as position
      from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
      where item->>'execution_id' <> all (done)
    ),
    answer as materialized (
      select a.answer, a.position
      from jsonb_array_elements(public.cloud_jobs_end_attempts(instance_id_param,
        (select jsonb_agg(rest.item order by rest.position) from rest))) with ordinality as a (answer, position)
    )
    select json_agg(coalesce(answer.answer, jsonb_build_object('execution_id', i.item->>'execution_id', 'applied', true,
      'status', 'success', 'failure_kind', null, 'run_at', null)) order by i.ordinal)
    into finished
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
    left join rest on rest.ordinal = i.ordinal
    left join answer on answer.position = rest.position;
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

-- Hands attempts back, due now, without spending a retry: a worker that shuts down, or one that claimed too much.
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

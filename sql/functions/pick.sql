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

-- Refuses the arguments of a claim that cannot be used, before anything is changed.
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

-- Claims up to limit_param due jobs of the queues and types named, after ending the attempts of dead workers there.
--
-- instance_id_param names the worker. request_id_param is a random UUID. run_url_param is the page of the run.
-- trigger_param says what started the worker, such as "workflow_dispatch" or "schedule 17 * * * *".
--
-- Reply: {"v", "schema", "now", "jobs": [...], "expired", "set_aside", "worker", "more", "behind", "next_due_seconds", "held"}. If no
-- job was claimed, next_due_seconds says when the next one becomes due, up to a day; null if none is. expired is the number
-- of attempts of dead workers that this call ended, set_aside the number of jobs that it found behind a busy concurrency
-- key. If more is true, due jobs may be left: "no jobs" with more = true does not mean that the queue is empty, and if
-- expired or set_aside is not 0 it pays to ask again at once. behind says whether jobs wait for a concurrency key. worker
-- is null unless the worker is new: see cloud_jobs_see_worker. held lists the queues in which no job may start now, as
-- {"queue", "paused", "until", "reason"}: until is the end of a cool-down, and a queue that is neither paused nor cools down
-- has reached a limit.
--
-- Work: up to 500 expired locks, and what cloud_jobs_skip_missed and cloud_jobs_pick are bounded to.
--
-- Locks: the request (advisory), expired and due rows (it skips those that another transaction has locked), and for a
-- moment the concurrency keys that it meets.
--
-- A repeat with the same request_id_param gets the jobs that the first call locked and that the worker still holds. The
-- ids of the executions derive from the first 28 hex digits of the request id. Their rows are written when they end:
-- cloud_jobs_running shows them until then.
--
-- Planner settings: see sql/README.md.
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
  -- The last four hex digits of the id of an execution are its number within the claim.
  id_prefix constant text := left(coalesce(request_id_param::text, public.cloud_jobs_new_id()), 32);
  earliest constant timestamptz := '0001-01-01 00:00:00+00';
  latest constant timestamptz := '9999-12-31 00:00:00+00';
  expired integer := 0;
  set_aside integer := 0;
  repeated boolean := false;
  collided boolean := false;
  picked text[];
  jobs json;
  worker jsonb;
  open_queues text[];
begin
  perform public.cloud_jobs_check_claim(instance_id_param, limit_param, queues_param, job_types_param,
    lock_seconds_param, client_schema_param);

  if request_id_param is not null then
    -- If the same request comes twice at once, the second waits and finds what the first did.
    perform pg_advisory_xact_lock(hashtextextended('cloud-jobs claim: ' || request_id_param::text, 0));
    -- Those that run and those that have ended. Any of them: some of the jobs may have been deleted since.
    repeated := exists (
      select from public.cloud_jobs j
      where j.locked_execution_id collate "C" between id_prefix || '0000' and id_prefix || 'ffff'
    ) or exists (
      select from generate_series(1, limit_param) as n
      join public.cloud_job_executions e on e.execution_id = id_prefix || lpad(to_hex(n), 4, '0'));
  end if;

  if repeated then
    select array_agg(j.job_id) into picked
    from public.cloud_jobs j
    where j.locked_execution_id collate "C" between id_prefix || '0000' and id_prefix || 'ffff'
      and j.locked_by = instance_id_param;
    -- Some time has passed, so the locks start anew. The fence is needed again: a job that expires at this moment may
    -- belong to another worker by now.
    update public.cloud_jobs j set lock_expires_at = now() + make_interval(secs => lock_seconds_param)
    where j.job_id = any (picked) and coalesce(j.status, '') = 'locked' and left(j.locked_execution_id, 32) = id_prefix;
  else
    expired := public.cloud_jobs_expire(queues_param, job_types_param, 500);
    perform public.cloud_jobs_pass_on();
    perform public.cloud_jobs_skip_missed(queues_param, job_types_param);
    begin
      select p.picked, p.set_aside into picked, set_aside
      from public.cloud_jobs_pick_within_limits(queues_param, job_types_param, limit_param) as p;
      update public.cloud_jobs j set
        status = 'locked',
        locked_at = now(),
        locked_by = instance_id_param,
        lock_expires_at = now() + make_interval(secs => lock_seconds_param),
        locked_execution_id = id_prefix || lpad(to_hex(p.position), 4, '0'),
        cancel_requested_at = null,
        finished_at = null
      from unnest(picked) with ordinality as p (job_id, position)
      where j.job_id = p.job_id and coalesce(j.status, '') in ('waiting', 'failed');
    exception when unique_violation then
      -- A plain write locked a job of the same concurrency key at this moment. The next claim sees it.
      picked := '{}';
      collided := true;
    end;
    worker := public.cloud_jobs_see_worker(instance_id_param, queues_param, coalesce(cardinality(picked), 0),
      trigger_param, run_url_param, job_types_param);
  end if;

  select json_agg(job order by job.execution_id) into jobs
  from (
    select j.job_id, j.locked_execution_id as execution_id, j.name, j.job_type, j.config,
      coalesce(j.description, '') as description, j.queue, j.priority,
      least(coalesce(j.current_retries, 0), 2147483646) + 1 as attempt, coalesce(j.current_retries, 0) as current_retries,
      coalesce(j.max_retries, 3) as max_retries, j.occurrence,
      coalesce(j.timeout_seconds, (
        select s.default_timeout_seconds from public.cloud_jobs_queues s where s.queue = j.queue)) as timeout_seconds,
      j.schedule, j.timezone,
      -- A plain write may store infinity, which clients cannot read. A row of the first schema may have no created_at.
      greatest(least(case when j.schedule is null then j.run_at else coalesce(j.scheduled_for, j.run_at) end, latest), earliest)
        as scheduled_for,
      j.unique_key, j.concurrency_key, coalesce(j.has_parents, false) as has_parents,
      coalesce(j.has_steps, false) as has_steps, coalesce(j.has_children, false) as has_children, greatest(least(j.run_at, latest), earliest) as run_at,
      greatest(least(coalesce(j.created_at, j.run_at), latest), earliest) as created_at
    from unnest(picked) as p (job_id)
    join public.cloud_jobs j on j.job_id = p.job_id and coalesce(j.status, '') = 'locked'
      and left(coalesce(j.locked_execution_id, ''), 32) = id_prefix
  ) job;

  open_queues := public.cloud_jobs_open_queues(queues_param);
  return json_build_object('v', 1, 'schema', (public.cloud_jobs_version()->>'schema')::integer, 'now', now(),
    'jobs', coalesce(jobs, '[]'::json), 'expired', expired, 'set_aside', set_aside, 'worker', worker,
    -- A full reply may have left some. A short one has left what other workers are claiming at this moment, or what
    -- became due meanwhile: the caller should look once more.
    'more', coalesce(cardinality(picked), 0) >= limit_param or expired >= 500 or collided
      or exists (select from public.cloud_job_dependencies d where d.outcome is not null and not d.passed_on)
      or public.cloud_jobs_due(open_queues, job_types_param),
    'next_due_seconds', case when coalesce(cardinality(picked), 0) = 0 then
      public.cloud_jobs_next_due(open_queues, job_types_param) end,
    'held', case when cardinality(open_queues) < cardinality(queues_param) then (
      select json_agg(json_build_object('queue', s.queue, 'paused', s.paused,
        'until', case when s.cool_down_until > now() then s.cool_down_until end, 'reason', s.reason) order by s.queue)
      from public.cloud_jobs_queues s where s.queue = any (queues_param) and s.queue <> all (open_queues)) end,
    'behind', exists (
      select from unnest(queues_param) as q (queue)
      cross join unnest(job_types_param) as t (job_type)
      cross join lateral (
        select from public.cloud_jobs j
        where j.queue = q.queue and j.job_type = t.job_type and j.status = 'waiting' and j.blocked limit 1
      ) front));
end
$$;

-- What people look at: list, show, statistics, and the facts that "doctor" judges. And pruning.

create or replace function public.cloud_jobs_row(job public.cloud_jobs)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'job_id', job.job_id, 'name', job.name, 'job_type', job.job_type, 'status', job.status, 'queue', job.queue,
    'priority', job.priority, 'run_at', job.run_at, 'due', job.status = 'waiting' and job.run_at <= now(),
    'blocked', job.blocked, 'description', coalesce(job.description, ''), 'max_retries', coalesce(job.max_retries, 3),
    'current_retries', coalesce(job.current_retries, 0), 'occurrence', job.occurrence,
    'timeout_seconds', job.timeout_seconds, 'schedule', job.schedule, 'timezone', job.timezone,
    'missed', job.missed, 'missed_grace_seconds', job.missed_grace_seconds, 'scheduled_for', job.scheduled_for,
    'source', job.source, 'disable_requested_at', job.disable_requested_at,
    'unique_key', job.unique_key, 'concurrency_key', job.concurrency_key, 'error_message', job.error_message,
    'created_at', job.created_at, 'last_execution', job.last_execution, 'finished_at', job.finished_at,
    'locked_at', job.locked_at, 'locked_by', job.locked_by, 'lock_expires_at', job.lock_expires_at,
    'lock_expired', job.status = 'locked' and job.lock_expires_at < now(),
    'cancel_requested_at', job.cancel_requested_at)
$$;

-- Newest first. before_param is the "next" of the page before. Reply: {"v", "now", "jobs": [...], "next"}
create or replace function public.cloud_jobs_list(
  status_param text default null, job_type_param text default null, queue_param text default null,
  name_param text default null, limit_param integer default 50, before_param text default null)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
declare
  jobs jsonb;
  next text;
  before_created timestamptz;
  before_id text;
begin
  if limit_param is null or limit_param not between 1 and 1000 then
    perform public.cloud_jobs_refuse(400, format('limit_param is %s.', coalesce(limit_param::text, 'null')), 'Pass a number from 1 to 1000.');
  end if;
  if before_param is not null then
    if before_param !~ '^[^|]+\|.+$' then
      perform public.cloud_jobs_refuse(400, 'before_param is not the "next" of a page.', 'Leave it out to start with the newest job.');
    end if;
    before_created := split_part(before_param, '|', 1)::timestamptz;
    before_id := substr(before_param, strpos(before_param, '|') + 1);
  end if;
  select jsonb_agg(public.cloud_jobs_row(page.job) order by page.position) filter (where page.position <= limit_param),
    max(page.created || '|' || (page.job).job_id) filter (where page.position = limit_param and page.total > limit_param)
  into jobs, next
  from (
    select found.job, found.created, row_number() over (order by found.created desc, (found.job).job_id desc) as position,
      count(*) over () as total
    from (
      select j as job, coalesce(j.created_at, '-infinity'::timestamptz) as created
      from public.cloud_jobs j
      where (status_param is null or j.status = status_param)
        and (job_type_param is null or j.job_type = job_type_param)
        and (queue_param is null or j.queue = queue_param)
        and (name_param is null or j.name = name_param)
        and (before_param is null
          or (coalesce(j.created_at, '-infinity'::timestamptz), j.job_id) < (before_created, before_id))
      order by coalesce(j.created_at, '-infinity'::timestamptz) desc, j.job_id desc
      limit limit_param + 1
    ) found
  ) page;
  return jsonb_build_object('v', 1, 'now', now(), 'jobs', coalesce(jobs, '[]'::jsonb), 'next', next);
end
$$;

-- One job with its config and its newest executions. Reply: {"v", "now", "job", "executions"}; job is null when
-- there is none with this id.
create or replace function public.cloud_jobs_show(job_id_param text, limit_param integer default 10)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'now', now(),
    'job', (select public.cloud_jobs_row(j) || jsonb_build_object('config', j.config)
      from public.cloud_jobs j where j.job_id = job_id_param),
    'executions', coalesce((
      select jsonb_agg(jsonb_build_object(
        'execution_id', e.execution_id, 'status', e.status, 'attempt', e.attempt, 'occurrence', e.occurrence,
        'failure_kind', e.failure_kind, 'started_at', e.started_at, 'finished_at', e.finished_at,
        'duration_seconds', e.duration_seconds, 'result', e.result, 'error_message', e.error_message,
        'error_details', e.error_details, 'output', e.output, 'progress', e.progress, 'instance_id', e.instance_id,
        'run_url', e.run_url, 'scheduled_for', e.scheduled_for, 'next_run_at', e.next_run_at)
        order by e.started_at desc, e.execution_id desc)
      from (
        select * from public.cloud_job_executions
        where job_id = job_id_param
        order by started_at desc
        limit least(greatest(coalesce(limit_param, 10), 1), 200)
      ) e), '[]'::jsonb))
$$;

-- How the queue is doing. Reply: {"v", "now", "jobs": {status: n}, "due", "scheduled", "blocked",
-- "oldest_due_seconds", "expired_locks", "queues": [...], "executions_24h": {...}, "workers": {...}, "wake": {...}}
create or replace function public.cloud_jobs_stats(queue_param text default null)
returns jsonb
language sql
stable
set search_path = ''
as $$
  with job as materialized (
    select j.queue, j.status, count(*) as n,
      count(*) filter (where j.status = 'waiting' and j.run_at <= now()) as due,
      count(*) filter (where j.status = 'waiting' and j.run_at > now()) as scheduled,
      count(*) filter (where j.blocked) as blocked,
      count(*) filter (where j.status = 'locked' and j.lock_expires_at < now()) as expired_locks,
      min(j.run_at) filter (where j.status = 'waiting' and j.run_at <= now()) as oldest_due
    from public.cloud_jobs j
    where queue_param is null or j.queue = queue_param
    group by j.queue, j.status
  ),
  recent as (
    select e.status, e.failure_kind, e.duration_seconds
    from public.cloud_job_executions e
    where e.started_at > now() - interval '24 hours'
      and (queue_param is null or exists (
        select from public.cloud_jobs j where j.job_id = e.job_id and j.queue = queue_param))
  )
  select jsonb_build_object('v', 1, 'now', now(), 'total', coalesce(sum(n), 0),
    'workers', public.cloud_jobs_workers_state(), 'wake', public.cloud_jobs_wake_state(),
    'jobs', jsonb_build_object(
      'waiting', coalesce(sum(n) filter (where status = 'waiting'), 0),
      'locked', coalesce(sum(n) filter (where status = 'locked'), 0),
      'success', coalesce(sum(n) filter (where status = 'success'), 0),
      'failed', coalesce(sum(n) filter (where status = 'failed'), 0),
      'disabled', coalesce(sum(n) filter (where status = 'disabled'), 0)),
    'due', coalesce(sum(due), 0), 'scheduled', coalesce(sum(scheduled), 0), 'blocked', coalesce(sum(blocked), 0),
    'expired_locks', coalesce(sum(expired_locks), 0),
    'oldest_due_seconds', extract(epoch from now() - min(oldest_due)),
    'queues', (
      select coalesce(jsonb_agg(q.line order by q.queue), '[]'::jsonb)
      from (
        select job.queue, jsonb_build_object('queue', job.queue, 'due', sum(due), 'oldest_due_seconds', extract(epoch from now() - min(oldest_due)),
          'waiting', coalesce(sum(n) filter (where status = 'waiting'), 0),
          'locked', coalesce(sum(n) filter (where status = 'locked'), 0),
          'success', coalesce(sum(n) filter (where status = 'success'), 0),
          'failed', coalesce(sum(n) filter (where status = 'failed'), 0),
          'disabled', coalesce(sum(n) filter (where status = 'disabled'), 0)) as line
        from job group by job.queue
      ) q),
    'executions_24h', (
      select jsonb_build_object(
        'running', count(*) filter (where status = 'running'),
        'success', count(*) filter (where status = 'success'),
        'failed', count(*) filter (where status = 'failed'),
        'failure_kinds', coalesce((select jsonb_object_agg(k.failure_kind, k.n) from (
          select r.failure_kind, count(*) as n from recent r where r.failure_kind is not null group by r.failure_kind) k), '{}'::jsonb),
        'average_seconds', avg(duration_seconds) filter (where status = 'success'),
        'p95_seconds', percentile_cont(0.95) within group (order by duration_seconds) filter (where status = 'success'))
      from recent))
  from job
$$;

-- The facts that the doctor command judges: nothing here changes anything, and nothing here is an opinion.
create or replace function public.cloud_jobs_doctor()
returns jsonb
language sql
stable
set search_path = ''
as $$
  with relation as (
    select c.oid, c.relname, c.relkind, c.relrowsecurity,
      c.relname::text as name
    from pg_catalog.pg_class c
    where c.relnamespace = 'public'::regnamespace
      and c.relname in ('cloud_jobs', 'cloud_job_executions', 'cloud_job_workers', 'papers', 'cloud_jobs_paper_queries',
        'job_statistics')
  ),
  routine as (
    select p.oid, p.oid::regprocedure::text as name
    from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and (p.proname like 'cloud\_jobs\_%' or p.proname in ('get_next_available_job', 'release_expired_locks'))
  ),
  stranger (role) as (
    select r.rolname from pg_catalog.pg_roles r where r.rolname in ('anon', 'authenticated')
  )
  select jsonb_build_object('v', 1, 'now', clock_timestamp(), 'role', current_user::text,
    'schema', (public.cloud_jobs_version()->>'schema')::integer,
    'server_version', current_setting('server_version'),
    'statement_timeout', current_setting('statement_timeout'),
    'workers', public.cloud_jobs_workers_state(), 'wake', public.cloud_jobs_wake_state(),
    'oldest_due_seconds', (
      select extract(epoch from now() - min(j.run_at)) from public.cloud_jobs j
      where j.status = 'waiting' and not j.blocked and j.run_at <= now()),
    'without_row_security', (select coalesce(jsonb_agg(name order by name), '[]'::jsonb) from relation
      where relkind = 'r' and not relrowsecurity),
    'policies', (select coalesce(jsonb_agg(tablename || ': ' || policyname order by tablename, policyname), '[]'::jsonb)
      from pg_catalog.pg_policies where schemaname = 'public' and tablename in (select name from relation)),
    -- A privilege on a table is of use to a stranger only where a policy lets rows through, and on a function always.
    'open_tables', (select coalesce(jsonb_agg(s.role || ' may ' || v.verb || ' ' || r.name order by r.name, s.role, v.verb), '[]'::jsonb)
      from relation r cross join stranger s cross join (values ('select'), ('insert'), ('update'), ('delete'), ('truncate')) as v (verb)
      where pg_catalog.has_table_privilege(s.role, r.oid, v.verb)),
    'open_functions', (select coalesce(jsonb_agg(s.role || ' may call ' || f.name order by f.name, s.role), '[]'::jsonb)
      from routine f cross join stranger s where pg_catalog.has_function_privilege(s.role, f.oid, 'execute')),
    'missing_grants', (select coalesce(jsonb_agg(m.what order by m.what), '[]'::jsonb) from (
      select v.verb || ' on ' || r.name as what
      from relation r cross join (values ('select'), ('insert'), ('update'), ('delete')) as v (verb)
      where r.relkind = 'r' and not pg_catalog.has_table_privilege(current_user, r.oid, v.verb)
      union all
      select 'execute on ' || f.name from routine f where not pg_catalog.has_function_privilege(current_user, f.oid, 'execute')) m))
$$;

-- Removes history in one bounded batch: executions that ended, and finished one-off jobs with their executions,
-- older than so many days. Null leaves a kind alone. Call it again while "more" is true.
-- Never touches what is running, waiting, disabled or recurring.
create or replace function public.cloud_jobs_prune(
  executions_days_param double precision default null, jobs_days_param double precision default null,
  limit_param integer default 1000)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
-- Oldest first through the index, whatever stale statistics say about the size of the history.
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  executions integer := 0;
  jobs integer := 0;
begin
  if coalesce(executions_days_param, 0) < 0 or coalesce(jobs_days_param, 0) < 0 then
    perform public.cloud_jobs_refuse(400, 'A number of days is negative.', 'Pass 0 or more.');
  end if;
  if limit_param is null or limit_param not between 1 and 10000 then
    perform public.cloud_jobs_refuse(400, format('limit_param is %s.', coalesce(limit_param::text, 'null')), 'Pass a number from 1 to 10000.');
  end if;
  -- One at a time: each deletes executions, some of them through their jobs, and would wait for the other's.
  perform pg_advisory_xact_lock(hashtextextended('cloud-jobs prune', 0));
  if executions_days_param is not null then
    delete from public.cloud_job_executions where execution_id = any (array(
      select e.execution_id from public.cloud_job_executions e
      where e.status <> 'running' and e.started_at < now() - make_interval(secs => executions_days_param * 86400)
        and coalesce(e.finished_at, e.started_at) < now() - make_interval(secs => executions_days_param * 86400)
      order by e.started_at
      limit limit_param
      for update skip locked
    ));
    get diagnostics executions = row_count;
  end if;
  if jobs_days_param is not null then
    delete from public.cloud_jobs where job_id = any (array(
      select j.job_id from public.cloud_jobs j
      where j.status in ('success', 'failed') and j.finished_at is not null and j.schedule is null
        and j.finished_at < now() - make_interval(secs => jobs_days_param * 86400)
      order by j.finished_at
      limit limit_param
      for update skip locked
    ));
    get diagnostics jobs = row_count;
  end if;
  return jsonb_build_object('v', 1, 'executions', executions, 'jobs', jobs,
    'more', executions >= limit_param or jobs >= limit_param);
end
$$;

-- What a claim would find now, in its order, without taking it. due counts up to 10000 and stops there.
-- Reply: {"v", "now", "due", "jobs": [...]}
create or replace function public.cloud_jobs_peek(
  queues_param text[] default '{default}', job_types_param text[] default '{paper_fetch,maintenance,custom}',
  limit_param integer default 0)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select public.cloud_jobs_check_queues(queues_param);
  select jsonb_build_object('v', 1, 'now', now(),
    'due', (
      select count(*) from (
        select from public.cloud_jobs j
        where j.queue = any (queues_param) and j.job_type = any (job_types_param)
          and j.status = 'waiting' and not j.blocked and j.run_at <= now()
        limit 10000
      ) due),
    'jobs', coalesce((
      select jsonb_agg(public.cloud_jobs_row(next.j) order by (next.j).priority, (next.j).run_at, (next.j).job_id)
      from (
        select j
        from public.cloud_jobs j
        where j.queue = any (queues_param) and j.job_type = any (job_types_param)
          and j.status = 'waiting' and not j.blocked and j.run_at <= now()
        order by j.priority, j.run_at, j.job_id
        limit least(greatest(coalesce(limit_param, 0), 0), 1000)
      ) next), '[]'::jsonb))
$$;

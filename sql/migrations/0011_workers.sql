-- Which workers came, when, and what started them: the record from which late ticks, a silence and a live worker are
-- told. One small row for each worker, written by its own claims; the newest 300 are kept.
create table if not exists public.cloud_job_workers (
  instance_id text primary key,
  queues      text[] not null,
  -- GitHub's name of the event that started the run; for a schedule with its cron expression: "schedule 17 * * * *".
  trigger     text,
  run_url     text,
  started_at  timestamptz not null default now(),
  -- The last claim, to within 30 s; and the last that found jobs.
  seen_at     timestamptz not null default now(),
  claimed_at  timestamptz
);
alter table public.cloud_job_workers enable row level security;
create index if not exists cloud_job_workers_seen_at on public.cloud_job_workers (seen_at);

-- The GitHub run that a worker belongs to, whichever attempt, and the repository; null where it has none.
create or replace function public.cloud_jobs_run_of(run_url_param text)
returns text
language sql
immutable
set search_path = ''
as $$
  select regexp_replace(run_url_param, '/attempts/\d+$', '')
$$;

create or replace function public.cloud_jobs_repository_of(run_url_param text)
returns text
language sql
immutable
set search_path = ''
as $$
  select substring(run_url_param from '([^/]+/[^/]+)/actions/runs/')
$$;

-- Notes that a worker claims, in the claim's own statement. Writes at most every 30 s for each worker.
-- Returns null, or for a worker that was not known yet {"now", "last_seen_at": when any other worker of its queues was seen,
-- "ticks": when the newest runs that the same schedule of the same repository started began, newest first}.
create or replace function public.cloud_jobs_see_worker(
  instance_id_param text, queues_param text[], jobs_param integer, trigger_param text, run_url_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  known record;
begin
  select w.seen_at, w.claimed_at into known from public.cloud_job_workers w where w.instance_id = instance_id_param;
  if found then
    if known.seen_at < now() - interval '30 seconds'
      or (jobs_param > 0 and (known.claimed_at is null or known.claimed_at < now() - interval '30 seconds'))
    then
      update public.cloud_job_workers w set seen_at = now(),
        claimed_at = case when jobs_param > 0 then now() else w.claimed_at end
      where w.instance_id = instance_id_param;
    end if;
    return null;
  end if;
  insert into public.cloud_job_workers (instance_id, queues, trigger, run_url, claimed_at)
  values (instance_id_param, queues_param, left(trigger_param, 200), left(run_url_param, 500),
    case when jobs_param > 0 then now() end)
  on conflict (instance_id) do nothing;
  delete from public.cloud_job_workers where instance_id in (
    select w.instance_id from public.cloud_job_workers w
    order by w.seen_at desc offset 300 limit 20
    for update skip locked);
  return jsonb_build_object('now', now(),
    'last_seen_at', (
      select max(w.seen_at) from public.cloud_job_workers w
      where w.queues && queues_param and w.instance_id <> instance_id_param),
    'ticks', (
      select coalesce(jsonb_agg(tick.began order by tick.began desc), '[]'::jsonb)
      from (
        select min(w.started_at) as began
        from public.cloud_job_workers w
        where w.trigger = trigger_param and trigger_param like 'schedule %'
          and public.cloud_jobs_repository_of(w.run_url) = public.cloud_jobs_repository_of(run_url_param)
        group by public.cloud_jobs_run_of(w.run_url)
        order by began desc limit 13
      ) tick));
end
$$;

-- What is known of workers and their ticks, for doctor and stats. Changes nothing.
create or replace function public.cloud_jobs_workers_state()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'last_seen_at', (select max(w.seen_at) from public.cloud_job_workers w),
    'schedules', (
      select coalesce(jsonb_agg(jsonb_build_object('repository', s.repository, 'schedule', s.schedule, 'ticks', s.ticks)
        order by s.repository, s.schedule), '[]'::jsonb)
      from (
        select tick.repository, tick.schedule, jsonb_agg(tick.began order by tick.began desc) as ticks
        from (
          select run.repository, run.schedule, run.began,
            row_number() over (partition by run.repository, run.schedule order by run.began desc) as position
          from (
            select public.cloud_jobs_repository_of(w.run_url) as repository, substr(w.trigger, 10) as schedule,
              min(w.started_at) as began
            from public.cloud_job_workers w
            where w.trigger like 'schedule %' and w.run_url is not null
            group by 1, 2, public.cloud_jobs_run_of(w.run_url)
          ) run
        ) tick
        where tick.position <= 13
        group by tick.repository, tick.schedule
      ) s))
$$;

-- What sql/optional/wake.sql did lately; null where it is not installed, or not for the caller's eyes.
create or replace function public.cloud_jobs_wake_state()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  state jsonb;
begin
  if not coalesce((
    select has_schema_privilege(n.oid, 'usage') from pg_catalog.pg_namespace n where n.nspname = 'cloud_jobs_wake'), false)
  then
    return null;
  end if;
  execute 'select cloud_jobs_wake.state()' into state;
  return state;
end
$$;

-- How much work is due in each queue, and how much of it workers could do side by side: of jobs with the same
-- concurrency key one at a time. Jobs of dead workers count. Counts to 10000 for each queue and stops there.
-- Reply: {"v", "now", "queues": [{"queue", "due", "side_by_side"}]}
create or replace function public.cloud_jobs_backlog(
  queues_param text[] default '{default}', job_types_param text[] default '{paper_fetch,maintenance,custom}')
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
  select jsonb_build_object('v', 1, 'now', now(), 'queues', coalesce(jsonb_agg(jsonb_build_object(
    'queue', q.queue, 'due', backlog.due, 'side_by_side', backlog.side_by_side) order by q.position), '[]'::jsonb))
  from (
    select queue, min(position) as position
    from unnest(queues_param) with ordinality as given (queue, position) group by queue
  ) q
  cross join lateral (
    select count(*) as due,
      count(*) filter (where job.concurrency_key is null) + count(distinct job.concurrency_key) as side_by_side
    from (
      (select j.concurrency_key
      from public.cloud_jobs j
      where j.queue = q.queue and j.job_type = any (job_types_param)
        and j.status = 'waiting' and not j.blocked and j.run_at <= now()
      limit 10000)
      union all
      (select j.concurrency_key
      from public.cloud_jobs j
      where j.queue = q.queue and j.job_type = any (job_types_param)
        and j.status = 'locked' and j.lock_expires_at < now()
      limit 10000)
    ) job
  ) backlog
$$;

-- The backlog, for the run that plans: it is noted as a worker that came, since on a day with nothing to do no other
-- does, and the ticks of its schedule would seem not to come. Changes no job.
-- Reply: that of cloud_jobs_backlog, and "worker" as in cloud_jobs_claim.
create or replace function public.cloud_jobs_plan(
  instance_id_param text,
  queues_param text[] default '{default}',
  job_types_param text[] default '{paper_fetch,maintenance,custom}',
  run_url_param text default null,
  trigger_param text default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(instance_id_param, '') = '' or length(instance_id_param) > 500 then
    perform public.cloud_jobs_refuse(400, 'instance_id_param is empty or longer than 500 characters.', 'Pass a name that no other worker has.');
  end if;
  perform public.cloud_jobs_check_queues(queues_param);
  return public.cloud_jobs_backlog(queues_param, job_types_param) || jsonb_build_object('worker',
    public.cloud_jobs_see_worker(instance_id_param, queues_param, 0, trigger_param, run_url_param));
end
$$;

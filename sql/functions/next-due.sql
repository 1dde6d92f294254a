-- In how many seconds the next job of these queues and types becomes due; null if none waits for a later time.
--
-- One index probe for each priority in use.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_next_due(
  queues_param text[] default '{default}', job_types_param text[] default '{paper_fetch,maintenance,custom}')
returns double precision
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
  select extract(epoch from min(least(front.run_at, now() + interval '1 day')) - now())::double precision
  from level
  cross join lateral (
    select j.run_at from public.cloud_jobs j
    where j.queue = level.queue and j.job_type = level.job_type and j.priority = level.priority
      and j.status = 'waiting' and not j.blocked and j.run_at > now()
    order by j.run_at limit 1
  ) front
  where level.priority is not null
$$;

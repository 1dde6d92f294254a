-- How many attempts of each queue began in each of the last 24 hours, for the dashboard.
--
-- Counted from the newest 20,000 attempts; cut_at is the start of the oldest of them if there are more. Attempts that were
-- snoozed, handed back or skipped did no work and do not count. Reply: {"v", "now", "cut_at", "queues": [{"queue", "hours": [24 numbers,
-- oldest first]}]}. Changes nothing.
create or replace function public.cloud_jobs_queue_rates()
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
  with recent as materialized (
    select e.job_id, e.started_at from public.cloud_job_executions e
    where e.started_at > now() - interval '24 hours'
      and coalesce(e.failure_kind, '') not in ('snoozed', 'released', 'skipped', 'expired')
    order by e.started_at desc
    limit 20000
  ),
  counted as (
    select j.queue, floor(extract(epoch from now() - r.started_at) / 3600)::integer as hours_ago, count(*) as n
    from recent r
    join public.cloud_jobs j on j.job_id = r.job_id
    where r.started_at <= now()
    group by 1, 2
  )
  select jsonb_build_object('v', 1, 'now', now(),
    'cut_at', case when (select count(*) from recent) >= 20000 then (select min(r.started_at) from recent r) end,
    'queues', coalesce((
      select jsonb_agg(jsonb_build_object('queue', q.queue, 'hours', (
        select jsonb_agg(coalesce(c.n, 0) order by h.ago desc)
        from generate_series(0, 23) as h (ago)
        left join counted c on c.queue = q.queue and c.hours_ago = h.ago)) order by q.queue)
      from (select distinct queue from counted) q), '[]'))
$$;

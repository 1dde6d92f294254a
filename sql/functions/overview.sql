-- How the queue is doing now, and how it did in the last hours, for the dashboard.
--
-- Attempts are counted from the newest 50,000 of the period; cut_at is the start of the oldest of them if there are more.
-- Counts of jobs stop at 10,000. Reply: {"v", "now", "counts": {...}, "wait": {...}, "series": {"step_seconds", "cut_at",
-- "points": [...]}, "oldest_due": [...], "workers": [...], "ticks": {...}, "minutes_billed_estimate"}. Changes nothing.
create or replace function public.cloud_jobs_overview(hours_param integer default 24)
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
  with step as (
    select hours_param * 3600 / 48 as seconds
  ),
  recent as materialized (
    select e.status, e.failure_kind, e.job_status, e.attempt, e.started_at, e.scheduled_for, e.instance_id
    from public.cloud_job_executions e
    where e.started_at > now() - make_interval(hours => hours_param)
    union all
    select 'running', null, null, r.attempt, r.started_at, r.scheduled_for, r.instance_id
    from public.cloud_jobs_running(array(select j.job_id from public.cloud_jobs j where j.status = 'locked')) r
    where r.started_at > now() - make_interval(hours => hours_param)
    order by started_at desc
    limit 50000
  ),
  bucket as (
    select floor(extract(epoch from r.started_at) / step.seconds)::bigint as slot,
      count(*) filter (where r.status = 'success') as succeeded,
      count(*) filter (where r.status = 'failed' and r.job_status = 'waiting' and r.failure_kind not in ('snoozed', 'released', 'skipped')) as retried,
      count(*) filter (where r.status = 'failed' and r.job_status is distinct from 'waiting' and r.failure_kind not in ('snoozed', 'released', 'skipped', 'cancelled')) as failed
    from recent r cross join step
    group by 1
  ),
  seen as (
    select w.*, least(w.seen_at, now()) as last_seen_at from public.cloud_job_workers w
    where w.started_at > now() - make_interval(hours => hours_param)
  ),
  gap as (
    select extract(epoch from s.started_at - lag(s.started_at) over (partition by s.trigger order by s.started_at)) as seconds
    from seen s where s.trigger like 'schedule%'
  )
  select jsonb_build_object('v', 1, 'now', now(),
    'counts', jsonb_build_object(
      'due', (select count(*) from (select from public.cloud_jobs j where j.status = 'waiting' and not j.blocked and j.run_at <= now() limit 10000) j),
      'scheduled', (select count(*) from (select from public.cloud_jobs j where j.status = 'waiting' and not j.blocked and j.run_at > now() limit 10000) j),
      'blocked', (select count(*) from (select from public.cloud_jobs j where j.status = 'waiting' and j.blocked limit 10000) j),
      'running', (select count(*) from (select from public.cloud_jobs j where j.status = 'locked' limit 10000) j),
      'failed_24h', (select count(*) from (select from public.cloud_jobs j where j.status = 'failed' and j.finished_at > now() - interval '24 hours' limit 10000) j)),
    'wait', (
      select jsonb_build_object('p50_seconds', percentile_cont(0.5) within group (order by w.seconds),
        'p95_seconds', percentile_cont(0.95) within group (order by w.seconds))
      from (select extract(epoch from r.started_at - r.scheduled_for) as seconds from recent r
        where r.attempt = 1 and r.scheduled_for <= r.started_at and coalesce(r.failure_kind, '') not in ('skipped', 'expired')) w),
    'series', (
      select jsonb_build_object('step_seconds', step.seconds,
        'cut_at', case when (select count(*) from recent) >= 50000 then (select min(r.started_at) from recent r) end,
        'points', (
          select jsonb_agg(jsonb_build_object('at', to_timestamp(slot * step.seconds), 'succeeded', coalesce(bucket.succeeded, 0),
            'retried', coalesce(bucket.retried, 0), 'failed', coalesce(bucket.failed, 0)) order by slot)
          from generate_series(floor(extract(epoch from now()) / step.seconds)::bigint - 47, floor(extract(epoch from now()) / step.seconds)::bigint) as slot
          left join bucket using (slot)))
      from step),
    'oldest_due', (
      select coalesce(jsonb_agg(q.line order by (q.line->>'oldest_due_seconds')::double precision desc), '[]'::jsonb)
      from (
        select line from jsonb_array_elements(public.cloud_jobs_queue_list()->'queues') as line
        where (line->>'due')::integer > 0
        order by (line->>'oldest_due_seconds')::double precision desc limit 10) q),
    'workers', (
      select coalesce(jsonb_agg(jsonb_build_object('instance_id', s.instance_id, 'queues', s.queues, 'run_url', s.run_url,
        'trigger', s.trigger, 'started_at', s.started_at, 'last_seen_at', s.last_seen_at,
        'claimed', (select count(*) from recent r where r.instance_id = s.instance_id)) order by s.last_seen_at desc), '[]'::jsonb)
      from (select * from seen order by last_seen_at desc limit 10) s),
    'ticks', (
      select jsonb_build_object('count', count(*), 'median_gap_seconds', percentile_cont(0.5) within group (order by gap.seconds))
      from gap where gap.seconds is not null),
    -- GitHub bills each run by the minute, rounded up.
    'minutes_billed_estimate', (
      select coalesce(sum(greatest(ceil(extract(epoch from s.last_seen_at - s.started_at) / 60), 1)), 0) from seen s
      where s.run_url is not null))
$$;

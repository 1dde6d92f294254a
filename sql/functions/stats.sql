-- How the queue is doing.
--
-- Reply: {"v", "now", "jobs": {status: n}, "due", "scheduled", "blocked", "oldest_due_seconds", "expired_locks", "snoozed":
-- {"jobs", "longest_seconds"}, "queues": [...], "executions_24h": {...}, "workers": {...}, "wake": {...}}. Of executions,
-- failed counts neither those that were handed back (snoozed, released) nor those that never began (skipped): put_off
-- counts them by kind. Nor does it count those that expired before they began (expired). Its by_queue and by_type are from the newest 100,000 executions (is_partial: there were more), the 50
-- queues and types with the most; failed in them counts neither lost, cancelled nor expired ones. Reads every job of the queue.
-- Changes nothing.
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
      -- A plain write may store '-infinity'.
      min(greatest(j.run_at, '0001-01-01 00:00:00+00')) filter (where j.status = 'waiting' and j.run_at <= now()) as oldest_due,
      count(*) filter (where j.snoozed_since is not null and j.status in ('waiting', 'locked')) as snoozed,
      min(j.snoozed_since) filter (where j.status in ('waiting', 'locked')) as snoozed_since
    from public.cloud_jobs j
    where queue_param is null or j.queue = queue_param
    group by j.queue, j.status
  ),
  recent as (
    select e.status, e.failure_kind,
      e.status = 'failed' and e.failure_kind in ('snoozed', 'released', 'skipped') as was_put_off,
      -- A plain write may store NaN.
      case when e.duration_seconds between 0 and 1e9 then e.duration_seconds end as duration_seconds
    from public.cloud_job_executions e
    where e.started_at > now() - interval '24 hours'
      and (queue_param is null or exists (
        select from public.cloud_jobs j where j.job_id = e.job_id and j.queue = queue_param))
    union all
    select 'running', null, null, null
    from public.cloud_jobs_running(array(
      select j.job_id from public.cloud_jobs j where j.status = 'locked' and (queue_param is null or j.queue = queue_param))) r
    where r.started_at > now() - interval '24 hours'
  ),
  newest as materialized (
    select j.queue, j.job_type, e.status, e.failure_kind,
      -- A plain write may store NaN.
      case when e.status = 'success' and e.duration_seconds between 0 and 1e9 then e.duration_seconds end as took
    from public.cloud_job_executions e
    join public.cloud_jobs j on j.job_id = e.job_id
    where e.started_at > now() - interval '24 hours' and (queue_param is null or j.queue = queue_param)
    order by e.started_at desc
    limit 100001
  ),
  part as (
    select g.kind, row_number() over (partition by g.kind order by count(*) desc, g.name) as place,
      jsonb_build_object(g.kind, g.name,
        'success', count(*) filter (where n.status = 'success'),
        'failed', count(*) filter (where n.status = 'failed'
          and coalesce(n.failure_kind, 'error') not in ('snoozed', 'released', 'skipped', 'cancelled', 'lost', 'expired')),
        'expired', count(*) filter (where n.failure_kind = 'expired'),
        'lost', count(*) filter (where n.failure_kind = 'lost'),
        'average_seconds', avg(n.took), 'p95_seconds', percentile_cont(0.95) within group (order by n.took)) as line
    from newest n cross join lateral (values ('queue', n.queue), ('job_type', n.job_type)) g (kind, name)
    group by g.kind, g.name
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
    'snoozed', jsonb_build_object('jobs', coalesce(sum(snoozed), 0),
      'longest_seconds', extract(epoch from now() - min(snoozed_since))),
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
        'failed', count(*) filter (where status = 'failed' and was_put_off is not true and failure_kind is distinct from 'expired'),
        'expired', count(*) filter (where failure_kind = 'expired'),
        'failure_kinds', coalesce((select jsonb_object_agg(k.failure_kind, k.n) from (
          select r.failure_kind, count(*) as n from recent r
          where r.failure_kind is not null and not r.was_put_off group by r.failure_kind) k), '{}'::jsonb),
        'put_off', coalesce((select jsonb_object_agg(k.failure_kind, k.n) from (
          select r.failure_kind, count(*) as n from recent r where r.was_put_off group by r.failure_kind) k), '{}'::jsonb),
        'by_queue', (select coalesce(jsonb_agg(line order by place), '[]'::jsonb) from part where kind = 'queue' and place <= 50),
        'by_type', (select coalesce(jsonb_agg(line order by place), '[]'::jsonb) from part where kind = 'job_type' and place <= 50),
        'is_partial', (select count(*) > 100000 from newest),
        'average_seconds', avg(duration_seconds) filter (where status = 'success'),
        'p95_seconds', percentile_cont(0.95) within group (order by duration_seconds) filter (where status = 'success'))
      from recent))
  from job
$$;

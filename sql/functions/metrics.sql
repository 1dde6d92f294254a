-- What a monitoring system asks for: jobs by queue, type and state, and how the attempts of the last hour went.
--
-- Reply: {"v", "now", "window_seconds", "is_partial", "jobs": [{"queue", "job_type", "due", "scheduled", "blocked", "running",
-- "failed", "disabled", "oldest_due_seconds"}], "attempts": [{"queue", "job_type", "outcome", "count"}], "bounds": {"wait",
-- "run"}, "times": [{"kind", "queue", "job_type", "bucket", "count", "sum"}], "paused": [...], "workers",
-- "last_worker_seconds"}. outcome is success or a failure kind. bucket is the number of bounds that the times reach.
--
-- Work: counts stop at 10,000 for each queue, type and state, and failed and disabled jobs are counted among the newest
-- 50,000 of each. Attempts are the newest 50,000 of the hour (is_partial: there were more). Lists up to 1,000 pairs of queue
-- and type. Changes nothing.
create or replace function public.cloud_jobs_metrics()
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
  with recursive bounds as (
    select '{1,5,15,60,300,900,3600,21600}'::double precision[] as wait,
      '{0.1,0.5,1,5,15,60,300,900,3600,21600}'::double precision[] as run
  ),
  -- One step through an index for each queue and type, however many jobs there are.
  waiting (queue, job_type) as (
    (select j.queue, j.job_type from public.cloud_jobs j where j.status = 'waiting' and not j.blocked order by j.queue, j.job_type limit 1)
    union all
    select following.* from waiting cross join lateral (
      select j.queue, j.job_type from public.cloud_jobs j
      where j.status = 'waiting' and not j.blocked and (j.queue, j.job_type) > (waiting.queue, waiting.job_type)
      order by j.queue, j.job_type limit 1) following
  ),
  blocked (queue, job_type) as (
    (select j.queue, j.job_type from public.cloud_jobs j where j.status = 'waiting' and j.blocked order by j.queue, j.job_type limit 1)
    union all
    select following.* from blocked cross join lateral (
      select j.queue, j.job_type from public.cloud_jobs j
      where j.status = 'waiting' and j.blocked and (j.queue, j.job_type) > (blocked.queue, blocked.job_type)
      order by j.queue, j.job_type limit 1) following
  ),
  locked (queue, job_type) as (
    (select j.queue, j.job_type from public.cloud_jobs j where j.status = 'locked' order by j.queue, j.job_type limit 1)
    union all
    select following.* from locked cross join lateral (
      select j.queue, j.job_type from public.cloud_jobs j
      where j.status = 'locked' and (j.queue, j.job_type) > (locked.queue, locked.job_type)
      order by j.queue, j.job_type limit 1) following
  ),
  ended as materialized (
    select e.queue, e.job_type, e.status, count(*) as n from (
      (select j.queue, j.job_type, j.status from public.cloud_jobs j
      where j.status = 'failed' order by coalesce(j.created_at, '-infinity'::timestamptz) desc, j.job_id desc limit 50000)
      union all
      (select j.queue, j.job_type, j.status from public.cloud_jobs j
      where j.status = 'disabled' order by coalesce(j.created_at, '-infinity'::timestamptz) desc, j.job_id desc limit 50000)
    ) e group by 1, 2, 3
  ),
  lane as materialized (
    select * from (
      (select * from waiting limit 1000) union (select * from blocked limit 1000) union (select * from locked limit 1000)
      union select e.queue, e.job_type from ended e
    ) named order by queue, job_type limit 1000
  ),
  line as (
    select lane.*, due.n as due, due.oldest, scheduled.n as scheduled, behind.n as blocked, running.n as running,
      coalesce((select e.n from ended e where (e.queue, e.job_type, e.status) = (lane.queue, lane.job_type, 'failed')), 0) as failed,
      coalesce((select e.n from ended e where (e.queue, e.job_type, e.status) = (lane.queue, lane.job_type, 'disabled')), 0) as disabled
    from lane
    cross join lateral (select count(*) as n, min(j.run_at) as oldest from (
      select j.run_at from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked and j.run_at <= now()
      limit 10000) j) due
    cross join lateral (select count(*) as n from (
      select from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked and j.run_at > now()
      limit 10000) j) scheduled
    cross join lateral (select count(*) as n from (
      select from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and j.blocked limit 10000) j) behind
    cross join lateral (select count(*) as n from (
      select from public.cloud_jobs j
      where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'locked' limit 10000) j) running
  ),
  recent as materialized (
    select e.job_id, e.attempt, e.started_at, e.scheduled_for, coalesce(e.failure_kind, 'success') as outcome,
      -- A plain write may store NaN.
      case when e.duration_seconds between 0 and 1e9 then e.duration_seconds::double precision end as took
    from public.cloud_job_executions e
    where e.started_at > now() - interval '1 hour' and e.status <> 'running'
    order by e.started_at desc
    limit 50001
  ),
  attempt as materialized (
    select r.*, j.queue, j.job_type, r.outcome not in ('skipped', 'expired') as was_started
    from recent r join public.cloud_jobs j on j.job_id = r.job_id
  ),
  seconds as (
    select 'wait' as kind, a.queue, a.job_type, extract(epoch from a.started_at - a.scheduled_for)::double precision as value
    from attempt a where a.was_started and a.attempt = 1 and a.scheduled_for <= a.started_at
    union all
    select 'run', a.queue, a.job_type, a.took from attempt a where a.was_started and a.took is not null
  )
  select jsonb_build_object('v', 1, 'now', now(), 'window_seconds', 3600, 'is_partial', (select count(*) > 50000 from recent),
    'jobs', (
      select coalesce(jsonb_agg(jsonb_build_object('queue', l.queue, 'job_type', l.job_type, 'due', l.due,
        'scheduled', l.scheduled, 'blocked', l.blocked, 'running', l.running, 'failed', l.failed, 'disabled', l.disabled,
        'oldest_due_seconds', extract(epoch from now() - public.cloud_jobs_finite(l.oldest)))
        order by l.queue, l.job_type), '[]'::jsonb)
      from line l),
    'attempts', (
      select coalesce(jsonb_agg(to_jsonb(a) order by a.queue, a.job_type, a.outcome), '[]'::jsonb)
      from (select queue, job_type, outcome, count(*) as count from attempt group by 1, 2, 3 order by 1, 2, 3 limit 1000) a),
    'bounds', (select to_jsonb(bounds) from bounds),
    'times', (
      select coalesce(jsonb_agg(to_jsonb(t) order by t.kind, t.queue, t.job_type, t.bucket), '[]'::jsonb)
      from (
        select s.kind, s.queue, s.job_type, width_bucket(s.value, case s.kind when 'wait' then b.wait else b.run end) as bucket,
          count(*) as count, sum(s.value) as sum
        from seconds s cross join bounds b
        group by 1, 2, 3, 4 order by 1, 2, 3, 4 limit 10000) t),
    'paused', (
      select coalesce(jsonb_agg(s.queue order by s.queue), '[]'::jsonb) from public.cloud_jobs_queues s
      where s.paused or s.cool_down_until > now()),
    'workers', (select count(*) from public.cloud_job_workers w where w.seen_at > now() - interval '2 minutes'),
    'last_worker_seconds', (select extract(epoch from now() - max(w.seen_at)) from public.cloud_job_workers w))
$$;

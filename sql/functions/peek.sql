-- What a claim would find now, in its order, without taking it.
--
-- Reply: {"v", "now", "due", "due_is_minimum", "expired_locks", "blocked", "jobs": [...]}. due counts the jobs that a worker
-- could claim now, those whose lock has expired, and those that wait for a concurrency key; the latter two are reported by
-- themselves as well. Each of the three is counted up to 10,000: if one reaches that, due_is_minimum is true. Changes
-- nothing.
create or replace function public.cloud_jobs_peek(
  queues_param text[] default '{default}', job_types_param text[] default '{paper_fetch,maintenance,custom}',
  limit_param integer default 0)
returns jsonb
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
  select public.cloud_jobs_check_queues(queues_param);
  with lane as materialized (
    select distinct q.queue, t.job_type
    from unnest(queues_param) as q (queue)
    cross join unnest(job_types_param) as t (job_type)
  ),
  counted as materialized (
    select (
        select count(*) from (
          select from lane cross join lateral (
            select from public.cloud_jobs j
            where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked
              and j.run_at <= now()
            union all
            select from public.cloud_jobs j
            where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'failed' and j.finished_at is null
              and j.current_retries < j.max_retries and j.unique_key is null and j.concurrency_key is null
          ) one limit 10000
        ) found) as claimable,
      (
        select count(*) from (
          select from lane cross join lateral (
            select from public.cloud_jobs j
            where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'locked' and j.lock_expires_at < now()
          ) one limit 10000
        ) found) as expired,
      (
        select count(*) from (
          select from lane cross join lateral (
            select from public.cloud_jobs j
            where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and j.blocked
          ) one limit 10000
        ) found) as blocked
  )
  select jsonb_build_object('v', 1, 'now', now(),
    'due', counted.claimable + counted.expired + counted.blocked,
    'due_is_minimum', 10000 in (counted.claimable, counted.expired, counted.blocked),
    'expired_locks', counted.expired, 'blocked', counted.blocked,
    'jobs', coalesce((
      select jsonb_agg(public.cloud_jobs_row(next.j) order by (next.j).priority, (next.j).run_at, (next.j).job_id)
      from (
        select front.j
        from lane cross join lateral (
          select j
          from public.cloud_jobs j
          where j.queue = lane.queue and j.job_type = lane.job_type and j.status = 'waiting' and not j.blocked
            and j.run_at <= now()
          order by j.priority, j.run_at, j.job_id
          limit least(greatest(coalesce(limit_param, 0), 0), 1000)
        ) front
        order by (front.j).priority, (front.j).run_at, (front.j).job_id
        limit least(greatest(coalesce(limit_param, 0), 0), 1000)
      ) next), '[]'::jsonb))
  from counted
$$;

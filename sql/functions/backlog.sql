-- How much work is due in each queue, and how many jobs could run at the same time.
--
-- At most as many jobs of a concurrency key count as its limit lets run at a time, and the limits of a queue apply. Jobs of
-- dead workers count. Counts up to 10000 for each queue and stops there. Reply: {"v", "now", "queues": [{"queue", "due", "side_by_side"}]}. Changes nothing.
create or replace function public.cloud_jobs_backlog(
  queues_param text[] default '{default}', job_types_param text[] default '{paper_fetch,maintenance,custom}')
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
  select jsonb_build_object('v', 1, 'now', now(), 'queues', coalesce(jsonb_agg(jsonb_build_object(
    'queue', q.queue, 'due', backlog.due, 'side_by_side', least(backlog.side_by_side, (
      select public.cloud_jobs_queue_room(s) from public.cloud_jobs_queues s where s.queue = q.queue))) order by q.position), '[]'::jsonb))
  from (
    select queue, min(position) as position
    from unnest(queues_param) with ordinality as given (queue, position) group by queue
  ) q
  cross join lateral (
    select count(*) as due,
      count(*) filter (where job.concurrency_key is null or job.place <= job.concurrency_limit) as side_by_side
    from (
      select job.*, row_number() over (partition by job.concurrency_key) as place
      from (
      (select j.concurrency_key, j.concurrency_limit
      from public.cloud_jobs j
      where j.queue = q.queue and j.job_type = any (job_types_param)
        and j.status = 'waiting' and not j.blocked and j.run_at <= now()
      limit 10000)
      union all
      (select j.concurrency_key, j.concurrency_limit
      from public.cloud_jobs j
      where j.queue = q.queue and j.job_type = any (job_types_param)
        and j.status = 'locked' and j.lock_expires_at < now()
      limit 10000)
      ) job
    ) job
  ) backlog
$$;

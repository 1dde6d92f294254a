-- When a worker last asked for jobs of a queue and a type; null if none of the recorded workers did.
create or replace function public.cloud_jobs_last_asked(queue_param text, job_type_param text)
returns timestamptz
language sql
stable
set search_path = ''
as $$
  select max(w.seen_at) from public.cloud_job_workers w
  where queue_param = any (w.queues) and (w.job_types is null or job_type_param = any (w.job_types))
$$;

-- Queues and job types whose jobs are due while workers come and ask for others, the longest first.
--
-- Reply: [{"queue", "job_type", "due", "last_asked_at", "seconds"}]. seconds is how long jobs have been due without a worker
-- that asked for them. Only pairs of at least two hours are listed, and only if some worker came during that time: if none
-- did, no queue is special. Jobs that wait for a concurrency key or in a paused queue do not count. Counts up to 10000 for
-- each pair and stops there. Changes nothing.
create or replace function public.cloud_jobs_unattended(queue_param text default null)
returns jsonb
language sql
stable
set search_path = ''
as $$
  with recursive pair as (
    -- One step through the index of the claim for each queue and type, however many jobs there are.
    (select j.queue, j.job_type from public.cloud_jobs j
    where j.status = 'waiting' and not j.blocked and (queue_param is null or j.queue = queue_param)
    order by j.queue, j.job_type limit 1)
    union all
    select following.queue, following.job_type from pair cross join lateral (
      select j.queue, j.job_type from public.cloud_jobs j
      where j.status = 'waiting' and not j.blocked and (queue_param is null or j.queue = queue_param)
        and (j.queue, j.job_type) > (pair.queue, pair.job_type)
      order by j.queue, j.job_type limit 1) following
  ),
  waiting as (
    select pair.queue, pair.job_type, due.jobs, public.cloud_jobs_last_asked(pair.queue, pair.job_type) as asked,
      greatest(due.since, public.cloud_jobs_last_asked(pair.queue, pair.job_type)) as since
    from pair cross join lateral (
      select count(*) as jobs, min(j.run_at) as since
      from (
        select j.run_at from public.cloud_jobs j
        where j.queue = pair.queue and j.job_type = pair.job_type and j.status = 'waiting' and not j.blocked
          and j.run_at <= now()
        limit 10000
      ) j
    ) due
    where due.jobs > 0
      and not exists (select from public.cloud_jobs_queues s where s.queue = pair.queue and (s.paused or s.cool_down_until > now()))
  )
  select coalesce(jsonb_agg(jsonb_build_object('queue', w.queue, 'job_type', w.job_type, 'due', w.jobs,
    'last_asked_at', w.asked, 'seconds', extract(epoch from now() - public.cloud_jobs_finite(w.since)))
    order by w.since, w.queue, w.job_type), '[]'::jsonb)
  from waiting w
  where w.since < now() - interval '2 hours'
    and exists (select from public.cloud_job_workers s where s.seen_at > w.since)
$$;

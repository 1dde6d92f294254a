-- What a claim would find now, in its order, without taking it.
--
-- Reply: {"v", "now", "due", "jobs": [...]}. due counts up to 10000 and stops there. Changes nothing.
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

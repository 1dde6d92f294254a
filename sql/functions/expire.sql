-- Ends the attempts whose lock has expired, up to limit_param, and returns how many it ended.
--
-- Without queues it looks at all of them. If it returns limit_param, more may be left: call it again. Skips rows that
-- another transaction has locked, and checks the state and the expiry under the row lock, so a job that was finished or
-- renewed meanwhile is left alone.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_expire(
  queues_param text[] default null, job_types_param text[] default null, limit_param integer default 500)
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
declare
  items jsonb;
begin
  if queues_param is null then
    select jsonb_agg(jsonb_build_object('job_id', j.job_id, 'execution_id', j.locked_execution_id,
      'instance_id', j.locked_by, 'outcome', 'lost'))
    into items
    from (
      select c.job_id, c.locked_execution_id, c.locked_by
      from public.cloud_jobs c
      where c.status = 'locked' and c.lock_expires_at < now()
      limit limit_param
      for update skip locked
    ) j;
  else
    select jsonb_agg(jsonb_build_object('job_id', j.job_id, 'execution_id', j.locked_execution_id,
      'instance_id', j.locked_by, 'outcome', 'lost'))
    into items
    from (
      select late.*
      from (select distinct q.queue from unnest(queues_param) as q (queue)) as q
      cross join (select distinct t.job_type from unnest(job_types_param) as t (job_type)) as t
      cross join lateral (
        select c.job_id, c.locked_execution_id, c.locked_by
        from public.cloud_jobs c
        where c.status = 'locked' and c.queue = q.queue and c.job_type = t.job_type and c.lock_expires_at < now()
        order by c.lock_expires_at limit limit_param
        for update skip locked
      ) late
      limit limit_param
    ) j;
  end if;
  if items is null then
    return 0;
  end if;
  perform public.cloud_jobs_end_attempts(null, items, true);
  return jsonb_array_length(items);
end
$$;

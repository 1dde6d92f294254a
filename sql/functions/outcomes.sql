-- How the last 30 occurrences of recurring jobs ended, oldest first.
--
-- Reply: {"v", "jobs": {job_id: [{"scheduled_for", "started_at", "status", "failure_kind"}]}}. Changes nothing.
create or replace function public.cloud_jobs_outcomes(job_ids_param text[])
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'jobs', coalesce(jsonb_object_agg(j.job_id, j.outcomes), '{}'::jsonb))
  from (
    select id.job_id, jsonb_agg(jsonb_build_object('scheduled_for', e.scheduled_for, 'started_at', e.started_at,
      'status', e.status, 'failure_kind', e.failure_kind) order by e.started_at) as outcomes
    from (select distinct unnest(job_ids_param) as job_id limit 200) id
    cross join lateral (
      -- The last attempt at each occurrence.
      select distinct on (e.occurrence) e.* from (
        select e.occurrence, e.scheduled_for, e.started_at, e.status, e.failure_kind
        from public.cloud_job_executions e where e.job_id = id.job_id
        union all
        select r.occurrence, r.scheduled_for, r.started_at, 'running', null
        from public.cloud_jobs_running(array[id.job_id]) r
        order by started_at desc limit 120) e
      order by e.occurrence desc, e.started_at desc
      limit 30
    ) e
    group by id.job_id
  ) j
$$;

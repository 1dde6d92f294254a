-- Whether a job that has not finished depends on this one, and may still read its result. A job that it spawned does not.
create or replace function public.cloud_jobs_is_needed(job_id_param text)
returns boolean
language sql
stable
set search_path = ''
as $$
  select exists (
    select from public.cloud_job_dependencies d
    join public.cloud_jobs c on c.job_id = d.job_id
    where d.parent_id = job_id_param and not d.spawned and c.status in ('waiting', 'locked', 'disabled') and c.finished_at is null)
$$;

-- The parents and children of a job with their states, for cloud_jobs_show: up to 100 each, the newest of the children, and how many there are.
create or replace function public.cloud_jobs_family(job_id_param text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'parents', (
      select coalesce(jsonb_agg(jsonb_build_object('job_id', d.parent_id, 'ref', d.ref, 'name', p.name,
        -- Of a recurring job: how the occurrence ended that the child came after.
        'status', case when d.execution_id is null then p.status else d.outcome end, 'outcome', d.outcome, 'on_failure', d.on_failure, 'spawned', d.spawned) order by d.position), '[]')
      from (
        select * from public.cloud_job_dependencies where job_id = job_id_param order by position limit 100) d
      left join public.cloud_jobs p on p.job_id = d.parent_id),
    'parent_count', (select count(*) from public.cloud_job_dependencies d where d.job_id = job_id_param),
    'children', (
      select coalesce(jsonb_agg(jsonb_build_object('job_id', c.job_id, 'ref', d.ref, 'name', c.name,
        'status', c.status, 'outcome', d.outcome, 'on_failure', d.on_failure, 'spawned', d.spawned) order by c.job_id), '[]')
      from (
        select * from public.cloud_job_dependencies where parent_id = job_id_param order by job_id desc limit 100) d
      join public.cloud_jobs c on c.job_id = d.job_id),
    'child_count', (select count(*) from public.cloud_job_dependencies d where d.parent_id = job_id_param))
$$;

-- The parents of a job with their results, in the order of depends_on, for its handler.
--
-- [{"ref", "job_id", "name", "status", "result"}]. Results beyond 1 MiB in all are null with "left_out": true. status is null if
-- the parent was deleted.
create or replace function public.cloud_jobs_parent_results(job_id_param text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('ref', r.ref, 'job_id', r.parent_id, 'name', r.name,
      'status', case when r.execution_id is null then r.status else r.outcome end)
    || case when r.bytes <= 1048576 then jsonb_build_object('result', r.result) else '{"result": null, "left_out": true}' end
    order by r.position), '[]')
  from (
    select d.ref, d.parent_id, d.position, d.execution_id, d.outcome, p.name, p.status, e.result,
      sum(coalesce(octet_length(e.result::text), 0)) over (order by d.position) as bytes
    from public.cloud_job_dependencies d
    left join public.cloud_jobs p on p.job_id = d.parent_id
    left join lateral (
      select e.result from public.cloud_job_executions e
      where e.job_id = d.parent_id and e.status = 'success' and (d.execution_id is null or e.execution_id = d.execution_id)
      order by e.started_at desc, e.execution_id desc limit 1) e on true
    where d.job_id = job_id_param and not d.spawned) r
$$;

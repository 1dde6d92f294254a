-- One job with its config and its newest executions.
--
-- Reply: {"v", "now", "job", "executions", "family", "steps"}. steps: those of the current occurrence, or null. family: see cloud_jobs_family; null if the job depends on none and none on it. job is null if there is none with this id. Changes nothing.
create or replace function public.cloud_jobs_show(job_id_param text, limit_param integer default 10)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'now', now(),
    'job', (select public.cloud_jobs_row(j) || jsonb_build_object('config', j.config, 'followers', j.followers)
      from public.cloud_jobs j where j.job_id = job_id_param),
    'steps', (select public.cloud_jobs_steps(j.job_id, j.occurrence) from public.cloud_jobs j
      where j.job_id = job_id_param and j.has_steps),
    'family', (select public.cloud_jobs_family(j.job_id) from public.cloud_jobs j
      where j.job_id = job_id_param and (j.has_parents or j.has_children
        or exists (select from public.cloud_job_dependencies d where d.job_id = j.job_id))),
    'executions', coalesce((
      select jsonb_agg(jsonb_build_object(
        'execution_id', e.execution_id, 'status', e.status, 'attempt', e.attempt, 'occurrence', e.occurrence,
        'failure_kind', e.failure_kind, 'started_at', public.cloud_jobs_finite(e.started_at),
        'finished_at', public.cloud_jobs_finite(e.finished_at),
        -- A plain write may store what is no number.
        'duration_seconds', case when e.duration_seconds between 0 and 1e9 then e.duration_seconds end, 'result', e.result, 'error_message', e.error_message,
        'error_details', e.error_details, 'output', e.output, 'progress', e.progress, 'instance_id', e.instance_id,
        'run_url', e.run_url, 'scheduled_for', public.cloud_jobs_finite(e.scheduled_for),
        'next_run_at', public.cloud_jobs_finite(e.next_run_at), 'spawned', e.spawned)
        order by e.started_at desc, e.execution_id desc)
      from (
        select e.execution_id, e.status, e.attempt, e.occurrence, e.failure_kind, e.started_at, e.finished_at,
          e.duration_seconds, e.result, e.error_message, e.error_details, e.output, e.progress, e.instance_id, e.run_url,
          e.scheduled_for, e.next_run_at, e.spawned
        from public.cloud_job_executions e where e.job_id = job_id_param
        union all
        select r.execution_id, 'running', r.attempt, r.occurrence, null, r.started_at, null,
          null, null, null, null, null, null, r.instance_id, r.run_url,
          r.scheduled_for, null, null
        from public.cloud_jobs_running(array[job_id_param]) r
        order by started_at desc
        limit least(greatest(coalesce(limit_param, 10), 1), 200)
      ) e), '[]'::jsonb))
$$;

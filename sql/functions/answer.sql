-- The reply of a verb about one job. applied: whether the job is now as asked. changed: whether this call did it. reason: why not.
create or replace function public.cloud_jobs_answer(
  job_id_param text, status_param text, applied_param boolean, changed_param boolean, reason_param text default null)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'job_id', job_id_param, 'status', status_param, 'applied', applied_param,
    'changed', changed_param, 'reason', reason_param)
$$;

-- Hands attempts back: the jobs are due now, and no retry is spent.
--
-- For a worker that shuts down or that claimed more than it can run. Locks and repeats as in cloud_jobs_finish.
create or replace function public.cloud_jobs_release(
  instance_id_param text, execution_ids_param text[], reason_param text default 'The worker shut down.')
returns json
language sql
set search_path = ''
as $$
  select public.cloud_jobs_finish(instance_id_param, coalesce(jsonb_agg(jsonb_build_object(
    'execution_id', execution_id, 'outcome', 'release', 'error', reason_param)), '[]'::jsonb))
  from unnest(execution_ids_param) as execution_id
$$;

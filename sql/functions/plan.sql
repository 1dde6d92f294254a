-- The backlog, for a run that plans workers.
--
-- The run is recorded as a worker that came: on a day without work no other worker comes, and the runs of its schedule
-- would seem to be missing. Changes no job. Reply: that of cloud_jobs_backlog, and "worker" as in cloud_jobs_claim.
create or replace function public.cloud_jobs_plan(
  instance_id_param text,
  queues_param text[] default '{default}',
  job_types_param text[] default '{paper_fetch,maintenance,custom}',
  run_url_param text default null,
  trigger_param text default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(instance_id_param, '') = '' or length(instance_id_param) > 500 then
    perform public.cloud_jobs_refuse(400, 'instance_id_param is empty or longer than 500 characters.', 'Pass a name that no other worker has.');
  end if;
  perform public.cloud_jobs_check_queues(queues_param);
  return public.cloud_jobs_backlog(queues_param, job_types_param) || jsonb_build_object('worker',
    public.cloud_jobs_see_worker(instance_id_param, queues_param, 0, trigger_param, run_url_param, job_types_param));
end
$$;

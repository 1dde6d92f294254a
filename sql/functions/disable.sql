-- Takes a job out of the queue until it is enabled again.
--
-- A recurring job that is running is taken out when the run ends. Any other running job is left alone, and so is a finished
-- one: it does not run, and enabling it later must not run it again. Locks the job row. A repeat changes nothing.
create or replace function public.cloud_jobs_disable(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'disabled' then
    return public.cloud_jobs_answer(job_id_param, job.status, true, false, 'It is disabled already.');
  elsif job.status = 'locked' and job.schedule is not null and job.locked_execution_id is not null then
    update public.cloud_jobs set disable_requested_at = coalesce(disable_requested_at, now()) where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, job.status, true, job.disable_requested_at is null,
      'It is running, and disabled when this run ends.');
  elsif job.status = 'locked' then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, 'It is running. Cancel it first, or wait until it ends.');
  elsif job.status in ('success', 'failed') and job.finished_at is not null then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'It has finished, so there is nothing to disable.');
  end if;
  begin
    update public.cloud_jobs set status = 'disabled' where job_id = job_id_param;
  exception when unique_violation then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'Another unfinished job has the same unique key.');
  end;
  return public.cloud_jobs_answer(job_id_param, 'disabled', true, true);
end
$$;

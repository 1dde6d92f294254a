-- Deletes a job and its history. A running job is left alone. Locks the job row; a repeat changes nothing.
create or replace function public.cloud_jobs_delete(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, true, false, 'There is no job with this id.');
  elsif job.status = 'locked' and (job.lock_expires_at >= now()) is not false then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, 'It is running. Cancel it first, or wait until it ends.');
  end if;
  delete from public.cloud_jobs where job_id = job_id_param;
  return public.cloud_jobs_answer(job_id_param, 'deleted', true, true);
end
$$;

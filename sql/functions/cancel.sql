-- Cancels a job.
--
-- A waiting job fails at once. A locked one is marked: its worker learns of it at the next heartbeat, within 15 s, stops the handler and
-- fails the job; if the worker is dead, the expiry of the lock does. Locks the job row. A repeat changes nothing.
create or replace function public.cloud_jobs_cancel(job_id_param text)
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
  elsif job.status = 'locked' and job.locked_execution_id is not null then
    update public.cloud_jobs set cancel_requested_at = coalesce(cancel_requested_at, now()) where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, 'locked', true, job.cancel_requested_at is null,
      case when job.lock_expires_at < now() then 'Its lock has expired: the next run ends it.'
        else 'It stops within 15 s.' end);
  elsif job.schedule is not null and (job.status = 'waiting' or (job.status = 'failed' and job.finished_at is null)) then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'It is recurring and not running now. Disable it to stop the schedule.');
  elsif job.status = 'waiting' or (job.status = 'failed' and job.finished_at is null) then
    update public.cloud_jobs set status = 'failed', finished_at = now(), error_message = 'Cancelled before it ran.'
      where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, 'failed', true, true);
  elsif job.status = 'locked' then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'It is locked by a client of the first cloud-jobs schema, which cannot be told. Wait for its lock to expire.');
  else
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      format('It is %s, so there is nothing to cancel.', job.status));
  end if;
end
$$;

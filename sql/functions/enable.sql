-- Puts a disabled job back: it is waiting, due at its old time or now, with its retries fresh.
--
-- A recurring job waits for its next occurrence; those that passed while it was disabled are not missed. A job that a
-- plain write disabled after it had finished is finished again. Locks the job row. A repeat changes nothing.
create or replace function public.cloud_jobs_enable(job_id_param text)
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
  elsif job.status = 'locked' and job.disable_requested_at is not null then
    update public.cloud_jobs set disable_requested_at = null where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, job.status, true, true);
  elsif job.status <> 'disabled' then
    return public.cloud_jobs_answer(job_id_param, job.status, job.status in ('waiting', 'locked'), false,
      format('It is %s, not disabled.', job.status));
  end if;
  if job.finished_at is not null and job.schedule is null then
    job.status := case when job.error_message is null then 'success' else 'failed' end;
    update public.cloud_jobs set status = job.status where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, job.status, true, true, 'It had finished before it was disabled.');
  end if;
  -- An occurrence that failed and waited for its retry is over as well.
  if job.schedule is not null and (job.run_at <= now() or job.run_at is distinct from job.scheduled_for) then
    job.run_at := public.cloud_jobs_next_occurrence(job.schedule, job.timezone, now());
  end if;
  update public.cloud_jobs set status = 'waiting', run_at = greatest(job.run_at, now()), current_retries = 0,
    occurrence = occurrence + 1,
    scheduled_for = case when schedule is not null then job.run_at end, disable_requested_at = null,
    error_message = null, snoozes = 0, snoozed_since = null, finished_at = null, cancel_requested_at = null,
    -- What a client that disabled it by a plain write while it was locked has left.
    locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null
  where job_id = job_id_param;
  return public.cloud_jobs_answer(job_id_param, 'waiting', true, true);
end
$$;

-- Runs a finished job again: it is waiting and due now, with retries, error and timestamps reset.
-- A failed job keeps the results of its finished steps; one that succeeded begins anew.
--
-- A waiting job becomes due now. Locks the job row. A repeat changes nothing while the job is due.
create or replace function public.cloud_jobs_retry(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  -- For recurring jobs. An occurrence whose run_at is not its scheduled_for is never skipped for being late: somebody
  -- asked for this one.
  asked_for constant timestamptz := now() - interval '1 microsecond';
  job public.cloud_jobs;
  twin text;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'waiting' and job.run_at <= now() then
    update public.cloud_jobs set run_at = run_at - interval '1 microsecond'
    where job_id = job_id_param and schedule is not null and run_at = scheduled_for;
    return public.cloud_jobs_answer(job_id_param, job.status, true, false, case
      when job.blocked is null then 'It waits for the jobs that it depends on.' else 'It is waiting and due already.' end);
  elsif job.status = 'waiting' then
    -- A retry in hours: run it now. An occurrence tomorrow: run it now as well, and tomorrow all the same.
    update public.cloud_jobs set run_at = case when schedule is null then now() else asked_for end,
      scheduled_for = case when schedule is not null and run_at = scheduled_for then now() else scheduled_for end
    where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, 'waiting', true, true);
  elsif job.status not in ('failed', 'success') then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, case job.status
      when 'locked' then 'It is running. Cancel it first, or wait until it ends.'
      else 'It is disabled. Enable it first.' end);
  end if;
  if job.unique_key is not null then
    select j.job_id into twin from public.cloud_jobs j
    where j.queue = job.queue and j.unique_key = job.unique_key and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null and not j.key_passed;
    if found then
      return public.cloud_jobs_answer(job_id_param, job.status, false, false,
        format('Job %s has the same unique key and is unfinished.', twin));
    end if;
  end if;
  begin
    update public.cloud_jobs set status = 'waiting', run_at = case when schedule is null then now() else asked_for end,
      current_retries = 0, occurrence = occurrence + 1, scheduled_for = case when schedule is not null then now() end,
      disable_requested_at = null, error_message = null, snoozes = 0, snoozed_since = null, finished_at = null,
      last_execution = null, cancel_requested_at = null, key_passed = false,
      locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null
    where job_id = job_id_param;
    if job.has_steps and job.status = 'failed' then
      perform public.cloud_jobs_keep_steps(job_id_param, job.occurrence);
    end if;
  exception when unique_violation then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'A job with the same unique key was enqueued at this moment.');
  end;
  return public.cloud_jobs_answer(job_id_param, 'waiting', true, true);
end
$$;

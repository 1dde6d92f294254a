-- Changes a job that does not run.
--
-- changes: {"name", "config", "description", "priority", "run_at", "queue", "max_retries", "timeout_seconds", "schedule",
-- "timezone", "missed", "missed_grace_seconds", "expires_at", "expires_in_seconds",
-- "retry_delay_seconds", "retry_factor"}, each with the meaning and limits it has in cloud_jobs_enqueue. A new
-- schedule moves the job to its next occurrence. Locks the job row. A repeat changes nothing.
create or replace function public.cloud_jobs_update(job_id_param text, changes_param jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  known constant text[] := array['name', 'config', 'description', 'priority', 'run_at', 'queue', 'max_retries',
    'timeout_seconds', 'schedule', 'timezone', 'missed', 'missed_grace_seconds', 'expires_at',
    'expires_in_seconds', 'retry_delay_seconds', 'retry_factor'];
  job public.cloud_jobs;
  changed public.cloud_jobs;
begin
  if jsonb_typeof(changes_param) is distinct from 'object' or changes_param = '{}' then
    perform public.cloud_jobs_refuse(400, 'changes_param holds no change.', 'Pass a JSON object with what to change, such as {"priority": -10}.');
  end if;
  if changes_param - known <> '{}' then
    perform public.cloud_jobs_refuse(400, format('changes_param has the unknown key %s.', (select to_json(min(k)) from jsonb_object_keys(changes_param - known) k)),
      'These can be changed: ' || array_to_string(known, ', ') || '.');
  end if;
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'locked' then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, 'It is running. Change it when it has ended.');
  end if;
  -- The same checks as for a new job.
  perform public.cloud_jobs_check_items(jsonb_build_array(jsonb_strip_nulls(
    jsonb_build_object('name', job.name, 'job_type', job.job_type, 'schedule', job.schedule, 'timezone', job.timezone,
      'retry_delay_seconds', job.retry_delay_seconds)
    || changes_param)));
  changed := jsonb_populate_record(job, changes_param);
  if changed is not distinct from job then
    return public.cloud_jobs_answer(job_id_param, job.status, true, false);
  end if;
  begin
    update public.cloud_jobs set name = changed.name, config = coalesce(changed.config, '{}'), description = changed.description,
      priority = changed.priority, run_at = changed.run_at, queue = changed.queue, max_retries = changed.max_retries,
      timeout_seconds = changed.timeout_seconds, schedule = changed.schedule,
      timezone = case when changed.schedule is not null then coalesce(changed.timezone, 'UTC') end,
      missed = changed.missed, missed_grace_seconds = changed.missed_grace_seconds,
      expires_at = changed.expires_at, expires_in_seconds = changed.expires_in_seconds,
      retry_delay_seconds = changed.retry_delay_seconds,
      retry_factor = case when changed.retry_delay_seconds is not null then changed.retry_factor end
    where job_id = job_id_param;
  exception when unique_violation then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'An unfinished job of that queue has the same unique key.');
  end;
  return public.cloud_jobs_answer(job_id_param, job.status, true, true);
end
$$;

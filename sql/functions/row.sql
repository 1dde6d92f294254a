-- A job as cloud_jobs_list, cloud_jobs_show and cloud_jobs_peek report it.
create or replace function public.cloud_jobs_row(job public.cloud_jobs)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'job_id', job.job_id, 'name', job.name, 'job_type', job.job_type, 'handler', job.config->>'handler', 'status', job.status, 'queue', job.queue,
    'priority', job.priority, 'run_at', job.run_at, 'due', job.status = 'waiting' and job.run_at <= now(),
    'blocked', job.blocked, 'description', coalesce(job.description, ''), 'max_retries', coalesce(job.max_retries, 3),
    'current_retries', coalesce(job.current_retries, 0), 'occurrence', job.occurrence,
    'timeout_seconds', job.timeout_seconds, 'schedule', job.schedule, 'timezone', job.timezone,
    'missed', job.missed, 'missed_grace_seconds', job.missed_grace_seconds, 'scheduled_for', job.scheduled_for,
    'source', job.source, 'disable_requested_at', job.disable_requested_at,
    'unique_key', job.unique_key, 'concurrency_key', job.concurrency_key, 'error_message', job.error_message,
    'created_at', job.created_at, 'last_execution', job.last_execution, 'finished_at', job.finished_at,
    'locked_at', job.locked_at, 'locked_by', job.locked_by, 'lock_expires_at', job.lock_expires_at,
    'lock_expired', job.status = 'locked' and job.lock_expires_at < now(),
    'cancel_requested_at', job.cancel_requested_at)
$$;

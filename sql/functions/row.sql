-- A job as cloud_jobs_list, cloud_jobs_show and cloud_jobs_peek report it.
create or replace function public.cloud_jobs_row(job public.cloud_jobs)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'job_id', job.job_id, 'name', job.name, 'job_type', job.job_type, 'status', job.status, 'queue', job.queue,
    'handler', job.config->>'handler',
    'priority', job.priority, 'due', job.status = 'waiting' and job.run_at <= now(), 'blocked', coalesce(job.blocked, false),
    'waits_for_parents', job.status in ('waiting', 'disabled') and job.blocked is null,
    'description', coalesce(job.description, ''), 'max_retries', coalesce(job.max_retries, 3),
    'current_retries', coalesce(job.current_retries, 0), 'occurrence', job.occurrence,
    'timeout_seconds', job.timeout_seconds, 'schedule', job.schedule, 'timezone', job.timezone,
    'retry_delay_seconds', job.retry_delay_seconds, 'retry_factor', job.retry_factor,
    'missed', job.missed, 'missed_grace_seconds', job.missed_grace_seconds, 'source', job.source,
    'unique_key', job.unique_key, 'concurrency_key', job.concurrency_key, 'concurrency_limit', job.concurrency_limit,
    'error_message', job.error_message,
    'snoozes', job.snoozes, 'snoozed_since', job.snoozed_since, 'locked_by', job.locked_by,
    'lock_expired', job.status = 'locked' and job.lock_expires_at < now(),
    'disable_requested_at', job.disable_requested_at, 'cancel_requested_at', job.cancel_requested_at,
    'run_at', public.cloud_jobs_finite(job.run_at), 'scheduled_for', public.cloud_jobs_finite(job.scheduled_for),
    'created_at', public.cloud_jobs_finite(job.created_at), 'finished_at', public.cloud_jobs_finite(job.finished_at),
    'last_execution', public.cloud_jobs_finite(job.last_execution), 'locked_at', public.cloud_jobs_finite(job.locked_at),
    'expires_at', public.cloud_jobs_finite(job.expires_at), 'expires_in_seconds', job.expires_in_seconds,
    'expired', job.status = 'failed' and job.expires_at is not null and job.expires_at <= job.finished_at,
    'lock_expires_at', public.cloud_jobs_finite(job.lock_expires_at))
$$;

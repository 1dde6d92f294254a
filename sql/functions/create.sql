-- Adds one job, for people who write SQL: select cloud_jobs_create('Nightly report', 'custom',
-- '{"handler": "report"}', queue_param => 'reports').
--
-- Returns the job id: the new one, or that of the unfinished job with the same unique key. A recurring job: select
-- cloud_jobs_create('Nightly report', 'custom', '{"handler": "report"}', schedule_param => '30 3 * * *', timezone_param =>
-- 'Europe/Berlin'). A job that starts when another has succeeded: depends_on_param => array['the id of that job'].
create or replace function public.cloud_jobs_create(
  name_param text,
  job_type_param text,
  config_param jsonb default '{}',
  description_param text default '',
  max_retries_param integer default 3,
  priority_param integer default 0,
  run_at_param timestamptz default null,
  queue_param text default 'default',
  timeout_seconds_param integer default null,
  unique_key_param text default null,
  concurrency_key_param text default null,
  schedule_param text default null,
  timezone_param text default null,
  missed_param text default 'once',
  missed_grace_seconds_param integer default 900,
  expires_at_param timestamptz default null,
  expires_in_seconds_param integer default null,
  on_conflict_param text default null,
  concurrency_limit_param integer default null,
  depends_on_param text[] default null,
  on_parent_failure_param text default null,
  delay_seconds_param double precision default null,
  retry_delay_seconds_param integer default null,
  retry_factor_param double precision default null)
returns text
language sql
set search_path = ''
as $$
  select public.cloud_jobs_enqueue(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'name', name_param, 'job_type', job_type_param, 'description', description_param,
    'max_retries', max_retries_param, 'priority', priority_param, 'run_at', run_at_param, 'queue', queue_param,
    'timeout_seconds', timeout_seconds_param, 'unique_key', unique_key_param,
    'concurrency_key', concurrency_key_param, 'schedule', schedule_param, 'timezone', timezone_param,
    'missed', missed_param, 'missed_grace_seconds', missed_grace_seconds_param,
    'expires_at', expires_at_param, 'expires_in_seconds', expires_in_seconds_param,
    'on_conflict', on_conflict_param, 'concurrency_limit', concurrency_limit_param,
    'depends_on', depends_on_param, 'on_parent_failure', on_parent_failure_param,
    'delay_seconds', delay_seconds_param, 'retry_delay_seconds', retry_delay_seconds_param,
    'retry_factor', retry_factor_param)) || jsonb_build_object('config', config_param)))->'jobs'->0->>'job_id'
$$;

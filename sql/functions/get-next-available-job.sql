-- Claims one job for a client of the first schema: the name, arguments and columns are those of that schema.
--
-- Such a client writes its own execution rows and ends the job by writing to the table, so no execution is made here. If it
-- dies, the expiry of the lock ends the attempt like any other.
create or replace function public.get_next_available_job(instance_id_param text, lock_duration_minutes integer default 30)
returns table (
  job_id text,
  name text,
  job_type text,
  config jsonb,
  description text,
  current_retries integer,
  max_retries integer
)
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
declare
  -- Called once: in a condition, a function that locks rows is called again for each row of the table.
  picked constant text[] := (
    public.cloud_jobs_pick_within_limits('{default}', '{paper_fetch,maintenance,custom}', 1)).picked;
begin
  return query
  update public.cloud_jobs j set
    status = 'locked',
    locked_at = now(),
    locked_by = instance_id_param,
    lock_expires_at = now() + interval '1 minute' * lock_duration_minutes,
    locked_execution_id = null,
    cancel_requested_at = null,
    finished_at = null
  where j.job_id = any (picked)
    and j.status in ('waiting', 'failed')
  returning j.job_id, j.name, j.job_type, j.config, j.description, j.current_retries, j.max_retries;
end
$$;

-- The functions and the view of the first cloud-jobs schema, for its clients: same names, arguments, columns, meaning.

-- Claims one job. A seed client writes its own execution rows and ends the job by writing to the table, so no
-- execution is made here; if it dies, the lock's expiry ends the attempt like any other.
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
  picked constant text[] := public.cloud_jobs_pick('{default}', '{paper_fetch,maintenance,custom}', 1);
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

-- Ends the attempts of dead workers in all queues; returns how many. Each spends a retry, so that a job which kills
-- its workers stops after max_retries.
create or replace function public.release_expired_locks()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  released integer := 0;
  batch integer;
begin
  -- Bounded, to stay well below the statement timeout; what is left goes with the next call.
  for round in 1..20 loop
    batch := public.cloud_jobs_expire(null, null, 500);
    released := released + batch;
    exit when batch < 500;
  end loop;
  return released;
end
$$;

create or replace view public.job_statistics
with (security_invoker = on)
as
select
  count(*) as total_jobs,
  sum(case when status = 'waiting' then 1 else 0 end) as waiting_jobs,
  sum(case when status = 'locked' then 1 else 0 end) as locked_jobs,
  sum(case when status = 'success' then 1 else 0 end) as success_jobs,
  sum(case when status = 'failed' then 1 else 0 end) as failed_jobs,
  sum(case when status = 'disabled' then 1 else 0 end) as disabled_jobs,
  now() as calculated_at
from public.cloud_jobs;

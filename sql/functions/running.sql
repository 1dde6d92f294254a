-- The attempts that run and have no row in cloud_job_executions yet, as that row will say it.
--
-- A row is written when the attempt ends, or before by its first heartbeat; until then the job's row says all of it.
-- Changes nothing.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_running(job_ids_param text[])
returns table (
  execution_id text, job_id text, started_at timestamptz, instance_id text, attempt integer, occurrence integer,
  run_url text, scheduled_for timestamptz)
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
  select j.locked_execution_id, j.job_id, j.locked_at, j.locked_by,
    least(coalesce(j.current_retries, 0), 2147483646) + 1, j.occurrence,
    (select w.run_url from public.cloud_job_workers w where w.instance_id = j.locked_by),
    case when j.schedule is null then j.run_at else coalesce(j.scheduled_for, j.run_at) end
  from public.cloud_jobs j
  where j.job_id = any (job_ids_param) and coalesce(j.locked_execution_id, '') <> ''
    and not exists (select from public.cloud_job_executions e where e.execution_id = j.locked_execution_id)
$$;

-- Writes the rows of attempts that run, unless they are there. The caller has locked the rows of these jobs.
create or replace function public.cloud_jobs_open_executions(job_ids_param text[])
returns void
language sql
set search_path = ''
as $$
  insert into public.cloud_job_executions (execution_id, job_id, status, started_at, result, instance_id, attempt,
    occurrence, run_url, scheduled_for)
  select r.execution_id, r.job_id, 'running', r.started_at, null, r.instance_id, r.attempt, r.occurrence, r.run_url,
    r.scheduled_for
  from public.cloud_jobs_running(job_ids_param) r
  on conflict (execution_id) do nothing
$$;

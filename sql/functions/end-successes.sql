-- Ends the attempts that succeeded at jobs which do not recur and were not snoozed, and returns the ids of those executions.
--
-- This is the commonest case. It has the fence and the effect of cloud_jobs_end_attempts at a third of the cost; the caller
-- passes every other item of the batch to that function. Locks the job rows in the order of job_id.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_end_successes(instance_id_param text, items_param jsonb)
returns text[]
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_memoize = off
set jit = off
as $$
declare
  done text[];
begin
  with item as materialized (
    select i.execution_id, i.result, i.duration_seconds, i.progress, i.output, e.job_id
    from (
      select given.*, row_number() over (partition by given.execution_id order by given.ordinal) as turn
      from rows from (jsonb_to_recordset(items_param) as (
        execution_id text, outcome text, result jsonb, duration_seconds real, progress jsonb, output text))
        with ordinality as given (execution_id, outcome, result, duration_seconds, progress, output, ordinal)
    ) i
    join public.cloud_job_executions e on e.execution_id = i.execution_id
    -- Of two items about one execution the first counts, whatever it says.
    where i.turn = 1 and i.outcome = 'success'
    -- Every batch locks its rows in this order, so two never deadlock.
    order by e.job_id
  ),
  job as (
    update public.cloud_jobs c set
      status = 'success',
      last_execution = now(), finished_at = now(), error_message = null, disable_requested_at = null,
      locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null,
      cancel_requested_at = null
    from item
    where c.job_id = item.job_id
      -- The fence.
      and c.locked_execution_id = item.execution_id and c.locked_by = instance_id_param
      and coalesce(c.status, '') = 'locked'
      and c.schedule is null and c.snoozed_since is null
    returning item.execution_id, item.result, item.duration_seconds, item.progress, item.output
  ),
  execution as (
    update public.cloud_job_executions e set
      status = 'success',
      finished_at = now(),
      duration_seconds = coalesce(job.duration_seconds, extract(epoch from now() - e.started_at)),
      result = job.result, progress = coalesce(job.progress, e.progress), output = job.output,
      job_status = 'success'
    from job
    where e.execution_id = job.execution_id and coalesce(e.status, '') = 'running'
  )
  select coalesce(array_agg(job.execution_id), '{}') into done from job;
  return done;
end
$$;

-- Removes history in one bounded batch: executions that ended, and finished one-off jobs with their executions, that are
-- older than so many days.
--
-- Null leaves a kind alone. Reply: {"v", "executions", "jobs", "more"}; call it again while more is true. Never touches a
-- job that is running, waiting, disabled or recurring, nor one that an unfinished job depends on. An execution that still says "running" though its job does not run
-- counts as ended. Calls take turns (an advisory lock).
create or replace function public.cloud_jobs_prune(
  executions_days_param double precision default null, jobs_days_param double precision default null,
  limit_param integer default 1000)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
-- Oldest first through the index, whatever stale statistics say about the size of the history.
set enable_seqscan = off
set jit = off
set enable_bitmapscan = off
as $$
declare
  executions integer := 0;
  jobs integer := 0;
begin
  if coalesce(executions_days_param, 0) < 0 or coalesce(jobs_days_param, 0) < 0 then
    perform public.cloud_jobs_refuse(400, 'A number of days is negative.', 'Pass 0 or more.');
  end if;
  if limit_param is null or limit_param not between 1 and 10000 then
    perform public.cloud_jobs_refuse(400, format('limit_param is %s.', coalesce(limit_param::text, 'null')), 'Pass a number from 1 to 10000.');
  end if;
  -- Each deletes executions, some of them through their jobs, and would wait for the rows of the other.
  perform pg_advisory_xact_lock(hashtextextended('cloud-jobs prune', 0));
  if executions_days_param is not null then
    delete from public.cloud_job_executions where execution_id = any (array(
      select e.execution_id from public.cloud_job_executions e
      where (e.status <> 'running' or not exists (
          select from public.cloud_jobs j where j.job_id = e.job_id and j.status = 'locked'
            and coalesce(j.locked_execution_id, e.execution_id) = e.execution_id))
        and not exists (
          select from public.cloud_jobs j where j.job_id = e.job_id and j.has_children and public.cloud_jobs_is_needed(j.job_id))
        and e.started_at < now() - make_interval(secs => executions_days_param * 86400)
        and coalesce(e.finished_at, e.started_at) < now() - make_interval(secs => executions_days_param * 86400)
      order by e.started_at
      limit limit_param
      for update skip locked
    ));
    get diagnostics executions = row_count;
  end if;
  if jobs_days_param is not null then
    delete from public.cloud_jobs where job_id = any (array(
      select j.job_id from public.cloud_jobs j
      where j.status in ('success', 'failed') and j.finished_at is not null and j.schedule is null
        and j.finished_at < now() - make_interval(secs => jobs_days_param * 86400)
        and not (coalesce(j.has_children, false) and public.cloud_jobs_is_needed(j.job_id))
      order by j.finished_at
      limit limit_param
      for update skip locked
    ));
    get diagnostics jobs = row_count;
  end if;
  return jsonb_build_object('v', 1, 'executions', executions, 'jobs', jobs,
    'more', executions >= limit_param or jobs >= limit_param);
end
$$;

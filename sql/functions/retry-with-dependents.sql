-- Runs a job again as cloud_jobs_retry does, and puts back the jobs that were cancelled because it failed: they wait for it anew.
--
-- A job whose unique key another unfinished job has by now stays cancelled, and so does one with another parent that failed.
-- The answer has "dependents", the number of jobs that wait again. Locks the job row, then those rows in the order of job_id. A
-- repeat changes nothing.
create or replace function public.cloud_jobs_retry_with_dependents(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  answer jsonb := public.cloud_jobs_retry(job_id_param);
  dependents text[];
begin
  if not (answer->>'applied')::boolean then
    return answer || '{"dependents": 0}';
  end if;
  dependents := array(
    select c.job_id from public.cloud_jobs c
    where c.job_id in (
        select d.job_id from public.cloud_job_dependencies d where d.root_id = job_id_param and d.on_failure <> 'run')
      and c.status = 'failed' and c.last_execution is null and starts_with(c.error_message, 'Not run: ')
      and not exists (
        select from public.cloud_jobs twin
        where twin.queue = c.queue and twin.unique_key = c.unique_key and twin.job_id <> c.job_id
          and twin.status in ('waiting', 'locked', 'disabled') and twin.finished_at is null)
    order by c.job_id
    for update);
  update public.cloud_jobs c set status = 'waiting', run_at = now(), current_retries = 0, occurrence = c.occurrence + 1,
    error_message = null, finished_at = null, cancel_requested_at = null, blocked = null
  where c.job_id = any (dependents);
  update public.cloud_job_dependencies d set outcome = null, root_id = null, passed_on = false
  from public.cloud_jobs p
  where d.job_id = any (dependents) and p.job_id = d.parent_id and p.finished_at is null;
  -- What another parent has spoiled is cancelled again, because of that one.
  update public.cloud_job_dependencies d set passed_on = false
  where d.job_id = any (dependents) and d.outcome <> 'success' and d.on_failure <> 'run';
  perform public.cloud_jobs_pass_on();
  return answer || jsonb_build_object('dependents', (
    select count(*) from public.cloud_jobs c where c.job_id = any (dependents) and c.blocked is null and c.status = 'waiting'));
end
$$;

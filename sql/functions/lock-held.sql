-- Locks the job rows of a batch in the order of job_id.
--
-- A batch that is ended in two passes would otherwise lock its rows in two runs of that order, and could deadlock with a
-- renewal.
create or replace function public.cloud_jobs_lock_held(instance_id_param text, items_param jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
  perform from (
    select e.job_id
    from jsonb_array_elements(items_param) as item
    join public.cloud_job_executions e on e.execution_id = item->>'execution_id'
    order by e.job_id
  ) held
  cross join lateral (
    select from public.cloud_jobs c
    where c.job_id = held.job_id and c.locked_by = instance_id_param
    for update of c
  ) locked;
end
$$;

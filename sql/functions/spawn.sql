-- Adds the jobs that attempts spawn, in the transaction that ends these attempts with success: a part of cloud_jobs_finish.
--
-- items: as there. spawn of an item is a list as cloud_jobs_enqueue takes it; a job without a queue goes to the queue of the job
-- that spawned it. At most 5,000 jobs and 4 MiB for an attempt. Nothing is added for an attempt that this call did not end
-- with success. If a list is refused, so is the whole call.
--
-- A new job is shown as a child of the job that spawned it, and does not wait for it. A repeat adds nothing. Locks what
-- cloud_jobs_enqueue locks, after the rows of the jobs that ended.
create or replace function public.cloud_jobs_spawn(instance_id_param text, items_param jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  item jsonb;
  spawner record;
  added jsonb;
begin
  for item in
    select i.item from jsonb_array_elements(items_param) as i (item)
    where i.item->>'spawn' is not null order by i.item->>'execution_id'
  loop
    if jsonb_typeof(item->'spawn') <> 'array' or item->>'outcome' <> 'success' then
      perform public.cloud_jobs_refuse(400, format('The spawn of execution %s is no list, or its outcome is not success.', item->>'execution_id'),
        'Only an attempt that succeeds can spawn jobs.');
    elsif jsonb_array_length(item->'spawn') > 5000 or octet_length((item->'spawn')::text) > 4194304 then
      perform public.cloud_jobs_refuse(413, format('Execution %s spawns too much: %s jobs.', item->>'execution_id', jsonb_array_length(item->'spawn')),
        'At most 5000 jobs and 4 MiB. Let a job that is spawned spawn more.');
    end if;
    update public.cloud_job_executions e set spawned = jsonb_array_length(item->'spawn')
    from public.cloud_jobs j
    where e.execution_id = item->>'execution_id' and e.instance_id = instance_id_param and e.status = 'success'
      and e.finished_at = now() and e.spawned is null and j.job_id = e.job_id
    returning j.job_id, j.queue into spawner;
    continue when not found or jsonb_array_length(item->'spawn') = 0;

    added := public.cloud_jobs_enqueue((
      select jsonb_agg(case when s.job->>'queue' is null then s.job || jsonb_build_object('queue', spawner.queue) else s.job end
        order by s.ordinal)
      from jsonb_array_elements(item->'spawn') with ordinality as s (job, ordinal)))->'jobs';
    insert into public.cloud_job_dependencies (job_id, parent_id, ref, position, outcome, passed_on, spawned)
    select a.job->>'job_id', spawner.job_id, spawner.job_id, 0, 'success', true, true
    from jsonb_array_elements(added) as a (job)
    where (a.job->>'created')::boolean
    on conflict do nothing;
    update public.cloud_jobs j set has_children = true where j.job_id = spawner.job_id and j.has_children is not true;
  end loop;
end
$$;

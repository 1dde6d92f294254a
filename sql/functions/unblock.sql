-- The id of the advisory lock of a concurrency key. A claim that blocks jobs of the key and a trigger that unblocks them take turns by it.
create or replace function public.cloud_jobs_key_lock_id(concurrency_key_param text)
returns bigint
language sql
immutable
parallel safe
set search_path = ''
as $$
  select hashtextextended('cloud-jobs concurrency key: ' || concurrency_key_param, 0)
$$;

-- Unblocks the first blocked job of a concurrency key in each queue and job type, and returns how many it unblocked.
--
-- One for each queue and type, because a queue that no worker asks for must not hold up another. Unblocking too many does
-- no harm: the next claim blocks them again. Waits for the advisory lock of the key.
--
-- Planner settings: see sql/README.md. A key may have a hundred thousand blocked jobs, whatever the statistics say.
create or replace function public.cloud_jobs_unblock(concurrency_key_param text)
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
declare
  lane record;
  unblocked integer := 0;
  last_queue text := '';
  last_type text := '';
begin
  perform pg_advisory_xact_lock(public.cloud_jobs_key_lock_id(concurrency_key_param));
  loop
    select j.job_id, j.queue, j.job_type into lane
    from public.cloud_jobs j
    where j.concurrency_key = concurrency_key_param and j.status = 'waiting' and j.blocked
      and (j.queue, j.job_type) > (last_queue, last_type)
    order by j.queue, j.job_type, j.priority, j.run_at, j.job_id
    limit 1;
    exit when not found;
    update public.cloud_jobs set blocked = false where job_id = lane.job_id and blocked;
    -- Somebody cancelled, disabled or deleted it at this moment: the next of the same lane goes instead.
    continue when not found;
    unblocked := unblocked + 1;
    last_queue := lane.queue;
    last_type := lane.job_type;
  end loop;
  return unblocked;
end
$$;

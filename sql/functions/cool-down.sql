-- Lets the queues of running jobs cool down, as their handlers asked.
--
-- items: those of cloud_jobs_finish; each may have "pause_queue": {"seconds", "reason"}. Applies only while the execution holds
-- its lock, so a repeat changes nothing. A longer pause that is there already stays, and so does the reason of a paused queue.
-- Locks the settings of the queues, in the order of their names, as a claim does.
create or replace function public.cloud_jobs_cool_down(instance_id_param text, items_param jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  wrong jsonb;
begin
  select item->'pause_queue' into wrong from jsonb_array_elements(items_param) as item
  where item ? 'pause_queue' and (jsonb_typeof(item->'pause_queue'->'seconds') is distinct from 'number'
    or (item->'pause_queue'->>'seconds')::numeric not between 1 and 2592000)
  limit 1;
  if found then
    perform public.cloud_jobs_refuse(400, format('pause_queue is %s.', left(wrong::text, 200)), 'seconds is a number from 1 to 2592000 (30 days).');
  end if;
  insert into public.cloud_jobs_queues as s (queue, cool_down_until, reason)
  select distinct on (j.queue) j.queue,
    now() + make_interval(secs => (item->'pause_queue'->>'seconds')::double precision), left(item->'pause_queue'->>'reason', 500)
  from jsonb_array_elements(items_param) as item
  join public.cloud_jobs j on j.locked_execution_id collate "C" = item->>'execution_id' and j.locked_by = instance_id_param and j.status = 'locked'
  where item ? 'pause_queue'
  order by j.queue, (item->'pause_queue'->>'seconds')::double precision desc
  on conflict (queue) do update set cool_down_until = excluded.cool_down_until, updated_at = now(),
    reason = case when s.paused then s.reason else excluded.reason end
    where s.cool_down_until is null or s.cool_down_until < excluded.cool_down_until;
end
$$;

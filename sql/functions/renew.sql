-- Extends the locks of running attempts, and writes their execution rows with their progress.
--
-- items: [{"execution_id", "progress"}]. Reply: {"v", "now", "renewed": [{"execution_id", "held", "cancel_requested"}]}.
-- held = false means that the attempt has ended and the handler must stop.
--
-- A lock that has more than two thirds of its time left is not extended: workers call this every 15 s, to learn of cancels.
-- Locks the job rows in the order of job_id. A repeat does the same.
create or replace function public.cloud_jobs_renew(
  instance_id_param text, items_param jsonb, lock_seconds_param double precision default 300)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
declare
  reply jsonb;
  running text[];
begin
  if lock_seconds_param is null or lock_seconds_param not between 1 and 86400 then
    perform public.cloud_jobs_refuse(400, format('lock_seconds_param is %s.', coalesce(lock_seconds_param::text, 'null')), 'Pass a number of seconds from 1 to 86400.');
  end if;
  if exists (select from jsonb_array_elements(items_param) as item where octet_length((item->'progress')::text) > 16384) then
    perform public.cloud_jobs_refuse(413, 'The progress of an execution is too large.', 'At most 16 KiB.');
  end if;
  with item as materialized (
    select i.ordinal, i.execution_id, i.progress, j.job_id
    from rows from (jsonb_to_recordset(items_param) as (execution_id text, progress jsonb))
      with ordinality as i (execution_id, progress, ordinal)
    left join lateral (
      select h.job_id from public.cloud_jobs h where h.locked_execution_id collate "C" = i.execution_id limit 1
    ) j on true
    order by j.job_id
  ),
  held as materialized (
    select item.ordinal, item.execution_id, item.progress, item.job_id, j.cancel_requested
    from item
    cross join lateral (
      select c.cancel_requested_at is not null as cancel_requested
      from public.cloud_jobs c
      where c.job_id = item.job_id and c.status = 'locked' and c.locked_by = instance_id_param
        and c.locked_execution_id = item.execution_id
      for update of c
    ) j
  ),
  job as (
    update public.cloud_jobs c set lock_expires_at = now() + make_interval(secs => lock_seconds_param)
    from held
    where c.job_id = held.job_id and c.lock_expires_at < now() + make_interval(secs => lock_seconds_param * 2 / 3)
  )
  select coalesce(jsonb_agg(jsonb_build_object('execution_id', item.execution_id, 'held', held.ordinal is not null,
    'cancel_requested', coalesce(held.cancel_requested, false)) order by item.ordinal), '[]'::jsonb),
    coalesce(array_agg(held.job_id) filter (where held.ordinal is not null), '{}')
  into reply, running
  from item
  left join held on held.ordinal = item.ordinal;

  -- The first heartbeat of an attempt writes its row, where progress has its place.
  perform public.cloud_jobs_open_executions(running);
  update public.cloud_job_executions e set progress = item->'progress'
  from jsonb_array_elements(items_param) as item
  where e.execution_id = item->>'execution_id' and e.job_id = any (running) and item->>'progress' is not null;
  return jsonb_build_object('v', 1, 'now', now(), 'renewed', reply);
end
$$;

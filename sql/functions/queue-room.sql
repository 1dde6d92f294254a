-- The starts of a queue within its rate period, by tenths of a period, moved on to now. Newest first.
--
-- Eleven slots: the newest is not full yet, so the oldest still counts in part. In PL/pgSQL, like cloud_jobs_rate_slot, because
-- a function in SQL would be planned at every call.
create or replace function public.cloud_jobs_recent_starts(settings public.cloud_jobs_queues, slot_param bigint)
returns integer[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (array_fill(0, array[least(slot_param - settings.rate_slot, 11)::integer]) || settings.rate_starts || array_fill(0, '{11}'))[1:11];
end
$$;

-- How many jobs of a queue may be started now, for its pause, its cool-down, its max_running and its rate: 0 or more, or null
-- for no limit.
create or replace function public.cloud_jobs_queue_room(settings public.cloud_jobs_queues)
returns bigint
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  room bigint;
  running bigint;
begin
  if settings.paused or settings.cool_down_until > now() then
    return 0;
  end if;
  if settings.max_running is not null then
    select count(*) into running from (
      select from public.cloud_jobs j where j.queue = settings.queue and j.status = 'locked' limit settings.max_running) j;
    room := settings.max_running - running;
  end if;
  if settings.rate_limit is not null then
    room := least(room, settings.rate_limit - (
      select sum(n) from unnest(public.cloud_jobs_recent_starts(settings, public.cloud_jobs_rate_slot(settings))) n));
  end if;
  return greatest(room, 0);
end
$$;

-- The number of the current tenth of a queue's rate period. A transaction that began before another's is not earlier here.
create or replace function public.cloud_jobs_rate_slot(settings public.cloud_jobs_queues)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return greatest(floor(extract(epoch from now()) * 10 / settings.rate_period_seconds)::bigint, settings.rate_slot);
end
$$;

-- The queues of a list in which a job may be started now. Changes nothing.
create or replace function public.cloud_jobs_open_queues(queues_param text[])
returns text[]
language sql
stable
set search_path = ''
as $$
  select array(
    select q.queue
    from unnest(queues_param) with ordinality as q (queue, position)
    where (select public.cloud_jobs_queue_room(s) from public.cloud_jobs_queues s where s.queue = q.queue) is distinct from 0
    order by q.position)
$$;

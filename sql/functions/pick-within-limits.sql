-- cloud_jobs_pick, within the limits of the queues.
--
-- Jobs that have expired end before any is picked; they count in set_aside. If there were as many as one call handles,
-- nothing is picked, and the next call goes on.
--
-- Jobs of limited queues come first, since they have less room than the others. Locks the settings of the limited queues
-- named, in order, so that two claims never share the same room.
create or replace function public.cloud_jobs_pick_within_limits(
  queues_param text[], job_types_param text[], limit_param integer, out picked text[], out set_aside integer)
language plpgsql
set search_path = ''
as $$
declare
  most_expired constant integer := 500;
  settings public.cloud_jobs_queues;
  free text[] := queues_param;
  room bigint;
  part record;
begin
  picked := '{}';
  set_aside := public.cloud_jobs_expire_waiting(queues_param, job_types_param, most_expired);
  if set_aside >= most_expired then
    return;
  end if;
  for settings in
    select s.* from public.cloud_jobs_queues s
    where s.queue = any (queues_param)
      and (s.paused or s.cool_down_until > now() or s.max_running is not null or s.rate_limit is not null)
    order by s.queue
    for update
  loop
    free := array_remove(free, settings.queue);
    room := least(public.cloud_jobs_queue_room(settings), limit_param - cardinality(picked));
    continue when room = 0;
    part := public.cloud_jobs_pick(array[settings.queue], job_types_param, room::integer, picked);
    picked := picked || part.picked;
    set_aside := set_aside + part.set_aside;
    if settings.rate_limit is not null and cardinality(part.picked) > 0 then
      update public.cloud_jobs_queues s set rate_slot = slot.now,
        rate_starts = array[slot.starts[1] + cardinality(part.picked)] || slot.starts[2:]
      from (select public.cloud_jobs_rate_slot(settings) as now,
        public.cloud_jobs_recent_starts(settings, public.cloud_jobs_rate_slot(settings)) as starts) slot
      where s.queue = settings.queue;
    end if;
  end loop;
  if cardinality(free) > 0 and cardinality(picked) < limit_param then
    part := public.cloud_jobs_pick(free, job_types_param, limit_param - cardinality(picked), picked);
    picked := picked || part.picked;
    set_aside := set_aside + part.set_aside;
  end if;
end
$$;

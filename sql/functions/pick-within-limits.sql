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
  free text[];
  room bigint;
  slot bigint;
  starts integer[];
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
      -- A limited queue without a job that could be claimed costs no more than this look. Not "exists": the planner may read
      -- the waiting jobs of all queues for that.
      and ((select j.priority from public.cloud_jobs j where j.queue = s.queue and j.status = 'waiting' and not j.blocked limit 1) is not null
        or (select j.job_id from public.cloud_jobs j where j.queue = s.queue and j.status = 'failed' and j.finished_at is null limit 1) is not null)
    order by s.queue
    for update
  loop
    exit when cardinality(picked) >= limit_param;
    room := least(public.cloud_jobs_queue_room(settings), limit_param - cardinality(picked));
    continue when room = 0;
    part := public.cloud_jobs_pick(array[settings.queue], job_types_param, room::integer, picked);
    picked := picked || part.picked;
    set_aside := set_aside + part.set_aside;
    if settings.rate_limit is not null and cardinality(part.picked) > 0 then
      slot := public.cloud_jobs_rate_slot(settings);
      starts := public.cloud_jobs_recent_starts(settings, slot);
      starts[1] := starts[1] + cardinality(part.picked);
      update public.cloud_jobs_queues s set rate_slot = slot, rate_starts = starts where s.queue = settings.queue;
    end if;
  end loop;
  if cardinality(picked) < limit_param then
    free := array(
      select q.queue from unnest(queues_param) with ordinality as q (queue, position)
      where (
        select s.paused or s.cool_down_until > now() or s.max_running is not null or s.rate_limit is not null
        from public.cloud_jobs_queues s where s.queue = q.queue) is not true
      order by q.position);
  end if;
  if cardinality(free) > 0 then
    part := public.cloud_jobs_pick(free, job_types_param, limit_param - cardinality(picked), picked);
    picked := picked || part.picked;
    set_aside := set_aside + part.set_aside;
  end if;
end
$$;

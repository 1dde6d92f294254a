-- The URL of a GitHub run without its attempt; null if there is none.
create or replace function public.cloud_jobs_run_of(run_url_param text)
returns text
language sql
immutable
set search_path = ''
as $$
  select regexp_replace(run_url_param, '/attempts/\d+$', '')
$$;

-- The repository of a GitHub run; null if there is none.
create or replace function public.cloud_jobs_repository_of(run_url_param text)
returns text
language sql
immutable
set search_path = ''
as $$
  select substring(run_url_param from '([^/]+/[^/]+)/actions/runs/')
$$;

-- Records that a worker claims, up to once in 30 s for each worker.
--
-- Returns null for a worker that is known, and for a new one {"now", "last_seen_at", "ticks"}. last_seen_at is when another
-- worker of its queues was last seen. ticks says when the newest runs of the same schedule in the same repository began,
-- newest first.
create or replace function public.cloud_jobs_see_worker(
  instance_id_param text, queues_param text[], jobs_param integer, trigger_param text, run_url_param text,
  job_types_param text[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  known record;
begin
  select w.seen_at, w.claimed_at into known from public.cloud_job_workers w where w.instance_id = instance_id_param;
  if found then
    if known.seen_at < now() - interval '30 seconds'
      or (jobs_param > 0 and (known.claimed_at is null or known.claimed_at < now() - interval '30 seconds'))
    then
      update public.cloud_job_workers w set seen_at = now(),
        claimed_at = case when jobs_param > 0 then now() else w.claimed_at end
      where w.instance_id = instance_id_param;
    end if;
    return null;
  end if;
  insert into public.cloud_job_workers (instance_id, queues, job_types, trigger, run_url, claimed_at)
  values (instance_id_param, queues_param, job_types_param, left(trigger_param, 200), left(run_url_param, 500),
    case when jobs_param > 0 then now() end)
  on conflict (instance_id) do nothing;
  delete from public.cloud_job_workers where instance_id in (
    select w.instance_id from public.cloud_job_workers w
    order by w.seen_at desc offset 300 limit 20
    for update skip locked);
  return jsonb_build_object('now', now(),
    'last_seen_at', (
      select max(w.seen_at) from public.cloud_job_workers w
      where w.queues && queues_param and w.instance_id <> instance_id_param),
    'ticks', (
      select coalesce(jsonb_agg(tick.began order by tick.began desc), '[]'::jsonb)
      from (
        select min(w.started_at) as began
        from public.cloud_job_workers w
        where w.trigger = trigger_param and trigger_param like 'schedule %'
          and public.cloud_jobs_repository_of(w.run_url) = public.cloud_jobs_repository_of(run_url_param)
        group by public.cloud_jobs_run_of(w.run_url)
        order by began desc limit 13
      ) tick));
end
$$;

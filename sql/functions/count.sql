-- Counts the jobs that match a filter (cloud_jobs_condition), by status.
--
-- Reply: {"v", "now", "by_status": {status: {"count", "capped", "estimated"}}, "searched_to"}. Counting stops at 10,000
-- (capped). If the filter asks for nothing but a status, more successes than that are estimated from the statistics of the
-- table. Conditions that no index answers are tried on the newest 100,000 jobs, back to searched_to. Changes nothing.
create or replace function public.cloud_jobs_count(filter_param jsonb default '{}')
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  most constant integer := 10000;
  window_size constant integer := 100000;
  condition record := public.cloud_jobs_condition(filter_param);
  base text := 'from public.cloud_jobs j where true';
  status text;
  n bigint;
  others bigint := 0;
  estimate bigint;
  by_status jsonb := '{}';
  searched_to timestamptz;
begin
  if condition.kind <> '' then
    base := base || ' and ' || condition.kind;
  end if;
  if condition.search = '' then
    foreach status in array array['waiting', 'locked', 'failed', 'disabled', 'success'] loop
      execute format('select count(*) from (select %s and j.status = %L limit %s) c', base, status, most + 1) into n;
      estimate := null;
      if n > most and status = 'success' and condition.kind in ('', $c$j.status = 'success'$c$) then
        select greatest(n, c.reltuples::bigint - others) into estimate from pg_catalog.pg_class c where c.oid = 'public.cloud_jobs'::regclass;
      end if;
      others := others + n;
      by_status := by_status || jsonb_build_object(status, jsonb_build_object('count', coalesce(estimate, least(n, most)),
        'capped', n > most and estimate is null, 'estimated', estimate is not null));
    end loop;
  else
    base := base || $c$ order by coalesce(j.created_at, '-infinity'::timestamptz) desc, j.job_id desc$c$;
    execute format($q$
      select coalesce(jsonb_object_agg(s.status, jsonb_build_object('count', s.n, 'capped', false, 'estimated', false)), '{}')
      from (select j.status, count(*) as n from (select j.* %s limit %s) j where %s group by j.status) s $q$,
      base, window_size, condition.search)
    into by_status;
    execute format('select j.created_at %s offset %s limit 1', base, window_size - 1) into searched_to;
    by_status := (
      select jsonb_object_agg(s, '{"count": 0, "capped": false, "estimated": false}'::jsonb)
      from unnest(array['waiting', 'locked', 'failed', 'disabled', 'success']) s) || by_status;
  end if;
  return jsonb_build_object('v', 1, 'now', now(), 'by_status', by_status, 'searched_to', searched_to);
end
$$;

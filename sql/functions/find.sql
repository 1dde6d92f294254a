-- Finds jobs that match a filter (cloud_jobs_condition), newest first: one page of them.
--
-- more_param is a further condition on j. before_param is the "next" of the page before. Conditions that no index answers
-- are tried on at most 100,000 jobs a page; searched_to is the age that this page got to, if it stopped there.
create or replace function public.cloud_jobs_find(
  filter_param jsonb, limit_param integer, before_param text default null, more_param text default 'true',
  out job_ids text[], out next text, out searched_to timestamptz)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  most constant integer := 100000;
  condition record := public.cloud_jobs_condition(filter_param);
  wanted text := more_param;
  base text;
  last record;
begin
  if limit_param is null or limit_param not between 1 and 1000 then
    perform public.cloud_jobs_refuse(400, format('limit_param is %s.', coalesce(limit_param::text, 'null')), 'Pass a number from 1 to 1000.');
  end if;
  base := 'from public.cloud_jobs j where true';
  if condition.kind <> '' then
    base := base || ' and ' || condition.kind;
  end if;
  if before_param is not null then
    begin
      base := base || format($c$ and (coalesce(j.created_at, '-infinity'::timestamptz), j.job_id) < (%L::timestamptz, %L)$c$,
        split_part(before_param, '|', 1)::timestamptz, substr(before_param, strpos(before_param, '|') + 1));
    exception when invalid_datetime_format or datetime_field_overflow or invalid_time_zone_displacement_value then
      perform public.cloud_jobs_refuse(400, 'before_param is not the "next" of a page.', 'Leave it out to start with the newest job.');
    end;
  end if;
  base := base || $c$ order by coalesce(j.created_at, '-infinity'::timestamptz) desc, j.job_id desc$c$;
  if condition.search <> '' then
    wanted := condition.search || ' and ' || wanted;
  end if;

  execute format($q$
    select array_agg(found.job_id order by found.position) filter (where found.position <= %2$s),
      max(found.created || '|' || found.job_id) filter (where found.position = %2$s and found.total > %2$s)
    from (
      select j.*, row_number() over (order by j.created desc, j.job_id desc) as position, count(*) over () as total
      from (
        select j.job_id, j.created
        from (select j.*, coalesce(j.created_at, '-infinity'::timestamptz) as created %1$s limit %3$s) j
        where %4$s
        limit %2$s + 1
      ) j
    ) found $q$, base, limit_param, most, wanted)
  into job_ids, next;

  -- Fewer than asked for: the end of the table, or only that of what one page may look at.
  if next is null and wanted <> 'true' then
    execute format($q$select coalesce(j.created_at, '-infinity'::timestamptz) as created, j.job_id %s offset %s limit 1$q$, base, most - 1) into last;
    if last.job_id is not null then
      next := last.created || '|' || last.job_id;
      searched_to := last.created;
    end if;
  end if;
  job_ids := coalesce(job_ids, '{}');
end
$$;

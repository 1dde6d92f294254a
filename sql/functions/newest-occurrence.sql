-- The oldest of the newest count_param occurrences after one moment and up to another; null if there is none.
--
-- Counts local times back from the end, by whole days and hours, and lists only the occurrences from there on.
create or replace function public.cloud_jobs_newest_occurrence(
  schedule_param text, timezone_param text, after_param timestamptz, until_param timestamptz, count_param integer default 1)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  cron record;
  earliest constant date := (after_param at time zone timezone_param)::date - 1;
  clock constant timestamp := until_param at time zone timezone_param;
  day date;
  begin_at timestamptz;
  -- Local times to go back by: more than asked for, since a change of clocks may leave some out.
  wanted integer;
  passed integer;
  unneeded integer;
  found timestamptz[];
begin
  select * into cron from public.cloud_jobs_cron_fields(schedule_param);
  wanted := count_param + 2 * cardinality(cron.minutes);
  loop
    day := clock::date + 1;
    passed := 0;
    while passed < wanted loop
      day := public.cloud_jobs_cron_day(cron.months, cron.days, cron.weekdays, cron.either_day, day - 1, -1);
      exit when day is null or day < earliest;
      passed := passed + cardinality(cron.minutes) * case when day < clock::date then cardinality(cron.hours)
        else (select count(*) from unnest(cron.hours) as h where h < extract(hour from clock))::integer end;
    end loop;
    if day is null or day < earliest then
      begin_at := after_param;
    else
      -- The first hours of that day are not needed.
      unneeded := greatest(0, passed - wanted) / cardinality(cron.minutes);
      begin_at := greatest(after_param,
        ((day + cron.hours[1 + unneeded] * interval '1 hour') at time zone timezone_param) - interval '1 minute');
    end if;
    select array_agg(o order by o desc) into found
    from public.cloud_jobs_occurrences(schedule_param, timezone_param, begin_at, until_param, null) as o;
    exit when cardinality(found) >= count_param or begin_at = after_param;
    wanted := wanted * 2;
  end loop;
  return found[least(count_param, cardinality(found))];
end
$$;

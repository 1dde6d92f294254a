-- How far the clocks of a time zone are ahead of UTC at a moment.
create or replace function public.cloud_jobs_utc_offset(at_param timestamptz, timezone_param text)
returns interval
language sql
stable
set search_path = ''
as $$
  select (at_param at time zone timezone_param) - (at_param at time zone 'UTC')
$$;

-- The moments at which the clocks of a time zone show a local time.
--
-- Usually one. None if the clocks were set forward over it, two if they were set back over it. For a fixed time of day it
-- is always one: the first of two, and the end of the gap if there is none.
create or replace function public.cloud_jobs_local_moments(local_param timestamp, timezone_param text, fixed_param boolean)
returns setof timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  wall constant timestamptz := local_param at time zone 'UTC';
  before constant interval := public.cloud_jobs_utc_offset(wall - interval '1 day', timezone_param);
  after constant interval := public.cloud_jobs_utc_offset(wall + interval '1 day', timezone_param);
  -- Read with the offset from before the change, and with the one from after it.
  early timestamptz := wall - before;
  late timestamptz := wall - after;
begin
  if before = after then
    return next early;
    return;
  end if;
  early := case when (early at time zone timezone_param) = local_param then early end;
  late := case when (late at time zone timezone_param) = local_param then late end;
  if early is not null and late is not null and early <> late then
    return next least(early, late);
    if not fixed_param then
      return next greatest(early, late);
    end if;
  elsif early is not null or late is not null then
    return next coalesce(early, late);
  elsif fixed_param then
    return query select m
      from generate_series(wall - greatest(before, after), wall - least(before, after), interval '1 minute') as m
      where public.cloud_jobs_utc_offset(m, timezone_param) = after
      order by m limit 1;
  end if;
end
$$;

-- The occurrences of a schedule after one moment and up to another, oldest first (or newest first), up to a limit.
--
-- Looks up to nine years ahead: the longest way from one 29 February to the next.
create or replace function public.cloud_jobs_occurrences(
  schedule_param text, timezone_param text, after_param timestamptz, until_param timestamptz default null,
  limit_param integer default 1, newest_first_param boolean default false)
returns setof timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  cron record;
  -- The search begins here and goes in this direction.
  anchor constant timestamptz := case when newest_first_param then until_param else after_param end;
  direction constant integer := case when newest_first_param then -1 else 1 end;
  -- Near a change of clocks a later local time may be an earlier moment: begin a day before, and take all of it.
  near constant boolean := public.cloud_jobs_utc_offset(anchor - interval '2 days', timezone_param)
    <> public.cloud_jobs_utc_offset(anchor + interval '2 days', timezone_param);
  beginning constant timestamp := (anchor at time zone timezone_param)
    - direction * case when near then interval '26 hours' else interval '1 minute' end;
  wanted integer := limit_param + case when near then 1800 else 1 end;
  span interval;
  local_times timestamp[];
  found timestamptz[];
begin
  select c.* into cron from public.cloud_jobs_cron(schedule_param) as c;
  foreach span in array array[interval '3 days', interval '400 days', interval '9 years'] loop
    loop
      select array_agg(t.local_time) into local_times
      from (
        select clock.local_time
        from (
          select d as day
          from generate_series(beginning::date::timestamp, beginning::date::timestamp + direction * span, direction * interval '1 day') as d
          where extract(month from d)::integer = any (cron.months)
            -- As in every cron: where both days are restricted, either will do.
            and case
              when cron.any_day then extract(dow from d)::integer = any (cron.weekdays)
              when cron.any_weekday then extract(day from d)::integer = any (cron.days)
              else extract(dow from d)::integer = any (cron.weekdays) or extract(day from d)::integer = any (cron.days)
            end
          limit 2 + wanted / (cardinality(cron.hours) * cardinality(cron.minutes))
        ) day
        cross join unnest(cron.hours) as hour
        cross join unnest(cron.minutes) as minute
        cross join lateral (select day.day + make_interval(hours => hour, mins => minute) as local_time) as clock
        where (clock.local_time - beginning) * direction >= interval '0'
        order by extract(epoch from clock.local_time) * direction
        limit wanted
      ) t;
      select array_agg(m.moment order by m.moment) into found
      from (
        select distinct moment
        from unnest(local_times) as local_time
        cross join lateral public.cloud_jobs_local_moments(local_time, timezone_param, cron.fixed) as moment
        where moment > after_param and (until_param is null or moment <= until_param)
      ) m;
      -- A local time that does not exist was counted and gave nothing: look further.
      exit when cardinality(found) >= limit_param or coalesce(cardinality(local_times), 0) < wanted
        or (not newest_first_param and local_times[wanted] > (until_param at time zone timezone_param) + interval '26 hours')
        or (newest_first_param and local_times[wanted] < (after_param at time zone timezone_param) - interval '26 hours');
      wanted := wanted * 2;
    end loop;
    exit when cardinality(found) >= limit_param
      or (not newest_first_param and beginning + span > (until_param at time zone timezone_param) + interval '26 hours')
      or (newest_first_param and beginning - span < (after_param at time zone timezone_param) - interval '26 hours');
  end loop;
  return query select m from unnest(found) as m order by extract(epoch from m) * direction limit limit_param;
end
$$;

-- The next occurrence after a moment; null if there is none within nine years.
--
-- Raises PT400 if the schedule is not valid, and the error of Postgres if the time zone is not.
create or replace function public.cloud_jobs_next_occurrence(schedule_param text, timezone_param text, after_param timestamptz)
returns timestamptz
language sql
stable
set search_path = ''
as $$
  select o from public.cloud_jobs_occurrences(schedule_param, coalesce(timezone_param, 'UTC'), after_param) as o
$$;

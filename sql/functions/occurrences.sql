-- The occurrences of a schedule after one moment and up to another, oldest first, at most limit_param of them (null:
-- all of them, so until_param must be given). Looks 40 years ahead at most.
--
-- Goes through the matching days by the clock on the wall. A day whose clocks change is read in two parts: up to the
-- change, and from it on. A fixed time of day is due once: at the first of two equal local times, and at the end of a
-- gap that it falls into. Any other time is due whenever the clock shows it.
create or replace function public.cloud_jobs_occurrences(
  schedule_param text, timezone_param text, after_param timestamptz, until_param timestamptz default null,
  limit_param integer default 1)
returns setof timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  cron record;
  -- Nothing before this moment is left to find, and from it on clocks are so far ahead of UTC.
  here timestamptz := after_param;
  ahead interval := public.cloud_jobs_utc_offset(after_param, timezone_param);
  -- The first local time to look at.
  clock timestamp := date_trunc('minute', after_param at time zone timezone_param) + interval '1 minute';
  day date;
  day_end timestamptz;
  -- Clocks do not change before this moment.
  steady_until timestamptz := after_param;
  -- Where the part of the day ends by the local clock, and the change of clocks that ends it.
  stop timestamp;
  change timestamptz;
  changed interval;
  hour integer;
  minute integer;
  local_time timestamp;
  moment timestamptz;
  given integer := 0;
begin
  select * into cron from public.cloud_jobs_cron_fields(schedule_param);
  changed := public.cloud_jobs_utc_offset(here - interval '1 day', timezone_param);
  if cron.fixed and changed > ahead then
    -- Clocks were just set back: local times up to the change have been shown before.
    change := public.cloud_jobs_clock_change(timezone_param, here - interval '1 day', here);
    clock := greatest(clock, (change at time zone 'UTC') + changed);
  end if;

  loop
    day := clock;
    if cron.months is not null or cron.days is not null or cron.weekdays is not null then
      day := public.cloud_jobs_cron_day(cron.months, cron.days, cron.weekdays, cron.either_day, day);
      exit when day is null;
    end if;
    if day > clock::date then
      clock := day;
      here := greatest(here, (clock at time zone 'UTC') - ahead - interval '1 day');
      exit when here > until_param;
      if here > steady_until then
        ahead := public.cloud_jobs_utc_offset(here, timezone_param);
      end if;
    end if;
    stop := day + 1;
    day_end := (stop at time zone 'UTC') - ahead;
    change := null;
    if day_end > steady_until then
      -- No zone changes its clocks twice in a week.
      steady_until := here + interval '7 days';
      if public.cloud_jobs_utc_offset(steady_until, timezone_param) <> ahead then
        steady_until := day_end;
        if public.cloud_jobs_utc_offset(day_end, timezone_param) <> ahead then
          change := public.cloud_jobs_clock_change(timezone_param, here, day_end);
          stop := (change at time zone 'UTC') + ahead;
        end if;
      end if;
    end if;

    foreach hour in array cron.hours loop
      continue when clock >= day + (hour + 1) * interval '1 hour';
      foreach minute in array cron.minutes loop
        local_time := day + hour * interval '1 hour' + minute * interval '1 minute';
        continue when local_time < clock;
        exit when local_time >= stop;
        moment := (local_time at time zone 'UTC') - ahead;
        if moment > until_param then
          return;
        end if;
        return next moment;
        given := given + 1;
        if given = limit_param then
          return;
        end if;
      end loop;
    end loop;

    if change is null then
      clock := stop;
      here := day_end;
      continue;
    end if;
    changed := public.cloud_jobs_utc_offset(change, timezone_param);
    clock := stop + (changed - ahead);
    if cron.fixed and changed < ahead then
      clock := stop;
    elsif cron.fixed and exists (
      select from generate_series(stop, clock - interval '1 minute', interval '1 minute') as skipped
      where extract(hour from skipped)::integer = any (cron.hours)
        and extract(minute from skipped)::integer = any (cron.minutes)
        and public.cloud_jobs_cron_day(cron.months, cron.days, cron.weekdays, cron.either_day, skipped::date) = skipped::date)
    then
      if change > until_param then
        return;
      end if;
      return next change;
      given := given + 1;
      if given = limit_param then
        return;
      end if;
      clock := clock + interval '1 minute';
    end if;
    here := change;
    steady_until := change;
    ahead := changed;
  end loop;
end
$$;

-- The next occurrence after a moment; null if there is none within 40 years.
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

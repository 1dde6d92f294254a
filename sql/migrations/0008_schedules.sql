-- Recurring jobs: when a schedule is due, and what becomes of occurrences that no worker started in time.
--
-- Occurrences are computed here, by the database's clock, in the statement that ends the one before: a worker that
-- died, a client with a wrong clock and a trigger in plain SQL all get the same answer. The grammar and the treatment
-- of daylight saving time are those of croner (https://croner.56k.guru), against which tests compare this file.

-- One field of a cron expression as the sorted numbers that it stands for.
create or replace function public.cloud_jobs_cron_field(
  field_param text, name_param text, min_param integer, max_param integer, names_param text[] default '{}')
returns integer[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  part text;
  found text[];
  low integer;
  high integer;
  step integer;
  span constant integer := case when name_param = 'day of week' then 7 else max_param - min_param + 1 end;
  numbers integer[] := '{}';
begin
  foreach part in array string_to_array(field_param, ',') loop
    -- Names to numbers: mon is 1 in 0-based weekdays, jan is 1 in months. A range may end with Sunday, as 7.
    for position in 1..cardinality(names_param) loop
      part := regexp_replace(part, '(^|-)' || names_param[position] || '($|-|/)',
        '\1' || (position - 1 + case when min_param = 1 then 1 else 0 end)::text || '\2', 'i');
    end loop;
    if name_param = 'day of week' then
      part := regexp_replace(part, '^([1-6])-0($|/)', '\1-7\2');
    end if;
    found := regexp_match(part, '^(?:(\*)|(\d{1,3})(?:-(\d{1,3}))?)(?:/(\d{1,3}))?$');
    if found is null or (found[4] is not null and found[1] is null and found[3] is null) then
      perform public.cloud_jobs_refuse(400, format('is not valid: its %s, "%s", cannot be read', name_param, left(field_param, 100)),
        'Write * or */5, numbers, ranges such as 1-5 or 0-30/10, and lists of these.');
    end if;
    low := case when found[1] is not null then min_param else found[2]::integer end;
    high := case when found[1] is not null then max_param else coalesce(found[3], found[2])::integer end;
    step := coalesce(found[4]::integer, 1);
    if low < min_param or high > max_param then
      perform public.cloud_jobs_refuse(400, format('is not valid: its %s, "%s", is outside of %s to %s', name_param, left(field_param, 100), min_param, max_param));
    elsif low > high then
      perform public.cloud_jobs_refuse(400, format('is not valid: its %s, "%s", has a range that runs backwards', name_param, left(field_param, 100)));
    elsif step not between 1 and span then
      perform public.cloud_jobs_refuse(400, format('is not valid: its %s, "%s", has a step that is not 1 to %s', name_param, left(field_param, 100), span));
    end if;
    numbers := numbers || array(select generate_series(low, high, step));
  end loop;
  if name_param = 'day of week' then
    -- Sunday is 0 and 7.
    numbers := array(select n % 7 from unnest(numbers) as n);
  end if;
  return array(select distinct n from unnest(numbers) as n order by n);
end
$$;

-- A cron expression of five fields, or a nickname, taken apart. Raises PT400 with the reason where it is not valid.
create or replace function public.cloud_jobs_cron(
  schedule_param text, out minutes integer[], out hours integer[], out days integer[], out months integer[],
  out weekdays integer[], out any_day boolean, out any_weekday boolean, out fixed boolean)
language plpgsql
immutable
set search_path = ''
as $$
declare
  expression constant text := lower(btrim(schedule_param));
  field text[];
begin
  field := regexp_split_to_array(case expression
    when '@yearly' then '0 0 1 1 *' when '@annually' then '0 0 1 1 *' when '@monthly' then '0 0 1 * *'
    when '@weekly' then '0 0 * * 0' when '@daily' then '0 0 * * *' when '@midnight' then '0 0 * * *'
    when '@hourly' then '0 * * * *' else expression end, '\s+');
  if expression like '@%' and cardinality(field) = 1 then
    perform public.cloud_jobs_refuse(400, format('is not valid: "%s" is not a nickname', left(schedule_param, 100)),
      'The nicknames are @yearly, @monthly, @weekly, @daily and @hourly.');
  elsif cardinality(field) <> 5 then
    perform public.cloud_jobs_refuse(400, format('is not valid: it has %s and not 5',
        case cardinality(field) when 1 then '1 field' else cardinality(field) || ' fields' end),
      'Write minute, hour, day of month, month and day of week, such as 30 6 * * 1-5.');
  end if;
  minutes := public.cloud_jobs_cron_field(field[1], 'minute', 0, 59);
  hours := public.cloud_jobs_cron_field(field[2], 'hour', 0, 23);
  days := public.cloud_jobs_cron_field(field[3], 'day of month', 1, 31);
  months := public.cloud_jobs_cron_field(field[4], 'month', 1, 12,
    '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
  weekdays := public.cloud_jobs_cron_field(field[5], 'day of week', 0, 7, '{sun,mon,tue,wed,thu,fri,sat}');
  any_day := field[3] = '*';
  any_weekday := field[5] = '*';
  -- "At half past two" is meant once a day, "every ten minutes" goes by the clock on the wall.
  fixed := field[1] !~ '[*/]' and field[2] !~ '[*/]';
end
$$;

-- How far the clocks of a time zone are ahead of UTC at a moment.
create or replace function public.cloud_jobs_utc_offset(at_param timestamptz, timezone_param text)
returns interval
language sql
stable
set search_path = ''
as $$
  select (at_param at time zone timezone_param) - (at_param at time zone 'UTC')
$$;

-- The moments at which the clocks of a time zone show a local time: one; none, where clocks were set forward over it;
-- two, where they were set back over it. For a fixed time of day it is always one: the first of two, and where there
-- is none the end of the gap.
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

-- The occurrences of a schedule after one moment and up to another, oldest first (or newest first), at most so many.
-- Looks nine years far at most: the longest way from one 29 February to the next.
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

-- The next occurrence after a moment; null where there is none within nine years. Raises PT400 where the schedule is
-- not valid, and Postgres' own error where the time zone is not.
create or replace function public.cloud_jobs_next_occurrence(schedule_param text, timezone_param text, after_param timestamptz)
returns timestamptz
language sql
stable
set search_path = ''
as $$
  select o from public.cloud_jobs_occurrences(schedule_param, coalesce(timezone_param, 'UTC'), after_param) as o
$$;

-- What is wrong with a schedule and its time zone, to be read after "has a schedule that"; null where nothing is.
create or replace function public.cloud_jobs_schedule_fault(schedule_param text, timezone_param text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  reason text;
  hint text;
begin
  perform now() at time zone coalesce(timezone_param, 'UTC');
  if public.cloud_jobs_next_occurrence(schedule_param, timezone_param, now()) is null then
    return format('is never due: "%s" has no occurrence in the next nine years', left(schedule_param, 100));
  end if;
  return null;
exception
  when sqlstate 'PT400' then
    get stacked diagnostics reason = message_text, hint = pg_exception_hint;
    return reason || case when hint <> '' then '. ' || rtrim(hint, '.') else '' end;
  when invalid_parameter_value then
    return format('goes with the time zone "%s", which this database does not know. Write an IANA name, such as Europe/Berlin', left(timezone_param, 100));
end
$$;

-- Which occurrence comes after one that is over, by the policy for those that nobody started in time.
--
-- once: the next one after the last start, since that start stood for all that had been due by then.
-- skip: the next one, unless it is later than its grace already: then the first that is not.
-- all:  the next one, however late; of a long line the newest hundred.
-- skipped, first_skipped and last_skipped tell of those left out (skipped counts to 1000 and stops there). fault is
-- set where the schedule cannot be evaluated: an attempt must end whatever has become of its schedule.
create or replace function public.cloud_jobs_turn(
  schedule_param text, timezone_param text, missed_param text, grace_param integer,
  after_param timestamptz, started_param timestamptz,
  out next timestamptz, out skipped integer, out first_skipped timestamptz, out last_skipped timestamptz, out fault text)
language plpgsql
stable
set search_path = ''
as $$
declare
  moment constant interval := interval '1 microsecond';
  grace constant interval := make_interval(secs => grace_param);
  oldest timestamptz;
begin
  skipped := 0;
  next := public.cloud_jobs_next_occurrence(schedule_param, timezone_param,
    case when missed_param = 'once' then greatest(after_param, started_param) else after_param end);
  if missed_param = 'skip' and next < now() - grace then
    oldest := public.cloud_jobs_next_occurrence(schedule_param, timezone_param, now() - grace - moment);
  elsif missed_param = 'all' and next < now() - interval '100 minutes' then
    select min(o) into oldest
    from public.cloud_jobs_occurrences(schedule_param, timezone_param, after_param, now(), 100, true) as o;
  end if;
  if oldest > next then
    first_skipped := next;
    select o into last_skipped
    from public.cloud_jobs_occurrences(schedule_param, timezone_param, next - moment, oldest - moment, 1, true) as o;
    select count(*) into skipped
    from public.cloud_jobs_occurrences(schedule_param, timezone_param, next - moment, oldest - moment, 1000) as o;
    next := oldest;
  end if;
  if next is null then
    fault := format('Its schedule "%s" has no occurrence in the next nine years, so it has ended.', schedule_param);
  end if;
exception when others then
  next := null;
  skipped := 0;
  fault := format('Its schedule "%s" in %s cannot be evaluated, so it has ended: %s', schedule_param, timezone_param, sqlerrm);
end
$$;

-- A recurring job is due at an occurrence of its schedule, whoever writes the row: a function here, or a plain insert
-- or update. Changing the schedule puts the job to the next occurrence of the new one.
create or replace function public.cloud_jobs_anchor()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  fault text;
begin
  new.timezone := coalesce(new.timezone, 'UTC');
  fault := public.cloud_jobs_schedule_fault(new.schedule, new.timezone);
  if fault is not null then
    perform public.cloud_jobs_refuse(400, format('The job %s has a schedule that %s.', to_json(left(new.name, 80))::text, fault),
      'Nothing was changed. Correct the schedule or the time zone.');
  end if;
  if tg_op = 'INSERT' then
    -- A first occurrence of the writer's choice stands; the default of run_at is none.
    if new.scheduled_for is null and new.run_at = now() then
      new.run_at := public.cloud_jobs_next_occurrence(new.schedule, new.timezone, now());
    end if;
    new.scheduled_for := coalesce(new.scheduled_for, new.run_at);
  elsif new.status in ('waiting', 'disabled') then
    new.run_at := public.cloud_jobs_next_occurrence(new.schedule, new.timezone, now());
    new.scheduled_for := new.run_at;
    new.current_retries := 0;
    new.error_message := null;
    new.occurrence := new.occurrence + 1;
  else
    -- It is running: what was due by the old schedule is over with this run.
    new.scheduled_for := greatest(new.scheduled_for, now());
  end if;
  return new;
end
$$;

create or replace trigger cloud_jobs_anchor_insert
  before insert on public.cloud_jobs
  for each row
  when (new.schedule is not null)
  execute function public.cloud_jobs_anchor();

create or replace trigger cloud_jobs_anchor_update
  before update of schedule, timezone on public.cloud_jobs
  for each row
  when (new.schedule is not null and (new.schedule, new.timezone) is distinct from (old.schedule, old.timezone))
  execute function public.cloud_jobs_anchor();

-- Recurring jobs from before this file stand for the time that they wait for.
update public.cloud_jobs set scheduled_for = run_at, timezone = coalesce(timezone, 'UTC')
where schedule is not null and scheduled_for is null;

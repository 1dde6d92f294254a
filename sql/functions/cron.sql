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
  if field_param = '*' then
    return array(select generate_series(min_param, max_param));
  end if;
  foreach part in array string_to_array(field_param, ',') loop
    -- Names to numbers: mon is 1 in 0-based weekdays, jan is 1 in months. A range may end with Sunday, as 7.
    if part ~ '[a-z]' then
      for position in 1..cardinality(names_param) loop
        part := regexp_replace(part, '(^|-)' || names_param[position] || '($|-|/)',
          '\1' || (position - 1 + case when min_param = 1 then 1 else 0 end)::text || '\2', 'i');
      end loop;
    end if;
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
    if low = high then
      numbers := numbers || low;
    else
      numbers := numbers || array(select generate_series(low, high, step));
    end if;
  end loop;
  if name_param = 'day of week' then
    -- Sunday is 0 and 7.
    numbers := array(select n % 7 from unnest(numbers) as n);
  elsif field_param not like '%,%' then
    -- One part is in order already.
    return numbers;
  end if;
  return array(select distinct n from unnest(numbers) as n order by n);
end
$$;

-- The fields of a cron expression, or of a nickname such as @daily; days, months and weekdays are null for *.
--
-- Raises PT400 with the reason if the expression is not valid.
create or replace function public.cloud_jobs_cron_fields(
  schedule_param text, out minutes integer[], out hours integer[], out days integer[], out months integer[],
  out weekdays integer[], out either_day boolean, out fixed boolean)
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
  days := case when field[3] <> '*' then public.cloud_jobs_cron_field(field[3], 'day of month', 1, 31) end;
  months := case when field[4] <> '*' then public.cloud_jobs_cron_field(field[4], 'month', 1, 12,
    '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}') end;
  weekdays := case when field[5] <> '*' then
    public.cloud_jobs_cron_field(field[5], 'day of week', 0, 7, '{sun,mon,tue,wed,thu,fri,sat}') end;
  -- As in vixie cron, pg_cron and GitHub: a day field that begins with * does not count as restricted. If both are
  -- restricted either will do, otherwise both must match.
  either_day := field[3] not like '*%' and field[5] not like '*%';
  -- "At half past two" is meant once a day, "every ten minutes" follows the clock on the wall.
  fixed := field[1] !~ '[*/]' and field[2] !~ '[*/]';
end
$$;

-- The first day from day_param on that a schedule allows, or with step_param -1 the last one up to it; null if there is
-- none within 40 years. Months, days and weekdays that are null allow all.
create or replace function public.cloud_jobs_cron_day(
  months_param integer[], days_param integer[], weekdays_param integer[], either_day_param boolean, day_param date,
  step_param integer default 1)
returns date
language plpgsql
immutable
set search_path = ''
as $$
declare
  day date := day_param;
  next_month date;
  candidate date;
  number integer;
begin
  -- 29 February may be 40 years from the last one on the same day of the week.
  while abs(day - day_param) < 14610 loop
    next_month := date_trunc('month', day::timestamp) + case when step_param > 0 then interval '1 month' else interval '-1 day' end;
    if extract(month from day)::integer <> all (months_param) then
      day := next_month;
    elsif days_param is null or either_day_param then
      -- At most a week goes by until a weekday matches.
      if (days_param is null and weekdays_param is null) or extract(dow from day)::integer = any (weekdays_param)
        or extract(day from day)::integer = any (days_param)
      then
        return day;
      end if;
      day := day + step_param;
    else
      for position in 1..cardinality(days_param) loop
        number := days_param[case when step_param > 0 then position else cardinality(days_param) + 1 - position end];
        candidate := date_trunc('month', day::timestamp)::date + number - 1;
        if (candidate - day) * step_param >= 0 and extract(month from candidate) = extract(month from day)
          and (weekdays_param is null or extract(dow from candidate)::integer = any (weekdays_param))
        then
          return candidate;
        end if;
      end loop;
      day := next_month;
    end if;
  end loop;
  return null;
end
$$;

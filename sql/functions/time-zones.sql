-- How far the clocks of a time zone are ahead of UTC at a moment.
create or replace function public.cloud_jobs_utc_offset(at_param timestamptz, timezone_param text)
returns interval
language plpgsql
stable
set search_path = ''
as $$
begin
  return (at_param at time zone timezone_param) - (at_param at time zone 'UTC');
end
$$;

-- The moment at which the clocks of a time zone change, between two moments with different offsets.
create or replace function public.cloud_jobs_clock_change(timezone_param text, before_param timestamptz, after_param timestamptz)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  ahead constant interval := public.cloud_jobs_utc_offset(before_param, timezone_param);
  low timestamptz := before_param;
  high timestamptz := after_param;
  middle timestamptz;
begin
  while high - low > interval '1 second' loop
    middle := low + (high - low) / 2;
    if public.cloud_jobs_utc_offset(middle, timezone_param) = ahead then
      low := middle;
    else
      high := middle;
    end if;
  end loop;
  return date_trunc('second', high);
end
$$;

-- Whether a name is one of IANA's that this database knows: an area and a place, such as Europe/Berlin, or one of the
-- old names of one word, such as UTC.
--
-- Postgres also takes abbreviations (CEST, and CET without its summer) and POSIX rules (UTC+3, three hours to the west).
-- The names of IANA that look like those (CET, EST5EDT) count as such, since they mean something else to Postgres.
create or replace function public.cloud_jobs_is_timezone(timezone_param text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  perform now() at time zone timezone_param;
  return (timezone_param ~ '^[A-Za-z]+(/[A-Za-z_-]+){1,2}$' and timezone_param !~* '^(posix|right)/')
    or timezone_param ~* '^Etc/GMT(0|[+-]0|\+([1-9]|1[0-2])|-([1-9]|1[0-4]))$'
    or timezone_param ~* '^(UTC|GMT|UCT|Zulu|Universal|Greenwich|Cuba|Egypt|Eire|GB|GB-Eire|Hongkong|Iceland|Iran|Israel|Jamaica|Japan|Kwajalein|Libya|NZ|NZ-CHAT|Navajo|PRC|Poland|Portugal|ROC|ROK|Singapore|Turkey|W-SU)$';
exception when invalid_parameter_value then
  return false;
end
$$;

-- What is wrong with a schedule and its time zone, as the end of "has a schedule that ..."; null if nothing is.
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
    return format('is never due: "%s" has no occurrence in the next 40 years', left(schedule_param, 100));
  end if;
  if not public.cloud_jobs_is_timezone(coalesce(timezone_param, 'UTC')) then
    return format('goes with the time zone "%s", which is not an IANA name. Write one, such as Europe/Berlin', left(timezone_param, 100));
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

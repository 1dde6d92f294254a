-- What is wrong with a schedule and its time zone, as the end of "has a schedule that ..."; null if nothing is. Then due is
-- the next occurrence.
create or replace function public.cloud_jobs_check_schedule(
  schedule_param text, timezone_param text, out fault text, out due timestamptz)
language plpgsql
stable
set search_path = ''
as $$
declare
  hint text;
begin
  due := public.cloud_jobs_next_occurrence(schedule_param, timezone_param, now());
  if due is null then
    fault := format('is never due: "%s" has no occurrence in the next 40 years', left(schedule_param, 100));
  elsif not public.cloud_jobs_is_timezone(coalesce(timezone_param, 'UTC')) then
    fault := format('goes with the time zone "%s", which is not an IANA name. Write one, such as Europe/Berlin',
      left(timezone_param, 100));
  end if;
exception
  when sqlstate 'PT400' then
    get stacked diagnostics fault = message_text, hint = pg_exception_hint;
    fault := fault || case when hint <> '' then '. ' || rtrim(hint, '.') else '' end;
  when invalid_parameter_value then
    fault := format('goes with the time zone "%s", which this database does not know. Write an IANA name, such as Europe/Berlin',
      left(timezone_param, 100));
end
$$;

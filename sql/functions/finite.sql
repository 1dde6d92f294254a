-- A time that every client can read: a plain write can store infinity, or a year that JSON has no form for.
create or replace function public.cloud_jobs_finite(at_param timestamptz)
returns timestamptz
language sql
immutable
parallel safe
set search_path = ''
as $$
  select case when at_param is not null then
    greatest(least(at_param, '9999-12-31 00:00:00+00'::timestamptz), '0001-01-01 00:00:00+00'::timestamptz) end
$$;

-- The version of this schema, and the oldest client version that can use it. Constants, because every claim asks.
create or replace function public.cloud_jobs_version()
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select '{"v": 1, "schema": 12, "requires": 1}'::jsonb
$$;

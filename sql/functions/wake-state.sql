-- What sql/optional/wake.sql did lately; null if it is not installed or the caller may not see it.
create or replace function public.cloud_jobs_wake_state()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  state jsonb;
begin
  if not coalesce((
    select has_schema_privilege(n.oid, 'usage') from pg_catalog.pg_namespace n where n.nspname = 'cloud_jobs_wake'), false)
  then
    return null;
  end if;
  execute 'select cloud_jobs_wake.state()' into state;
  return state;
end
$$;

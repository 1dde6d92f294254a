-- Records what was made, as a function that returns it: doctor compares the database with it.
--
-- A second run of this file makes no column, default, constraint or index again that somebody changed. Their first record
-- is kept, so that doctor goes on naming the change.
do $$
declare
  server constant text := split_part(current_setting('server_version'), '.', 1);
  made jsonb := (
    select jsonb_object_agg(thing, jsonb_build_object('definition', definition, 'repair', repair))
    from public.cloud_jobs_catalog());
  earlier jsonb;
begin
  begin
    earlier := public.cloud_jobs_installed();
  exception when undefined_function then
    null;
  end;
  if earlier->>'tables' = ':TABLES:' and earlier->>'server' = server then
    made := made || coalesce((
      select jsonb_object_agg(key, value) from jsonb_each(earlier->'things')
      where key ~ '^(column|default|constraint|index) '), '{}');
  end if;
  execute format('create or replace function public.cloud_jobs_installed() returns jsonb language sql immutable set search_path = %L as %L',
    '', format('select %L::jsonb', jsonb_build_object('tables', ':TABLES:', 'server', server, 'things', made)));
  revoke all on function public.cloud_jobs_installed() from public, anon, authenticated;
  grant execute on function public.cloud_jobs_installed() to service_role;
  comment on function public.cloud_jobs_installed() is 'What sql/install.sql made here, for cloud_jobs_inspect.';
end
$$;

-- The facts that the doctor command judges. Changes nothing.
create or replace function public.cloud_jobs_doctor()
returns jsonb
language sql
stable
set search_path = ''
as $$
  with relation as (
    select c.oid, c.relname, c.relkind, c.relrowsecurity,
      c.relname::text as name
    from pg_catalog.pg_class c
    where c.relnamespace = 'public'::regnamespace
      and c.relname in ('cloud_jobs', 'cloud_job_executions', 'cloud_job_workers', 'cloud_jobs_queues', 'cloud_job_dependencies', 'cloud_job_steps', 'cloud_job_signals', 'papers', 'cloud_jobs_paper_queries',
        'cloud_jobs_alert_channels', 'cloud_jobs_alert_outbox', 'cloud_jobs_alert_subjects',
        'job_statistics')
  ),
  routine as (
    select p.oid, p.oid::regprocedure::text as name
    from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and (p.proname like 'cloud\_jobs\_%' or p.proname in ('get_next_available_job', 'release_expired_locks'))
  ),
  outsider (role) as (
    select r.rolname from pg_catalog.pg_roles r where r.rolname in ('anon', 'authenticated')
  )
  select jsonb_build_object('v', 1, 'now', clock_timestamp(), 'role', current_user::text,
    'schema', (public.cloud_jobs_version()->>'schema')::integer,
    'server_version', current_setting('server_version'),
    'statement_timeout', current_setting('statement_timeout'),
    'read_only', current_setting('default_transaction_read_only')::boolean or pg_catalog.pg_is_in_recovery(),
    'workers', public.cloud_jobs_workers_state(), 'wake', public.cloud_jobs_wake_state(),
    'oldest_due_seconds', (
      -- A plain write may store '-infinity'.
      select extract(epoch from now() - public.cloud_jobs_finite(min(j.run_at))) from public.cloud_jobs j
      where j.status = 'waiting' and not j.blocked and j.run_at <= now()
      having count(*) > 0),
    -- Jobs that were put off for a day or more, the longest first.
    'snoozed_for_a_day', (
      select coalesce(jsonb_agg(jsonb_build_object('job_id', s.job_id, 'name', s.name, 'queue', s.queue,
        'snoozes', s.snoozes, 'snoozed_since', s.snoozed_since) order by s.snoozed_since), '[]'::jsonb)
      from (
        select j.job_id, j.name, j.queue, j.snoozes, j.snoozed_since from public.cloud_jobs j
        where j.snoozed_since < now() - interval '1 day' and j.status in ('waiting', 'locked')
        order by j.snoozed_since limit 20
      ) s),
    'without_row_security', (select coalesce(jsonb_agg(name order by name), '[]'::jsonb) from relation
      where relkind = 'r' and not relrowsecurity),
    'policies', (select coalesce(jsonb_agg(tablename || ': ' || policyname order by tablename, policyname), '[]'::jsonb)
      from pg_catalog.pg_policies where schemaname = 'public' and tablename in (select name from relation)),
    -- A privilege on a table is of use only if a policy lets rows through; one on a function always is.
    'open_tables', (select coalesce(jsonb_agg(s.role || ' may ' || v.verb || ' ' || r.name order by r.name, s.role, v.verb), '[]'::jsonb)
      from relation r cross join outsider s cross join (values ('select'), ('insert'), ('update'), ('delete'), ('truncate')) as v (verb)
      -- Or on one of its columns.
      where case when v.verb in ('delete', 'truncate') then pg_catalog.has_table_privilege(s.role, r.oid, v.verb)
        else pg_catalog.has_any_column_privilege(s.role, r.oid, v.verb) end),
    'open_functions', (select coalesce(jsonb_agg(s.role || ' may call ' || f.name order by f.name, s.role), '[]'::jsonb)
      from routine f cross join outsider s where pg_catalog.has_function_privilege(s.role, f.oid, 'execute')),
    'missing_grants', (select coalesce(jsonb_agg(m.what order by m.what), '[]'::jsonb) from (
      select v.verb || ' on ' || r.name as what
      from relation r cross join (values ('select'), ('insert'), ('update'), ('delete')) as v (verb)
      where r.relkind = 'r' and not pg_catalog.has_table_privilege(current_user, r.oid, v.verb)
      union all
      select 'execute on ' || f.name from routine f where not pg_catalog.has_function_privilege(current_user, f.oid, 'execute')) m))
$$;

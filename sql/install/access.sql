-- Who may do what: service_role everything that the worker and the commands need, nobody else anything.
--
-- Spelled out, because defaults differ: Supabase projects made before 30 May 2026 grant everything new to anon and
-- authenticated, later ones grant nothing, not even to service_role, and a new function is open to PUBLIC in both.
do $$
declare
  object record;
begin
  for object in
    select format('table public.%I', c.relname) as name, c.relkind
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
      and c.relname in ('cloud_jobs', 'cloud_job_executions', 'cloud_job_workers', 'cloud_jobs_queues', 'cloud_job_dependencies', 'cloud_job_steps', 'cloud_job_signals', 'cloud_jobs_schema', 'job_statistics',
        'cloud_jobs_alert_channels', 'cloud_jobs_alert_outbox', 'cloud_jobs_alert_subjects')
  loop
    execute format('revoke all on %s from public, anon, authenticated', object.name);
    execute format('grant %s on %s to service_role',
      case when object.relkind = 'v' then 'select' else 'select, insert, update, delete' end, object.name);
  end loop;
  for object in
    select p.oid::regprocedure::text as name
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and (p.proname like 'cloud\_jobs\_%' or p.proname in ('get_next_available_job', 'release_expired_locks'))
  loop
    execute format('revoke all on function %s from public, anon, authenticated', object.name);
    execute format('grant execute on function %s to service_role', object.name);
  end loop;
end
$$;

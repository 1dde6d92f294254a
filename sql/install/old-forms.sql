-- Functions whose arguments or replies have changed: "create or replace" would refuse them or keep both forms.
do $$
declare
  old text;
begin
  for old in
    select p.oid::regprocedure::text from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and (p.proname, p.prorettype) in (
      ('cloud_jobs_claim', 'jsonb'::regtype), ('cloud_jobs_finish', 'jsonb'::regtype),
      ('cloud_jobs_release', 'jsonb'::regtype), ('cloud_jobs_enqueue', 'jsonb'::regtype),
      ('cloud_jobs_end_successes', 'text[]'::regtype),
      ('cloud_jobs_pick', 'text[]'::regtype), ('cloud_jobs_pick_within_limits', 'text[]'::regtype))
      -- With fewer arguments than today.
      or p.pronamespace = 'public'::regnamespace and p.proname = 'cloud_jobs_create' and p.pronargs < 24
  loop
    execute 'drop function ' || old;
  end loop;
end
$$;

drop function if exists public.cloud_jobs_end_attempts(text, jsonb);
drop function if exists public.cloud_jobs_lock_held(text, jsonb);
drop function if exists public.cloud_jobs_claim(text, integer, text[], text[], double precision, uuid, text, integer);
drop function if exists public.cloud_jobs_refuse_item(bigint, text, text);
drop function if exists public.cloud_jobs_paper_list(text, integer, text);
drop function if exists public.cloud_jobs_cron(text);
drop function if exists public.cloud_jobs_local_moments(timestamp, text, boolean);
drop function if exists public.cloud_jobs_occurrences(text, text, timestamptz, timestamptz, integer, boolean);
drop function if exists public.cloud_jobs_list(text, text, text, text, integer, text);
drop function if exists public.cloud_jobs_see_worker(text, text[], integer, text, text);
drop function if exists public.cloud_jobs_apply(text, jsonb, boolean, boolean);
drop function if exists public.cloud_jobs_schedule_fault(text, text);

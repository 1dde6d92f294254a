-- cloud-jobs: the whole schema in one paste. Built by `npm run build:sql` from the other folders of sql/; do not edit.
--
-- Paste it into the Supabase SQL Editor, or run it with psql -f, as the role postgres. It can be run again at any time:
-- a second run changes nothing. It brings a database with the first cloud-jobs schema up to date in place.
-- One transaction: it is installed whole or not at all.
begin;

-- Waits up to 10 s for a long lock of another session, then fails and changes nothing.
set local lock_timeout = '10s';
set local client_min_messages = warning;
-- Functions name others that are created later.
set local check_function_bodies = off;
-- Names without a schema are those of Postgres itself.
set local search_path = pg_catalog;

do $$
begin
  if (select count(*) from pg_roles where rolname in ('anon', 'authenticated', 'service_role')) < 3 then
    raise exception 'cloud-jobs: the roles anon, authenticated and service_role do not exist here.'
      using hint = 'This file is for a Supabase project, or for the local stack (npm run stack).';
  end if;
  if current_setting('server_version_num')::integer < 150000 then
    raise exception 'cloud-jobs: Postgres % is too old.', current_setting('server_version')
      using hint = 'Version 15 or newer is needed. Upgrade the project in the Supabase dashboard.';
  end if;
end
$$;

-- If two people run this file at the same time, the second waits for the first.
do $$ begin perform pg_advisory_xact_lock(hashtextextended('cloud-jobs install', 0)); end $$;

-- Workers may be active. Takes all tables that they use at once, or none for now: waiting for the second while holding
-- the first deadlocks with a worker that holds the second.
do $$
declare
  patience constant interval := current_setting('lock_timeout');
begin
  perform set_config('lock_timeout', '100ms', true);
  loop
    begin
      if to_regclass('public.cloud_jobs') is not null and to_regclass('public.cloud_job_executions') is not null then
        lock table public.cloud_jobs, public.cloud_job_executions in access exclusive mode;
        if to_regclass('public.cloud_job_workers') is not null then
          lock table public.cloud_job_workers in access exclusive mode;
        end if;
      end if;
      exit;
    exception when lock_not_available then
      if clock_timestamp() > now() + patience then
        raise;
      end if;
    end;
    perform pg_sleep(0.05);
  end loop;
  perform set_config('lock_timeout', (extract(epoch from patience) * 1000)::integer::text, true);
end
$$;

create table if not exists public.cloud_jobs_schema (
  version    integer primary key,
  name       text not null,
  applied_at timestamptz not null default now()
);
alter table public.cloud_jobs_schema enable row level security;

do $$
declare
  installed integer := (select max(version) from public.cloud_jobs_schema);
begin
  if installed > :VERSION: then
    raise exception 'cloud-jobs: this database has schema version %, this file would bring version :VERSION:.', installed
      using hint = 'Use the sql/install.sql of the release that your action runs.';
  end if;
end
$$;

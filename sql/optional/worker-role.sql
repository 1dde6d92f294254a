-- A role whose key can work and do nothing else: claim jobs of the queues that the key names, renew their locks, record
-- how they ended, hand them back. It adds jobs only to these queues, together with the success of one that it holds. It cannot
-- read, change or delete a job, and sees no other queue.
--
-- The key is a JWT of role cloud_jobs_worker with the claim "cloud_jobs_queues", signed for this project: docs/guides/keys.md
-- shows how to make one. Run this file as the role postgres, after sql/install.sql. It can be run again at any time.
--
-- Running sql/install.sql again shuts such keys out. After an upgrade, run this file again. To take it all back:
--   grant cloud_jobs_worker to postgres; drop owned by cloud_jobs_worker; drop role cloud_jobs_worker;
-- and run sql/install.sql.
begin;

-- A live queue holds short locks only. If something holds a long one, fail after this long and change nothing.
set local lock_timeout = '10s';

do $$
begin
  if not exists (select from pg_roles where rolname = 'cloud_jobs_worker') then
    create role cloud_jobs_worker nologin noinherit;
  end if;
end
$$;
grant cloud_jobs_worker to authenticator;
grant usage on schema public to cloud_jobs_worker;

-- The queues that the key names, for the roles of these files and those that have their rights: none if it names none.
-- Everybody else who may call the functions may use all queues: service_role, postgres, and a trigger or function of
-- the project's own that adds a job for a signed-in user. The functions below run with the rights of their owner, so
-- the caller is the role that the Data API has set, not current_user.
create or replace function public.cloud_jobs_allowed_queues()
returns text[]
language sql
stable
set search_path = ''
as $$
  select case
    when not exists (
      select from pg_catalog.pg_roles caller
      join pg_catalog.pg_roles bound on pg_catalog.pg_has_role(caller.oid, bound.oid, 'usage')
      where caller.rolname = coalesce(nullif(current_setting('role'), 'none'), session_user)
        and not (caller.rolbypassrls or caller.rolsuper)
        and bound.rolname in ('cloud_jobs_worker', 'cloud_jobs_enqueue')) then null
    when jsonb_typeof(claim.queues) = 'array' then array(select jsonb_array_elements_text(claim.queues))
    else '{}'::text[]
  end
  from (select nullif(current_setting('request.jwt.claims', true), '')::jsonb->'cloud_jobs_queues' as queues) as claim
$$;

-- The role has no right on any table. These have, and check the queue; renewing and ending an attempt needs its
-- execution id, which only its worker knows.
alter function public.cloud_jobs_claim security definer;
alter function public.cloud_jobs_renew security definer;
alter function public.cloud_jobs_finish security definer;
alter function public.cloud_jobs_peek security definer;
alter function public.cloud_jobs_alert_take security definer;
alter function public.cloud_jobs_alert_done security definer;
alter function public.cloud_jobs_step security definer;
alter function public.cloud_jobs_wait security definer;
alter function public.cloud_jobs_recall security definer;
alter function public.cloud_jobs_aftermath security definer;
grant execute on function
  public.cloud_jobs_version,
  public.cloud_jobs_claim,
  public.cloud_jobs_renew,
  public.cloud_jobs_finish,
  public.cloud_jobs_release,
  public.cloud_jobs_peek,
  public.cloud_jobs_alert_take,
  public.cloud_jobs_alert_done,
  public.cloud_jobs_step,
  public.cloud_jobs_wait,
  public.cloud_jobs_recall,
  public.cloud_jobs_aftermath
to cloud_jobs_worker;

notify pgrst, 'reload schema';

commit;

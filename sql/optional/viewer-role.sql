-- A role whose key can look at the queue and do nothing else: list, count and show jobs with their configs, results and
-- output, statistics, queues and papers. It cannot add, run, change or delete anything. Made for a shared dashboard.
--
-- The key is a JWT of role cloud_jobs_viewer, signed for this project: docs/guides/keys.md shows how to make one. Run this
-- file as the role postgres, after sql/install.sql. It can be run again at any time.
--
-- Running sql/install.sql again shuts such keys out. After an upgrade, run this file again. To take it all back:
--   grant cloud_jobs_viewer to postgres; drop owned by cloud_jobs_viewer; drop role cloud_jobs_viewer;
-- and run sql/install.sql.
begin;

-- A live queue holds short locks only. If something holds a long one, fail after this long and change nothing.
set local lock_timeout = '10s';

do $$
begin
  if not exists (select from pg_roles where rolname = 'cloud_jobs_viewer') then
    create role cloud_jobs_viewer nologin noinherit;
  end if;
end
$$;
grant cloud_jobs_viewer to authenticator;
grant usage on schema public to cloud_jobs_viewer;

-- The role has no right on any table. These functions only read, and run with the rights of their owner.
alter function public.cloud_jobs_list security definer;
alter function public.cloud_jobs_count security definer;
alter function public.cloud_jobs_show security definer;
alter function public.cloud_jobs_stats security definer;
alter function public.cloud_jobs_overview security definer;
alter function public.cloud_jobs_metrics security definer;
alter function public.cloud_jobs_outcomes security definer;
alter function public.cloud_jobs_queue_list security definer;
alter function public.cloud_jobs_queue_rates security definer;
alter function public.cloud_jobs_paper_list security definer;
grant execute on function
  public.cloud_jobs_version,
  public.cloud_jobs_list,
  public.cloud_jobs_count,
  public.cloud_jobs_show,
  public.cloud_jobs_stats,
  public.cloud_jobs_overview,
  public.cloud_jobs_metrics,
  public.cloud_jobs_outcomes,
  public.cloud_jobs_queue_list,
  public.cloud_jobs_queue_rates,
  public.cloud_jobs_paper_list
to cloud_jobs_viewer;

notify pgrst, 'reload schema';

commit;

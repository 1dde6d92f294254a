-- DANGER. Read this before you run it.
--
-- This lets EVERYBODY who has the project's public anon (publishable) key read, add, change and delete jobs and
-- executions. That key is in every web page and app that uses the project, so "everybody" means the internet.
--
-- A job makes a runner with your repository's secrets do something. Everyone who can write one decides which of your
-- handlers runs, with which config, and reads what came out. They can also delete all jobs, or fill the database.
--
-- The first cloud-jobs schema was open like this, and clients that were built on it with the anon key need it. Better:
-- give those clients the secret key if they run on a server, or let them call one function of your own that checks
-- the user and then calls cloud_jobs_create.
--
-- Running sql/install.sql again closes all of it. After an upgrade, run this file again if you still want it.
begin;

-- A live queue holds short locks only.
set local lock_timeout = '10s';

grant select, insert, update, delete on table public.cloud_jobs, public.cloud_job_executions to anon, authenticated;
grant select on public.job_statistics to anon, authenticated;

-- The two functions of the first schema, and the default of the ids. What they and the tables' triggers call stays
-- closed, so they run with the rights of their owner. Running sql/install.sql again takes that back.
alter function public.get_next_available_job(text, integer) security definer;
alter function public.release_expired_locks() security definer;
alter function public.cloud_jobs_key_freed() security definer;
alter function public.cloud_jobs_enter_key() security definer;
alter function public.cloud_jobs_cut_off() security definer;
alter function public.cloud_jobs_rearm() security definer;
alter function public.cloud_jobs_alert_failed() security definer;
grant execute on function public.get_next_available_job(text, integer), public.release_expired_locks(),
  public.cloud_jobs_new_id() to anon, authenticated;

drop policy if exists "cloud-jobs: anybody (optional)" on public.cloud_jobs;
drop policy if exists "cloud-jobs: anybody (optional)" on public.cloud_job_executions;
create policy "cloud-jobs: anybody (optional)" on public.cloud_jobs
  for all to anon, authenticated using (true) with check (true);
create policy "cloud-jobs: anybody (optional)" on public.cloud_job_executions
  for all to anon, authenticated using (true) with check (true);

notify pgrst, 'reload schema';

commit;

-- What a row of cloud_jobs may hold, by any writer.
do $$
begin
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs'::regclass and conname = 'cloud_jobs_priority_range') then
    alter table public.cloud_jobs add constraint cloud_jobs_priority_range check (priority between -100 and 100);
  end if;
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs'::regclass and conname = 'cloud_jobs_timeout_positive') then
    alter table public.cloud_jobs add constraint cloud_jobs_timeout_positive check (timeout_seconds > 0);
  end if;
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs'::regclass and conname = 'cloud_jobs_missed') then
    alter table public.cloud_jobs add constraint cloud_jobs_missed
      check (missed in ('once', 'skip', 'all') and missed_grace_seconds between 0 and 31536000);
  end if;
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs'::regclass and conname = 'cloud_jobs_concurrency_limit') then
    alter table public.cloud_jobs add constraint cloud_jobs_concurrency_limit check (concurrency_limit between 1 and 1000);
  end if;
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs'::regclass and conname = 'cloud_jobs_retry_policy') then
    alter table public.cloud_jobs add constraint cloud_jobs_retry_policy check (retry_delay_seconds between 0 and 31536000
      and retry_factor between 1 and 10 and (retry_factor is null or retry_delay_seconds is not null));
  end if;
end
$$;

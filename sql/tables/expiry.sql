-- When a waiting job expires, for every writer of the row.
--
-- A job that starts can no longer expire. With expires_in_seconds the time is counted anew for each occurrence. A job that
-- is run again after its own expires_at has no expiry any more: somebody wants it now.
create or replace function public.cloud_jobs_set_expiry()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.expires_at := case
    when new.status in ('waiting', 'disabled') and new.expires_in_seconds is not null
      then case when new.schedule is null then new.run_at else new.scheduled_for end + make_interval(secs => new.expires_in_seconds)
  end;
  return new;
end
$$;

-- The names put both after the triggers that move a job to its next occurrence.
create or replace trigger cloud_jobs_insert_expiry
  before insert on public.cloud_jobs
  for each row
  when (new.expires_in_seconds is not null)
  execute function public.cloud_jobs_set_expiry();

create or replace trigger cloud_jobs_update_expiry
  before update on public.cloud_jobs
  for each row
  when (
    (new.expires_at is not null and new.status = 'locked')
    or (new.expires_at <= now() and new.occurrence <> old.occurrence)
    or (new.expires_in_seconds is not null and new.status in ('waiting', 'disabled') and (
      (new.occurrence, new.scheduled_for, new.expires_in_seconds) is distinct from (old.occurrence, old.scheduled_for, old.expires_in_seconds)
      or (new.schedule is null and new.run_at <> old.run_at and old.expires_at is not null)))
  )
  execute function public.cloud_jobs_set_expiry();

-- Makes a recurring job due at an occurrence of its schedule, for every writer of the row.
--
-- A change of the schedule moves the job to the next occurrence of the new one.
create or replace function public.cloud_jobs_anchor()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  schedule record;
begin
  new.timezone := coalesce(new.timezone, 'UTC');
  select * into schedule from public.cloud_jobs_check_schedule(new.schedule, new.timezone);
  if schedule.fault is not null then
    perform public.cloud_jobs_refuse(400, format('The job %s has a schedule that %s.', to_json(left(new.name, 80))::text, schedule.fault),
      'Nothing was changed. Correct the schedule or the time zone.');
  end if;
  if tg_op = 'INSERT' then
    -- A first occurrence that the writer chose stands; the default of run_at is no choice.
    if new.scheduled_for is null and new.run_at = now() then
      new.run_at := schedule.due;
    end if;
    new.scheduled_for := coalesce(new.scheduled_for, new.run_at);
  elsif new.status in ('waiting', 'disabled') then
    new.run_at := schedule.due;
    new.scheduled_for := new.run_at;
    new.current_retries := 0;
    new.error_message := null;
    new.snoozes := 0;
    new.snoozed_since := null;
    new.occurrence := new.occurrence + 1;
  else
    -- It is running: this run is the last by the old schedule. Its execution keeps when it was due by that.
    perform public.cloud_jobs_open_executions(array[old.job_id]);
    new.scheduled_for := greatest(new.scheduled_for, now());
  end if;
  return new;
end
$$;

create or replace trigger cloud_jobs_anchor_insert
  before insert on public.cloud_jobs
  for each row
  when (new.schedule is not null)
  execute function public.cloud_jobs_anchor();

create or replace trigger cloud_jobs_anchor_update
  before update of schedule, timezone on public.cloud_jobs
  for each row
  when (new.schedule is not null and (new.schedule, new.timezone) is distinct from (old.schedule, old.timezone))
  execute function public.cloud_jobs_anchor();

-- What a row of cloud_jobs may hold, by any writer: a function, a plain insert, a trigger or a jobs file.
--
-- Triggers, not check constraints: a constraint would also refuse every later change of an old row, so a job of an earlier
-- release could not even be claimed. The conditions are those that the triggers are created with, so a row that is as it
-- should be costs no call.
create or replace function public.cloud_jobs_guard()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  earliest constant timestamptz := '1900-01-01Z';
  latest constant timestamptz := '9999-12-31Z';
  -- Only what this statement changes: an old row may hold more than a new one.
  fault constant text := case
    when new.name is distinct from old.name and new.name !~ '[^[:space:]\u00a0]' then 'has no name'
    when new.name is distinct from old.name and length(new.name) > 500 then 'has a name longer than 500 characters'
    when new.queue is distinct from old.queue and (length(new.queue) > 100 or new.queue !~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$')
      then 'has a queue that no worker can name: use 1 to 100 letters, digits and . _ : / -'
    when new.max_retries is distinct from old.max_retries and new.max_retries not between 0 and 9999
      then 'has a max_retries that is not a number from 0 to 9999'
    when new.current_retries is distinct from old.current_retries and new.current_retries not between 0 and 1000000
      then 'has a current_retries that is not a number from 0 to 1000000'
    when new.timeout_seconds is distinct from old.timeout_seconds and new.timeout_seconds > 9999999
      then 'has a timeout_seconds that is more than 9999999'
    when new.occurrence is distinct from old.occurrence and new.occurrence not between 0 and 1000000000
      then 'has an occurrence that is not a number from 0 to 1000000000'
    when new.snoozes is distinct from old.snoozes and new.snoozes not between 0 and 1000000
      then 'has a number of snoozes that is not from 0 to 1000000'
    when new.expires_in_seconds is distinct from old.expires_in_seconds and new.expires_in_seconds not between 1 and 315576000
      then 'has an expires_in_seconds that is not a number from 1 to ten years'
    when new.run_at is distinct from old.run_at and new.run_at not between earliest and latest
      then 'has a run_at that is not a time between 1900 and 9999'
    when new.scheduled_for is distinct from old.scheduled_for and new.scheduled_for not between earliest and latest
      then 'has a scheduled_for that is not a time between 1900 and 9999'
    when new.created_at is distinct from old.created_at and new.created_at not between earliest and latest
      then 'has a created_at that is not a time between 1900 and 9999'
    when new.expires_at is distinct from old.expires_at and new.expires_at not between earliest and latest
      then 'has an expires_at that is not a time between 1900 and 9999'
    when new.locked_at is distinct from old.locked_at and new.locked_at not between earliest and latest
      then 'has a locked_at that is not a time between 1900 and 9999'
    when new.finished_at is distinct from old.finished_at and new.finished_at not between earliest and latest
      then 'has a finished_at that is not a time between 1900 and 9999'
    when new.last_execution is distinct from old.last_execution and new.last_execution not between earliest and latest
      then 'has a last_execution that is not a time between 1900 and 9999'
    when new.snoozed_since is distinct from old.snoozed_since and new.snoozed_since not between earliest and latest
      then 'has a snoozed_since that is not a time between 1900 and 9999'
    when new.config is distinct from old.config then 'has a config ' || public.cloud_jobs_config_fault(new.config)
  end;
begin
  if fault is not null then
    perform public.cloud_jobs_refuse(400, format('The job %s %s.', to_json(left(new.name, 80))::text, fault),
      'Nothing was changed. Correct the job and write it again.');
  end if;
  return new;
end
$$;

-- Rows of earlier releases that the queue could not work as they are. Done only once.
do $$
begin
  if not exists (select from pg_trigger where tgrelid = 'public.cloud_jobs'::regclass and tgname = 'cloud_jobs_guard_texts') then
    update public.cloud_jobs set max_retries = 9999 where max_retries > 9999;
    update public.cloud_jobs set current_retries = 0 where current_retries not between 0 and 1000000;
    update public.cloud_jobs set run_at = case when run_at < now() then created_at else '9999-12-31Z' end
      where not isfinite(run_at) and isfinite(created_at) and status in ('waiting', 'disabled');
    update public.cloud_jobs set run_at = now() where not isfinite(run_at);
  end if;
end
$$;

create or replace trigger cloud_jobs_guard_texts
  before insert or update of name, queue, config on public.cloud_jobs
  for each row
  when (new.name !~ '[^[:space:]\u00a0]' or length(new.name) > 500
    or length(new.queue) > 100 or new.queue !~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$'
    or jsonb_typeof(new.config) <> 'object'
    -- As text it has at most six times the bytes that it has here. In an array: a value that was copied from another table
    -- may be compressed.
    or pg_column_size(jsonb_build_array(new.config)) > 43690
    or (pg_column_size(jsonb_build_array(new.config)) > 1000
      and jsonb_path_exists(new.config, 'strict $.**{200} ? (@.type() == "object" || @.type() == "array")'))
    or jsonb_path_exists(new.config, 'strict $.** ? (@.type() == "number" && (@ > 9007199254740991 || @ < -9007199254740991))'))
  execute function public.cloud_jobs_guard();

create or replace trigger cloud_jobs_guard_numbers
  before insert or update of max_retries, current_retries, timeout_seconds, occurrence, snoozes, expires_in_seconds,
    run_at, scheduled_for, created_at, expires_at, locked_at, finished_at, last_execution, snoozed_since on public.cloud_jobs
  for each row
  when (new.max_retries not between 0 and 9999 or new.current_retries not between 0 and 1000000
    or new.timeout_seconds > 9999999
    or new.occurrence not between 0 and 1000000000 or new.snoozes not between 0 and 1000000
    or new.expires_in_seconds not between 1 and 315576000
    or new.run_at not between '1900-01-01Z' and '9999-12-31Z'
    or new.scheduled_for not between '1900-01-01Z' and '9999-12-31Z'
    or new.created_at not between '1900-01-01Z' and '9999-12-31Z'
    or new.expires_at not between '1900-01-01Z' and '9999-12-31Z'
    or new.locked_at not between '1900-01-01Z' and '9999-12-31Z'
    or new.finished_at not between '1900-01-01Z' and '9999-12-31Z'
    or new.last_execution not between '1900-01-01Z' and '9999-12-31Z'
    or new.snoozed_since not between '1900-01-01Z' and '9999-12-31Z')
  execute function public.cloud_jobs_guard();

-- An unfinished job has no finished_at, for every writer: the index of unique keys depends on it.
create or replace function public.cloud_jobs_clear_finished()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.finished_at := null;
  return new;
end
$$;

create or replace trigger cloud_jobs_clear_finished
  before update of status on public.cloud_jobs
  for each row
  when (new.status in ('waiting', 'locked') and new.finished_at is not null)
  execute function public.cloud_jobs_clear_finished();

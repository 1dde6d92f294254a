-- What people and applications do with jobs: enqueue, cancel, run again, enable, disable, delete.

create or replace function public.cloud_jobs_refuse_item(ordinal_param bigint, name_param text, reason_param text)
returns void
language sql
set search_path = ''
as $$
  select public.cloud_jobs_refuse(400,
    format('Job %s of the batch (%s) %s.', ordinal_param, coalesce(to_json(left(name_param, 80))::text, 'no name'), reason_param),
    'Nothing was enqueued. Correct the job and send the batch again.')
$$;

-- Refuses a batch of jobs that cannot be added, naming the job and what is wrong with it.
create or replace function public.cloud_jobs_check_items(items_param jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  known constant text[] := array['job_id', 'name', 'job_type', 'config', 'description', 'max_retries', 'priority',
    'run_at', 'delay_seconds', 'queue', 'timeout_seconds', 'unique_key', 'concurrency_key', 'schedule', 'timezone',
    'missed', 'missed_grace_seconds'];
  optional constant text[] := array['description', 'max_retries', 'priority', 'run_at', 'delay_seconds', 'queue',
    'timeout_seconds', 'unique_key', 'concurrency_key', 'schedule', 'timezone', 'missed', 'missed_grace_seconds'];
  wrong record;
  zone text;
begin
  if jsonb_typeof(items_param) is distinct from 'array' then
    perform public.cloud_jobs_refuse(400, 'items_param is not an array.', 'Pass a JSON array of objects, one for each job.');
  end if;
  if jsonb_array_length(items_param) > 50000 then
    perform public.cloud_jobs_refuse(413, format('items_param has %s jobs.', jsonb_array_length(items_param)), 'Enqueue at most 50000 in one call.');
  end if;

  select checked.* into wrong
  from (
    select i.ordinal, i.item->>'name' as name, case
      when jsonb_typeof(i.item) <> 'object' then 'is not an object'
      when i.item - known <> '{}'::jsonb then 'has the unknown key "' || (select min(k) from jsonb_object_keys(i.item - known) k) || '"'
      when jsonb_typeof(i.item->'name') is distinct from 'string' or btrim(i.item->>'name') = '' then 'has no name'
      when length(i.item->>'name') > 500 then 'has a name longer than 500 characters'
      when i.item->>'job_type' is null or i.item->>'job_type' not in ('paper_fetch', 'maintenance', 'custom')
        then 'has the job_type ' || coalesce(i.item->>'job_type', 'null') || ': use paper_fetch, maintenance or custom'
      when octet_length((i.item->'config')::text) > 262144 then 'has a config of more than 256 KiB'
      -- Not {1,100}: Postgres takes ten times as long over such a pattern.
      when length(i.item->>'job_id') > 100 or i.item->>'job_id' !~ '^[A-Za-z0-9_.:-]+$' then 'has a job_id that is not 1 to 100 letters, digits and . _ : -'
      -- Most jobs of a large batch say no more than that, and what follows is most of the cost.
      when not i.item ?| optional then null
      when jsonb_typeof(i.item->'max_retries') <> 'null'
        and (jsonb_typeof(i.item->'max_retries') <> 'number' or i.item->>'max_retries' !~ '^\d{1,4}$') then 'has a max_retries that is not a number from 0 to 9999'
      when jsonb_typeof(i.item->'priority') <> 'null' and (jsonb_typeof(i.item->'priority') <> 'number' or i.item->>'priority' !~ '^-?\d{1,3}$'
        or (i.item->>'priority')::integer not between -100 and 100) then 'has a priority that is not a whole number from -100 to 100'
      when jsonb_typeof(i.item->'timeout_seconds') <> 'null'
        and (jsonb_typeof(i.item->'timeout_seconds') <> 'number' or i.item->>'timeout_seconds' !~ '^\d{1,7}$' or i.item->>'timeout_seconds' ~ '^0+$')
        then 'has a timeout_seconds that is not a whole number from 1 to 9999999'
      when i.item->>'run_at' is not null and i.item->>'delay_seconds' is not null then 'has both run_at and delay_seconds'
      when i.item->>'run_at' !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$'
        then 'has a run_at that is not a time with its zone, as 2030-01-31T09:30:00Z'
      when jsonb_typeof(i.item->'delay_seconds') <> 'null' and (jsonb_typeof(i.item->'delay_seconds') <> 'number'
        or (i.item->>'delay_seconds')::numeric not between 0 and 315576000) then 'has a delay_seconds that is not a number from 0 to ten years'
      when jsonb_typeof(i.item->'queue') <> 'null' and (jsonb_typeof(i.item->'queue') <> 'string' or length(i.item->>'queue') > 100 or i.item->>'queue' !~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$')
        then 'has a queue that is not 1 to 100 letters, digits and . _ : / -'
      when length(i.item->>'unique_key') > 500 or i.item->>'unique_key' = '' then 'has a unique_key that is empty or longer than 500 characters'
      when length(i.item->>'concurrency_key') > 500 or i.item->>'concurrency_key' = '' then 'has a concurrency_key that is empty or longer than 500 characters'
      when length(i.item->>'description') > 10000 then 'has a description longer than 10000 characters'
      when length(i.item->>'schedule') > 500 or i.item->>'schedule' = '' then 'has a schedule that is empty or longer than 500 characters'
      when length(i.item->>'timezone') > 100 or i.item->>'timezone' = '' then 'has a timezone that is empty or longer than 100 characters'
      when i.item->>'schedule' is null and i.item->>'timezone' is not null then 'has a timezone without a schedule'
      when coalesce(i.item->>'missed', 'once') not in ('once', 'skip', 'all') then 'has a missed that is not once, skip or all'
      when jsonb_typeof(i.item->'missed_grace_seconds') <> 'null' and (jsonb_typeof(i.item->'missed_grace_seconds') <> 'number'
        or i.item->>'missed_grace_seconds' !~ '^\d{1,8}$' or (i.item->>'missed_grace_seconds')::integer > 31536000)
        then 'has a missed_grace_seconds that is not a whole number from 0 to 31536000'
      when i.item->>'schedule' is not null
        then 'has a schedule that ' || public.cloud_jobs_schedule_fault(i.item->>'schedule', i.item->>'timezone')
    end as reason
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
  ) checked
  where checked.reason is not null
  order by checked.ordinal
  limit 1;
  if found then
    perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, wrong.reason);
  end if;

  -- Postgres reads more than IANA names as a time zone (CEST, and XYZ3 for three hours west), but not as one with rules.
  select i.item->>'timezone' into zone
  from jsonb_array_elements(items_param) as i (item)
  where i.item->>'timezone' is not null
    and lower(i.item->>'timezone') not in (select lower(z.name) from pg_catalog.pg_timezone_names z)
  limit 1;
  if found then
    perform public.cloud_jobs_refuse(400, format('A job of the batch has the time zone %s, which is not an IANA name.', to_json(left(zone, 100))::text),
      'Nothing was enqueued. Write a name such as Europe/Berlin or UTC.');
  end if;
end
$$;

-- Adds jobs, all or none. items: [{"name", "job_type", "config", "description", "max_retries", "priority",
-- "run_at" | "delay_seconds", "queue", "timeout_seconds", "unique_key", "concurrency_key", "schedule", "timezone",
-- "missed", "missed_grace_seconds", "job_id"}]; name and job_type are required, the rest has the defaults of the table.
-- A recurring job is due first at the next occurrence of its schedule, or at run_at where that is given.
--
-- Repeatable in two ways. A job_id chosen by the caller (a fresh UUID) makes the same request add the job once. A
-- unique_key names one unfinished job of its queue: where there is one already, that job is the answer.
-- Reply: {"v", "schema", "jobs": [{"job_id", "created"}]} in the order of items.
create or replace function public.cloud_jobs_enqueue(items_param jsonb)
returns json
language plpgsql
set search_path = ''
-- One plan for the life of a connection, as in 0004: rows are looked up by their keys alone.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  items jsonb := items_param;
  wrong record;
  added bigint;
  reply json;
  missing boolean;
begin
  perform public.cloud_jobs_check_items(items_param);
  if public.cloud_jobs_allowed_queues() is not null then
    perform public.cloud_jobs_check_queues(array(
      select distinct coalesce(i.item->>'queue', 'default') from jsonb_array_elements(items_param) as i (item)));
    -- It deletes history, of all queues: more than such a key may do itself.
    if items_param @> '[{"job_type": "maintenance"}]' then
      perform public.cloud_jobs_refuse(403, 'The key may not add maintenance jobs.', 'They prune the history of all queues. Use the secret key.');
    end if;
  end if;

  -- Every job gets its id here, so that the rows can be found again below whatever a conflict did.
  if exists (select from jsonb_array_elements(items) as i (item) where i.item->>'job_id' is null) then
    select jsonb_agg(case when i.item->>'job_id' is null then i.item || jsonb_build_object('job_id', public.cloud_jobs_new_id()) else i.item end order by i.ordinal)
    into items
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal);
  end if;

  -- More than one round only when a job with the same unique key was finished between insert and look-up.
  for round in 1..5 loop
    insert into public.cloud_jobs (job_id, name, job_type, config, description, max_retries, priority, run_at, queue,
      timeout_seconds, unique_key, concurrency_key, schedule, timezone, scheduled_for, missed, missed_grace_seconds)
    select i.job_id, i.name, i.job_type, coalesce(i.config, '{}'::jsonb), coalesce(i.description, ''),
      coalesce(i.max_retries, 3), coalesce(i.priority, 0),
      coalesce(i.run_at, now() + make_interval(secs => coalesce(i.delay_seconds, 0))), coalesce(i.queue, 'default'),
      i.timeout_seconds, i.unique_key, i.concurrency_key, i.schedule,
      case when i.schedule is not null then coalesce(i.timezone, 'UTC') end,
      case when i.schedule is not null then coalesce(i.run_at, now() + make_interval(secs => i.delay_seconds)) end,
      coalesce(i.missed, 'once'), coalesce(i.missed_grace_seconds, 900)
    from rows from (jsonb_to_recordset(items) as (job_id text, name text, job_type text, config jsonb, description text,
      max_retries integer, priority smallint, run_at timestamptz, delay_seconds double precision, queue text,
      timeout_seconds integer, unique_key text, concurrency_key text, schedule text, timezone text, missed text,
      missed_grace_seconds integer))
      with ordinality as i (job_id, name, job_type, config, description, max_retries, priority, run_at, delay_seconds,
        queue, timeout_seconds, unique_key, concurrency_key, schedule, timezone, missed, missed_grace_seconds, ordinal)
    -- Two batches with the same keys meet them in the same order, so neither waits for the other in a circle.
    order by coalesce(i.queue, 'default'), i.unique_key, i.ordinal
    on conflict do nothing;
    get diagnostics added = row_count;

    if added = jsonb_array_length(items) then
      -- The common case: every job is new, and there is nothing to look up.
      select json_agg(job) into reply
      from (select i.item->>'job_id' as job_id, true as created from jsonb_array_elements(items) as i (item)) job;
      exit;
    end if;

    if round = 1 then
      select max(i.ordinal) as ordinal, max(i.item->>'name') as name into wrong
      from jsonb_array_elements(items) with ordinality as i (item, ordinal)
      group by i.item->>'job_id' having count(*) > 1
      limit 1;
      if found then
        perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, 'has the job_id of another job of the batch');
      end if;
    end if;

    select json_agg(json_build_object('job_id', coalesce(found.own, found.twin), 'created', found.own is not null) order by found.ordinal),
      bool_or(found.own is null and found.twin is null)
    into reply, missing
    from (
      select i.ordinal,
        (select j.job_id from public.cloud_jobs j where j.job_id = i.item->>'job_id') as own,
        (select j.job_id from public.cloud_jobs j
         where j.unique_key = i.item->>'unique_key' and j.queue = coalesce(i.item->>'queue', 'default')
           and j.status in ('waiting', 'locked', 'disabled')) as twin
      from jsonb_array_elements(items) with ordinality as i (item, ordinal)
    ) found;
    exit when not missing;
  end loop;
  if missing then
    perform public.cloud_jobs_refuse(503, 'Jobs with the same unique key came and went while this batch was added.',
      'Nothing was enqueued. Send the batch again.');
  end if;

  return json_build_object('v', 1, 'schema', (public.cloud_jobs_version()->>'schema')::integer,
    'jobs', coalesce(reply, '[]'::json));
end
$$;

-- The same for one job, for people who write SQL: select cloud_jobs_create('Nightly report', 'custom',
-- '{"handler": "report"}', queue_param => 'reports'). Returns the job id: the new one, or that of the unfinished job
-- with the same unique key. A recurring one: select cloud_jobs_create('Nightly report', 'custom',
-- '{"handler": "report"}', schedule_param => '30 3 * * *', timezone_param => 'Europe/Berlin').
drop function if exists public.cloud_jobs_create(text, text, jsonb, text, integer, integer, timestamptz, text, integer, text, text);
create or replace function public.cloud_jobs_create(
  name_param text,
  job_type_param text,
  config_param jsonb default '{}',
  description_param text default '',
  max_retries_param integer default 3,
  priority_param integer default 0,
  run_at_param timestamptz default null,
  queue_param text default 'default',
  timeout_seconds_param integer default null,
  unique_key_param text default null,
  concurrency_key_param text default null,
  schedule_param text default null,
  timezone_param text default null,
  missed_param text default 'once',
  missed_grace_seconds_param integer default 900)
returns text
language sql
set search_path = ''
as $$
  select public.cloud_jobs_enqueue(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'name', name_param, 'job_type', job_type_param, 'description', description_param,
    'max_retries', max_retries_param, 'priority', priority_param, 'run_at', run_at_param, 'queue', queue_param,
    'timeout_seconds', timeout_seconds_param, 'unique_key', unique_key_param,
    'concurrency_key', concurrency_key_param, 'schedule', schedule_param, 'timezone', timezone_param,
    'missed', missed_param, 'missed_grace_seconds', missed_grace_seconds_param)) || jsonb_build_object('config', config_param)))->'jobs'->0->>'job_id'
$$;

-- The answer of every verb about one job: applied says whether the job is now as asked, changed whether this call
-- did it, reason why not. Asking twice is no error.
create or replace function public.cloud_jobs_answer(
  job_id_param text, status_param text, applied_param boolean, changed_param boolean, reason_param text default null)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'job_id', job_id_param, 'status', status_param, 'applied', applied_param,
    'changed', changed_param, 'reason', reason_param)
$$;

-- Cancels a job. A waiting one fails at once. For a locked one the wish is written down; its worker learns of it at
-- the next heartbeat, stops the handler and fails the job, and if the worker is dead the lock's expiry does.
create or replace function public.cloud_jobs_cancel(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'locked' and job.locked_execution_id is not null then
    update public.cloud_jobs set cancel_requested_at = coalesce(cancel_requested_at, now()) where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, 'locked', true, job.cancel_requested_at is null,
      'Its worker stops it at the next heartbeat.');
  elsif job.status = 'waiting' and job.schedule is not null then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'It is recurring and not running now. Disable it to stop the schedule.');
  elsif job.status = 'waiting' or (job.status = 'failed' and job.finished_at is null) then
    update public.cloud_jobs set status = 'failed', finished_at = now(), error_message = 'Cancelled before it ran.'
      where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, 'failed', true, true);
  elsif job.status = 'locked' then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'It is locked by a client of the first cloud-jobs schema, which cannot be told. Wait for its lock to expire.');
  else
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      format('It is %s, so there is nothing to cancel.', job.status));
  end if;
end
$$;

-- Runs a finished job again: waiting, due now, with retries, error and timestamps reset.
create or replace function public.cloud_jobs_retry(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  -- For recurring jobs. An occurrence whose run_at is not its scheduled_for is never skipped for being late: somebody
  -- asked for this one.
  asked_for constant timestamptz := now() - interval '1 microsecond';
  job public.cloud_jobs;
  twin text;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'waiting' and job.run_at <= now() then
    update public.cloud_jobs set run_at = run_at - interval '1 microsecond'
    where job_id = job_id_param and schedule is not null and run_at = scheduled_for;
    return public.cloud_jobs_answer(job_id_param, job.status, true, false, 'It is waiting and due already.');
  elsif job.status = 'waiting' then
    -- A retry in hours: run it now. An occurrence tomorrow: run it now as well, and tomorrow all the same.
    update public.cloud_jobs set run_at = case when schedule is null then now() else asked_for end,
      scheduled_for = case when schedule is not null and run_at = scheduled_for then now() else scheduled_for end
    where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, 'waiting', true, true);
  elsif job.status not in ('failed', 'success') then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, case job.status
      when 'locked' then 'It is running. Cancel it first, or wait until it ends.'
      else 'It is disabled. Enable it first.' end);
  end if;
  if job.unique_key is not null then
    select j.job_id into twin from public.cloud_jobs j
    where j.queue = job.queue and j.unique_key = job.unique_key and j.status in ('waiting', 'locked', 'disabled');
    if found then
      return public.cloud_jobs_answer(job_id_param, job.status, false, false,
        format('Job %s has the same unique key and is unfinished.', twin));
    end if;
  end if;
  begin
    update public.cloud_jobs set status = 'waiting', run_at = case when schedule is null then now() else asked_for end,
      current_retries = 0, occurrence = occurrence + 1, scheduled_for = case when schedule is not null then now() end, disable_requested_at = null, error_message = null, finished_at = null, last_execution = null, cancel_requested_at = null,
      locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null
    where job_id = job_id_param;
  exception when unique_violation then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'A job with the same unique key was enqueued at this moment.');
  end;
  return public.cloud_jobs_answer(job_id_param, 'waiting', true, true);
end
$$;

-- Takes a job out of the queue until it is enabled again. A recurring one that is running is taken out when the run
-- ends; another one that is running is left alone.
create or replace function public.cloud_jobs_disable(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'disabled' then
    return public.cloud_jobs_answer(job_id_param, job.status, true, false, 'It is disabled already.');
  elsif job.status = 'locked' and job.schedule is not null and job.locked_execution_id is not null then
    update public.cloud_jobs set disable_requested_at = coalesce(disable_requested_at, now()) where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, job.status, true, job.disable_requested_at is null,
      'It is running, and disabled when this run ends.');
  elsif job.status = 'locked' then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, 'It is running. Cancel it first, or wait until it ends.');
  end if;
  begin
    update public.cloud_jobs set status = 'disabled' where job_id = job_id_param;
  exception when unique_violation then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false,
      'Another unfinished job has the same unique key.');
  end;
  return public.cloud_jobs_answer(job_id_param, 'disabled', true, true);
end
$$;

-- Puts a disabled job back: waiting, due at its old time or now, with its retries fresh, as an occurrence of its own. A recurring one waits for its
-- next occurrence: those that came and went while it was disabled were not missed.
create or replace function public.cloud_jobs_enable(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, false, false, 'There is no job with this id.');
  elsif job.status = 'locked' and job.disable_requested_at is not null then
    update public.cloud_jobs set disable_requested_at = null where job_id = job_id_param;
    return public.cloud_jobs_answer(job_id_param, job.status, true, true);
  elsif job.status <> 'disabled' then
    return public.cloud_jobs_answer(job_id_param, job.status, job.status in ('waiting', 'locked'), false,
      format('It is %s, not disabled.', job.status));
  end if;
  -- An occurrence that failed and waited for its retry is over as well.
  if job.schedule is not null and (job.run_at <= now() or job.run_at is distinct from job.scheduled_for) then
    job.run_at := public.cloud_jobs_next_occurrence(job.schedule, job.timezone, now());
  end if;
  update public.cloud_jobs set status = 'waiting', run_at = greatest(job.run_at, now()), current_retries = 0,
    occurrence = occurrence + 1,
    scheduled_for = case when schedule is not null then job.run_at end, disable_requested_at = null, error_message = null, finished_at = null, cancel_requested_at = null,
    -- What a seed client that disabled it while it was locked has left.
    locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null
  where job_id = job_id_param;
  return public.cloud_jobs_answer(job_id_param, 'waiting', true, true);
end
$$;

-- Deletes a job and its history. A running one is left alone.
create or replace function public.cloud_jobs_delete(job_id_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
begin
  select * into job from public.cloud_jobs where job_id = job_id_param for update;
  if not found then
    return public.cloud_jobs_answer(job_id_param, null, true, false, 'There is no job with this id.');
  elsif job.status = 'locked' and (job.lock_expires_at >= now()) is not false then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, 'It is running. Cancel it first, or wait until it ends.');
  end if;
  delete from public.cloud_jobs where job_id = job_id_param;
  return public.cloud_jobs_answer(job_id_param, 'deleted', true, true);
end
$$;

-- Refuses a batch of jobs because of one of them.
create or replace function public.cloud_jobs_refuse_item(
  ordinal_param bigint, name_param text, reason_param text, is_alone_param boolean default false)
returns void
language sql
set search_path = ''
as $$
  select public.cloud_jobs_refuse(400,
    format('%s (%s) %s.', case when is_alone_param then 'The job' else format('Job %s of the batch', ordinal_param) end,
      coalesce(to_json(left(name_param, 80))::text, 'no name'), reason_param),
    case when is_alone_param then 'Nothing was changed. Correct it and try again.'
      else 'Nothing was enqueued. Correct the job and send the batch again.' end)
$$;

-- Whether a text can be read as a time: 30 February, 25:00 and the zone +99:00 look like parts of one.
create or replace function public.cloud_jobs_is_time(time_param text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return time_param::timestamptz between '1900-01-01Z' and '9999-12-31Z';
exception when datetime_field_overflow or invalid_datetime_format or invalid_parameter_value
  or invalid_time_zone_displacement_value then
  return false;
end
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
    'missed', 'missed_grace_seconds', 'expires_at', 'expires_in_seconds',
    'on_conflict', 'concurrency_limit', 'ref', 'depends_on', 'on_parent_failure', 'retry_delay_seconds', 'retry_factor'];
  plain constant text[] := array['job_id', 'name', 'job_type', 'config'];
  dependent constant text[] := array['ref', 'depends_on', 'on_parent_failure'];
  wrong record;
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
      when i.item - plain <> '{}' and i.item - known <> '{}' then 'has the unknown key "' || (select min(k) from jsonb_object_keys(i.item - known) k) || '"'
      when jsonb_typeof(i.item->'name') is distinct from 'string' or i.item->>'name' !~ '[^[:space:]\u00a0]' then 'has no name'
      when length(i.item->>'name') > 500 then 'has a name longer than 500 characters'
      when i.item->>'job_type' is null or i.item->>'job_type' not in ('paper_fetch', 'maintenance', 'custom')
        then 'has the job_type ' || coalesce(i.item->>'job_type', 'null') || ': use paper_fetch, maintenance or custom'
      -- The conditions of the trigger cloud_jobs_guard_texts: most configs need no closer look.
      when (jsonb_typeof(i.item->'config') not in ('object', 'null') or pg_column_size(i.item->'config') > 1000
        or jsonb_path_exists(i.item->'config', 'strict $.** ? (@.type() == "number" && (@ > 9007199254740991 || @ < -9007199254740991))'))
        and i.item->>'config' is not null and public.cloud_jobs_config_fault(i.item->'config') is not null
        then 'has a config ' || public.cloud_jobs_config_fault(i.item->'config')
      -- Not {1,100}: Postgres takes ten times as long over such a pattern.
      when length(i.item->>'job_id') > 100 or i.item->>'job_id' !~ '^[A-Za-z0-9_.:-]+$' then 'has a job_id that is not 1 to 100 letters, digits and . _ : -'
      -- Most jobs of a large batch say no more than that, and what follows is most of the cost.
      when i.item - plain = '{}' then null
      when jsonb_typeof(i.item->'max_retries') <> 'null'
        and (jsonb_typeof(i.item->'max_retries') <> 'number' or i.item->>'max_retries' !~ '^\d{1,4}$') then 'has a max_retries that is not a number from 0 to 9999'
      when jsonb_typeof(i.item->'priority') <> 'null' and (jsonb_typeof(i.item->'priority') <> 'number' or i.item->>'priority' !~ '^-?\d{1,3}$'
        or (i.item->>'priority')::integer not between -100 and 100) then 'has a priority that is not a whole number from -100 to 100'
      when jsonb_typeof(i.item->'timeout_seconds') <> 'null'
        and (jsonb_typeof(i.item->'timeout_seconds') <> 'number' or i.item->>'timeout_seconds' !~ '^\d{1,7}$' or i.item->>'timeout_seconds' ~ '^0+$')
        then 'has a timeout_seconds that is not a whole number from 1 to 9999999'
      when i.item->>'run_at' is not null and i.item->>'delay_seconds' is not null then 'has both run_at and delay_seconds'
      when i.item->>'run_at' !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$'
        or not public.cloud_jobs_is_time(i.item->>'run_at')
        then 'has a run_at that is not a time with its zone, as 2030-01-31T09:30:00Z'
      when jsonb_typeof(i.item->'delay_seconds') <> 'null' and (jsonb_typeof(i.item->'delay_seconds') <> 'number'
        or (i.item->>'delay_seconds')::numeric not between 0 and 315576000) then 'has a delay_seconds that is not a number from 0 to ten years'
      when jsonb_typeof(i.item->'queue') <> 'null' and (jsonb_typeof(i.item->'queue') <> 'string' or length(i.item->>'queue') > 100 or i.item->>'queue' !~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$')
        then 'has a queue that is not 1 to 100 letters, digits and . _ : / -'
      when length(i.item->>'unique_key') > 500 or i.item->>'unique_key' = '' then 'has a unique_key that is empty or longer than 500 characters'
      when i.item->>'on_conflict' not in ('keep', 'replace', 'next') then 'has an on_conflict that is not keep, replace or next'
      when i.item->>'on_conflict' is not null and i.item->>'unique_key' is null then 'has an on_conflict without a unique_key'
      when i.item->>'on_conflict' <> 'keep' and i.item->>'schedule' is not null then 'has a schedule, which goes only with on_conflict keep'
      when length(i.item->>'concurrency_key') > 500 or i.item->>'concurrency_key' = '' then 'has a concurrency_key that is empty or longer than 500 characters'
      when jsonb_typeof(i.item->'concurrency_limit') <> 'null' and (jsonb_typeof(i.item->'concurrency_limit') <> 'number'
        or i.item->>'concurrency_limit' !~ '^\d{1,4}$' or (i.item->>'concurrency_limit')::integer not between 1 and 1000)
        then 'has a concurrency_limit that is not a whole number from 1 to 1000'
      when i.item->>'concurrency_limit' is not null and i.item->>'concurrency_key' is null then 'has a concurrency_limit without a concurrency_key'
      when length(i.item->>'description') > 10000 then 'has a description longer than 10000 characters'
      when length(i.item->>'schedule') > 500 or i.item->>'schedule' = '' then 'has a schedule that is empty or longer than 500 characters'
      when length(i.item->>'timezone') > 100 or i.item->>'timezone' = '' then 'has a timezone that is empty or longer than 100 characters'
      when i.item->>'schedule' is null and i.item->>'timezone' is not null then 'has a timezone without a schedule'
      when coalesce(i.item->>'missed', 'once') not in ('once', 'skip', 'all') then 'has a missed that is not once, skip or all'
      when jsonb_typeof(i.item->'missed_grace_seconds') <> 'null' and (jsonb_typeof(i.item->'missed_grace_seconds') <> 'number'
        or i.item->>'missed_grace_seconds' !~ '^\d{1,8}$' or (i.item->>'missed_grace_seconds')::integer > 31536000)
        then 'has a missed_grace_seconds that is not a whole number from 0 to 31536000'
      when i.item->>'expires_at' is not null and i.item->>'expires_in_seconds' is not null then 'has both expires_at and expires_in_seconds'
      when i.item->>'expires_at' !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$'
        or not public.cloud_jobs_is_time(i.item->>'expires_at')
        then 'has an expires_at that is not a time with its zone, as 2030-01-31T09:30:00Z'
      when jsonb_typeof(i.item->'expires_in_seconds') <> 'null' and (jsonb_typeof(i.item->'expires_in_seconds') <> 'number'
        or i.item->>'expires_in_seconds' !~ '^\d{1,9}$' or (i.item->>'expires_in_seconds')::integer not between 1 and 315576000)
        then 'has an expires_in_seconds that is not a whole number from 1 to ten years'
      when i.item->>'schedule' is not null and i.item->>'expires_at' is not null
        then 'has an expires_at and a schedule: use expires_in_seconds, which counts for each occurrence'
      when (i.item->>'expires_at')::timestamptz <= (i.item->>'run_at')::timestamptz then 'has an expires_at that is not after its run_at'
      when public.cloud_jobs_retry_fault(i.item) is not null then public.cloud_jobs_retry_fault(i.item)
      when i.item ?| dependent and public.cloud_jobs_dependency_fault(i.item) is not null then public.cloud_jobs_dependency_fault(i.item)
      when i.item->>'schedule' is not null
        then 'has a schedule that ' || (
          select checked.fault from public.cloud_jobs_check_schedule(i.item->>'schedule', i.item->>'timezone') as checked)
    end as reason
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
  ) checked
  where checked.reason is not null
  order by checked.ordinal
  limit 1;
  if found then
    perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, wrong.reason, jsonb_array_length(items_param) = 1);
  end if;
end
$$;

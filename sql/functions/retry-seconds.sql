-- How long the next retry of a job waits by the job's own setting, after so many retries; null without one. Growth ends at
-- a day.
create or replace function public.cloud_jobs_retry_seconds(
  delay_param integer, factor_param double precision, retries_param integer)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select case when delay_param is not null then
    least(delay_param * power(coalesce(factor_param, 1), least(greatest(coalesce(retries_param, 0), 0), 20)),
      greatest(delay_param, 86400)) end
$$;

-- What is wrong with the retry_delay_seconds and retry_factor of a new job; null if nothing is.
create or replace function public.cloud_jobs_retry_fault(item_param jsonb)
returns text
language sql
immutable
set search_path = ''
as $$
  select case
    when jsonb_typeof(item_param->'retry_delay_seconds') <> 'null' and (jsonb_typeof(item_param->'retry_delay_seconds') <> 'number'
      or item_param->>'retry_delay_seconds' !~ '^\d{1,8}$' or (item_param->>'retry_delay_seconds')::integer > 31536000)
      then 'has a retry_delay_seconds that is not a whole number from 0 to 31536000'
    when jsonb_typeof(item_param->'retry_factor') <> 'null' and (jsonb_typeof(item_param->'retry_factor') <> 'number'
      or (item_param->>'retry_factor')::numeric not between 1 and 10)
      then 'has a retry_factor that is not a number from 1 to 10'
    when item_param->>'retry_factor' is not null and item_param->>'retry_delay_seconds' is null
      then 'has a retry_factor without a retry_delay_seconds'
  end
$$;

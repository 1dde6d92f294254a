-- Why a job may not be snoozed once more: after 1,000 snoozes in a row or 30 days of them. Null if it may.
create or replace function public.cloud_jobs_snooze_fault(snoozes_param integer, since_param timestamptz)
returns text
language sql
stable
set search_path = ''
as $$
  select case
    when snoozes_param >= 1000 then format('It was snoozed %s times in a row, which is the limit.', snoozes_param)
    when since_param < now() - interval '30 days' then format(
      'It has been snoozed since %s UTC, and 30 days is the limit.', to_char(since_param at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
  end
$$;

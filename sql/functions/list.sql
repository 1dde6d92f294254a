-- Lists jobs that match a filter, newest first: select cloud_jobs_list('{"status": "failed"}').
--
-- The fields of a filter are those of cloud_jobs_condition. before_param is the "next" of the page before.
-- Reply: {"v", "now", "jobs": [...], "next", "searched_to"}; with searched_to the page looked at its share of old jobs and
-- stopped there, and "next" goes on. Changes nothing.
create or replace function public.cloud_jobs_list(
  filter_param jsonb default '{}', limit_param integer default 50, before_param text default null)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'now', now(), 'next', found.next, 'searched_to', found.searched_to,
    'jobs', (
      select coalesce(jsonb_agg(public.cloud_jobs_row(j) order by id.position), '[]'::jsonb)
      from unnest(found.job_ids) with ordinality as id (job_id, position)
      join public.cloud_jobs j on j.job_id = id.job_id))
  from public.cloud_jobs_find(filter_param, limit_param, before_param) found
$$;

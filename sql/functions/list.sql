-- Lists jobs, newest first.
--
-- before_param is the "next" of the previous page. Reply: {"v", "now", "jobs": [...], "next"}. Changes nothing.
create or replace function public.cloud_jobs_list(
  status_param text default null, job_type_param text default null, queue_param text default null,
  name_param text default null, limit_param integer default 50, before_param text default null)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
declare
  jobs jsonb;
  next text;
  before_created timestamptz;
  before_id text;
begin
  if limit_param is null or limit_param not between 1 and 1000 then
    perform public.cloud_jobs_refuse(400, format('limit_param is %s.', coalesce(limit_param::text, 'null')), 'Pass a number from 1 to 1000.');
  end if;
  if before_param is not null then
    if before_param !~ '^[^|]+\|.+$' then
      perform public.cloud_jobs_refuse(400, 'before_param is not the "next" of a page.', 'Leave it out to start with the newest job.');
    end if;
    before_created := split_part(before_param, '|', 1)::timestamptz;
    before_id := substr(before_param, strpos(before_param, '|') + 1);
  end if;
  select jsonb_agg(public.cloud_jobs_row(page.job) order by page.position) filter (where page.position <= limit_param),
    max(page.created || '|' || (page.job).job_id) filter (where page.position = limit_param and page.total > limit_param)
  into jobs, next
  from (
    select found.job, found.created, row_number() over (order by found.created desc, (found.job).job_id desc) as position,
      count(*) over () as total
    from (
      select j as job, coalesce(j.created_at, '-infinity'::timestamptz) as created
      from public.cloud_jobs j
      where (status_param is null or j.status = status_param)
        and (job_type_param is null or j.job_type = job_type_param)
        and (queue_param is null or j.queue = queue_param)
        and (name_param is null or j.name = name_param)
        and (before_param is null
          or (coalesce(j.created_at, '-infinity'::timestamptz), j.job_id) < (before_created, before_id))
      order by coalesce(j.created_at, '-infinity'::timestamptz) desc, j.job_id desc
      limit limit_param + 1
    ) found
  ) page;
  return jsonb_build_object('v', 1, 'now', now(), 'jobs', coalesce(jobs, '[]'::jsonb), 'next', next);
end
$$;

-- Papers, newest first. search_param is a part of the title or the abstract; before_param is the "next" of the page before.
-- job_id_param leaves the papers that this job found first.
--
-- A search looks at the newest 100,000 papers. Reply: {"v", "papers": [...], "next"}. Changes nothing.
create or replace function public.cloud_jobs_paper_list(
  search_param text default null, limit_param integer default 30, before_param text default null,
  job_id_param text default null)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  papers jsonb;
  next text;
begin
  if limit_param is null or limit_param not between 1 and 100 then
    perform public.cloud_jobs_refuse(400, format('limit_param is %s.', coalesce(limit_param::text, 'null')), 'Pass a number from 1 to 100.');
  end if;
  select jsonb_agg(jsonb_build_object('paper_id', p.id, 'title', p.title,
      'authors', coalesce(to_jsonb(p.author_list), to_jsonb(string_to_array(p.authors, '|'))),
      'published', p.published, 'source', coalesce(p.source, 'arxiv'), 'url', p.url, 'primary_category', p.primary_category)
      order by p.position) filter (where p.position <= limit_param),
    max(p.published || '|' || p.id) filter (where p.position = limit_param and p.total > limit_param)
  into papers, next
  from (
    select found.*, row_number() over (order by found.published desc, found.id desc) as position, count(*) over () as total
    from (
      select newest.* from (
        select * from public.papers p
        where (job_id_param is null or p.job_id = job_id_param)
          and (before_param is null or (p.published, p.id) < (split_part(before_param, '|', 1)::timestamptz, substr(before_param, strpos(before_param, '|') + 1)))
        order by p.published desc, p.id desc limit 100000) newest
      where search_param is null or strpos(lower(newest.title), lower(search_param)) > 0 or strpos(lower(newest.abstract), lower(search_param)) > 0
      limit limit_param + 1
    ) found
  ) p;
  return jsonb_build_object('v', 1, 'papers', coalesce(papers, '[]'::jsonb), 'next', next);
end
$$;

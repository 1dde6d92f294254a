-- Returns {"v": 1, "total_papers": n}.
create or replace function public.cloud_jobs_paper_stats()
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'total_papers', (select count(*) from public.papers))
$$;

-- When a query was last read to its end: {"v": 1, "completed_seconds_ago": n or null}.
--
-- With started_seconds_ago_param it first notes that a run which started that many seconds ago has read the query to its
-- end. The note never moves back, so the call can be repeated.
create or replace function public.cloud_jobs_paper_query(
  query_key_param text, started_seconds_ago_param double precision default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  seconds_ago double precision;
begin
  if started_seconds_ago_param is not null then
    insert into public.cloud_jobs_paper_queries as q (query_key, completed_at)
    values (query_key_param, now() - make_interval(secs => greatest(started_seconds_ago_param, 0)))
    on conflict (query_key) do update set completed_at = greatest(q.completed_at, excluded.completed_at);
  end if;
  select extract(epoch from now() - q.completed_at)
  into seconds_ago
  from public.cloud_jobs_paper_queries q
  where q.query_key = query_key_param;
  return jsonb_build_object('v', 1, 'completed_seconds_ago', seconds_ago);
end
$$;

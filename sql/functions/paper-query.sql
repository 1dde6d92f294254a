-- How far a query was read:
-- {"v": 1, "completed_seconds_ago": n or null, "position": object or null, "position_seconds_ago": n or null}.
--
-- With started_seconds_ago_param and position_param it first notes that a reading which started that many seconds ago
-- has come to this position; without position_param, that it has come to the end. The time of the last complete
-- reading never moves back. The call can be repeated.
drop function if exists public.cloud_jobs_paper_query(text, double precision);
create or replace function public.cloud_jobs_paper_query(
  query_key_param text, started_seconds_ago_param double precision default null, position_param jsonb default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  started timestamptz := now() - make_interval(secs => greatest(started_seconds_ago_param, 0));
  found_query public.cloud_jobs_paper_queries;
begin
  if pg_column_size(position_param) > 16384 then
    raise exception 'position_param has % bytes; send at most 16384', pg_column_size(position_param)
      using errcode = '22023';
  end if;
  if started_seconds_ago_param is not null then
    insert into public.cloud_jobs_paper_queries as q (query_key, completed_at, position, reading_since)
    values (
      query_key_param,
      case when position_param is null then started end,
      position_param,
      case when position_param is not null then started end)
    on conflict (query_key) do update set
      completed_at = greatest(q.completed_at, excluded.completed_at),
      position = excluded.position,
      reading_since = excluded.reading_since;
  end if;
  select q.* into found_query from public.cloud_jobs_paper_queries q where q.query_key = query_key_param;
  return jsonb_build_object(
    'v', 1,
    'completed_seconds_ago', extract(epoch from now() - found_query.completed_at),
    'position', found_query.position,
    'position_seconds_ago', extract(epoch from now() - found_query.reading_since));
end
$$;

-- How much of the tables and indexes of cloud-jobs is wasted space, and what to do about it. Changes nothing.
--
-- An estimate from the statistics of Postgres, as fresh as the last ANALYZE: the expected size of a B-tree follows from the
-- number of rows and the width of the key. Indexes on expressions have no such statistics and get no estimate.
--
-- Reply: {"v", "now", "relations": [{"name", "kind", "bytes", "rows", "dead_rows", "expected_bytes", "advice"}]}, the
-- largest first. advice is null if there is nothing to do.
create or replace function public.cloud_jobs_bloat()
returns jsonb
language sql
stable
set search_path = ''
as $$
  with owner as (
    select c.oid, c.relname, s.n_live_tup, s.n_dead_tup
    from pg_catalog.pg_class c
    left join pg_catalog.pg_stat_all_tables s on s.relid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      and c.relname in ('cloud_jobs', 'cloud_job_executions', 'papers')
  ),
  index as (
    select c.oid, c.relname, greatest(c.reltuples, 0) as reltuples,
      -- 8 bytes of header, 4 of pointer, the key rounded up to 8; leaf pages are filled to 90 %.
      case when not 0 = any (i.indkey::smallint[]) then (
        select 12 + 8 * ceil(sum(coalesce(st.avg_width, 16)) / 8.0)
        from pg_catalog.pg_attribute a
        left join pg_catalog.pg_stats st on st.schemaname = 'public' and st.tablename = owner.relname and st.attname = a.attname
        where a.attrelid = i.indrelid and a.attnum = any (i.indkey::smallint[])) / 0.9 end as row_bytes
    from owner
    join pg_catalog.pg_index i on i.indrelid = owner.oid
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_am am on am.oid = c.relam and am.amname = 'btree'
  ),
  relation as (
    select relname, 'table' as kind, pg_catalog.pg_table_size(oid) as bytes, coalesce(n_live_tup, 0) as tuples,
      coalesce(n_dead_tup, 0) as dead, null::numeric as expected
    from owner
    union all
    select relname, 'index', pg_catalog.pg_relation_size(oid), reltuples::bigint, null,
      ceil(reltuples::numeric * row_bytes::numeric / 8192) * 8192 + 16384
    from index
  )
  select jsonb_build_object('v', 1, 'now', now(), 'relations', coalesce(jsonb_agg(jsonb_build_object(
    'name', relname, 'kind', kind, 'bytes', bytes, 'rows', tuples, 'dead_rows', dead, 'expected_bytes', expected,
    'advice', case
      when kind = 'index' and bytes > 8388608 and bytes > 2 * expected
        then format('reindex index concurrently public.%I;', relname)
      when kind = 'table' and dead > 10000 and dead > tuples / 5 then format('vacuum (analyze) public.%I;', relname)
    end) order by bytes desc, relname), '[]'::jsonb))
  from relation
$$;

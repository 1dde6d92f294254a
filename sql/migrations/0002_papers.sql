-- The papers that the `paper_fetch` handler stores, and the functions it stores them through.
-- Creates the table, or brings the papers table of an earlier client ("the seed") up to date in place: every column
-- that the seed has keeps its name, type and meaning, and no row is removed.

create table if not exists public.papers (
  id         text primary key default gen_random_uuid()::text,
  arxiv_id   text,
  title      text not null,
  authors    text not null,
  abstract   text,
  categories text not null,
  published  timestamptz not null,
  pdf_url    text,
  pdf_path   text,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

-- Papers of other sources have no arXiv id.
-- squawk-ignore ban-drop-not-null
alter table public.papers alter column arxiv_id drop not null;

alter table public.papers
  add column if not exists author_list      text[],
  add column if not exists category_list    text[],
  add column if not exists primary_category text,
  add column if not exists version          integer,
  add column if not exists source           text,
  add column if not exists source_id        text,
  add column if not exists doi              text,
  add column if not exists comment          text,
  add column if not exists journal_ref      text,
  add column if not exists updated          timestamptz,
  add column if not exists url              text;

comment on column public.papers.arxiv_id is 'arXiv id without its version; null for papers that arXiv does not have.';
comment on column public.papers.authors is 'Names joined by |, as the first clients wrote them; author_list holds the same as an array.';
comment on column public.papers.version is 'Version of the paper that this row describes (arXiv: the N of vN).';
comment on column public.papers.doi is 'DOI of the journal version in lower case, never arXiv''s own 10.48550 DOI; held by one row only.';
comment on column public.papers.updated is 'When the source published the version that this row describes; updated_at is when this row changed.';

-- The names are those that Postgres gives the seed's own constraints, so an upgraded table gets no second index.
create unique index if not exists papers_arxiv_id_key on public.papers (arxiv_id);
create unique index if not exists papers_doi_key on public.papers (doi);
create unique index if not exists papers_source_source_id_key on public.papers (source, source_id);
create index if not exists papers_published_idx on public.papers (published desc);
create index if not exists papers_category_list_idx on public.papers using gin (category_list);

-- Rows of the seed kept the version in the id (2401.01234v1), so two versions of a paper are two rows. The highest
-- version takes the plain id (old ids without their subject class: math.GT/0309136v2 becomes math/0309136), and later
-- fetches update that row. The others keep their id: no row is removed.
with plain as (
  select p.id, p.arxiv_id,
         regexp_replace(regexp_replace(p.arxiv_id, 'v[0-9]{1,4}$', ''), '^([a-z-]+)\.[A-Z]{2}/', '\1/') as plain_id,
         substring(p.arxiv_id from 'v([0-9]{1,4})$')::integer as version
  from public.papers p
  where p.arxiv_id ~ '^([0-9]{4}\.[0-9]{4,5}|[a-z-]+(\.[A-Z]{2})?/[0-9]{7})(v[0-9]{1,4})?$'
),
ranked as (
  select n.*, row_number() over (partition by n.plain_id order by n.version desc nulls last, n.id) as place
  from plain n
  where n.arxiv_id <> n.plain_id
)
update public.papers p
set arxiv_id = r.plain_id, version = coalesce(p.version, r.version)
from ranked r
where p.id = r.id
  and r.place = 1
  and not exists (select from public.papers other where other.arxiv_id = r.plain_id);

update public.papers p
set author_list   = coalesce(p.author_list, string_to_array(nullif(p.authors, ''), '|'), '{}'),
    category_list = coalesce(p.category_list, string_to_array(nullif(p.categories, ''), '|'), '{}')
where p.author_list is null or p.category_list is null;

-- When a query was last read to its end. Without this a run that was cut off could be taken for a complete one.
create table if not exists public.cloud_jobs_paper_queries (
  query_key    text primary key check (length(query_key) between 1 and 200),
  completed_at timestamptz not null
);

-- Closed by default: only service_role reads and writes. The seed let anon read or even write everything.
alter table public.papers enable row level security;
alter table public.cloud_jobs_paper_queries enable row level security;

do $$
declare
  found_policy record;
begin
  for found_policy in
    select p.policyname, p.roles
    from pg_catalog.pg_policies p
    where p.schemaname = 'public' and p.tablename = 'papers'
      and p.roles && array['public', 'anon', 'authenticated']::name[]
  loop
    raise notice 'cloud-jobs: dropped policy "%" on public.papers: it gave access to %. Papers are now open to the service role alone; add a policy of your own if others shall read them.',
      found_policy.policyname, array_to_string(found_policy.roles, ', ');
    execute format('drop policy %I on public.papers', found_policy.policyname);
  end loop;
end
$$;

revoke all on table public.papers, public.cloud_jobs_paper_queries from public, anon, authenticated;
grant select, insert, update, delete on table public.papers, public.cloud_jobs_paper_queries to service_role;

-- Stores up to 1,000 papers. A paper is the same as a stored one if the arXiv id is the same, else the DOI, else
-- (source, source_id); two different arXiv ids are never one paper. Papers that come twice in a batch count once.
--   - The same source (or arXiv over any other) replaces what is stored, unless what is stored is a newer version.
--   - Another source only fills in what is missing.
-- A primary key, created_at and pdf_path never change. A DOI that another row holds already is left out.
-- Returns {"v":1,"inserted":n,"updated":n,"unchanged":n,"inserted_ids":[...]}; an inserted id is the paper's
-- identity: arXiv id, else DOI, else source:source_id.
create or replace function public.cloud_jobs_upsert_papers(papers_param jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  reply jsonb;
begin
  if papers_param is null or jsonb_typeof(papers_param) <> 'array' then
    raise exception 'papers_param must be a JSON array of papers' using errcode = '22023';
  end if;
  if jsonb_array_length(papers_param) > 1000 then
    raise exception 'papers_param has % papers; send at most 1000 at a time', jsonb_array_length(papers_param)
      using errcode = '22023';
  end if;
  if exists (
    select from jsonb_array_elements(papers_param) as item(value)
    where jsonb_typeof(item.value) <> 'object'
       or item.value ->> 'source' is null or item.value ->> 'source_id' is null
       or item.value ->> 'title' is null or item.value ->> 'published' is null
  ) then
    raise exception 'every paper needs source, source_id, title and published' using errcode = '22023';
  end if;

  -- One writer at a time: identity spans three unique keys, which no single "on conflict" covers. A page takes
  -- milliseconds, and the statement below then sees what the writer before has committed.
  perform pg_advisory_xact_lock(hashtextextended('cloud_jobs_upsert_papers', 0));

  with given as (
    select item.place,
           regexp_replace(nullif(btrim(x.arxiv_id), ''), 'v[0-9]{1,4}$', '') as arxiv_id,
           lower(nullif(btrim(x.doi), '')) as doi,
           x.source, x.source_id, x.version, x.title, x.abstract, x.published, x.updated, x.pdf_url, x.url,
           x.primary_category, x.comment, x.journal_ref,
           coalesce(x.author_list, '{}') as author_list,
           coalesce(x.category_list, '{}') as category_list
    from jsonb_array_elements(papers_param) with ordinality as item(value, place)
    cross join lateral jsonb_to_record(item.value) as x(
      arxiv_id text, doi text, source text, source_id text, version integer, title text, abstract text,
      author_list text[], category_list text[], primary_category text, published timestamptz, updated timestamptz,
      pdf_url text, url text, comment text, journal_ref text)
  ),
  keyed as (
    -- A paper that comes with its DOI alone is the one that comes with the same DOI and an arXiv id.
    select g.*,
           coalesce(
             'a:' || coalesce(g.arxiv_id,
                              case when g.doi is not null then min(g.arxiv_id) over (partition by g.doi) end),
             'd:' || g.doi,
             's:' || g.source || ':' || g.source_id) as batch_key
    from given g
  ),
  one_each as (
    select distinct on (k.batch_key) k.*
    from keyed k
    order by k.batch_key, (k.source = 'arxiv') desc, k.version desc nulls last, k.updated desc nulls last, k.place
  ),
  one_each_source_id as (
    select distinct on (o.source, o.source_id) o.* from one_each o order by o.source, o.source_id, o.place
  ),
  matched as (
    select o.*, coalesce(by_arxiv.id, by_doi.id, by_source.id) as row_id
    from one_each_source_id o
    left join public.papers by_arxiv on by_arxiv.arxiv_id = o.arxiv_id
    left join public.papers by_doi
      on by_doi.doi = o.doi and (by_doi.arxiv_id is null or o.arxiv_id is null)
    left join public.papers by_source
      -- Whatever arXiv id the source gives it now: the row keeps the one that it has.
      on by_source.source = o.source and by_source.source_id = o.source_id
  ),
  one_each_row as (
    select distinct on (coalesce(m.row_id, m.batch_key)) m.*
    from matched m
    order by coalesce(m.row_id, m.batch_key), (m.source = 'arxiv') desc, m.place
  ),
  fitted as (
    -- Two arXiv papers may name the same journal DOI (authors type it in); the first one keeps it.
    select o.*,
           case when row_number() over (partition by o.doi order by (o.row_id is null), o.place) = 1
                 and not exists (select from public.papers p where p.doi = o.doi and p.id is distinct from o.row_id)
                then o.doi end as free_doi
    from one_each_row o
  ),
  planned as (
    select f.*,
           p.id is null as is_new,
           -- A source that joins two of its entries names a row by the id that another row holds.
           not exists (
             select from public.papers o
             where o.source = f.source and o.source_id = f.source_id and o.id is distinct from f.row_id
           ) as is_source_id_free,
           (coalesce(p.source, 'arxiv') = f.source or f.source = 'arxiv') as replaces,
           coalesce(
             coalesce(p.source, 'arxiv') = f.source
             and (f.version < p.version
                  or (f.version is not distinct from p.version and f.updated < p.updated)), false) as is_stale
    from fitted f
    left join public.papers p on p.id = f.row_id
  ),
  inserted as (
    insert into public.papers (
      arxiv_id, doi, source, source_id, version, title, abstract, authors, author_list, categories, category_list,
      primary_category, published, updated, pdf_url, url, comment, journal_ref)
    select n.arxiv_id, n.free_doi, n.source, n.source_id, n.version, n.title, n.abstract,
           array_to_string(n.author_list, '|'), n.author_list,
           array_to_string(n.category_list, '|'), n.category_list,
           n.primary_category, n.published, n.updated, n.pdf_url, n.url, n.comment, n.journal_ref
    from planned n
    where n.is_new
    order by n.place
    -- Somebody may write to the table by other ways, outside the lock above.
    on conflict do nothing
    returning id, coalesce(arxiv_id, doi, source || ':' || source_id) as identity
  ),
  merged as (
    select p.id,
           coalesce(p.arxiv_id, n.arxiv_id) as arxiv_id,
           case when n.replaces then coalesce(n.free_doi, p.doi) else coalesce(p.doi, n.free_doi) end as doi,
           case when n.replaces and n.is_source_id_free then n.source else p.source end as source,
           case when n.replaces and n.is_source_id_free then n.source_id else p.source_id end as source_id,
           case when n.replaces then coalesce(n.version, p.version) else p.version end as version,
           case when n.replaces then n.title else p.title end as title,
           case when n.replaces then coalesce(n.abstract, p.abstract) else coalesce(p.abstract, n.abstract) end
             as abstract,
           case when n.replaces then array_to_string(n.author_list, '|') else p.authors end as authors,
           case when n.replaces then n.author_list else p.author_list end as author_list,
           case when n.replaces then array_to_string(n.category_list, '|') else p.categories end as categories,
           case when n.replaces then n.category_list else p.category_list end as category_list,
           case when n.replaces then n.primary_category else coalesce(p.primary_category, n.primary_category) end
             as primary_category,
           case when n.replaces then n.published else p.published end as published,
           case when n.replaces then coalesce(n.updated, p.updated) else p.updated end as updated,
           case when n.replaces then coalesce(n.pdf_url, p.pdf_url) else coalesce(p.pdf_url, n.pdf_url) end as pdf_url,
           case when n.replaces then coalesce(n.url, p.url) else coalesce(p.url, n.url) end as url,
           case when n.replaces then n.comment else coalesce(p.comment, n.comment) end as comment,
           case when n.replaces then coalesce(n.journal_ref, p.journal_ref)
                else coalesce(p.journal_ref, n.journal_ref) end as journal_ref
    from planned n
    join public.papers p on p.id = n.row_id
    where not n.is_stale
  ),
  changed as (
    update public.papers p
    set arxiv_id = m.arxiv_id, doi = m.doi, source = m.source, source_id = m.source_id, version = m.version,
        title = m.title, abstract = m.abstract, authors = m.authors, author_list = m.author_list,
        categories = m.categories, category_list = m.category_list, primary_category = m.primary_category,
        published = m.published, updated = m.updated, pdf_url = m.pdf_url, url = m.url, comment = m.comment,
        journal_ref = m.journal_ref, updated_at = now()
    from merged m
    where p.id = m.id
      and (p.arxiv_id, p.doi, p.source, p.source_id, p.version, p.title, p.abstract, p.authors, p.author_list,
           p.categories, p.category_list, p.primary_category, p.published, p.updated, p.pdf_url, p.url, p.comment,
           p.journal_ref)
          is distinct from
          (m.arxiv_id, m.doi, m.source, m.source_id, m.version, m.title, m.abstract, m.authors, m.author_list,
           m.categories, m.category_list, m.primary_category, m.published, m.updated, m.pdf_url, m.url, m.comment,
           m.journal_ref)
    returning p.id
  ),
  counts as (
    select (select count(*) from inserted) as inserted,
           (select count(*) from changed) as updated,
           (select count(*) from planned) as planned
  )
  select jsonb_build_object(
           'v', 1,
           'inserted', c.inserted,
           'updated', c.updated,
           'unchanged', c.planned - c.inserted - c.updated,
           'inserted_ids', coalesce((select jsonb_agg(i.identity) from inserted i), '[]'::jsonb))
  into reply
  from counts c;

  return reply;
end
$$;

-- Returns {"v":1,"total_papers":n}.
create or replace function public.cloud_jobs_paper_stats()
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object('v', 1, 'total_papers', (select count(*) from public.papers))
$$;

-- When a query was last read to its end: {"v":1,"completed_seconds_ago":n or null}. With started_seconds_ago_param
-- it first notes that a run which started that many seconds ago has now read the query to its end. The note never
-- moves back, so a reply that was lost can be asked for again.
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

revoke all on function public.cloud_jobs_upsert_papers(jsonb) from public, anon, authenticated;
grant execute on function public.cloud_jobs_upsert_papers(jsonb) to service_role;
revoke all on function public.cloud_jobs_paper_stats() from public, anon, authenticated;
grant execute on function public.cloud_jobs_paper_stats() to service_role;
revoke all on function public.cloud_jobs_paper_query(text, double precision) from public, anon, authenticated;
grant execute on function public.cloud_jobs_paper_query(text, double precision) to service_role;

-- The papers that the `paper_fetch` handler stores: a new table, or that of a client of the first schema brought up to
-- date in place. Every column of that table keeps its name, type and meaning, and no row is removed.

-- A table of another application may have this name.
do $$
declare
  missing text;
begin
  if exists (select from pg_class where relnamespace = 'public'::regnamespace and relname = 'papers') then
    select string_agg(format('%s %s', w.name, w.type), ', ' order by w.name) into missing
    from (values ('id', 'text'), ('arxiv_id', 'text'), ('title', 'text'), ('authors', 'text'), ('abstract', 'text'),
      ('categories', 'text'), ('published', 'timestamp with time zone'), ('pdf_url', 'text'), ('pdf_path', 'text'),
      ('created_at', 'timestamp with time zone'), ('updated_at', 'timestamp with time zone')) as w (name, type)
    where not exists (
      select from pg_attribute a
      join pg_class c on c.oid = a.attrelid
      where c.relnamespace = 'public'::regnamespace and c.relname = 'papers' and c.relkind in ('r', 'p')
        and a.attname = w.name and format_type(a.atttypid, a.atttypmod) = w.type and not a.attisdropped);
    if missing is not null then
      raise exception 'cloud-jobs: public.papers is not a table of cloud-jobs. It lacks: %.', missing
        using hint = 'Nothing was installed or changed. Rename yours (alter table public.papers rename to my_papers), then run this file again.';
    end if;
  end if;
end
$$;

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
  add column if not exists url              text,
  add column if not exists job_id           text;

comment on column public.papers.arxiv_id is 'arXiv id without its version; null for papers that arXiv does not have.';
comment on column public.papers.authors is 'Names joined by |, as the first clients wrote them; author_list holds the same as an array.';
comment on column public.papers.version is 'Version of the paper that this row describes (arXiv: the N of vN).';
comment on column public.papers.doi is 'DOI of the journal version in lower case, never arXiv''s own 10.48550 DOI; held by one row only.';
comment on column public.papers.job_id is 'The job that found the paper first; it may have been deleted since.';
comment on column public.papers.updated is 'When the source published the version that this row describes; updated_at is when this row changed.';

-- The names are those that Postgres gives the constraints of the first table, so an upgraded table gets no second index.
create unique index if not exists papers_arxiv_id_key on public.papers (arxiv_id);
create unique index if not exists papers_doi_key on public.papers (doi);
create unique index if not exists papers_source_source_id_key on public.papers (source, source_id);
create index if not exists papers_job_id_idx on public.papers (job_id, published desc) where job_id is not null;
create index if not exists papers_published_idx on public.papers (published desc);
create index if not exists papers_category_list_idx on public.papers using gin (category_list);

-- The first clients kept the version in the id (2401.01234v1), so two versions of a paper are two rows. The highest
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

-- When a query was last read to its end, and how far a reading came that was cut off. Without this, a run that was cut
-- off could be taken for a complete one, and the next one would read everything again.
create table if not exists public.cloud_jobs_paper_queries (
  query_key    text primary key check (length(query_key) between 1 and 200),
  completed_at timestamptz
);
-- squawk-ignore ban-drop-not-null
alter table public.cloud_jobs_paper_queries alter column completed_at drop not null;
alter table public.cloud_jobs_paper_queries
  add column if not exists position      jsonb,
  add column if not exists reading_since timestamptz;

comment on column public.cloud_jobs_paper_queries.position is 'Where the next reading goes on, in the words of the handler; null after a complete reading.';
comment on column public.cloud_jobs_paper_queries.reading_since is 'When the first of the runs started that read up to this position.';

-- Closed by default: only service_role reads and writes. The first clients let anon read or even write everything.
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

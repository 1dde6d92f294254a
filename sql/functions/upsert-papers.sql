-- Stores up to 1,000 papers.
--
-- A paper equals a stored one if the arXiv id is the same, else the DOI, else (source, source_id). Two different arXiv
-- ids are never one paper. A paper that comes twice in a batch counts once.
--
-- The same source (or arXiv over any other) replaces what is stored, unless what is stored is a newer version. Another
-- source only fills in what is missing. A primary key, created_at, pdf_path and job_id (the job that found the paper first)
-- never change. A DOI that another row holds
-- is left out.
--
-- Returns {"v": 1, "inserted": n, "updated": n, "unchanged": n, "inserted_ids": [...]}. An inserted id is the identity of
-- the paper: arXiv id, else DOI, else source:source_id.
--
-- A repeat stores nothing new and reports the papers as unchanged. Writers take turns (an advisory lock).
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
           x.primary_category, x.comment, x.journal_ref, x.job_id,
           coalesce(x.author_list, '{}') as author_list,
           coalesce(x.category_list, '{}') as category_list
    from jsonb_array_elements(papers_param) with ordinality as item(value, place)
    cross join lateral jsonb_to_record(item.value) as x(
      arxiv_id text, doi text, source text, source_id text, version integer, title text, abstract text,
      author_list text[], category_list text[], primary_category text, published timestamptz, updated timestamptz,
      pdf_url text, url text, comment text, journal_ref text, job_id text)
  ),
  keyed as (
    -- A paper with only a DOI is the same as one with that DOI and an arXiv id.
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
      primary_category, published, updated, pdf_url, url, comment, journal_ref, job_id)
    select n.arxiv_id, n.free_doi, n.source, n.source_id, n.version, n.title, n.abstract,
           array_to_string(n.author_list, '|'), n.author_list,
           array_to_string(n.category_list, '|'), n.category_list,
           n.primary_category, n.published, n.updated, n.pdf_url, n.url, n.comment, n.journal_ref, n.job_id
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

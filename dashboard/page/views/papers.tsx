import { call } from '../api.ts';
import { instant } from '../format.ts';
import { useLive } from '../live.ts';
import { Empty, ErrorNotice, Loading } from '../parts/notice.tsx';
import { useQuery } from '../query.ts';

const PAGE = 30;

/** Papers that `paper_fetch` jobs found, newest first, with a search over titles and abstracts. */
export function Papers() {
  const [query, setQuery] = useQuery();
  const search = query.get('search') ?? '';
  const before = query.get('before') ?? '';
  const job = query.get('job') ?? '';
  const { data, error } = useLive(`papers ${search} ${before} ${job}`, (signal) =>
    call(
      'papers',
      { limit: PAGE, ...(search && { search }), ...(before && { before }), ...(job && { job_id: job }) },
      signal,
    ),
  );
  return (
    <>
      <h1>Papers</h1>
      {job && (
        <p>
          Found by <a href={`/jobs/${encodeURIComponent(job)}`}>one job</a>.{' '}
          <a href="/papers">Show all papers</a>
        </p>
      )}
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <label>
          Title or abstract contains
          <input
            type="search"
            value={search}
            onChange={(event) => setQuery({ search: event.currentTarget.value, before: null })}
          />
        </label>
      </form>
      <ErrorNotice text={error} />
      {!data && !error && <Loading />}
      {data?.papers.length === 0 && (
        <Empty title={search ? 'No paper matches.' : 'No papers yet.'}>
          {!search && (
            <p>
              A job of the type <code>paper_fetch</code> fills this list. <a href="/new">Create one</a>.
            </p>
          )}
        </Empty>
      )}
      <ul class="cards">
        {data?.papers.map((paper) => (
          <li key={paper.paper_id}>
            {paper.url ? (
              <a class="card-title" href={paper.url} target="_blank" rel="noreferrer">
                {paper.title}
              </a>
            ) : (
              <span class="card-title">{paper.title}</span>
            )}
            <p class="muted">
              {paper.authors.slice(0, 4).join(', ')}
              {paper.authors.length > 4 ? ` and ${paper.authors.length - 4} more` : ''} ·{' '}
              {instant(paper.published).slice(0, 10)} · {paper.source}
            </p>
          </li>
        ))}
      </ul>
      {data?.next && (
        <nav class="pager" aria-label="Pages">
          <button type="button" onClick={() => setQuery({ before: data.next })}>
            Older
          </button>
        </nav>
      )}
    </>
  );
}

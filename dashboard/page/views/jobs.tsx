import { useState } from 'preact/hooks';
import { call } from '../api.ts';
import { FILTERS, type Filter, filterOf } from '../filter.ts';
import { count, duration, instant, relative } from '../format.ts';
import { useLive } from '../live.ts';
import { type Action, BulkDialog } from '../parts/bulk-dialog.tsx';
import { FilterBar } from '../parts/filter-bar.tsx';
import { Empty, ErrorNotice, Loading } from '../parts/notice.tsx';
import { Status, stateOf } from '../parts/status.tsx';
import { useQuery } from '../query.ts';

const PAGE = 50;
const ACTIONS: readonly Action[] = ['retry', 'cancel', 'disable', 'enable', 'delete'];

/** Jobs that match the filters in the URL, newest first, with actions on some or all of them. */
export function Jobs({ readOnly }: { readOnly: boolean }) {
  const [query, setQuery] = useQuery();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<{ action: Action; filter: Filter } | null>(null);
  let filter: Filter = {};
  let wrong: string | null = null;
  try {
    filter = filterOf(query);
  } catch {
    wrong = 'The config filter is not JSON. Write an object, such as {"handler": "report"}.';
  }
  const before = query.get('before') ?? undefined;
  const key = JSON.stringify([filter, before]);
  const page = useLive(`jobs ${key}`, (signal) =>
    call('jobs', { filter, limit: PAGE, ...(before ? { before } : {}) }, signal),
  );
  const counts = useLive(`counts ${JSON.stringify(filter)}`, (signal) => call('counts', { filter }, signal));
  const jobs = page.data?.jobs ?? [];
  const chosen = jobs.filter((job) => selected.has(job.job_id));
  const all = jobs.length > 0 && chosen.length === jobs.length;
  const toggle = (ids: readonly string[], on: boolean): void => {
    const next = new Set(selected);
    for (const id of ids) on ? next.add(id) : next.delete(id);
    setSelected(next);
  };
  const filtered = FILTERS.some((name) => query.get(name));
  return (
    <>
      <div class="heading">
        <h1>Jobs</h1>
        {!readOnly && (
          <a class="button primary" href="/new">
            New job
          </a>
        )}
      </div>
      <FilterBar query={query} setQuery={(changes) => setQuery({ ...changes, before: null })} />
      <ErrorNotice text={wrong ?? page.error} />
      {counts.data && (
        <ul class="counts" aria-label="Jobs by status">
          {Object.entries(counts.data.by_status).map(([status, line]) => (
            <li key={status}>
              <button
                type="button"
                aria-pressed={query.get('status') === status}
                onClick={() =>
                  setQuery({
                    status: query.get('status') === status ? null : status,
                    state: null,
                    before: null,
                  })
                }
              >
                <Status of={status} /> {line.estimated ? 'about ' : ''}
                {count(line.count)}
                {line.capped ? '+' : ''}
              </button>
            </li>
          ))}
        </ul>
      )}
      {!readOnly && (
        <div class="bulk" role="group" aria-label="Actions on jobs">
          <span class="muted" aria-live="polite">
            {chosen.length > 0 ? `${chosen.length} selected` : 'All that match'}
          </span>
          {ACTIONS.map((action) => (
            <button
              type="button"
              key={action}
              disabled={jobs.length === 0}
              onClick={() =>
                setDialog({
                  action,
                  filter: chosen.length > 0 ? { job_ids: chosen.map((job) => job.job_id) } : filter,
                })
              }
            >
              {action}…
            </button>
          ))}
        </div>
      )}
      {!page.data && !page.error && !wrong && <Loading />}
      {page.data && jobs.length === 0 && (
        <Empty title={filtered ? 'No job matches these filters.' : 'There are no jobs yet.'}>
          {filtered ? (
            <p>
              <a href="/jobs">Show all jobs</a>
            </p>
          ) : (
            <p>
              Create one with <a href="/new">New job</a>, <code>cloud-jobs create</code>, or{' '}
              <code>select cloud_jobs_create(…)</code>.
            </p>
          )}
        </Empty>
      )}
      {jobs.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Jobs">
          <table class="rows">
            <thead>
              <tr>
                {!readOnly && (
                  <th scope="col">
                    <input
                      type="checkbox"
                      aria-label="Select all jobs of this page"
                      checked={all}
                      onChange={(event) =>
                        toggle(
                          jobs.map((job) => job.job_id),
                          event.currentTarget.checked,
                        )
                      }
                    />
                  </th>
                )}
                <th scope="col">Job</th>
                <th scope="col">State</th>
                <th scope="col">Queue</th>
                <th scope="col" class="number">
                  Attempt
                </th>
                <th scope="col">Due or done</th>
                <th scope="col">Created</th>
              </tr>
            </thead>
            <tbody>
              {jobs.map((job) => (
                <tr key={job.job_id}>
                  {!readOnly && (
                    <td>
                      <input
                        type="checkbox"
                        aria-label={`Select ${job.name}`}
                        checked={selected.has(job.job_id)}
                        onChange={(event) => toggle([job.job_id], event.currentTarget.checked)}
                      />
                    </td>
                  )}
                  <td class="job-cell">
                    <a href={`/jobs/${encodeURIComponent(job.job_id)}`}>{job.name}</a>
                    <span class="muted">
                      {job.handler ?? job.job_type}
                      {job.schedule ? ` · ${job.schedule}` : ''}
                    </span>
                    {job.error_message && (
                      <span class="error-line">{job.error_message.split('\n', 1)[0]}</span>
                    )}
                  </td>
                  <td>
                    <Status of={stateOf(job)} />
                  </td>
                  <td>{job.queue}</td>
                  <td class="number">
                    {job.current_retries + 1}/{job.max_retries + 1}
                  </td>
                  <td title={instant(job.finished_at ?? job.run_at)}>
                    {job.status === 'locked'
                      ? `for ${duration((Date.parse(page.data?.now ?? '') - Date.parse(job.locked_at ?? '')) / 1000)}`
                      : relative(job.finished_at ?? job.run_at)}
                  </td>
                  <td title={instant(job.created_at)}>{relative(job.created_at)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {page.data?.searched_to && (
        <p class="muted">
          Searched the newest jobs back to {instant(page.data.searched_to)}. Older ones may match too:
          continue with Older.
        </p>
      )}
      <nav class="pager" aria-label="Pages">
        {before && (
          <button type="button" onClick={() => history.back()}>
            Newer
          </button>
        )}
        {page.data?.next && (
          <button type="button" onClick={() => setQuery({ before: page.data?.next ?? null })}>
            Older
          </button>
        )}
      </nav>
      {dialog && (
        <BulkDialog
          action={dialog.action}
          filter={dialog.filter}
          onClose={() => setDialog(null)}
          onDone={() => {
            setSelected(new Set());
            page.refresh();
            counts.refresh();
          }}
        />
      )}
    </>
  );
}

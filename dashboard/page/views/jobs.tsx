import { useState } from 'preact/hooks';
import type { Calls, JobRow } from '../../server/calls.ts';
import { call } from '../api.ts';
import { FILTERS, type Filter, filterOf } from '../filter.ts';
import { count, duration, instant, relative } from '../format.ts';
import { useLive } from '../live.ts';
import { type Action, BulkDialog } from '../parts/bulk-dialog.tsx';
import { FilterBar } from '../parts/filter-bar.tsx';
import { Empty, ErrorNotice, Loading } from '../parts/notice.tsx';
import { Status, stateOf } from '../parts/status.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { type SetQuery, useQuery } from '../query.ts';

type Page = Calls['jobs']['output'];

const PAGE = 50;
const ACTIONS: readonly Action[] = ['retry', 'cancel', 'disable', 'enable', 'delete'];

/** Jobs that match the filters in the URL, newest first, with actions on some or all of them. */
export function Jobs({ readOnly }: { readOnly: boolean }) {
  const [query, setQuery] = useQuery();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<{ action: Action; filter: Filter } | null>(null);
  const { filter, wrong } = readFilter(query);
  const before = query.get('before') ?? undefined;
  const page = useLive(`jobs ${JSON.stringify([filter, before])}`, (signal) =>
    call('jobs', { filter, limit: PAGE, ...(before ? { before } : {}) }, signal),
  );
  const counts = useLive(`counts ${JSON.stringify(filter)}`, (signal) => call('counts', { filter }, signal));
  const jobs = page.data?.jobs ?? [];
  const chosen = jobs.filter((job) => selected.has(job.job_id)).map((job) => job.job_id);
  const select = (ids: readonly string[], on: boolean): void => {
    const next = new Set(selected);
    for (const id of ids) on ? next.add(id) : next.delete(id);
    setSelected(next);
  };
  const done = (): void => {
    setSelected(new Set());
    page.refresh();
    counts.refresh();
  };
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
      <FilterBar
        query={query}
        setQuery={(changes) => setQuery({ ...changes, before: null })}
        suggestions={{ queue: valuesOf(jobs, 'queue'), handler: valuesOf(jobs, 'handler') }}
      />
      <ErrorNotice text={wrong ?? page.error} />
      {counts.data && <Counts counts={counts.data} query={query} setQuery={setQuery} />}
      {!readOnly && (
        <Actions
          chosen={chosen.length}
          disabled={jobs.length === 0}
          onAction={(action) =>
            setDialog({ action, filter: chosen.length > 0 ? { job_ids: chosen } : filter })
          }
        />
      )}
      {!page.data && !page.error && !wrong && <Loading />}
      {page.data && jobs.length === 0 && <NoJobs filtered={FILTERS.some((name) => query.get(name))} />}
      {page.data && jobs.length > 0 && (
        <JobTable page={page.data} {...(readOnly ? {} : { selected, select })} />
      )}
      <Pager page={page.data} before={before} setQuery={setQuery} />
      {dialog && <BulkDialog {...dialog} onClose={() => setDialog(null)} onDone={done} />}
    </>
  );
}

function readFilter(query: URLSearchParams): { filter: Filter; wrong: string | null } {
  try {
    return { filter: filterOf(query), wrong: null };
  } catch {
    const wrong = 'The config filter is not JSON. Write an object, such as {"handler": "report"}.';
    return { filter: {}, wrong };
  }
}

/** How many jobs have each status; a click shows only these. */
function Counts(props: { counts: Calls['counts']['output']; query: URLSearchParams; setQuery: SetQuery }) {
  const shown = props.query.get('status');
  return (
    <ul class="counts" aria-label="Jobs by status">
      {Object.entries(props.counts.by_status).map(([status, line]) => (
        <li key={status}>
          <button
            type="button"
            aria-pressed={shown === status}
            onClick={() =>
              props.setQuery({ status: shown === status ? null : status, state: null, before: null })
            }
          >
            <Status of={status} /> {line.estimated ? 'about ' : ''}
            {count(line.count)}
            {line.capped ? '+' : ''}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Actions(props: { chosen: number; disabled: boolean; onAction: (action: Action) => void }) {
  return (
    <div class="bulk" role="group" aria-label="Actions on jobs">
      <span class="muted" aria-live="polite">
        {props.chosen > 0 ? `${props.chosen} selected` : 'All that match'}
      </span>
      {ACTIONS.map((action) => (
        <button type="button" key={action} disabled={props.disabled} onClick={() => props.onAction(action)}>
          {action}…
        </button>
      ))}
    </div>
  );
}

function NoJobs({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No job matches these filters.">
        <p>
          <a href="/jobs">Show all jobs</a>
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="There are no jobs yet.">
      <p>
        Create one with <a href="/new">New job</a>, <code>cloud-jobs create</code>, or{' '}
        <code>select cloud_jobs_create(…)</code>.
      </p>
    </Empty>
  );
}

interface JobTableProps {
  readonly page: Page;
  readonly selected?: ReadonlySet<string>;
  readonly select?: (ids: readonly string[], on: boolean) => void;
}

function JobTable({ page, selected, select }: JobTableProps) {
  const ids = page.jobs.map((job) => job.job_id);
  const checkbox: Column<JobRow> = {
    head: (
      <input
        type="checkbox"
        aria-label="Select all jobs of this page"
        checked={ids.every((id) => selected?.has(id))}
        onChange={(event) => select?.(ids, event.currentTarget.checked)}
      />
    ),
    cell: (job) => (
      <input
        type="checkbox"
        aria-label={`Select ${job.name}`}
        checked={selected?.has(job.job_id)}
        onChange={(event) => select?.([job.job_id], event.currentTarget.checked)}
      />
    ),
  };
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Jobs">
      <Table
        class="rows"
        rows={page.jobs}
        keyOf={(job) => job.job_id}
        columns={[...(select ? [checkbox] : []), ...columns(page.now)]}
      />
    </div>
  );
}

const columns = (now: string): Column<JobRow>[] => [
  { head: 'Job', class: 'job-cell', cell: (job) => <JobCell job={job} /> },
  { head: 'State', cell: (job) => <Status of={stateOf(job)} /> },
  { head: 'Queue', cell: (job) => job.queue },
  { head: 'Attempt', class: 'number', cell: (job) => `${job.current_retries + 1}/${job.max_retries + 1}` },
  {
    head: 'Due or done',
    title: (job) => instant(job.finished_at ?? job.run_at),
    cell: (job) =>
      job.status === 'locked'
        ? `for ${duration((Date.parse(now) - Date.parse(job.locked_at ?? '')) / 1000)}`
        : relative(job.finished_at ?? job.run_at),
  },
  { head: 'Created', title: (job) => instant(job.created_at), cell: (job) => relative(job.created_at) },
];

const JobCell = ({ job }: { job: JobRow }) => (
  <>
    <a href={`/jobs/${encodeURIComponent(job.job_id)}`}>{job.name}</a>
    <span class="muted">
      {job.handler ?? job.job_type}
      {job.schedule ? ` · ${job.schedule}` : ''}
    </span>
    {job.error_message && <span class="error-line">{job.error_message.split('\n', 1)[0]}</span>}
  </>
);

function Pager(props: { page: Page | null; before: string | undefined; setQuery: SetQuery }) {
  const { page } = props;
  return (
    <>
      {page?.searched_to && (
        <p class="muted">
          Searched the newest jobs back to {instant(page.searched_to)}. Older ones may match too: continue
          with Older.
        </p>
      )}
      <nav class="pager" aria-label="Pages">
        {props.before && (
          <button type="button" onClick={() => history.back()}>
            Newer
          </button>
        )}
        {page?.next && (
          <button type="button" onClick={() => props.setQuery({ before: page.next })}>
            Older
          </button>
        )}
      </nav>
    </>
  );
}

/** The values of a column among the jobs shown. */
const valuesOf = (jobs: readonly JobRow[], column: 'queue' | 'handler'): string[] =>
  [...new Set(jobs.flatMap((job) => job[column] ?? []))].sort();

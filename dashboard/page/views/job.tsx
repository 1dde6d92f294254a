import { useState } from 'preact/hooks';
import { call } from '../api.ts';
import { duration, instant, relative } from '../format.ts';
import { useLive } from '../live.ts';
import { type Action, BulkDialog } from '../parts/bulk-dialog.tsx';
import { EditJob } from '../parts/edit-job.tsx';
import { Json } from '../parts/json.tsx';
import { Empty, ErrorNotice, Loading } from '../parts/notice.tsx';
import { Status, stateOf } from '../parts/status.tsx';
import { Timeline } from '../parts/timeline.tsx';

/** What one job is, what became of each attempt, and what can be done with it. */
export function Job({ id, readOnly }: { id: string; readOnly: boolean }) {
  const { data, error, refresh } = useLive(`job ${id}`, (signal) => call('job', { job_id: id }, signal));
  const [action, setAction] = useState<Action | null>(null);
  const [editing, setEditing] = useState(false);
  if (!data) return error ? <ErrorNotice text={error} /> : <Loading />;
  const { job, executions } = data;
  if (!job) {
    return (
      <Empty title="There is no job with this id.">
        <p>
          It may have been deleted or pruned. <a href="/jobs">Show all jobs</a>
        </p>
      </Empty>
    );
  }
  const running = job.status === 'locked';
  const finished = job.status === 'success' || job.status === 'failed';
  const latest = executions[0];
  const facts: [string, string | null][] = [
    ['Type', job.job_type],
    ['Queue', job.queue],
    ['Priority', String(job.priority)],
    ['Retries', `${job.current_retries} of ${job.max_retries} spent`],
    ['Created', instant(job.created_at)],
    [
      running ? 'Locked until' : finished ? 'Finished' : 'Due',
      instant(running ? job.lock_expires_at : finished ? job.finished_at : job.run_at),
    ],
    ['Worker', job.locked_by],
    ['Timeout', job.timeout_seconds === null ? null : duration(job.timeout_seconds)],
    ['Unique key', job.unique_key],
    ['Concurrency key', job.concurrency_key],
    ['Schedule', job.schedule === null ? null : `${job.schedule} (${job.timezone ?? 'UTC'})`],
    ['Description', job.description || null],
    ['Id', job.job_id],
  ];
  return (
    <>
      <ErrorNotice text={error} />
      <p class="crumbs">
        <a href="/jobs">Jobs</a>
      </p>
      <div class="heading">
        <h1 class="job-name">{job.name}</h1>
        <Status of={stateOf(job)} />
      </div>
      {!readOnly && (
        <div class="bulk" role="group" aria-label="Actions">
          {(finished || job.status === 'waiting') && (
            <button type="button" onClick={() => setAction('retry')}>
              {finished ? 'Run again…' : 'Run now…'}
            </button>
          )}
          {(running || job.status === 'waiting') && (
            <button type="button" onClick={() => setAction('cancel')}>
              Cancel…
            </button>
          )}
          {job.status === 'disabled' ? (
            <button type="button" onClick={() => setAction('enable')}>
              Enable…
            </button>
          ) : (
            !finished && (
              <button type="button" onClick={() => setAction('disable')}>
                Disable…
              </button>
            )
          )}
          {!running && (
            <button type="button" onClick={() => setEditing(true)}>
              Edit…
            </button>
          )}
          {!running && (
            <button type="button" class="danger" onClick={() => setAction('delete')}>
              Delete…
            </button>
          )}
        </div>
      )}
      {job.error_message && <pre class="notice bad">{job.error_message}</pre>}
      {running && latest?.progress && (
        <p aria-live="polite">
          <progress
            max={latest.progress.total ?? 1}
            value={latest.progress.total ? latest.progress.done : undefined}
          />{' '}
          {latest.progress.done}
          {latest.progress.total ? ` of ${latest.progress.total}` : ''} {latest.progress.note ?? ''}
        </p>
      )}
      <dl class="facts">
        {facts
          .filter(([, value]) => value !== null && value !== '')
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {data.next_occurrences.length > 0 && (
        <section aria-labelledby="next">
          <h2 id="next">Next times</h2>
          <ul>
            {data.next_occurrences.map((at) => (
              <li key={at}>
                {instant(at, job.timezone)}{' '}
                <span class="muted">
                  {job.timezone ?? 'UTC'} · {relative(at)}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div class="columns">
        <section aria-labelledby="config">
          <h2 id="config">Config</h2>
          <Json value={job.config} />
        </section>
        {latest?.status === 'success' && (
          <section aria-labelledby="result">
            <h2 id="result">Result</h2>
            <Json value={latest.result} />
          </section>
        )}
      </div>
      <Timeline job={job} executions={executions} />
      {action && (
        <BulkDialog
          action={action}
          filter={{ job_ids: [job.job_id] }}
          onClose={() => setAction(null)}
          onDone={refresh}
        />
      )}
      {editing && <EditJob job={job} onClose={() => setEditing(false)} onDone={refresh} />}
    </>
  );
}

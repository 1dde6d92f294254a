import { useState } from 'preact/hooks';
import { messageOf } from '../../../src/text/describe-error.ts';
import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';
import { instant, relative } from '../format.ts';
import { useLive } from '../live.ts';
import { type Action, BulkDialog } from '../parts/bulk-dialog.tsx';
import { EditJob } from '../parts/edit-job.tsx';
import { Empty, ErrorNotice, Loading } from '../parts/notice.tsx';
import { outcomeOf, Status, stateOf } from '../parts/status.tsx';

/** Jobs with a schedule: when they run, and how their last occurrences went. */
export function Recurring({ readOnly }: { readOnly: boolean }) {
  const { data, error, refresh } = useLive('recurring', (signal) => call('recurring', {}, signal));
  const [dialog, setDialog] = useState<{ action: Action; id: string } | null>(null);
  const [editing, setEditing] = useState<Job | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const edit = (job_id: string): void =>
    void call('job', { job_id }).then(
      ({ job }) => setEditing(job),
      (cause) => setFailed(messageOf(cause)),
    );
  if (!data) return error ? <ErrorNotice text={error} /> : <Loading />;
  return (
    <>
      <ErrorNotice text={failed ?? error} />
      <h1>Recurring</h1>
      {data.jobs.length === 0 ? (
        <Empty title="No job has a schedule.">
          <p>
            Give a <a href="/new">new job</a> one, or keep them in <code>.github/cloud-jobs/jobs.yml</code>{' '}
            and run <code>cloud-jobs apply</code>.
          </p>
        </Empty>
      ) : (
        <ul class="cards">
          {data.jobs.map((job) => (
            <li key={job.job_id}>
              <div class="heading">
                <a class="card-title" href={`/jobs/${encodeURIComponent(job.job_id)}`}>
                  {job.name}
                </a>
                <Status of={stateOf(job)} />
              </div>
              <p>{job.schedule_words}</p>
              <p class="muted">
                Next {instant(job.run_at, job.timezone)} ({relative(job.run_at)}) · last{' '}
                {relative(job.last_execution)}
              </p>
              <Strip outcomes={job.last_outcomes} />
              {!readOnly && (
                <p class="bulk">
                  <button type="button" onClick={() => setDialog({ action: 'retry', id: job.job_id })}>
                    Run now…
                  </button>
                  {job.status === 'disabled' ? (
                    <button type="button" onClick={() => setDialog({ action: 'enable', id: job.job_id })}>
                      Enable…
                    </button>
                  ) : (
                    <button type="button" onClick={() => setDialog({ action: 'disable', id: job.job_id })}>
                      Disable…
                    </button>
                  )}
                  {job.status !== 'locked' && (
                    <button type="button" onClick={() => edit(job.job_id)}>
                      Edit…
                    </button>
                  )}
                </p>
              )}
            </li>
          ))}
        </ul>
      )}
      {data.has_more && <p class="muted">Only the newest 200 are shown. The list of jobs has all of them.</p>}
      {editing && <EditJob job={editing} onClose={() => setEditing(null)} onDone={refresh} />}
      {dialog && (
        <BulkDialog
          action={dialog.action}
          filter={{ job_ids: [dialog.id] }}
          onClose={() => setDialog(null)}
          onDone={refresh}
        />
      )}
    </>
  );
}

type Job = NonNullable<Calls['job']['output']['job']>;
type Outcome = Calls['recurring']['output']['jobs'][number]['last_outcomes'][number];

/** The last occurrences, oldest first, one bar each; lost and skipped ones show too. */
function Strip({ outcomes }: { outcomes: readonly Outcome[] }) {
  if (outcomes.length === 0) return <p class="muted">No occurrence has ended yet.</p>;
  return (
    <ol class="strip" aria-label="Last occurrences, oldest first">
      {outcomes.map((one) => {
        const outcome = outcomeOf(one);
        const text = `${instant(one.scheduled_for)}: ${outcome}`;
        return (
          <li key={`${one.scheduled_for} ${one.started_at}`} class={`outcome-${outcome}`} title={text}>
            <span class="visually-hidden">{text}</span>
          </li>
        );
      })}
    </ol>
  );
}

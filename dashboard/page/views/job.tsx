import { useState } from 'preact/hooks';
import type { Calls, ExecutionRow } from '../../server/calls.ts';
import { call } from '../api.ts';
import { duration, instant, relative } from '../format.ts';
import { useLive } from '../live.ts';
import { type Action, BulkDialog } from '../parts/bulk-dialog.tsx';
import { Dependencies } from '../parts/dependencies.tsx';
import { EditJob } from '../parts/edit-job.tsx';
import { Facts } from '../parts/facts.tsx';
import { Json } from '../parts/json.tsx';
import { Empty, ErrorNotice, Loading } from '../parts/notice.tsx';
import { Status, stateOf } from '../parts/status.tsx';
import { Steps } from '../parts/steps.tsx';
import { Timeline } from '../parts/timeline.tsx';

type JobDetails = NonNullable<Calls['job']['output']['job']>;

/** What one job is, what became of each attempt, and what can be done with it. */
export function Job({ id, readOnly }: { id: string; readOnly: boolean }) {
  const { data, error, refresh } = useLive(`job ${id}`, (signal) => call('job', { job_id: id }, signal));
  if (!data) return error ? <ErrorNotice text={error} /> : <Loading />;
  const { job, executions } = data;
  if (!job) return <NoJob />;
  const latest = executions[0];
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
      {!readOnly && <Actions job={job} onDone={refresh} />}
      {job.error_message && <pre class="notice bad">{job.error_message}</pre>}
      {job.status === 'locked' && latest?.progress && <Progress progress={latest.progress} />}
      <Facts facts={factsOf(job)} />
      {job.job_type === 'paper_fetch' && (
        <p>
          <a href={`/papers?job=${encodeURIComponent(job.job_id)}`}>Papers that it found</a>
        </p>
      )}
      {data.next_occurrences.length > 0 && (
        <NextTimes times={data.next_occurrences} timezone={job.timezone ?? 'UTC'} />
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
      <Dependencies name={job.name} family={data.family} />
      <Steps reply={data} readOnly={readOnly} onDone={refresh} />
      <Timeline job={job} executions={executions} />
    </>
  );
}

const NoJob = () => (
  <Empty title="There is no job with this id.">
    <p>
      It may have been deleted or pruned. <a href="/jobs">Show all jobs</a>
    </p>
  </Empty>
);

const isFinished = (job: JobDetails): boolean => job.status === 'success' || job.status === 'failed';

function factsOf(job: JobDetails): [name: string, value: string | null][] {
  const time: [string, string | null] =
    job.status === 'locked'
      ? ['Locked until', job.lock_expires_at]
      : isFinished(job)
        ? ['Finished', job.finished_at]
        : ['Due', job.run_at];
  return [
    ['Type', job.job_type],
    ['Queue', job.queue],
    ['Priority', String(job.priority)],
    ['Retries', `${job.current_retries} of ${job.max_retries} spent`],
    ['Created', instant(job.created_at)],
    [time[0], instant(time[1])],
    ['Worker', job.locked_by],
    ['Timeout', job.timeout_seconds === null ? null : duration(job.timeout_seconds)],
    ['Unique key', job.unique_key],
    ['Concurrency key', job.concurrency_key],
    ['Schedule', job.schedule === null ? null : `${job.schedule} (${job.timezone ?? 'UTC'})`],
    ['Description', job.description],
    ['Id', job.job_id],
  ];
}

/** Buttons for what can be done with a job in its status, and the dialogs that they open. */
function Actions({ job, onDone }: { job: JobDetails; onDone: () => void }) {
  const [open, setOpen] = useState<Action | 'edit' | null>(null);
  const close = (): void => setOpen(null);
  const isRunning = job.status === 'locked';
  const isWaiting = job.status === 'waiting';
  const buttons: [Action | 'edit', text: string, isOffered: boolean][] = [
    ['retry', isFinished(job) ? 'Run again…' : 'Run now…', isFinished(job) || isWaiting],
    ['cancel', 'Cancel…', isRunning || isWaiting],
    ['enable', 'Enable…', job.status === 'disabled'],
    ['disable', 'Disable…', isRunning || isWaiting],
    ['edit', 'Edit…', !isRunning],
    ['delete', 'Delete…', !isRunning],
  ];
  return (
    <>
      <div class="bulk" role="group" aria-label="Actions">
        {buttons
          .filter(([, , isOffered]) => isOffered)
          .map(([action, text]) => (
            <button
              type="button"
              key={action}
              class={action === 'delete' ? 'danger' : undefined}
              onClick={() => setOpen(action)}
            >
              {text}
            </button>
          ))}
      </div>
      {open === 'edit' && <EditJob job={job} onClose={close} onDone={onDone} />}
      {open !== null && open !== 'edit' && (
        <BulkDialog action={open} filter={{ job_ids: [job.job_id] }} onClose={close} onDone={onDone} />
      )}
    </>
  );
}

function Progress({ progress }: { progress: NonNullable<ExecutionRow['progress']> }) {
  const { done, total, note } = progress;
  return (
    <p aria-live="polite">
      <progress max={total ?? 1} value={total ? done : undefined} /> {done}
      {total ? ` of ${total}` : ''} {note ?? ''}
    </p>
  );
}

function NextTimes({ times, timezone }: { times: readonly string[]; timezone: string }) {
  return (
    <section aria-labelledby="next">
      <h2 id="next">Next times</h2>
      <ul>
        {times.map((at) => (
          <li key={at}>
            {instant(at, timezone)}{' '}
            <span class="muted">
              {timezone} · {relative(at)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

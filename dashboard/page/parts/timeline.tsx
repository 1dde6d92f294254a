import type { ExecutionRow, JobRow } from '../../server/calls.ts';
import { duration, instant } from '../format.ts';
import { Json } from './json.tsx';
import { outcomeOf, Status } from './status.tsx';

/** The attempts of a job, newest first: how long each waited and ran, and what became of it. */
export function Timeline({ job, executions }: { job: JobRow; executions: readonly ExecutionRow[] }) {
  return (
    <section aria-labelledby="attempts">
      <h2 id="attempts">Attempts</h2>
      {executions.length === 0 ? (
        <p class="muted">
          No attempt yet: {job.due ? 'the job waits for a worker.' : `it is due ${instant(job.run_at)}.`}
        </p>
      ) : (
        <ol class="timeline">
          {executions.map((execution) => (
            <Attempt key={execution.execution_id} execution={execution} />
          ))}
        </ol>
      )}
    </section>
  );
}

function Attempt({ execution }: { execution: ExecutionRow }) {
  const started = Date.parse(execution.started_at ?? '');
  const late = (started - Date.parse(execution.scheduled_for ?? '')) / 1000;
  const outcome = outcomeOf(execution);
  const bits = [
    execution.attempt === 1 && late >= 1 ? `waited ${duration(late)}` : null,
    execution.duration_seconds !== null ? `ran ${duration(execution.duration_seconds)}` : null,
    execution.next_run_at && execution.status !== 'success'
      ? `next at ${instant(execution.next_run_at)}`
      : null,
  ].filter((bit) => bit !== null);
  return (
    <li>
      <div class="attempt-head">
        <strong>Attempt {execution.attempt}</strong>
        <Status of={outcome} />
        <span class="muted">
          {instant(execution.started_at)}
          {bits.length > 0 ? ` · ${bits.join(' · ')}` : ''}
        </span>
        {execution.run_url && (
          <a href={execution.run_url} target="_blank" rel="noreferrer">
            Run
          </a>
        )}
      </div>
      {execution.error_message && (
        <pre class={outcome === 'failed' ? 'bad' : ''}>{execution.error_message}</pre>
      )}
      {execution.error_details !== null && (
        <details>
          <summary>Details</summary>
          <Json value={execution.error_details} />
        </details>
      )}
      {execution.output && (
        <details>
          <summary>Output</summary>
          <pre class="output" tabIndex={0}>
            {execution.output}
          </pre>
        </details>
      )}
    </li>
  );
}

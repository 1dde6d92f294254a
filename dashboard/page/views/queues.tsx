import { useState } from 'preact/hooks';
import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';
import { count, duration, instant } from '../format.ts';
import { useLive } from '../live.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Empty, ErrorNotice, Loading } from '../parts/notice.tsx';

type QueueLine = Calls['queues']['output']['queues'][number];
type Changes = Calls['setQueue']['input']['changes'];

/** Depth, limits and pauses of each queue. */
export function Queues({ readOnly }: { readOnly: boolean }) {
  const { data, error, refresh } = useLive('queues', (signal) => call('queues', {}, signal));
  const [editing, setEditing] = useState<QueueLine | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  if (!data) return error ? <ErrorNotice text={error} /> : <Loading />;
  const set = (queue: string, changes: Changes): Promise<void> =>
    call('setQueue', { queue, changes }).then(
      () => {
        setFailed(null);
        refresh();
      },
      (cause: unknown) => setFailed(cause instanceof Error ? cause.message : String(cause)),
    );
  return (
    <>
      <ErrorNotice text={failed ?? error} />
      <h1>Queues</h1>
      {data.queues.length === 0 ? (
        <Empty title="There are no queues yet.">
          <p>
            A queue appears with its first job. <a href="/new">Create one</a>.
          </p>
        </Empty>
      ) : (
        <ul class="cards">
          {data.queues.map((line) => (
            <li key={line.queue}>
              <div class="heading">
                <a class="card-title" href={`/jobs?queue=${encodeURIComponent(line.queue)}`}>
                  {line.queue}
                </a>
                {line.paused && <span class="status status-disabled">⏸ paused</span>}
                {line.cool_down_until && (
                  <span class="status status-snoozed">☾ until {instant(line.cool_down_until)}</span>
                )}
              </div>
              <dl class="facts">
                <div>
                  <dt>Due</dt>
                  <dd>
                    {count(line.due)}
                    {line.due_is_capped ? '+' : ''}
                  </dd>
                </div>
                <div>
                  <dt>Running</dt>
                  <dd>
                    {count(line.running)}
                    {line.max_running === null ? '' : ` of ${line.max_running}`}
                  </dd>
                </div>
                <div>
                  <dt>Oldest due</dt>
                  <dd>{duration(line.oldest_due_seconds)}</dd>
                </div>
                <div>
                  <dt>Rate limit</dt>
                  <dd>
                    {line.rate_limit === null
                      ? 'none'
                      : `${line.rate_limit} per ${duration(line.rate_period_seconds)} (${line.rate_used ?? 0} used)`}
                  </dd>
                </div>
              </dl>
              {line.reason && <p class="muted">{line.reason}</p>}
              {line.max_running !== null && (
                <meter
                  min={0}
                  max={line.max_running}
                  value={line.running}
                  aria-label={`Running in ${line.queue}`}
                />
              )}
              {!readOnly && (
                <p class="bulk">
                  <button type="button" onClick={() => void set(line.queue, { paused: !line.paused })}>
                    {line.paused ? 'Resume' : 'Pause'}
                  </button>
                  <button type="button" onClick={() => setEditing(line)}>
                    Limits…
                  </button>
                </p>
              )}
            </li>
          ))}
        </ul>
      )}
      {editing && (
        <Limits
          line={editing}
          onClose={() => setEditing(null)}
          onSave={async (changes) => {
            await call('setQueue', { queue: editing.queue, changes });
            refresh();
          }}
        />
      )}
    </>
  );
}

function Limits(props: {
  line: QueueLine;
  onClose: () => void;
  onSave: (changes: Changes) => Promise<void>;
}) {
  const { line } = props;
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const value = (name: string): number | null => (form.get(name) ? Number(form.get(name)) : null);
    try {
      await props.onSave({
        max_running: value('max_running'),
        rate_limit: value('rate_limit'),
        rate_period_seconds: value('rate_limit') === null ? null : (value('rate_period_seconds') ?? 60),
        default_timeout_seconds: value('default_timeout_seconds'),
      });
      props.onClose();
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
    }
  };
  const field = (name: string, label: string, current: number | null) => (
    <label>
      {label}
      <input name={name} type="number" min={1} defaultValue={current === null ? '' : String(current)} />
    </label>
  );
  return (
    <Dialog title={`Limits of ${line.queue}`} onClose={props.onClose}>
      <form class="stack" onSubmit={submit}>
        <p class="muted">An empty field means no limit.</p>
        {field('max_running', 'Jobs running at the same time, on all workers', line.max_running)}
        {field('rate_limit', 'Starts per period', line.rate_limit)}
        {field('rate_period_seconds', 'Period in seconds', line.rate_period_seconds)}
        {field('default_timeout_seconds', 'Default timeout in seconds', line.default_timeout_seconds)}
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <p class="actions">
          <button type="button" onClick={props.onClose}>
            Keep as is
          </button>
          <button type="submit" class="primary">
            Save
          </button>
        </p>
      </form>
    </Dialog>
  );
}

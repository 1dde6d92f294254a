import { useState } from 'preact/hooks';
import { messageOf } from '../../../src/text/describe-error.ts';
import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';
import { count, duration, instant } from '../format.ts';
import { useLive } from '../live.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Facts } from '../parts/facts.tsx';
import { Field, Form, type Read } from '../parts/form.tsx';
import { Empty, ErrorNotice, Loading } from '../parts/notice.tsx';
import { Rate, useRates } from '../parts/rate.tsx';

type QueueLine = Calls['queues']['output']['queues'][number];
type Changes = Calls['setQueue']['input']['changes'];

/** Depth, limits and pauses of each queue. */
export function Queues({ readOnly }: { readOnly: boolean }) {
  const { data, error, refresh } = useLive('queues', (signal) => call('queues', {}, signal));
  const rates = useRates();
  const [editing, setEditing] = useState<QueueLine | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  if (!data) return error ? <ErrorNotice text={error} /> : <Loading />;
  const save = async (queue: string, changes: Changes): Promise<void> => {
    await call('setQueue', { queue, changes });
    setFailed(null);
    refresh();
  };
  return (
    <>
      <ErrorNotice text={failed ?? error} />
      <h1>Queues</h1>
      {data.queues.length === 0 && (
        <Empty title="There are no queues yet.">
          <p>
            A queue appears with its first job. <a href="/new">Create one</a>.
          </p>
        </Empty>
      )}
      <ul class="cards">
        {data.queues.map((line) => (
          <li key={line.queue}>
            <Queue line={line} />
            {rates && <Rate queue={line.queue} rates={rates} />}
            {!readOnly && (
              <p class="bulk">
                <button
                  type="button"
                  onClick={() =>
                    void save(line.queue, { paused: !line.paused }).catch((cause) =>
                      setFailed(messageOf(cause)),
                    )
                  }
                >
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
      {editing && (
        <Limits
          line={editing}
          onClose={() => setEditing(null)}
          onSave={(changes) => save(editing.queue, changes)}
        />
      )}
    </>
  );
}

function Queue({ line }: { line: QueueLine }) {
  return (
    <>
      <div class="heading">
        <a class="card-title" href={`/jobs?queue=${encodeURIComponent(line.queue)}`}>
          {line.queue}
        </a>
        {line.paused && <span class="status status-disabled">⏸ paused</span>}
        {line.cool_down_until && (
          <span class="status status-snoozed">☾ until {instant(line.cool_down_until)}</span>
        )}
      </div>
      <Facts
        facts={[
          ['Due', `${count(line.due)}${line.due_is_capped ? '+' : ''}`],
          ['Running', `${count(line.running)}${line.max_running === null ? '' : ` of ${line.max_running}`}`],
          ['Oldest due', duration(line.oldest_due_seconds)],
          [
            'Rate limit',
            line.rate_limit === null
              ? 'none'
              : `${line.rate_limit} per ${duration(line.rate_period_seconds)} (${line.rate_used ?? 0} used)`,
          ],
        ]}
      />
      {line.reason && <p class="muted">{line.reason}</p>}
      {line.max_running !== null && (
        <meter min={0} max={line.max_running} value={line.running} aria-label={`Running in ${line.queue}`} />
      )}
    </>
  );
}

function Limits(props: {
  line: QueueLine;
  onClose: () => void;
  onSave: (changes: Changes) => Promise<void>;
}) {
  const { line, onClose } = props;
  const save = async (read: Read): Promise<void> => {
    const value = (name: string): number | null => (read(name) ? Number(read(name)) : null);
    await props.onSave({
      max_running: value('max_running'),
      rate_limit: value('rate_limit'),
      rate_period_seconds: value('rate_limit') === null ? null : (value('rate_period_seconds') ?? 60),
      default_timeout_seconds: value('default_timeout_seconds'),
    });
    onClose();
  };
  const field = (name: string, label: string, current: number | null) => (
    <Field name={name} label={label} type="number" min={1} defaultValue={String(current ?? '')} />
  );
  return (
    <Dialog title={`Limits of ${line.queue}`} onClose={onClose}>
      <Form send={save} action="Save" onCancel={onClose}>
        <p class="muted">An empty field means no limit.</p>
        {field('max_running', 'Jobs running at the same time, on all workers', line.max_running)}
        {field('rate_limit', 'Starts per period', line.rate_limit)}
        {field('rate_period_seconds', 'Period in seconds', line.rate_period_seconds)}
        {field('default_timeout_seconds', 'Default timeout in seconds', line.default_timeout_seconds)}
      </Form>
    </Dialog>
  );
}

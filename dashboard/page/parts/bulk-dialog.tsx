import { useEffect, useState } from 'preact/hooks';
import { call } from '../api.ts';
import type { Filter } from '../filter.ts';
import { plural } from '../format.ts';
import { Dialog } from './dialog.tsx';

export type Action = 'retry' | 'cancel' | 'disable' | 'enable' | 'delete';

/** Jobs that one call changes; a long action shows its progress between calls. */
const BATCH = 200;
/** Jobs that are counted before; "or more" stands for the rest. */
const COUNTED = 1000;
const WHAT: Record<Action, string> = {
  retry: 'Finished jobs run again, waiting ones run now.',
  cancel: 'Waiting jobs fail as cancelled, running ones stop at their next heartbeat.',
  disable: 'Waiting jobs are not started until they are enabled. Finished jobs are left alone.',
  enable: 'Disabled jobs wait again.',
  delete: 'Jobs and their history are removed for good. Running jobs are left alone.',
};

/** Counts what an action would change, asks, and does it in batches with progress. */
export function BulkDialog(props: {
  action: Action;
  filter: Filter;
  onClose: () => void;
  onDone: () => void;
}) {
  const { action, filter } = props;
  const [total, setTotal] = useState<{ count: number; capped: boolean } | null>(null);
  const [done, setDone] = useState<number | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [stop] = useState(() => new AbortController());
  const failed = (cause: unknown): void => setError(cause instanceof Error ? cause.message : String(cause));

  useEffect(() => {
    call('bulk', { action, filter, dry_run: true, limit: COUNTED }).then(
      (reply) => setTotal({ count: reply.matched, capped: reply.next !== null }),
      failed,
    );
    return () => stop.abort();
  }, []);

  const run = async (): Promise<void> => {
    setDone(0);
    setError(null);
    try {
      let changed = 0;
      const refused: string[] = [];
      for (let before: string | undefined; ; ) {
        const reply = await call('bulk', {
          action,
          filter,
          dry_run: false,
          limit: BATCH,
          ...(before ? { before } : {}),
        });
        changed += reply.changed;
        refused.push(...reply.refused.map(({ job_id, reason }) => `${job_id}: ${reason}`));
        setDone(changed);
        if (reply.next === null || stop.signal.aborted) break;
        before = reply.next;
      }
      props.onDone();
      if (refused.length > 0) setError(`Some jobs were left as they are. ${refused.slice(0, 5).join(' ')}`);
      else props.onClose();
    } catch (cause) {
      failed(cause);
      props.onDone();
    }
  };

  return (
    <Dialog title={`${action[0]?.toUpperCase()}${action.slice(1)} jobs`} onClose={props.onClose}>
      <p>{WHAT[action]}</p>
      <p aria-live="polite">
        {total === null && !error && 'Counting…'}
        {total !== null &&
          done === null &&
          (total.count === 0
            ? 'No job would change.'
            : `${plural(total.count, 'job')}${total.capped ? ' or more' : ''} will change.`)}
        {done !== null &&
          `${plural(done, 'job')} changed${total ? ` of ${total.count}${total.capped ? '+' : ''}` : ''}.`}
      </p>
      {done !== null && total !== null && <progress max={Math.max(total.count, done, 1)} value={done} />}
      {error && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      <p class="actions">
        <button type="button" onClick={props.onClose}>
          {done === null ? 'Keep as is' : 'Stop'}
        </button>
        <button
          type="button"
          class={action === 'delete' || action === 'cancel' ? 'danger' : 'primary'}
          disabled={total === null || total.count === 0 || (done !== null && !error)}
          onClick={run}
        >
          {action}
        </button>
      </p>
    </Dialog>
  );
}

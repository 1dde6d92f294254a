import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../../../src/text/describe-error.ts';
import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';
import type { Filter } from '../filter.ts';
import { plural } from '../format.ts';
import { Dialog } from './dialog.tsx';
import { ErrorNotice } from './notice.tsx';

export type Action = 'retry' | 'cancel' | 'disable' | 'enable' | 'delete';

interface Total {
  readonly count: number;
  /** There are more, which were not counted. */
  readonly capped: boolean;
}

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

/**
 * Changes all that match in batches.
 * @param onProgress called with the number of jobs changed so far
 * @returns why jobs were left as they are
 */
async function changeAll(
  action: Action,
  filter: Filter,
  stop: AbortSignal,
  onProgress: (changed: number) => void,
): Promise<readonly string[]> {
  let changed = 0;
  const refused: string[] = [];
  for (let before: string | null = null; ; ) {
    const page: { before?: string } = before === null ? {} : { before };
    const reply: Calls['bulk']['output'] = await call('bulk', {
      action,
      filter,
      dry_run: false,
      limit: BATCH,
      ...page,
    });
    changed += reply.changed;
    refused.push(...reply.refused.map(({ job_id, reason }) => `${job_id}: ${reason}`));
    onProgress(changed);
    if (reply.next === null || stop.aborted) return refused;
    before = reply.next;
  }
}

/** Counts what an action would change, asks, and does it in batches with progress. */
export function BulkDialog(props: {
  action: Action;
  filter: Filter;
  onClose: () => void;
  onDone: () => void;
}) {
  const { action, filter } = props;
  const [total, setTotal] = useState<Total | null>(null);
  const [done, setDone] = useState<number | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [stop] = useState(() => new AbortController());

  useEffect(() => {
    call('bulk', { action, filter, dry_run: true, limit: COUNTED }).then(
      (reply) => setTotal({ count: reply.matched, capped: reply.next !== null }),
      (cause) => setError(messageOf(cause)),
    );
    return () => stop.abort();
  }, []);

  const run = async (): Promise<void> => {
    setDone(0);
    setError(null);
    try {
      const refused = await changeAll(action, filter, stop.signal, setDone);
      if (refused.length > 0) setError(`Some jobs were left as they are. ${refused.slice(0, 5).join(' ')}`);
      else props.onClose();
    } catch (cause) {
      setError(messageOf(cause));
    }
    props.onDone();
  };

  return (
    <Dialog title={`${action[0]?.toUpperCase()}${action.slice(1)} jobs`} onClose={props.onClose}>
      <p>{WHAT[action]}</p>
      <p aria-live="polite">{total === null && error ? '' : stateText(total, done)}</p>
      {done !== null && total !== null && <progress max={Math.max(total.count, done, 1)} value={done} />}
      <ErrorNotice text={error} />
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

function stateText(total: Total | null, done: number | null): string {
  if (total === null) return 'Counting…';
  if (done !== null) return `${plural(done, 'job')} changed of ${total.count}${total.capped ? '+' : ''}.`;
  if (total.count === 0) return 'No job would change.';
  return `${plural(total.count, 'job')}${total.capped ? ' or more' : ''} will change.`;
}

import type { QueuesReply } from '../queue/control-replies.ts';
import { duration, pauseWords } from '../text/format.ts';
import { textTable } from '../text/table.ts';

/** Queues in words and as a table, for the terminal, the log and the summary. */

export type QueueRow = QueuesReply['queues'][number];

export const QUEUE_HEAD = ['Queue', 'Due', 'Running', 'Starts', 'Default timeout', 'State'] as const;

export const queueTable = (rows: readonly QueueRow[], now: Date, width: number): string =>
  textTable(
    QUEUE_HEAD,
    rows.map((row) => queueCells(row, now)),
    width,
  );

/** One queue as the cells under `QUEUE_HEAD`. */
export const queueCells = (row: QueueRow, now: Date): string[] => [
  row.queue,
  row.due_is_capped ? `over ${row.due}` : String(row.due),
  row.max_running === null ? String(row.running) : `${row.running} of ${row.max_running}`,
  row.rate_limit === null
    ? ''
    : `${row.rate_used ?? 0} of ${row.rate_limit} in ${duration(row.rate_period_seconds ?? 60)}`,
  row.default_timeout_seconds === null ? '' : duration(row.default_timeout_seconds),
  pauseWords(row.paused, row.cool_down_until, row.reason, now) ?? 'active',
];

import type { StatsReply } from '../../queue/replies.ts';
import { words } from './escape.ts';
import type { Section } from './fit.ts';
import { duration, plural } from './format.ts';

/** The page of the whole queue, or of the one that was asked for. */
export function statsPage(stats: StatsReply): Section[] {
  return [
    `### ${plural(stats.total, 'job')}: ${stats.due} due now`,
    {
      head: ['Queue', 'Due', 'Oldest due', 'Waiting', 'Locked', 'Success', 'Failed', 'Disabled'],
      rows: stats.queues.map((queue) => [
        words(queue.queue),
        String(queue.due),
        queue.oldest_due_seconds === null ? '' : `${duration(queue.oldest_due_seconds)} ago`,
        ...[queue.waiting, queue.locked, queue.success, queue.failed, queue.disabled].map(String),
      ]),
    },
    `${stats.scheduled} waiting for their time, ${stats.blocked} waiting for their key.`,
    recent(stats.executions_24h),
    stats.expired_locks > 0
      ? `**${plural(stats.expired_locks, 'lock')} expired**: the next run ends them.`
      : '',
  ];
}

function recent(executions: StatsReply['executions_24h']): string {
  const kinds = Object.entries(executions.failure_kinds).map(([kind, count]) => `${words(kind)} ${count}`);
  const failed = `${executions.failed} failed${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}`;
  const took =
    executions.average_seconds === null
      ? ''
      : `; ${duration(executions.average_seconds)} on average, 95 % within ${duration(executions.p95_seconds ?? 0)}`;
  return `Last 24 hours: ${executions.success} executions succeeded, ${failed}, ${executions.running} running${took}.`;
}

import type { StatsReply } from '../../queue/replies.ts';
import { duration, moment, plural } from '../../text/format.ts';
import { small, words } from './escape.ts';
import type { Section } from './fit.ts';

/** The page of the whole queue, or of the one that was asked for. */
export function statsPage(stats: StatsReply): Section[] {
  return [
    `### ${plural(stats.total, 'job')}: ${stats.due} due now`,
    {
      head: ['Queue', 'Due now', 'Jobs'],
      rows: stats.queues.map((queue) => [
        words(queue.queue),
        `${queue.due}${queue.oldest_due_seconds === null ? '' : small(`the oldest for ${duration(queue.oldest_due_seconds)}`)}`,
        (['waiting', 'locked', 'success', 'failed', 'disabled'] as const)
          .flatMap((status) => (queue[status] > 0 ? [`${queue[status]} ${status}`] : []))
          .join(', '),
      ]),
    },
    `${stats.scheduled} waiting for their time, ${stats.blocked} waiting for their key.`,
    recent(stats.executions_24h),
    stats.expired_locks > 0
      ? `**${plural(stats.expired_locks, 'lock')} expired**: the next run ends them.`
      : '',
    stats.workers.last_seen_at === null
      ? ''
      : `The last worker was seen ${moment(stats.workers.last_seen_at, new Date(stats.now))}.`,
    ...wake(stats),
  ];
}

/** What the database did to start workflows. Safe text. */
function wake({ wake, now }: StatsReply): Section[] {
  if (wake === null) return [];
  const last = wake.calls[0];
  return [
    `Wake on work: ${plural(wake.calls_24h, 'call')} in 24 hours, ${wake.errors_24h} failed${last ? `; the last ${moment(last.asked_at, new Date(now))}` : ''}.`,
    ...wake.watched
      .filter(({ errors, last_error: error }) => errors > 0 && error !== null)
      .map(
        ({ queue, repository, errors, last_error: error }) =>
          `**${words(repository)} (queue ${words(queue)}) was not woken**, ${plural(errors, 'error')} in a row: ${words(error ?? '', 500)}`,
      ),
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

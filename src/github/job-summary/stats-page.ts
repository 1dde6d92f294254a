import type { StatsReply } from '../../queue/report-replies.ts';
import { duration, moment, plural } from '../../text/format.ts';
import type { Section } from './fit.ts';
import { small, words } from './markdown.ts';

/** The page of the whole queue, or of the one that was asked for. */
export function statsPage(stats: StatsReply): Section[] {
  return [
    `### ${plural(stats.total, 'job')}: ${stats.due} due now`,
    {
      head: ['Queue', 'Due now', 'Jobs'],
      numeric: [1],
      rows: stats.queues.map((queue) => [
        words(queue.queue),
        `${queue.due}${queue.oldest_due_seconds === null ? '' : small(`the oldest for ${duration(queue.oldest_due_seconds)}`)}`,
        (['waiting', 'locked', 'success', 'failed', 'disabled'] as const)
          .flatMap((status) => (queue[status] > 0 ? [`${queue[status]} ${status}`] : []))
          .join(', '),
      ]),
    },
    `${stats.scheduled} scheduled for later, ${stats.blocked} blocked by a concurrency key.`,
    recent(stats.executions_24h),
    attempts(
      stats.executions_24h,
      'Queue',
      stats.executions_24h.by_queue.map((line) => [line.queue, line]),
    ),
    attempts(
      stats.executions_24h,
      'Type',
      stats.executions_24h.by_type.map((line) => [line.job_type, line]),
    ),
    stats.expired_locks > 0
      ? `**${plural(stats.expired_locks, 'lock')} expired**: the next run ends ${stats.expired_locks === 1 ? 'it' : 'them'}.`
      : '',
    stats.workers.last_seen_at === null
      ? ''
      : `The last worker was seen ${moment(stats.workers.last_seen_at, new Date(stats.now))}.`,
    ...wake(stats),
  ];
}

/** What the database did to start workflows. */
function wake({ wake, now }: StatsReply): Section[] {
  if (wake === null) return [];
  const last = wake.calls[0];
  return [
    `Wake on work: ${plural(wake.calls_24h, 'call')} in 24 hours, ${wake.errors_24h} failed${last ? `; the last ${moment(last.asked_at, new Date(now))}` : ''}.`,
    ...wake.watched
      .filter(({ errors, last_error: error }) => errors > 0 && error !== null)
      .map(
        ({ queue, target, errors, last_error: error }) =>
          `**${words(target)} (queue ${words(queue)}) was not woken**, ${plural(errors, 'error')} in a row: ${words(error ?? '', 500)}`,
      ),
  ];
}

type Day = StatsReply['executions_24h'];

/** The attempts of the last 24 hours by queue or by type. */
function attempts(
  day: Day,
  title: string,
  lines: readonly (readonly [name: string, line: Omit<Day['by_queue'][number], 'queue'>])[],
): Section {
  if (lines.length === 0) return '';
  return {
    head: [title, `Succeeded in 24 h${day.is_partial ? ', newest 100,000' : ''}`, 'Failed', 'Took'],
    numeric: [1, 2, 3],
    rows: lines.map(
      ([name, { success, failed, lost, expired, average_seconds: average, p95_seconds: p95 }]) => [
        words(name),
        String(success),
        `${failed}${lost > 0 ? small(`${lost} lost`) : ''}${expired > 0 ? small(`${expired} expired`) : ''}`,
        average === null || p95 === null
          ? ''
          : `${duration(average)}${small(`95 % within ${duration(p95)}`)}`,
      ],
    ),
  };
}

/** Kinds of attempts that did not succeed and did not fail either. */
const NOT_FAILED = ['snoozed', 'released', 'cancelled', 'lost', 'skipped', 'expired'];

function recent({ success, running, failure_kinds: kinds, ...took }: Day): string {
  const all = Object.entries(kinds).filter(([, count]) => count > 0);
  const failures = all.filter(([kind]) => !NOT_FAILED.includes(kind));
  const failed = failures.reduce((sum, [, count]) => sum + count, 0);
  const by = failures.map(([kind, count]) => `${words(kind)} ${count}`).join(', ');
  const parts = [
    `${success} succeeded`,
    `${failed} failed${by === '' ? '' : ` (${by})`}`,
    ...all.filter(([kind]) => NOT_FAILED.includes(kind)).map(([kind, count]) => `${count} ${words(kind)}`),
    `${running} running`,
  ];
  const times =
    took.average_seconds === null
      ? ''
      : `; ${duration(took.average_seconds)} on average, 95 % within ${duration(took.p95_seconds ?? 0)}`;
  return `Executions of the last 24 hours: ${parts.join(', ')}${times}.`;
}

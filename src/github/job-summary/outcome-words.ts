/** What an attempt of a run came to, in words for its page. */
import { clockTime, duration, progressInWords } from '../../text/format.ts';
import type { Outcome } from '../../text/job-words.ts';
import type { ExecutionReport } from '../../worker/report.ts';
import { words } from './markdown.ts';

/** Failures first: they are why people look. */
export const ORDER: readonly Outcome[] = [
  'failed',
  'lost',
  'retry',
  'cancelled',
  'released',
  'snoozed',
  'success',
];

/** As in "12 snoozed". */
export const COUNTED: Readonly<Record<Outcome, string>> = {
  success: 'succeeded',
  failed: 'failed',
  retry: 'to be retried',
  snoozed: 'snoozed',
  released: 'handed back',
  cancelled: 'cancelled',
  lost: 'lost the lock',
};

/** Safe text, empty for a success that needs no words. */
export function outcomeWords(execution: ExecutionReport, now: Date): string {
  const { outcome, attempt, maxRetries, progress } = execution;
  const isFirst = attempt === 1 && (outcome === 'success' || outcome === 'snoozed' || outcome === 'released');
  // A success is at its end, whatever it last reported.
  const reached = outcome === 'success' ? '' : progressInWords(progress);
  return [
    fate(execution, now),
    isFirst ? '' : `attempt ${attempt} of ${maxRetries + 1}`,
    reached === '' ? '' : `reached ${words(reached, 120)}`,
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

function fate({ outcome, nextRunAt, timezone }: ExecutionReport, now: Date): string {
  const at = nextRunAt === null ? '' : words(clockTime(nextRunAt, now, timezone));
  const next = at === '' ? '' : `next occurrence at ${at}`;
  switch (outcome) {
    case 'success':
      return next;
    case 'failed':
      return `failed for good${next === '' ? '' : `, ${next}`}`;
    case 'retry':
      return `due again at ${at}, with the next run`;
    case 'snoozed':
      return `snoozed until ${at}`;
    case 'released':
      return 'handed back for the next run';
    case 'cancelled':
      return `cancelled${next === '' ? '' : `, ${next}`}`;
    case 'lost':
      return 'lost its lock: another run may have it';
  }
}

/** `took 1.3 s`. Safe text. */
export const took = ({ durationSeconds }: ExecutionReport): string =>
  `took ${duration(durationSeconds)}`.replaceAll(' ', '&nbsp;');

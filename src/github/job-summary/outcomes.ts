import { duration, moment, progressInWords } from '../../text/format.ts';
import type { ExecutionReport } from '../../worker/report.ts';
import { words } from './escape.ts';

export type Outcome = ExecutionReport['outcome'];

/** Failures first: they are why people look. */
export const ORDER: readonly Outcome[] = [
  'failed',
  'cancelled',
  'lost',
  'retry',
  'released',
  'snoozed',
  'success',
];

export const SIGN: Readonly<Record<Outcome, string>> = {
  success: '✅',
  failed: '❌',
  retry: '🔁',
  snoozed: '💤',
  released: '↩️',
  cancelled: '🚫',
  lost: '❓',
};

/** As in "12 put off". */
export const COUNTED: Readonly<Record<Outcome, string>> = {
  success: 'succeeded',
  failed: 'failed',
  retry: 'will be retried',
  snoozed: 'put off',
  released: 'handed back',
  cancelled: 'cancelled',
  lost: 'lost the lock',
};

/** Of a chart's parts, dark enough for white figures on them. */
export const COLOUR: Readonly<Record<Outcome, string>> = {
  success: '#1a7f37',
  failed: '#cf222e',
  retry: '#bc4c00',
  snoozed: '#0969da',
  released: '#59636e',
  cancelled: '#8250df',
  lost: '#4d2d00',
};

/** What an attempt came to, beside its sign and its name. Safe text, empty for a plain success. */
export function cameTo(execution: ExecutionReport, now: Date): string {
  const { outcome, attempt, maxRetries, nextRunAt, progress } = execution;
  const next = nextRunAt === null ? '' : `, again ${moment(nextRunAt, now)}`;
  const verdict = {
    success: nextRunAt === null ? '' : `next ${moment(nextRunAt, now)}`,
    failed: `failed for good${next}`,
    retry: `will be retried ${moment(nextRunAt, now)}`.trim(),
    snoozed: `put off${next}`,
    released: 'handed back',
    cancelled: `cancelled${next}`,
    lost: 'lost its lock: another run may have it',
  }[outcome];
  const plain = outcome === 'success' || outcome === 'snoozed' || outcome === 'released';
  return [
    verdict,
    plain && attempt === 1 ? '' : `attempt ${attempt} of ${maxRetries + 1}`,
    words(progressInWords(progress), 120),
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

/** `took 1.3 s`, and so on. Safe text. */
export const took = (execution: ExecutionReport): string =>
  `took ${duration(execution.durationSeconds)}`.replaceAll(' ', '&nbsp;');

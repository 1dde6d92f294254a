/** The words and icons for the status of jobs and of attempts, the same on pages and in a terminal. */
import type { ExecutionRow, JobRow } from '../queue/job.ts';
import type { VerbReply } from '../queue/replies.ts';
import type { ExecutionReport } from '../worker/report.ts';

export type Outcome = ExecutionReport['outcome'];

export interface StatusWords {
  readonly icon: string;
  readonly words: string;
}

export const OUTCOME_ICONS: Readonly<Record<Outcome, string>> = {
  success: '✅',
  failed: '❌',
  retry: '🔁',
  snoozed: '💤',
  released: '↩️',
  cancelled: '🚫',
  lost: '❓',
};

export const JOB_ICONS: Readonly<Record<JobRow['status'], string>> = {
  waiting: '⏳',
  locked: '▶️',
  success: '✅',
  failed: '❌',
  disabled: '⏸️',
};

const EXPIRED: StatusWords = { icon: '⌛', words: 'expired' };

/** How long a job runs on after it was cancelled: until the next heartbeat of its worker. */
export const CANCELLING = 'cancelling; it stops within 15 s';

/** The status of a job, with what its column does not say. */
export function jobStatus(job: JobRow): StatusWords {
  if (job.blocked) return { icon: '🔒', words: 'blocked by a concurrency key' };
  if (job.waits_for_parents && job.status === 'waiting')
    return { icon: '🔗', words: 'waiting for other jobs' };
  if (job.status === 'locked' && job.cancel_requested_at) return { icon: '🚫', words: CANCELLING };
  if (job.lock_expired) return { icon: '❓', words: 'lock expired; the next run ends it' };
  if (job.expired) return EXPIRED;
  const icon = JOB_ICONS[job.status];
  if (job.status === 'locked' && job.disable_requested_at) return { icon, words: 'locked, then disabled' };
  if (job.status === 'waiting' && !job.due) return { icon: '🕒', words: 'scheduled for later' };
  return { icon, words: job.status };
}

/** How a job is after a change was asked for: its status, and why if there is something to say. */
export function changedStatus(
  verb: string,
  { applied, status, reason }: VerbReply,
): { readonly words: string; readonly reason: string } {
  if (verb !== 'cancel' || !applied || status !== 'locked')
    return { words: status ?? 'not there', reason: reason ?? '' };
  if (!reason) return { words: CANCELLING, reason: '' };
  const clause = reason.charAt(0).toLowerCase() + reason.slice(1).replace(/\.$/, '');
  return { words: `cancelling; ${clause}`, reason: '' };
}

/** The status of an attempt. What was snoozed, released or lost has not failed. */
export function executionStatus({
  status,
  failure_kind: kind,
}: Pick<ExecutionRow, 'status' | 'failure_kind'>): StatusWords {
  if (kind === 'snoozed' || kind === 'released' || kind === 'cancelled' || kind === 'lost')
    return { icon: OUTCOME_ICONS[kind], words: kind };
  if (kind === 'expired') return EXPIRED;
  if (kind === 'skipped') return { icon: '⏭️', words: 'skipped' };
  if (kind !== null) return { icon: OUTCOME_ICONS.failed, words: `failed: ${kind}` };
  return { icon: status === 'running' ? '▶️' : OUTCOME_ICONS[status], words: status };
}

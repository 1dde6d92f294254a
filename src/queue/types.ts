/** The words of the queue: what a job's columns may hold. */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export const JOB_STATUSES = ['waiting', 'locked', 'success', 'failed', 'disabled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** What happens to occurrences of a schedule that no worker started in time. */
export const MISSED = ['once', 'skip', 'all'] as const;
export type Missed = (typeof MISSED)[number];

/** What adding a job does if an unfinished job has its unique key. */
export const ON_CONFLICT = ['keep', 'replace', 'next'] as const;
export type OnConflict = (typeof ON_CONFLICT)[number];

/** What becomes of a job if one that it depends on fails for good or is deleted. */
export const ON_PARENT_FAILURE = ['cancel', 'run', 'wait'] as const;
export type OnParentFailure = (typeof ON_PARENT_FAILURE)[number];

export const EXECUTION_STATUSES = ['running', 'success', 'failed'] as const;

/**
 * Why an execution ended without success.
 * - `error`: the handler threw, exited non-zero or returned something that is not a result.
 * - `timeout`: the job ran longer than its timeout and was stopped.
 * - `crashed`: the process that ran the handler died (signal, out of memory, `process.exit`).
 * - `discarded`: the handler asked for no more retries.
 * - `snoozed`: the handler asked to run again later; no retry is spent.
 * - `released`: the worker shut down cleanly and handed the job back; no retry is spent.
 * - `lost`: the lock expired, so the worker is taken for dead; spends a retry.
 * - `cancelled`: somebody cancelled the job; no more retries.
 * - `skipped`: occurrences that did not start in time and that `missed` skips; nothing ran.
 * - `expired`: the job was not started before its `expires_at`; nothing ran.
 */
export const FAILURE_KINDS = [
  'error',
  'timeout',
  'crashed',
  'discarded',
  'snoozed',
  'released',
  'lost',
  'cancelled',
  'skipped',
  'expired',
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

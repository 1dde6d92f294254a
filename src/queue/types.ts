/** The words of the queue as types. Shapes only: nothing here runs. */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export const JOB_TYPES = ['paper_fetch', 'maintenance', 'custom'] as const;
export type JobType = (typeof JOB_TYPES)[number];

export const JOB_STATUSES = ['waiting', 'locked', 'success', 'failed', 'disabled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** What becomes of occurrences of a schedule that no worker started in time. */
export const MISSED = ['once', 'skip', 'all'] as const;
export type Missed = (typeof MISSED)[number];

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
 * - `skipped`: occurrences that nobody started in time and that `missed` leaves out; nothing ran.
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
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** A job that this worker holds the lock of, as `cloud_jobs_claim` returns it. */
export interface ClaimedJob {
  readonly job_id: string;
  /** Names the attempt and is the fence of every later write about it. */
  readonly execution_id: string;
  readonly name: string;
  readonly job_type: JobType;
  readonly config: Json;
  readonly description: string;
  readonly queue: string;
  readonly priority: number;
  /** 1 for the first run of an occurrence; `current_retries` + 1. */
  readonly attempt: number;
  readonly current_retries: number;
  readonly max_retries: number;
  /** Counts the times the job starts anew: 1 at first, one more for each occurrence of a schedule or `retry`. */
  readonly occurrence: number;
  readonly timeout_seconds: number | null;
  readonly schedule: string | null;
  readonly timezone: string | null;
  /** The occurrence that a recurring job stands for; of another job, when it had been due (ISO 8601). */
  readonly scheduled_for: string;
  readonly unique_key: string | null;
  readonly concurrency_key: string | null;
  /** When the job became due, by the database's clock (ISO 8601). */
  readonly run_at: string;
  readonly created_at: string;
}

/** What a handler reports while it runs. */
export interface Progress {
  readonly done: number;
  readonly total?: number;
  readonly note?: string;
}

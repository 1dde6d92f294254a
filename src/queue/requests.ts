/** What the calls of the queue take. */

import type { Progress } from './job.ts';
import type { FailureKind, JobStatus, Json, Missed, OnConflict, OnParentFailure } from './types.ts';

/** A job to add. Only `name` and `job_type` are required; the database has the other defaults. */
export interface NewJob {
  /** Chosen by the caller, it makes sending the same request twice add the job once. */
  readonly job_id?: string;
  readonly name: string;
  readonly job_type: string;
  readonly config?: Json;
  readonly description?: string;
  readonly max_retries?: number;
  /** Before the first retry; by `retry_factor` longer before each further one. The handler's or the queue's unless given. */
  readonly retry_delay_seconds?: number;
  /** 1 to 10; 1 unless given. Only with `retry_delay_seconds`. */
  readonly retry_factor?: number;
  readonly priority?: number;
  /** ISO 8601 with zone. Not together with `delay_seconds`. */
  readonly run_at?: string;
  readonly delay_seconds?: number;
  readonly queue?: string;
  readonly timeout_seconds?: number;
  readonly unique_key?: string;
  readonly on_conflict?: OnConflict;
  readonly concurrency_key?: string;
  /** Jobs with the same `concurrency_key` that run at a time, 1 to 1,000; 1 unless given. */
  readonly concurrency_limit?: number;
  /** Five-field cron expression or a nickname. The first occurrence is the next one, or `run_at` if that is given. */
  readonly schedule?: string;
  /** IANA name; UTC unless given. Only with `schedule`. */
  readonly timezone?: string;
  readonly missed?: Missed;
  readonly missed_grace_seconds?: number;
  /** ISO 8601 with zone. A job that has not started by then fails. Not together with `expires_in_seconds`. */
  readonly expires_at?: string;
  /** Counted from when the job, or an occurrence of its schedule, is due. */
  readonly expires_in_seconds?: number;
  /** What later jobs of the same call name in `depends_on`. */
  readonly ref?: string;
  /** Refs of earlier jobs of the same call, or ids of jobs: it starts when all of them have succeeded. */
  readonly depends_on?: readonly string[];
  readonly on_parent_failure?: OnParentFailure;
}

/** A job of a source that is applied. */
export interface RecurringJob extends NewJob {
  /** The jobs that are added after each of its occurrences. */
  readonly followers?: readonly Follower[];
}

/** A job that is added after an occurrence of a recurring job. `depends_on` names only others of the list. */
export interface Follower extends NewJob {
  /** It comes after the recurring job itself. */
  readonly after_root?: true;
}

export interface ClaimRequest {
  readonly limit: number;
  readonly queues: readonly string[];
  readonly jobTypes: readonly string[];
  readonly lockSeconds: number;
  /** A new UUID; a claim that is sent again with it gets the same jobs again. */
  readonly requestId: string;
  readonly runUrl: string | null;
  /** What started the run: GitHub's name of the event, followed by the cron expression if it is a schedule. */
  readonly trigger?: string | null;
}

/** How an attempt ended, as `cloud_jobs_finish` takes it. */
export interface FinishItem {
  readonly execution_id: string;
  readonly outcome: 'success' | 'failure' | 'discard' | 'snooze' | 'release';
  readonly result?: Json;
  readonly error?: string;
  readonly error_details?: Json;
  readonly failure_kind?: Extract<FailureKind, 'error' | 'timeout' | 'crashed'>;
  readonly delay_seconds?: number;
  readonly duration_seconds?: number;
  readonly progress?: Progress;
  readonly output?: string;
  /** Lets the queue of the job cool down. */
  readonly pause_queue?: { readonly seconds: number; readonly reason: string };
  /** Jobs that are added together with the success, and never without it. */
  readonly spawn?: readonly NewJob[];
}

export interface ListFilter {
  readonly status?: JobStatus;
  readonly jobType?: string;
  readonly queue?: string;
  readonly name?: string;
  readonly limit?: number;
  readonly before?: string;
}

export type JobVerb = 'cancel' | 'retry' | 'enable' | 'disable' | 'delete';

/** A run that plans, as the database records it. */
export interface Planner {
  readonly instanceId: string;
  /** Page of the run, for people. */
  readonly runUrl: string | null;
  /** GitHub's name of the event, followed by the cron expression if it is a schedule. */
  readonly trigger: string | null;
}

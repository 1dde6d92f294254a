import { z } from 'zod';
import { EXECUTION_STATUSES, FAILURE_KINDS, JOB_STATUSES, type Json, MISSED } from './types.ts';

/**
 * The shapes of jobs and their executions, as the SQL functions return them. Every other type of a job is inferred from
 * these. Unknown keys are dropped, so that a newer schema may add to its replies.
 */

/**
 * A value as JSON.parse returns it, unchecked. zod's own JSON schema recurses, so that one config that is nested too
 * deeply would fail the whole reply.
 */
export const json = z.custom<Json>((value) => value !== undefined);

/** An instant in ISO 8601 with its offset. */
export const instant = z.string();

/** How far a running job is, as its handler reports it. */
export const progress = z.object({
  done: z.number(),
  total: z.number().exactOptional(),
  note: z.string().exactOptional(),
});
export type Progress = Readonly<z.infer<typeof progress>>;

/** A job whose lock this worker holds. */
export const claimedJob = z.object({
  job_id: z.string(),
  /** Names the attempt, and is the fence of every later write about it. */
  execution_id: z.string(),
  name: z.string(),
  job_type: z.string(),
  /** The whole config; for a custom job with its `handler` key. */
  config: json,
  description: z.string(),
  queue: z.string(),
  priority: z.number(),
  /** 1 for the first run of an occurrence: `current_retries` + 1. */
  attempt: z.number().int(),
  current_retries: z.number().int(),
  max_retries: z.number().int(),
  /** 1 at first, and one more for each occurrence of a schedule and each `retry`. */
  occurrence: z.number().int(),
  timeout_seconds: z.number().nullable(),
  schedule: z.string().nullable(),
  timezone: z.string().nullable(),
  /** The occurrence of its schedule that this run is for; without a schedule, when the job was due (ISO 8601). */
  scheduled_for: instant,
  unique_key: z.string().nullable(),
  concurrency_key: z.string().nullable(),
  /** It was enqueued with `depends_on`. */
  has_parents: z.boolean().optional(),
  /** An earlier attempt stored steps. */
  has_steps: z.boolean().optional(),
  /** Other jobs depend on it. */
  has_children: z.boolean().optional(),
  /** When the job became due, by the database's clock (ISO 8601). */
  run_at: instant,
  created_at: instant,
});
export type ClaimedJob = Readonly<z.infer<typeof claimedJob>>;

/** A job as `list`, `show` and `peek` return it. */
export const jobRow = z.object({
  job_id: z.string(),
  name: z.string(),
  job_type: z.string(),
  /** Of a custom job. */
  handler: z.string().nullish(),
  status: z.enum(JOB_STATUSES),
  queue: z.string(),
  priority: z.number(),
  run_at: instant,
  /** Waiting, and its `run_at` has come. */
  due: z.boolean(),
  /** Waiting for another job with the same concurrency key. */
  blocked: z.boolean(),
  /** Waiting for jobs that it depends on. */
  waits_for_parents: z.boolean().optional(),
  description: z.string(),
  max_retries: z.number(),
  current_retries: z.number(),
  occurrence: z.number(),
  timeout_seconds: z.number().nullable(),
  schedule: z.string().nullable(),
  timezone: z.string().nullable(),
  missed: z.enum(MISSED),
  missed_grace_seconds: z.number(),
  scheduled_for: instant.nullable(),
  /** How often in a row it was snoozed, and since when. */
  snoozes: z.number().nullish(),
  snoozed_since: instant.nullish(),
  /** The jobs file that the job comes from. */
  source: z.string().nullable(),
  /** Set if somebody disabled the job while it ran: it becomes disabled when the run ends. */
  disable_requested_at: instant.nullable(),
  unique_key: z.string().nullable(),
  concurrency_key: z.string().nullable(),
  concurrency_limit: z.number().nullish(),
  retry_delay_seconds: z.number().nullish(),
  retry_factor: z.number().nullish(),
  error_message: z.string().nullable(),
  created_at: instant.nullable(),
  last_execution: instant.nullable(),
  finished_at: instant.nullable(),
  locked_at: instant.nullable(),
  locked_by: z.string().nullable(),
  /** If the job has not started by then, it fails; null once it has started. */
  expires_at: instant.nullish(),
  expires_in_seconds: z.number().nullish(),
  /** Failed because it had not started in time. */
  expired: z.boolean().nullish(),
  lock_expires_at: instant.nullable(),
  lock_expired: z.boolean().nullable(),
  cancel_requested_at: instant.nullable(),
});
export type JobRow = z.infer<typeof jobRow>;

/** One attempt at a job, as `show` returns it. */
export const executionRow = z.object({
  execution_id: z.string(),
  status: z.enum(EXECUTION_STATUSES),
  attempt: z.number(),
  occurrence: z.number(),
  failure_kind: z.enum(FAILURE_KINDS).nullable(),
  started_at: instant.nullable(),
  finished_at: instant.nullable(),
  duration_seconds: z.number().nullable(),
  result: json.nullable(),
  error_message: z.string().nullable(),
  error_details: json.nullable(),
  output: z.string().nullable(),
  /** Null if the column holds something else: other clients may write there too. */
  progress: progress.nullable().catch(null),
  instance_id: z.string().nullable(),
  run_url: z.string().nullable(),
  scheduled_for: instant.nullable(),
  next_run_at: instant.nullable(),
  /** How many jobs it added when it succeeded. */
  spawned: z.number().nullish(),
});
export type ExecutionRow = z.infer<typeof executionRow>;

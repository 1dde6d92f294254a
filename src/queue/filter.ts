import { z } from 'zod';
import { FAILURE_KINDS, JOB_STATUSES } from './types.ts';

/** What jobs a list, a count or a bulk action is about. All fields that are given must match. */
export const jobFilter = z.strictObject({
  status: z.enum(JOB_STATUSES).optional(),
  /** What a person would call the state of a waiting or locked job. */
  state: z.enum(['due', 'scheduled', 'blocked', 'running']).optional(),
  /** Only jobs with a schedule, or only those without. */
  recurring: z.boolean().optional(),
  job_ids: z.array(z.string().max(200)).max(1000).optional(),
  queue: z.string().max(200).optional(),
  job_type: z.string().max(200).optional(),
  name: z.string().max(500).optional(),
  name_contains: z.string().max(500).optional(),
  /** The `handler` of a custom job's config. */
  handler: z.string().max(500).optional(),
  /** A part of the error message. */
  error: z.string().max(500).optional(),
  /** An attempt of the job's current occurrence ended so. */
  failure_kind: z.enum(FAILURE_KINDS).optional(),
  /** An object that the config contains. */
  config_contains: z.record(z.string(), z.json()).optional(),
  created_after: z.iso.datetime({ offset: true }).optional(),
  created_before: z.iso.datetime({ offset: true }).optional(),
  finished_after: z.iso.datetime({ offset: true }).optional(),
  finished_before: z.iso.datetime({ offset: true }).optional(),
});
export type JobFilter = z.output<typeof jobFilter>;

/** What can be done to many jobs at once. */
export const bulkAction = z.enum(['retry', 'cancel', 'disable', 'enable', 'delete']);
export type BulkAction = z.output<typeof bulkAction>;

/** What can be changed about a job that does not run. */
export const jobChanges = z.strictObject({
  name: z.string().optional(),
  config: z.json().optional(),
  description: z.string().optional(),
  priority: z.number().int().optional(),
  run_at: z.iso.datetime({ offset: true }).optional(),
  queue: z.string().optional(),
  max_retries: z.number().int().optional(),
  retry_delay_seconds: z.number().int().optional(),
  retry_factor: z.number().optional(),
  timeout_seconds: z.number().int().optional(),
  schedule: z.string().optional(),
  timezone: z.string().optional(),
});
export type JobChanges = z.output<typeof jobChanges>;

/** The settings of a queue that can be changed. Null takes a limit away. */
export const queueChanges = z.strictObject({
  paused: z.boolean().optional(),
  /** Why it is paused or cools down, for people. */
  reason: z.string().max(500).nullable().optional(),
  /** How long no job is started. */
  cool_down_seconds: z.number().min(0).nullable().optional(),
  /** Jobs that run at the same time, on all workers together. */
  max_running: z.number().int().min(1).nullable().optional(),
  /** Starts in any `rate_period_seconds`. */
  rate_limit: z.number().int().min(1).nullable().optional(),
  rate_period_seconds: z.number().int().min(1).nullable().optional(),
  default_timeout_seconds: z.number().int().min(1).nullable().optional(),
});
export type QueueChanges = z.output<typeof queueChanges>;

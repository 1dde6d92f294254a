import { z } from 'zod';
import { instant, json } from './job.ts';
import { JOB_STATUSES, type Json } from './types.ts';

/** What the functions of durable steps return. `held` is false if the execution no longer holds the lock of its job. */

export const stepReply = z.object({ v: z.literal(1), held: z.boolean(), result: json });

export const waitReply = stepReply.extend({ done: z.boolean(), wait_seconds: z.number() });

export const recallReply = z.object({
  v: z.literal(1),
  held: z.boolean(),
  /** The finished steps of this occurrence, in their order. */
  steps: z.array(z.object({ name: z.string(), kind: z.enum(['step', 'sleep', 'event']), result: json })),
  /** The jobs that this one depends on, in the order of `depends_on`. */
  parents: z.array(
    z.object({
      ref: z.string(),
      job_id: z.string(),
      /** Null if the job was deleted, and so is its status. */
      name: z.string().nullable(),
      status: z.enum(JOB_STATUSES).nullable(),
      /** Null too if the job did not succeed, or if the results are more than 1 MiB in all. */
      result: json,
      left_out: z.boolean().optional(),
    }),
  ),
});
export type RecallReply = z.infer<typeof recallReply>;

/** What a run leaves: up to 50 of each. */
export const aftermathReply = z.object({
  v: z.literal(1),
  /** Jobs that start because another ended, or were cancelled because it failed. */
  released: z.array(
    z.object({
      job_id: z.string(),
      name: z.string(),
      status: z.enum(JOB_STATUSES),
      parent_id: z.string(),
      spawned: z.boolean(),
    }),
  ),
  released_count: z.number(),
  /** Decisions that jobs wait for. */
  approvals: z.array(
    z.object({
      job_id: z.string(),
      name: z.string(),
      step: z.string(),
      title: z.string(),
      details: json.nullish().transform((value) => value ?? null),
      until: instant,
    }),
  ),
});
export type AftermathReply = z.infer<typeof aftermathReply>;

/** Names a running attempt to the database, which refuses an attempt that no longer holds its lock. */
export interface Fence {
  readonly instanceId: string;
  readonly jobId: string;
  readonly executionId: string;
}

/** A pause of a job: a sleep, or the wait for an event. */
export interface Wait {
  readonly name: string;
  readonly kind: 'sleep' | 'event';
  /** How long to sleep, or to wait at most. */
  readonly seconds: number;
  /** For people: what an approval is about. */
  readonly details?: Json;
}

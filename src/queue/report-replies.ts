import { z } from 'zod';
import { instant } from './job.ts';
import { count, wakeState, workersState } from './replies.ts';

/** The replies of the SQL functions that report on the queue as a whole, and of those that look after the database. */

const statusCounts = {
  waiting: count,
  locked: count,
  success: count,
  failed: count,
  disabled: count,
};

/** How the attempts of one queue or type went. */
const attemptCounts = {
  success: count,
  /** Neither lost, cancelled nor expired. */
  failed: count,
  lost: count,
  /** Not started before they expired. */
  expired: count.default(0),
  average_seconds: z.number().nullable(),
  p95_seconds: z.number().nullable(),
};

export const statsReply = z.object({
  v: z.literal(1),
  now: instant,
  total: count,
  jobs: z.object(statusCounts),
  due: count,
  scheduled: count,
  blocked: count,
  expired_locks: count,
  oldest_due_seconds: z.number().nullable(),
  workers: workersState,
  /** Null where sql/optional/wake.sql is not installed. */
  wake: wakeState.nullable(),
  queues: z.array(
    z.object({ queue: z.string(), due: count, oldest_due_seconds: z.number().nullable(), ...statusCounts }),
  ),
  executions_24h: z.object({
    running: count,
    success: count,
    failed: count,
    /** Not started before they expired. */
    expired: count.default(0),
    failure_kinds: z.record(z.string(), count),
    average_seconds: z.number().nullable(),
    p95_seconds: z.number().nullable(),
    /** The 50 queues with the most attempts, those first. */
    by_queue: z.array(z.object({ queue: z.string(), ...attemptCounts })).default([]),
    by_type: z.array(z.object({ job_type: z.string(), ...attemptCounts })).default([]),
    /** `by_queue` and `by_type` are from the newest 100,000 attempts, and there were more. */
    is_partial: z.boolean().default(false),
  }),
});
export type StatsReply = z.infer<typeof statsReply>;

export const doctorReply = z.object({
  v: z.literal(1),
  now: instant,
  role: z.string(),
  workers: workersState,
  /** Null where it is not installed. */
  wake: wakeState.nullable(),
  oldest_due_seconds: z.number().nullable(),
  schema: z.number().int(),
  server_version: z.string(),
  statement_timeout: z.string(),
  /** The database refuses to write: its disk or a quota is full. */
  read_only: z.boolean().default(false),
  /** Jobs that have snoozed for a day or more, the longest first, up to 20. */
  snoozed_for_a_day: z
    .array(
      z.object({
        job_id: z.string(),
        name: z.string(),
        queue: z.string(),
        snoozes: z.number(),
        snoozed_since: instant,
      }),
    )
    .default([]),
  without_row_security: z.array(z.string()),
  policies: z.array(z.string()),
  open_tables: z.array(z.string()),
  open_functions: z.array(z.string()),
  missing_grants: z.array(z.string()),
});
export type DoctorReply = z.infer<typeof doctorReply>;

/** How the database differs from what sql/install.sql made. */
export const inspectReply = z.object({
  v: z.literal(1),
  /** Null if the installation recorded nothing. */
  differences: z
    .array(
      z.object({
        thing: z.string(),
        state: z.enum(['missing', 'changed']),
        /** The statement that makes it again; null if sql/install.sql does. */
        repair: z.string().nullable(),
      }),
    )
    .nullable(),
  /** The views and functions through which anon or authenticated reach the tables. */
  reached_through: z.array(z.string()),
});
export type InspectReply = z.infer<typeof inspectReply>;

/** Queues and job types that have had due jobs for hours, while no worker asked for them. */
export const unattendedReply = z.array(
  z.object({
    queue: z.string(),
    job_type: z.string(),
    /** Counted to 10,000. */
    due: count,
    /** Null: never, as far as is recorded. */
    last_asked_at: instant.nullable(),
    seconds: z.number(),
  }),
);
export type Unattended = z.infer<typeof unattendedReply>;

export const pruneReply = z.object({
  v: z.literal(1),
  executions: z.number().int(),
  jobs: z.number().int(),
  more: z.boolean(),
});

export const bloatReply = z.object({
  v: z.literal(1),
  now: instant,
  relations: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['table', 'index']),
      bytes: z.number(),
      rows: z.number(),
      dead_rows: z.number().nullable(),
      /** About what it would have when freshly built; null for a table and for an index on an expression. */
      expected_bytes: z.number().nullable(),
      /** A statement for the SQL Editor, or null where there is nothing to do. */
      advice: z.string().nullable(),
    }),
  ),
});

import { z } from 'zod';
import { claimedJob, executionRow, instant, jobRow, json } from './job.ts';
import { FAILURE_KINDS, JOB_STATUSES } from './types.ts';

/**
 * The replies of the SQL functions. A reply in another shape is an error, never "no jobs". Unknown keys are dropped, so
 * that a newer schema may add to its replies.
 */

const count = z.coerce.number();

/** The number of the newest migration that this code needs in the database. */
export const CLIENT_SCHEMA = 11;

export const versionReply = z.object({
  v: z.literal(1),
  schema: z.number().int(),
  requires: z.number().int(),
});

/** What a claim tells a worker that was not known yet. */
const arrival = z.object({
  now: instant,
  /** When any other worker of its queues was seen. */
  last_seen_at: instant.nullable(),
  /** When the newest runs began that the same schedule of the same repository started, newest first, this one too. */
  ticks: z.array(instant),
});
export type Arrival = z.infer<typeof arrival>;

export const claimReply = z.object({
  v: z.literal(1),
  schema: z.number().int(),
  now: instant,
  jobs: z.array(claimedJob),
  /** Due jobs may be left: "no jobs" with `more` is not the end of the queue. */
  more: z.boolean(),
  /** How many attempts of dead workers this claim ended. */
  expired: z.number().int(),
  /** How many jobs it found behind a busy concurrency key, and set aside until the key is free. */
  set_aside: z.number().int(),
  /** Whether jobs wait behind a concurrency key. */
  behind: z.boolean(),
  /** In how many seconds the next job becomes due, if none was claimed. */
  next_due_seconds: z.number().nullish(),
  /** Null unless the worker is new. */
  worker: arrival.nullish(),
});
export type ClaimReply = z.infer<typeof claimReply>;

export const finishedItem = z.object({
  execution_id: z.string(),
  /** False when the execution no longer held the lock: nothing was changed. */
  applied: z.boolean(),
  status: z.enum(JOB_STATUSES).nullish(),
  failure_kind: z.enum(FAILURE_KINDS).nullish(),
  /** When the job runs next, if it does. */
  run_at: instant.nullish(),
  /** Retries that the occurrence of a schedule did not get, because the next one is due before them. */
  retries_left_out: z.number().nullish(),
});
export type FinishedItem = z.infer<typeof finishedItem>;

export const finishReply = z.object({
  v: z.literal(1),
  finished: z.array(finishedItem),
  claim: claimReply.nullable(),
});
export type FinishReply = z.infer<typeof finishReply>;

export const renewReply = z.object({
  v: z.literal(1),
  renewed: z.array(z.object({ execution_id: z.string(), held: z.boolean(), cancel_requested: z.boolean() })),
});
export type RenewReply = z.infer<typeof renewReply>;

export const enqueueReply = z.object({
  v: z.literal(1),
  jobs: z.array(
    z.object({
      job_id: z.string(),
      created: z.boolean(),
      /** The waiting job of this id took the place of the new one. */
      replaced: z.boolean().default(false),
    }),
  ),
});
export type EnqueueReply = z.infer<typeof enqueueReply>;

/** The answer of cancel, retry, enable, disable and delete. */
export const verbReply = z.object({
  v: z.literal(1),
  job_id: z.string(),
  status: z.string().nullable(),
  /** The job is now as asked. */
  applied: z.boolean(),
  /** This call made it so. */
  changed: z.boolean(),
  reason: z.string().nullable(),
});
export type VerbReply = z.infer<typeof verbReply>;

export const listReply = z.object({
  v: z.literal(1),
  now: instant,
  jobs: z.array(jobRow),
  /** Pass as `before` to get the next page; null on the last. */
  next: z.string().nullable(),
  /** How far back this page looked, if it stopped before it was full. */
  searched_to: instant.nullish(),
});
export type ListReply = z.infer<typeof listReply>;

export const showReply = z.object({
  v: z.literal(1),
  now: instant,
  job: jobRow.extend({ config: json }).nullable(),
  executions: z.array(executionRow),
});
export type ShowReply = z.infer<typeof showReply>;

const workersState = z.object({
  last_seen_at: instant.nullable(),
  schedules: z.array(
    z.object({
      repository: z.string().nullable(),
      schedule: z.string(),
      /** When the newest runs that it started began, newest first. */
      ticks: z.array(instant),
    }),
  ),
});

/** What sql/optional/wake.sql did lately. */
const wakeState = z.object({
  /** When pg_cron last came. */
  last_tick_at: instant.nullable(),
  calls_24h: count,
  errors_24h: count,
  watched: z.array(
    z.object({
      queue: z.string(),
      target: z.string(),
      last_call_at: instant.nullable(),
      next_call_at: instant.nullable(),
      /** Calls in a row that were refused. */
      errors: count,
      /** Calls in a row after which no worker took a job of the queue. */
      in_vain: count,
      last_error: z.string().nullable(),
    }),
  ),
  /** The newest, newest first. */
  calls: z.array(
    z.object({
      request_id: count.nullable(),
      target: z.string(),
      queues: z.array(z.string()),
      asked_at: instant,
      answered_at: instant.nullable(),
      http_status: z.number().nullable(),
      error: z.string().nullable(),
    }),
  ),
});
export type WakeState = z.infer<typeof wakeState>;

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

export const APPLY_ACTIONS = ['create', 'update', 'enable', 'unchanged', 'disable', 'gone'] as const;

export const applyReply = z.object({
  v: z.literal(1),
  now: instant,
  dry_run: z.boolean(),
  jobs: z.array(
    z.object({
      key: z.string(),
      /** Null for a job that a dry run did not create. */
      job_id: z.string().nullable(),
      name: z.string(),
      queue: z.string(),
      /** `gone`: from this source and not in it any more, left alone because nobody asked to prune. */
      action: z.enum(APPLY_ACTIONS),
      status: z.enum(JOB_STATUSES),
      run_at: instant,
      /** Old and new value by column. */
      changes: z.record(z.string(), z.tuple([json.nullable(), json.nullable()])),
    }),
  ),
});
export type ApplyReply = z.infer<typeof applyReply>;

export const pruneReply = z.object({
  v: z.literal(1),
  executions: z.number().int(),
  jobs: z.number().int(),
  more: z.boolean(),
});
export type PruneReply = z.infer<typeof pruneReply>;

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
export type BloatReply = z.infer<typeof bloatReply>;

export const backlogReply = z.object({
  v: z.literal(1),
  now: instant,
  queues: z.array(
    z.object({
      queue: z.string(),
      /** Counted to 10,000. */
      due: count,
      /** What workers could do at the same time: of jobs with one concurrency key, one. */
      side_by_side: count,
    }),
  ),
  /** Of a run that plans; null unless it is new. */
  worker: arrival.nullish(),
});
export type BacklogReply = z.infer<typeof backlogReply>;

export const peekReply = z.object({
  v: z.literal(1),
  now: instant,
  /** What a worker could claim, whose lock has expired, or that waits for a concurrency key. */
  due: count,
  /** Each of the three is counted up to 10,000; if one reaches that, `due` is a minimum. */
  due_is_minimum: z.boolean(),
  expired_locks: count,
  blocked: count,
  jobs: z.array(jobRow),
});
export type PeekReply = z.infer<typeof peekReply>;

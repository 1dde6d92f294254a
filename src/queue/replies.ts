import { z } from 'zod';
import { claimedJob, executionRow, instant, jobRow, json } from './job.ts';
import { FAILURE_KINDS, JOB_STATUSES, ON_PARENT_FAILURE } from './types.ts';

/**
 * The replies of the SQL functions. A reply in another shape is an error, never "no jobs". Unknown keys are dropped, so
 * that a newer schema may add to its replies.
 */

export const count = z.coerce.number();

/** The number of the newest migration that this code needs in the database. */
export const CLIENT_SCHEMA = 12;

export const versionReply = z.object({
  v: z.literal(1),
  schema: z.number().int(),
  requires: z.number().int(),
});

/** What a claim returns to a worker that is new. */
const arrival = z.object({
  now: instant,
  /** When any other worker of its queues was seen. */
  last_seen_at: instant.nullable(),
  /** When the newest runs began that the same schedule of the same repository started, newest first, this one too. */
  ticks: z.array(instant),
});
export type Arrival = z.infer<typeof arrival>;

/** A queue in which no job may start now. One that is neither paused nor cools down has reached a limit. */
const heldQueue = z.object({
  queue: z.string(),
  paused: z.boolean(),
  /** The end of its cool-down. */
  until: instant.nullable(),
  reason: z.string().nullable(),
});
export type HeldQueue = Readonly<z.infer<typeof heldQueue>>;

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
  held: z.array(heldQueue).nullish(),
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

export const renewReply = z.object({
  v: z.literal(1),
  renewed: z.array(z.object({ execution_id: z.string(), held: z.boolean(), cancel_requested: z.boolean() })),
});

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
  /** How many jobs wait again that had been cancelled because this one failed. */
  dependents: z.number().optional(),
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

const relative = z.object({
  job_id: z.string(),
  ref: z.string(),
  /** Null if the job was deleted, and so is its status. */
  name: z.string().nullable(),
  status: z.enum(JOB_STATUSES).nullable(),
  /** How the parent of the pair ended; null while the child waits for it. */
  outcome: z.enum(['success', 'failed', 'deleted']).nullable(),
  on_failure: z.enum(ON_PARENT_FAILURE),
  /** The parent added the child when it succeeded; the child does not wait for it. */
  spawned: z.boolean().default(false),
});

export const stepRow = z.object({
  name: z.string(),
  kind: z.enum(['step', 'sleep', 'event']),
  started_at: instant,
  /** Null while a sleep or the wait for an event goes on. */
  finished_at: instant.nullable(),
  duration_seconds: z.number().nullable(),
  /** When a sleep ends, or the wait for an event is given up. */
  until: instant.nullable(),
  /** What an approval is about. */
  details: json,
  /** Null too if it is long. */
  result: json,
});
export type StepRow = z.infer<typeof stepRow>;

export const showReply = z.object({
  v: z.literal(1),
  now: instant,
  job: jobRow
    .extend({
      config: json,
      /** Of a recurring job: what is added after each of its occurrences. */
      followers: json.nullish(),
    })
    .nullable(),
  /** The jobs that it depends on and those that depend on it, up to 100 of each; null if there are none. */
  family: z
    .object({
      parents: z.array(relative),
      parent_count: z.number(),
      children: z.array(relative),
      child_count: z.number(),
    })
    .nullish(),
  /** The steps of the current occurrence; null if it has none. */
  steps: z.array(stepRow).nullish(),
  executions: z.array(executionRow),
});
export type ShowReply = z.infer<typeof showReply>;

export const workersState = z.object({
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
export const wakeState = z.object({
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
      /** `gone`: from this source and not in it any more, left alone unless pruning was asked for. */
      action: z.enum(APPLY_ACTIONS),
      status: z.enum(JOB_STATUSES),
      run_at: instant,
      /** Old and new value by column. */
      changes: z.record(z.string(), z.tuple([json.nullable(), json.nullable()])),
    }),
  ),
});
export type ApplyReply = z.infer<typeof applyReply>;

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

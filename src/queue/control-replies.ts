import { z } from 'zod';
import { instant } from './job.ts';
import { EXECUTION_STATUSES, FAILURE_KINDS, JOB_STATUSES } from './types.ts';

/** What the functions in control.ts return. */

export const countReply = z.object({
  v: z.literal(1),
  now: instant,
  by_status: z.record(
    z.enum(JOB_STATUSES),
    z.object({
      count: z.number(),
      /** There are more than `count`. */
      capped: z.boolean(),
      /** `count` comes from the statistics of the table. */
      estimated: z.boolean(),
    }),
  ),
  /** How far back the count went, if not to the oldest job. */
  searched_to: instant.nullable(),
});

export const bulkReply = z.object({
  v: z.literal(1),
  now: instant,
  /** Jobs of this batch that the action makes sense for. */
  matched: z.number(),
  changed: z.number(),
  /** The first 20 that could not be changed. */
  refused: z.array(z.object({ job_id: z.string(), reason: z.string().nullable() })),
  /** Pass as `before` to do the next batch; null after the last. */
  next: z.string().nullable(),
});
export type BulkReply = z.infer<typeof bulkReply>;

export const queuesReply = z.object({
  v: z.literal(1),
  now: instant,
  queues: z.array(
    z.object({
      queue: z.string(),
      due: z.number(),
      /** More are due than `due`. */
      due_is_capped: z.boolean(),
      running: z.number(),
      oldest_due_seconds: z.number().nullable(),
      paused: z.boolean(),
      cool_down_until: instant.nullable(),
      reason: z.string().nullable(),
      max_running: z.number().nullable(),
      rate_limit: z.number().nullable(),
      rate_period_seconds: z.number().nullable(),
      /** Starts within the last period. */
      rate_used: z.number().nullable(),
      default_timeout_seconds: z.number().nullable(),
    }),
  ),
});
export type QueuesReply = z.infer<typeof queuesReply>;

export const queueRatesReply = z.object({
  v: z.literal(1),
  now: instant,
  /** Where the 20,000 newest attempts begin, if there are more. */
  cut_at: instant.nullable(),
  /** Attempts that began, by hour; the current hour is the last of 24. */
  queues: z.array(z.object({ queue: z.string(), hours: z.array(z.number()) })),
});

export const setQueueReply = z.object({ v: z.literal(1), queue: z.string() });

export const overviewReply = z.object({
  v: z.literal(1),
  now: instant,
  /** Jobs; each stops at 10,000. */
  counts: z.object({
    due: z.number(),
    scheduled: z.number(),
    blocked: z.number(),
    running: z.number(),
    failed_24h: z.number(),
  }),
  /** From due to started, of first attempts. */
  wait: z.object({ p50_seconds: z.number().nullable(), p95_seconds: z.number().nullable() }),
  /** Attempts by the time they started. */
  series: z.object({
    step_seconds: z.number(),
    /** Where the 100,000 newest attempts begin, if there are more in the period. */
    cut_at: instant.nullable(),
    points: z.array(
      z.object({ at: instant, succeeded: z.number(), retried: z.number(), failed: z.number() }),
    ),
  }),
  oldest_due: z.array(
    z.object({
      queue: z.string(),
      due: z.number(),
      due_is_capped: z.boolean(),
      oldest_due_seconds: z.number(),
      paused: z.boolean(),
    }),
  ),
  workers: z.array(
    z.object({
      instance_id: z.string(),
      queues: z.array(z.string()),
      run_url: z.string().nullable(),
      trigger: z.string().nullable(),
      started_at: instant,
      last_seen_at: instant,
      claimed: z.number(),
    }),
  ),
  /** Scheduled runs, and how far apart they came. */
  ticks: z.object({ count: z.number(), median_gap_seconds: z.number().nullable() }),
  /** Each run rounded up to whole minutes, from the workers that are still on record. */
  minutes_billed_estimate: z.number(),
});
export type OverviewReply = z.infer<typeof overviewReply>;

export const outcomesReply = z.object({
  v: z.literal(1),
  jobs: z.record(
    z.string(),
    z.array(
      z.object({
        scheduled_for: instant.nullable(),
        started_at: instant.nullable(),
        status: z.enum(EXECUTION_STATUSES),
        failure_kind: z.enum(FAILURE_KINDS).nullable(),
      }),
    ),
  ),
});

export const papersReply = z.object({
  v: z.literal(1),
  papers: z.array(
    z.object({
      paper_id: z.string(),
      title: z.string(),
      authors: z.array(z.string()),
      published: instant,
      source: z.string(),
      url: z.string().nullable(),
      primary_category: z.string().nullable(),
    }),
  ),
  next: z.string().nullable(),
});

const lane = { queue: z.string(), job_type: z.string() };

export const metricsReply = z.object({
  v: z.literal(1),
  now: instant,
  /** Attempts and times are of this long. */
  window_seconds: z.number(),
  /** There were more attempts than it looked at. */
  is_partial: z.boolean(),
  jobs: z.array(
    z.object({
      ...lane,
      due: z.number(),
      scheduled: z.number(),
      blocked: z.number(),
      running: z.number(),
      failed: z.number(),
      disabled: z.number(),
      oldest_due_seconds: z.number().nullable(),
    }),
  ),
  /** `outcome` is success or a failure kind. */
  attempts: z.array(z.object({ ...lane, outcome: z.string(), count: z.number() })),
  bounds: z.object({ wait: z.array(z.number()), run: z.array(z.number()) }),
  times: z.array(
    z.object({
      ...lane,
      kind: z.enum(['wait', 'run']),
      /** How many of the bounds these times reach. */
      bucket: z.number().int(),
      count: z.number(),
      sum: z.number(),
    }),
  ),
  /** Queues that start nothing now. */
  paused: z.array(z.string()),
  workers: z.number(),
  last_worker_seconds: z.number().nullable(),
});
export type MetricsReply = z.infer<typeof metricsReply>;

/** What is to be reported, the same however often it is handed out. */
const alert = z.object({
  id: z.string(),
  /** For an approval: it waits, and it does no longer. */
  action: z.enum(['failed', 'recovered']),
  kind: z.enum(['job', 'run', 'approval']),
  /** The name of the job, what a run warns about, or what waits for a decision. */
  subject: z.string(),
  queue: z.string(),
  job_id: z.string().nullable(),
  error: z.string().nullable(),
  failure_kind: z.string().nullable(),
  run_url: z.string().nullable(),
  at: instant,
  /** Failures since the subject was last well. */
  failures: z.number().int(),
  first_failed_at: instant.nullable(),
  /** It was well before. */
  is_new: z.boolean(),
  issue_number: z.number().int().nullable(),
});
export type Alert = z.infer<typeof alert>;

export const alertTakeReply = z.object({ v: z.literal(1), alerts: z.array(alert) });
export const alertDoneReply = z.object({ v: z.literal(1), recorded: z.number().int() });

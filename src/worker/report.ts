import type { ClaimedJob, Progress } from '../queue/job.ts';
import type { Arrival, FinishedItem, HeldQueue } from '../queue/replies.ts';
import type { FailureKind, JobStatus, Json } from '../queue/types.ts';
import { clockTime, pauseWords } from '../text/format.ts';
import { headline } from '../text/headline.ts';
import type { Ending, Finished } from './finish-item.ts';

/** What a run reports to the summary, the outputs and the exit code. */

/** One attempt as the run saw it. */
export interface ExecutionReport {
  readonly jobId: string;
  readonly executionId: string;
  readonly name: string;
  readonly jobType: string;
  readonly queue: string;
  readonly attempt: number;
  readonly maxRetries: number;
  /** Of the job's schedule; null without one. */
  readonly timezone: string | null;
  /** How the attempt ended. `lost`: its lock was gone by then, so this run changed nothing. */
  readonly outcome: 'success' | 'failed' | 'retry' | 'snoozed' | 'released' | 'cancelled' | 'lost';
  readonly failureKind: FailureKind | null;
  /** The status of the job after the attempt, from the database; null if the lock was lost. */
  readonly jobStatus: JobStatus | null;
  /** When the job runs next (ISO 8601), from the database. */
  readonly nextRunAt: string | null;
  /** Other jobs depend on it, or it spawned some. */
  readonly hasChildren: boolean;
  readonly durationSeconds: number;
  readonly result: Json;
  readonly error: string | null;
  readonly progress: Progress | null;
  /** The first warnings of the handler. */
  readonly warnings: readonly string[];
  /** Absolute path of the file with a result that is too large for its row; null otherwise. */
  readonly resultFile: string | null;
}

/** Why a run ended. */
export type StopCause = 'empty' | 'max-jobs' | 'time-budget' | 'signal' | 'error';

/** One run of a worker. */
export interface RunReport {
  readonly instanceId: string;
  /** Up to 500 executions of each outcome. The numbers below count every one. */
  readonly executions: readonly ExecutionReport[];
  readonly claimed: number;
  readonly succeeded: number;
  /** Jobs that failed for good in this run. */
  readonly failed: number;
  /** Attempts that failed and will be retried. */
  readonly retried: number;
  /** Jobs that somebody cancelled while they ran here. */
  readonly cancelled: number;
  /** Due jobs of the worker's queues and types at the end, from the database; null if it could not be asked. */
  readonly remaining: number | null;
  /** The database stopped counting: at least so many remain. */
  readonly remainingIsMinimum: boolean;
  /** Attempts of dead workers that this run's claims ended. */
  readonly expired: number;
  readonly stopCause: StopCause;
  /** What ended the run early, if `stopCause` is `error`. */
  readonly error: string | null;
  readonly durationSeconds: number;
  readonly httpRequests: number;
  /** The queues of the worker in which no job could start at the end; their due jobs do not count as remaining. */
  readonly heldQueues: readonly HeldQueue[];
  /** What the database knew of workers and ticks before this run; null if it did not say. */
  readonly arrival: Arrival | null;
}

/** How many reports of each outcome are kept, so that a run of 100,000 jobs does not hold 100,000 of them. */
const KEPT = 500;

/** Counts every execution, and keeps the reports of some. */
export class Tally {
  readonly #kept = new Map<ExecutionReport['outcome'], ExecutionReport[]>();
  readonly #counts = { success: 0, failed: 0, retry: 0, snoozed: 0, released: 0, cancelled: 0, lost: 0 };

  add(report: ExecutionReport): void {
    this.#counts[report.outcome] += 1;
    const kept = this.#kept.get(report.outcome) ?? [];
    if (kept.length < KEPT) kept.push(report);
    this.#kept.set(report.outcome, kept);
  }

  get counts(): Pick<RunReport, 'succeeded' | 'failed' | 'retried' | 'cancelled'> {
    const { success, failed, retry, cancelled } = this.#counts;
    return { succeeded: success, failed, retried: retry, cancelled };
  }

  get executions(): ExecutionReport[] {
    return [...this.#kept.values()].flat();
  }
}

/** @param answer what the database replied about the attempt; null if it could not be recorded */
export function executionReport(
  job: ClaimedJob,
  ending: Ending,
  { item, result, resultFile }: Finished,
  answer: FinishedItem | null,
): ExecutionReport {
  return {
    jobId: job.job_id,
    executionId: job.execution_id,
    name: job.name,
    jobType: job.job_type,
    queue: job.queue,
    attempt: job.attempt,
    maxRetries: job.max_retries,
    timezone: job.timezone,
    outcome: outcomeOf(job, answer),
    failureKind: answer?.failure_kind ?? null,
    jobStatus: answer?.status ?? null,
    nextRunAt: answer?.run_at ?? null,
    hasChildren: job.has_children === true || item.spawn !== undefined,
    durationSeconds: ending.durationSeconds,
    result,
    error: item.error ?? null,
    progress: ending.progress,
    warnings: ending.warnings,
    resultFile,
  };
}

function outcomeOf(job: ClaimedJob, answer: FinishedItem | null): ExecutionReport['outcome'] {
  if (!answer?.applied) return 'lost';
  switch (answer.failure_kind) {
    case null:
    case undefined:
      return 'success';
    case 'snoozed':
    case 'released':
    case 'cancelled':
      return answer.failure_kind;
    case 'discarded':
      return 'failed';
    default:
      // A failed occurrence of a schedule leaves the job waiting as well, for the next occurrence.
      return answer.status === 'waiting' && job.attempt <= job.max_retries && !answer.retries_left_out
        ? 'retry'
        : 'failed';
  }
}

/** The outcome of an attempt in one line. The output of the job, or its row, has the whole error. */
export function outcomeLine(report: ExecutionReport, now = new Date()): string {
  const took = `after ${report.durationSeconds.toFixed(1)} s`;
  const next = report.nextRunAt ? `, due again at ${clockTime(report.nextRunAt, now, report.timezone)}` : '';
  const why = report.error ? `: ${headline(report.error)}` : '';
  switch (report.outcome) {
    case 'success':
      return `Succeeded ${took}${next}`;
    case 'retry':
      return `Failed ${took} (attempt ${report.attempt} of ${report.maxRetries + 1})${next}${why}`;
    case 'failed':
      return `Failed for good ${took}${next}${why}`;
    case 'snoozed':
      return `Snoozed${next}${why}`;
    case 'released':
      return `Handed back${why}`;
    case 'cancelled':
      return `Cancelled ${took}`;
    case 'lost':
      return `Lost its lock ${took}: nothing was recorded, and another worker may run the job`;
  }
}

/** Why no job of a queue starts now, in one sentence. */
export function heldInWords({ queue, paused, until, reason }: HeldQueue, now: Date): string {
  const pause = pauseWords(paused, until, reason, now);
  if (pause === null) return `The queue ${queue} has reached its limit, so jobs of it may wait.`;
  return `The queue ${queue} is ${pause}${reason === null ? '.' : ''}`;
}

/** How many due jobs remain, for a sentence: "7", "at least 10000" or "unknown". */
export const remainingInWords = (report: Pick<RunReport, 'remaining' | 'remainingIsMinimum'>): string =>
  report.remaining === null
    ? 'unknown'
    : `${report.remainingIsMinimum ? 'at least ' : ''}${report.remaining}`;

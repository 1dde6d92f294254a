import type { ClaimedJob } from '../queue/job.ts';
import type { FinishedItem } from '../queue/replies.ts';
import type { Json } from '../queue/types.ts';
import type { ExecutionReport, RunReport } from './report.ts';
import type { Ending } from './settle.ts';

/** Reports kept of each outcome: a run of 100,000 jobs must not hold 100,000 of them. */
const KEPT = 500;

export interface Recorded {
  readonly job: ClaimedJob;
  readonly ending: Ending;
  /** The database's answer; null when the attempt could not be recorded. */
  readonly answer: FinishedItem | null;
  readonly result: Json;
  readonly resultFile: string | null;
  readonly error: string | null;
}

/** Counts every execution and keeps the ones worth telling. */
export interface Tally {
  add(recorded: Recorded): ExecutionReport;
  counts(): Pick<RunReport, 'succeeded' | 'failed' | 'retried'>;
  /** The reports that were kept, up to some hundreds of each outcome. */
  executions(): ExecutionReport[];
}

export function createTally(): Tally {
  const kept = new Map<ExecutionReport['outcome'], ExecutionReport[]>();
  let succeeded = 0;
  let failed = 0;
  let retried = 0;
  return {
    add: (recorded) => {
      const report = toReport(recorded);
      if (report.outcome === 'success') succeeded += 1;
      if (report.outcome === 'failed' || report.outcome === 'cancelled') failed += 1;
      if (report.outcome === 'retry') retried += 1;
      const list = kept.get(report.outcome) ?? [];
      if (list.length < KEPT) list.push(report);
      kept.set(report.outcome, list);
      return report;
    },
    counts: () => ({ succeeded, failed, retried }),
    executions: () => [...kept.values()].flat(),
  };
}

function toReport({ job, ending, answer, result, resultFile, error }: Recorded): ExecutionReport {
  return {
    jobId: job.job_id,
    executionId: job.execution_id,
    name: job.name,
    jobType: job.job_type,
    queue: job.queue,
    attempt: job.attempt,
    maxRetries: job.max_retries,
    outcome: outcomeOf(job, answer),
    failureKind: answer?.failure_kind ?? null,
    jobStatus: answer?.status ?? null,
    nextRunAt: answer?.run_at ?? null,
    durationSeconds: ending.durationSeconds,
    result,
    error,
    progress: ending.progress,
    warnings: ending.warnings,
    resultFile,
  };
}

/** What the attempt came to, by what the database made of it. */
function outcomeOf(job: ClaimedJob, answer: FinishedItem | null): ExecutionReport['outcome'] {
  if (!answer?.applied) return 'lost';
  switch (answer.failure_kind) {
    case null:
    case undefined:
      return 'success';
    case 'snoozed':
      return 'snoozed';
    case 'released':
      return 'released';
    case 'cancelled':
      return 'cancelled';
    case 'discarded':
      return 'failed';
    default:
      // The occurrence of a schedule that failed for good leaves the job waiting too, for the next one.
      return answer.status === 'waiting' && job.attempt <= job.max_retries ? 'retry' : 'failed';
  }
}

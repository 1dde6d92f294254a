import type { Progress } from '../queue/job.ts';
import type { Arrival } from '../queue/replies.ts';
import type { FailureKind, JobStatus, Json } from '../queue/types.ts';

/** One attempt as the run saw it, for the summary, the outputs and the exit code. */
export interface ExecutionReport {
  readonly jobId: string;
  readonly executionId: string;
  readonly name: string;
  readonly jobType: string;
  readonly queue: string;
  readonly attempt: number;
  readonly maxRetries: number;
  /** How the attempt ended. `lost`: the lock was gone when it did, so this run changed nothing. */
  readonly outcome: 'success' | 'failed' | 'retry' | 'snoozed' | 'released' | 'cancelled' | 'lost';
  readonly failureKind: FailureKind | null;
  /** What became of the job, by the database; null when the lock was lost. */
  readonly jobStatus: JobStatus | null;
  /** When the job runs next (ISO 8601), by the database. */
  readonly nextRunAt: string | null;
  readonly durationSeconds: number;
  readonly result: Json;
  readonly error: string | null;
  readonly progress: Progress | null;
  /** What the handler warned of, the first ones. */
  readonly warnings: readonly string[];
  /** Absolute path of the file that holds a result too large for its row; null otherwise. */
  readonly resultFile: string | null;
}

/** Why a run ended. */
export type StopCause = 'empty' | 'max-jobs' | 'time-budget' | 'signal' | 'error';

/** One run of a worker. */
export interface RunReport {
  readonly instanceId: string;
  /** The executions worth telling: all, up to some hundreds of each outcome. The numbers below count every one. */
  readonly executions: readonly ExecutionReport[];
  readonly claimed: number;
  readonly succeeded: number;
  /** Jobs that failed for good in this run. */
  readonly failed: number;
  /** Attempts that failed and will be retried. */
  readonly retried: number;
  /** Due jobs of the worker's queues and types that are left, by the database at the end; null when it could not be asked. */
  readonly remaining: number | null;
  /** Attempts of dead workers that this run's claims ended. */
  readonly expired: number;
  readonly stopCause: StopCause;
  /** What ended the run early, where `stopCause` is `error`. */
  readonly error: string | null;
  readonly durationSeconds: number;
  readonly httpRequests: number;
  /** What the database knew of workers and ticks before this run; null when it was not told. */
  readonly arrival: Arrival | null;
}

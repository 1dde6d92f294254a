import type { AftermathReply } from '../queue/step-replies.ts';
import type { Json } from '../queue/types.ts';
import type { ExecutionReport, RunReport } from '../worker/report.ts';

/** Seconds with no more digits than a clock has use for. */
const toMilliseconds = (seconds: number): number => Math.round(seconds * 1000) / 1000;

/** The report of a run with the names that the database uses, for `--json`. */
export function runJson(
  report: RunReport,
  aftermath: AftermathReply | null,
): { readonly [key: string]: unknown } {
  return {
    instance_id: report.instanceId,
    claimed: report.claimed,
    succeeded: report.succeeded,
    failed: report.failed,
    retried: report.retried,
    remaining: report.remaining,
    held_queues: report.heldQueues,
    expired: report.expired,
    stop_cause: report.stopCause,
    error: report.error,
    duration_seconds: toMilliseconds(report.durationSeconds),
    http_requests: report.httpRequests,
    executions: report.executions.map(executionJson),
    released: aftermath?.released ?? [],
    released_count: aftermath?.released_count ?? 0,
    approvals: aftermath?.approvals ?? [],
  };
}

/** An attempt with the names that the database uses, for `--json` and the output `executions`. */
export function executionJson(execution: ExecutionReport): { readonly [key: string]: Json } {
  return {
    job_id: execution.jobId,
    execution_id: execution.executionId,
    name: execution.name,
    job_type: execution.jobType,
    queue: execution.queue,
    attempt: execution.attempt,
    max_retries: execution.maxRetries,
    outcome: execution.outcome,
    failure_kind: execution.failureKind,
    job_status: execution.jobStatus,
    next_run_at: execution.nextRunAt,
    duration_seconds: toMilliseconds(execution.durationSeconds),
    result: execution.result,
    error: execution.error,
    result_file: execution.resultFile,
  };
}

import type { JobRow } from '../../src/queue/job.ts';
import type { ExecutionReport, RunReport } from '../../src/worker/report.ts';

/** One attempt as a run reports it. */
export function execution(changes: Partial<ExecutionReport> = {}): ExecutionReport {
  return {
    jobId: 'job-1',
    executionId: 'execution-1',
    name: 'Nightly report',
    jobType: 'custom',
    queue: 'default',
    attempt: 1,
    maxRetries: 3,
    timezone: null,
    outcome: 'success',
    failureKind: null,
    jobStatus: 'success',
    nextRunAt: null,
    hasChildren: false,
    durationSeconds: 1.25,
    result: null,
    error: null,
    progress: null,
    warnings: [],
    resultFile: null,
    ...changes,
  };
}

/** A run that had these attempts, with counts that fit. */
export function runReport(
  executions: readonly ExecutionReport[],
  changes: Partial<RunReport> = {},
): RunReport {
  const count = (outcome: ExecutionReport['outcome']) =>
    executions.filter((one) => one.outcome === outcome).length;
  return {
    instanceId: 'worker-1',
    executions,
    claimed: executions.length,
    succeeded: count('success'),
    failed: count('failed'),
    retried: count('retry'),
    cancelled: count('cancelled'),
    remaining: 0,
    remainingIsMinimum: false,
    expired: 0,
    stopCause: 'empty',
    error: null,
    durationSeconds: 12,
    httpRequests: 3,
    arrival: null,
    heldQueues: [],
    ...changes,
  };
}

/** One job as the database lists it. */
export function jobRow(changes: Partial<JobRow> = {}): JobRow {
  return {
    job_id: 'job-1',
    name: 'Nightly report',
    job_type: 'custom',
    status: 'waiting',
    queue: 'default',
    priority: 0,
    run_at: '2026-01-31T12:04:00+00:00',
    due: false,
    blocked: false,
    description: '',
    max_retries: 3,
    current_retries: 0,
    occurrence: 1,
    timeout_seconds: null,
    schedule: null,
    timezone: null,
    missed: 'once',
    missed_grace_seconds: 900,
    scheduled_for: null,
    source: null,
    disable_requested_at: null,
    unique_key: null,
    concurrency_key: null,
    error_message: null,
    created_at: '2026-01-31T11:00:00+00:00',
    last_execution: null,
    finished_at: null,
    locked_at: null,
    locked_by: null,
    lock_expires_at: null,
    lock_expired: null,
    cancel_requested_at: null,
    ...changes,
  };
}

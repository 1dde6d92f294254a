import type { AuditRow, ExecutionRow } from './audit.ts';
import { checkExplained } from './check-explained.ts';
import { checkKeys } from './check-keys.ts';
import { checkLocks } from './check-locks.ts';
import type { Evidence } from './evidence.ts';

export type Say = (text: string) => void;

/** Jobs that end in `failed` by plan. */
const FAIL_FOR_GOOD = new Set(['fail', 'discard', 'exit', 'reject', 'hang', 'oom']);

/** How long a thawed worker may take to learn that its locks are gone. */
const THAW_MS = 2_000;

const LEGAL_CHANGES = new Set([
  '>waiting',
  'waiting>locked',
  'locked>success',
  'locked>waiting',
  'locked>failed',
]);

/**
 * Everything that must hold when the queue has run dry after faults. Pure: the tests plant each violation.
 * @returns one sentence for each violation, at most 200
 */
export function findViolations(evidence: Evidence): string[] {
  const found: string[] = [];
  const say = (text: string): void => {
    if (found.length < 200) found.push(text);
  };
  checkJobs(evidence, say);
  checkHistory(evidence.audit, say);
  checkKeys(evidence, say);
  checkLocks(evidence, say);
  checkLedger(evidence, say);
  checkExplained(evidence, say);
  return found;
}

function checkJobs({ jobs, executions, promised }: Evidence, say: Say): void {
  const there = new Set(jobs.map((job) => job.job_id));
  for (const id of promised) if (!there.has(id)) say(`lost job: ${id} was acknowledged and is gone`);
  const success = new Map<string, ExecutionRow>();
  for (const execution of executions) {
    if (execution.status === 'running') say(`open execution: ${execution.execution_id}`);
    if (execution.status !== 'running' && execution.finished === null)
      say(`closed execution without an end: ${execution.execution_id}`);
    if (execution.status !== 'success') continue;
    if (success.has(execution.job_id)) say(`two successes: job ${execution.job_id}`);
    success.set(execution.job_id, execution);
  }
  for (const execution of executions) {
    const done = success.get(execution.job_id);
    if (done?.finished != null && execution.started > done.finished)
      say(
        `done again: execution ${execution.execution_id} began after job ${execution.job_id} had succeeded`,
      );
  }
  for (const job of jobs) {
    const planned = FAIL_FOR_GOOD.has(job.behaviour) ? 'failed' : 'success';
    if (job.status !== planned) say(`job ${job.job_id} (${job.behaviour}) is ${job.status}, not ${planned}`);
    if (job.locked_by !== null || job.locked_execution_id !== null)
      say(`lock left on job ${job.job_id} (${job.status})`);
    if ((job.status === 'success') !== success.has(job.job_id))
      say(`job ${job.job_id} is ${job.status}, its executions say otherwise`);
  }
}

/** Each job and each execution has one legal history. */
function checkHistory(audit: readonly AuditRow[], say: Say): void {
  const closed = new Set<string>();
  const opened = new Set<string>();
  const held = new Map<string, string>();
  const last = new Map<string, string>();
  for (const row of audit) {
    if (row.kind === 'execution') {
      const id = row.execution ?? '';
      if (row.was === null) opened.add(id);
      else if (closed.has(id)) say(`execution ${id} was written again after its end`);
      if (row.now !== 'running') closed.add(id);
      continue;
    }
    if (row.was !== null && last.get(row.job_id) !== row.was)
      say(`job ${row.job_id} changed from ${row.was}, but was ${last.get(row.job_id)}`);
    last.set(row.job_id, row.now);
    if (!LEGAL_CHANGES.has(`${row.was ?? ''}>${row.now}`))
      say(`illegal change of job ${row.job_id}: ${row.was} to ${row.now} (execution ${row.execution})`);
    if (row.now === 'locked' && row.execution === null) say(`job ${row.job_id} is locked by no execution`);
    if (row.now !== 'locked' && row.execution !== null)
      say(`job ${row.job_id} keeps an execution while ${row.now}`);
    if (row.was === 'locked' && row.was_execution !== null) held.set(row.was_execution, row.job_id);
    const spent = (row.now_retries ?? 0) - (row.was_retries ?? 0);
    if (row.was !== null && (spent < 0 || spent > 1 || (spent === 1 && row.was !== 'locked')))
      say(
        `job ${row.job_id} went from ${row.was_retries} to ${row.now_retries} retries (${row.was} to ${row.now})`,
      );
  }
  // The execution row is written by the statement that ends the lock, or before.
  for (const [id, job] of held) if (!opened.has(id)) say(`job ${job} was locked by unknown execution ${id}`);
  for (const id of opened) if (!closed.has(id)) say(`execution ${id} was never closed`);
}

/** What handlers did against what the queue says. */
function checkLedger({ ledger, executions, workers }: Evidence, say: Say): void {
  const known = new Map(executions.map((execution) => [execution.execution_id, execution]));
  const starts = new Map<string, number>();
  const done = new Set<string>();
  const succeeded = new Map<string, number>();
  for (const execution of executions)
    if (execution.status === 'success' && execution.finished !== null)
      succeeded.set(execution.job_id, execution.finished);
  for (const line of ledger) {
    const execution = known.get(line.execution);
    if (!execution) {
      say(`a handler ran as execution ${line.execution}, which is not known`);
      continue;
    }
    if (line.event === 'done') {
      done.add(line.execution);
      continue;
    }
    starts.set(line.execution, (starts.get(line.execution) ?? 0) + 1);
    const over = succeeded.get(line.job);
    // A worker that was frozen between its last look at the lock and the start of the handler cannot know better.
    const frozen = workers
      .get(execution.instance_id)
      ?.pauses.some(({ from, to }) => over !== undefined && from <= over && line.at <= to + THAW_MS);
    if (over !== undefined && line.at > over && !frozen)
      say(`job ${line.job} was started (${line.execution}) after its success was recorded`);
  }
  for (const [id, count] of starts) if (count > 1) say(`execution ${id} was started ${count} times`);
  for (const execution of executions) {
    if (execution.status === 'success' && !done.has(execution.execution_id))
      say(`recorded as success, but its handler did not get to the end: ${execution.execution_id}`);
    if (
      execution.failure_kind === 'released' &&
      /^Not started/.test(execution.error_message ?? '') &&
      starts.has(execution.execution_id)
    )
      say(`handed back as not started, but it was: ${execution.execution_id}`);
  }
}

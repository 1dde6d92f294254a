import type { AuditRow, ExecutionRow, JobRow } from './audit.ts';

/** What the run knows of one worker, to judge which endings its faults explain. */
export interface WorkerRecord {
  readonly instanceId: string;
  readonly faults: ReadonlySet<WorkerFault>;
  /** It ended by itself, but said that it had to stop. */
  readonly gaveUp: boolean;
}
export type WorkerFault = 'killed' | 'cancelled' | 'paused' | 'child-killed' | 'no-disk';

/** A line of the ledger: what a handler did, written before its worker heard of it. */
export interface LedgerLine {
  readonly event: 'start' | 'done';
  readonly job: string;
  readonly execution: string;
  readonly at: number;
}

/** A time in which the database or the way to it was broken for everybody. */
export interface Outage {
  readonly from: number;
  readonly to: number;
}

export interface Evidence {
  readonly jobs: readonly JobRow[];
  readonly executions: readonly ExecutionRow[];
  readonly audit: readonly AuditRow[];
  readonly ledger: readonly LedgerLine[];
  /** Jobs whose adding was acknowledged. */
  readonly promised: ReadonlySet<string>;
  readonly workers: ReadonlyMap<string, WorkerRecord>;
  readonly outages: readonly Outage[];
}

/** Jobs that end in `failed` by plan. */
const FAIL_FOR_GOOD = new Set(['fail', 'discard', 'exit', 'reject', 'hang', 'oom']);

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
  checkKeys(evidence.audit, say);
  checkLedger(evidence, say);
  checkExplained(evidence, say);
  return found;
}

type Say = (text: string) => void;

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
    if (row.was === 'locked' && row.was_execution !== null && !opened.has(row.was_execution))
      say(`job ${row.job_id} was locked by unknown execution ${row.was_execution}`);
    const spent = (row.now_retries ?? 0) - (row.was_retries ?? 0);
    if (row.was !== null && (spent < 0 || spent > 1 || (spent === 1 && row.was !== 'locked')))
      say(
        `job ${row.job_id} went from ${row.was_retries} to ${row.now_retries} retries (${row.was} to ${row.now})`,
      );
  }
  for (const id of opened) if (!closed.has(id)) say(`execution ${id} was never closed`);
}

/** At every moment: one locked job for each concurrency key, one unfinished job for each unique key. */
function checkKeys(audit: readonly AuditRow[], say: Say): void {
  const holders = new Map<string, string>();
  const change = (key: string, job: string, holds: boolean): void => {
    const holder = holders.get(key);
    if (!holds) {
      if (holder === job) holders.delete(key);
    } else if (holder !== undefined && holder !== job) say(`${key} held by ${holder} and ${job} at once`);
    else holders.set(key, job);
  };
  for (const row of audit) {
    if (row.kind !== 'job') continue;
    if (row.concurrency_key !== null)
      change(`concurrency key ${row.concurrency_key}`, row.job_id, row.now === 'locked');
    if (row.unique_key !== null)
      change(
        `unique key ${row.queue}/${row.unique_key}`,
        row.job_id,
        row.now === 'waiting' || row.now === 'locked',
      );
  }
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
    const frozen = workers.get(execution.instance_id)?.faults.has('paused') ?? false;
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

/** No attempt ended otherwise than its plan or the faults say. */
function checkExplained({ jobs, executions, workers, outages }: Evidence, say: Say): void {
  const plan = new Map(jobs.map((job) => [job.job_id, job.behaviour]));
  for (const execution of executions) {
    const behaviour = plan.get(execution.job_id) ?? '';
    const worker = workers.get(execution.instance_id);
    if (!worker) {
      say(`execution ${execution.execution_id} is of an unknown worker ${execution.instance_id}`);
      continue;
    }
    const reasons = EXPLAINED_BY[execution.failure_kind ?? 'none'];
    const outage = outages.some(
      ({ from, to }) => from <= (execution.finished ?? Number.POSITIVE_INFINITY) && to >= execution.started,
    );
    if (!reasons?.({ behaviour, worker, outage, message: execution.error_message ?? '' }))
      say(
        `not explained: job ${execution.job_id} (${behaviour}) ended ${execution.failure_kind} on ${execution.instance_id} [${[...worker.faults]}]: ${execution.error_message?.slice(0, 150)}`,
      );
  }
}

interface Case {
  readonly behaviour: string;
  readonly worker: WorkerRecord;
  readonly outage: boolean;
  readonly message: string;
}

const EXPLAINED_BY: Record<string, (what: Case) => boolean> = {
  none: () => true,
  error: ({ behaviour, worker }) =>
    ['fail', 'flaky', 'reject'].includes(behaviour) || (behaviour === 'big' && worker.faults.has('no-disk')),
  crashed: ({ behaviour, worker }) =>
    ['exit', 'oom', 'reject'].includes(behaviour) || worker.faults.has('child-killed'),
  timeout: ({ behaviour, worker }) => behaviour === 'hang' || worker.faults.has('paused'),
  discarded: ({ behaviour }) => behaviour === 'discard',
  snoozed: ({ behaviour }) => behaviour === 'snooze',
  released: ({ worker, outage, message }) =>
    worker.faults.has('cancelled') ||
    worker.faults.has('paused') ||
    worker.gaveUp ||
    outage ||
    // Jobs that waited behind longer ones go back to the others.
    /^Not started/.test(message),
  lost: ({ worker, outage }) =>
    worker.faults.has('killed') || worker.faults.has('cancelled') || worker.faults.has('paused') || outage,
};

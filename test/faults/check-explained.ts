import type { ExecutionRow } from './audit.ts';
import type { Say } from './check.ts';
import type { Evidence, WorkerRecord } from './evidence.ts';
import { meet, overlap } from './spans.ts';

/** What a job says that succeeded but had no room for its result: ENOTDIR is of the stand-in of a full disk. */
export const FULL_DISK = /could not be kept: .*(ENOSPC|ENOTDIR)/;

/** Locks hold for 30 s and are renewed every 10 s: they are not lost to less than this. */
const LOSING_MS = 10_000;

/** Attempts that spend a retry. */
const SPENDING = new Set(['error', 'crashed', 'timeout', 'lost']);

/** No attempt ended otherwise than its plan or the faults say, and no job was tried more often, or less, than it may. */
export function checkExplained(evidence: Evidence, say: Say): void {
  const { jobs, executions, workers, outages } = evidence;
  const plan = new Map(jobs.map((job) => [job.job_id, job.behaviour]));
  const spent = new Map<string, number>();
  const childDeaths = new Map<string, number>();
  for (const execution of executions) {
    const { job_id, failure_kind: kind, instance_id, started } = execution;
    const behaviour = plan.get(job_id) ?? '';
    const worker = workers.get(instance_id);
    if (!worker) {
      say(`execution ${execution.execution_id} is of an unknown worker ${instance_id}`);
      continue;
    }
    if (kind !== null && SPENDING.has(kind)) spent.set(job_id, (spent.get(job_id) ?? 0) + 1);
    const span = { from: started, to: execution.finished ?? Number.POSITIVE_INFINITY };
    const message = execution.error_message ?? '';
    if (kind === 'crashed' && !CRASHING.has(behaviour)) {
      childDeaths.set(instance_id, (childDeaths.get(instance_id) ?? 0) + 1);
    } else if (
      !EXPLAINED_BY[kind ?? 'none']?.({
        behaviour,
        worker,
        attempt: execution.attempt,
        message,
        frozen: worker.pauses.some((pause) => meet(pause, span)),
        outageMs: overlap(outages, span),
      })
    )
      say(`not explained: ${words(execution, behaviour, worker)}`);
  }
  for (const [instance, deaths] of childDeaths) {
    const kills = workers.get(instance)?.childKills ?? 0;
    if (deaths > kills)
      say(`${deaths} attempts crashed on ${instance}, where ${kills} processes were killed`);
  }
  for (const { job_id, status, behaviour, max_retries } of jobs) {
    const tries = spent.get(job_id) ?? 0;
    if (tries > max_retries + 1) say(`job ${job_id} was tried ${tries} times, with ${max_retries} retries`);
    if (status === 'failed' && behaviour !== 'discard' && tries !== max_retries + 1)
      say(`job ${job_id} was given up after ${tries} tries, with ${max_retries} retries`);
  }
}

const words = (execution: ExecutionRow, behaviour: string, worker: WorkerRecord): string =>
  `job ${execution.job_id} (${behaviour}) ended ${execution.failure_kind} on ${execution.instance_id} ${JSON.stringify({ ...facts(worker), started: execution.started, finished: execution.finished })}: ${execution.error_message?.slice(0, 150)}`;

const facts = ({ killed, cancelled, pauses, childKills, fullDisk, gaveUp, leftBehind }: WorkerRecord) => ({
  killed,
  cancelled,
  pauses,
  childKills,
  fullDisk,
  gaveUp,
  leftBehind,
});

interface Case {
  readonly behaviour: string;
  readonly worker: WorkerRecord;
  readonly attempt: number;
  readonly message: string;
  /** Its worker was, while it was open. */
  readonly frozen: boolean;
  /** For so long all were struck while it was open. */
  readonly outageMs: number;
}

/** Behaviours that kill their process. Other attempts crash as often as processes were killed by the test. */
const CRASHING = new Set(['exit', 'oom', 'reject']);

const EXPLAINED_BY: Readonly<Record<string, (what: Case) => boolean>> = {
  none: () => true,
  error: ({ behaviour, worker, attempt, message }) =>
    behaviour === 'fail' ||
    behaviour === 'reject' ||
    (behaviour === 'flaky' && attempt === 1) ||
    (behaviour === 'big' && worker.fullDisk && FULL_DISK.test(message)),
  crashed: ({ behaviour }) => CRASHING.has(behaviour),
  timeout: ({ behaviour }) => behaviour === 'hang',
  discarded: ({ behaviour }) => behaviour === 'discard',
  snoozed: ({ behaviour }) => behaviour === 'snooze',
  // Jobs that waited behind longer ones go back to the others.
  released: ({ worker, message }) => worker.cancelled || worker.gaveUp || /^Not started/.test(message),
  lost: ({ worker, frozen, outageMs }) =>
    worker.killed || worker.leftBehind || frozen || outageMs >= LOSING_MS,
};

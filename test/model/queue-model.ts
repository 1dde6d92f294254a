/**
 * The queue as a pure model: what the SQL functions do to jobs and executions, without a database. Time is a number that
 * the caller chooses. The exhaustive search runs this model through every interleaving; the property test compares it
 * with the real functions.
 */
export type Outcome = 'success' | 'failure' | 'discard' | 'snooze' | 'release';

export interface Job {
  status: 'waiting' | 'locked' | 'success' | 'failed';
  readonly maxRetries: number;
  retries: number;
  dueAt: number;
  /** The execution that holds the lock. */
  holder: number | null;
  lockUntil: number;
  cancelled: boolean;
}

export interface Execution {
  readonly job: number;
  readonly worker: number;
  /** The claim that made it. */
  readonly request: number;
  status: 'running' | 'success' | 'failed';
  kind: 'error' | 'discarded' | 'snoozed' | 'released' | 'lost' | 'cancelled' | null;
}

export interface Queue {
  readonly jobs: Job[];
  /** By number: they are never removed. */
  readonly executions: Map<number, Execution>;
}

/** The guards of the design. A variant without one of them must be caught by the search. */
export interface Guards {
  /** Finishing needs the lock: the execution is the one that the job is locked by. */
  readonly finishIsFenced: boolean;
  readonly renewIsFenced: boolean;
  /** Rescuing looks at the job's state again under its row lock, */
  readonly rescueChecksState: boolean;
  /** and at the expiry. */
  readonly rescueChecksExpiry: boolean;
  readonly lossSpendsRetry: boolean;
  /** A claim that is sent again gives what it holds. */
  readonly claimRemembers: boolean;
  /** A finish that is sent again gives the first answer. */
  readonly finishRemembers: boolean;
}

export const ALL_GUARDS: Guards = {
  finishIsFenced: true,
  renewIsFenced: true,
  rescueChecksState: true,
  rescueChecksExpiry: true,
  lossSpendsRetry: true,
  claimRemembers: true,
  finishRemembers: true,
};

export const jobOf = (queue: Queue, index: number): Job => {
  const job = queue.jobs[index];
  if (job === undefined) throw new Error(`The model has no job ${index}.`);
  return job;
};

const held = (queue: Queue, id: number): Job | null => {
  const execution = queue.executions.get(id);
  if (execution === undefined) return null;
  const job = jobOf(queue, execution.job);
  return job.status === 'locked' && job.holder === id ? job : null;
};

/** Executions that an earlier sending of this claim made; null where it has not been seen. */
export function remembered(queue: Queue, request: number, guards: Guards): number[] | null {
  if (!guards.claimRemembers) return null;
  const made = [...queue.executions].filter(([, execution]) => execution.request === request);
  return made.length === 0 ? null : made.map(([id]) => id).filter((id) => held(queue, id) !== null);
}

/** Locks a due job for a worker, as the execution `id`. */
export function take(
  queue: Queue,
  job: number,
  id: number,
  by: { worker: number; request: number },
  lockUntil: number,
): void {
  Object.assign(jobOf(queue, job), { status: 'locked', holder: id, lockUntil, cancelled: false });
  queue.executions.set(id, { job, ...by, status: 'running', kind: null });
}

/** @returns whether the lock is held by this execution, and so was renewed */
export function renew(queue: Queue, id: number, lockUntil: number, guards: Guards): boolean {
  const execution = queue.executions.get(id);
  const job = execution && jobOf(queue, execution.job);
  if (job?.status !== 'locked' || (guards.renewIsFenced && job.holder !== id)) return false;
  job.lockUntil = lockUntil;
  return true;
}

/**
 * Ends an attempt.
 * @param dueAt when the job is due again, where it is
 * @returns whether it is ended so, by this call or by an earlier one of this worker
 */
export function finish(queue: Queue, id: number, outcome: Outcome, dueAt: number, guards: Guards): boolean {
  const execution = queue.executions.get(id);
  if (execution === undefined) return false;
  const job = guards.finishIsFenced ? held(queue, id) : jobOf(queue, execution.job);
  if (job === null) {
    return guards.finishRemembers && execution.status !== 'running' && execution.kind !== 'lost';
  }
  const spent = job.retries >= job.maxRetries;
  if (outcome === 'success') end(job, execution, 'success', null);
  else if (job.cancelled) end(job, execution, 'failed', 'cancelled');
  else if (outcome === 'discard') end(job, execution, 'failed', 'discarded');
  else if (outcome === 'snooze') again(job, execution, 'snoozed', dueAt);
  else if (outcome === 'release') again(job, execution, 'released', dueAt);
  else if (spent) end(job, execution, 'failed', 'error');
  else retry(job, execution, 'error', dueAt);
  return true;
}

/** Ends the attempt of a worker that is taken for dead. `seen` is what an earlier look found to be expired. */
export function rescue(
  queue: Queue,
  index: number,
  seen: number | null,
  now: number,
  dueAt: number,
  guards: Guards,
): boolean {
  const job = jobOf(queue, index);
  if (guards.rescueChecksState && (job.status !== 'locked' || job.holder !== seen)) return false;
  if (guards.rescueChecksExpiry && job.lockUntil >= now) return false;
  const execution = seen === null ? undefined : queue.executions.get(seen);
  if (job.cancelled) end(job, execution, 'failed', 'lost');
  else if (!guards.lossSpendsRetry) again(job, execution, 'lost', dueAt);
  else if (job.retries >= job.maxRetries) end(job, execution, 'failed', 'lost');
  else retry(job, execution, 'lost', dueAt);
  return true;
}

function end(
  job: Job,
  execution: Execution | undefined,
  status: 'success' | 'failed',
  kind: Execution['kind'],
): void {
  Object.assign(job, { status, holder: null, cancelled: false });
  close(execution, status, kind);
}

function again(job: Job, execution: Execution | undefined, kind: Execution['kind'], dueAt: number): void {
  Object.assign(job, { status: 'waiting', holder: null, cancelled: false, dueAt });
  close(execution, 'failed', kind);
}

function retry(job: Job, execution: Execution | undefined, kind: Execution['kind'], dueAt: number): void {
  again(job, execution, kind, dueAt);
  job.retries += 1;
}

function close(
  execution: Execution | undefined,
  status: 'success' | 'failed',
  kind: Execution['kind'],
): void {
  if (execution?.status === 'running') Object.assign(execution, { status, kind });
}

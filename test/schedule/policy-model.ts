import { nextOccurrences } from '../../src/schedule/next-occurrence.ts';

/** A job as the model sees it. The model computes its history with croner; the database is compared with it. */
export interface ModelJob {
  readonly schedule: string;
  readonly timezone: string;
  readonly missed: 'once' | 'skip' | 'all';
  /** Milliseconds. */
  readonly grace: number;
}

export type Entry =
  | { readonly kind: 'run'; readonly scheduledFor: number; readonly startedAt: number }
  | { readonly kind: 'skipped'; readonly first: number; readonly last: number; readonly count: number };

const CAP = 100;

/** Occurrences in (after, until]. */
export function occurrences(job: ModelJob, after: number, until: number): number[] {
  const found: number[] = [];
  for (let from = after; ; from = found.at(-1) ?? until) {
    const some = nextOccurrences(job.schedule, job.timezone, new Date(from), 200).map(Number);
    found.push(...some.filter((at) => at <= until));
    if (some.length === 0 || (some.at(-1) ?? until) > until) return found;
  }
}

export function next1(job: ModelJob, after: number): number {
  const [next] = nextOccurrences(job.schedule, job.timezone, new Date(after), 1);
  if (!next) throw new Error(`${job.schedule} is never due`);
  return next.getTime();
}

export class PolicyModel {
  readonly job: ModelJob;
  readonly history: Entry[] = [];
  due: number;
  #lost: number | null = null;

  constructor(job: ModelJob, createdAt: number) {
    this.job = job;
    this.due = next1(job, createdAt);
  }

  /** A worker looks for work. @returns whether it gets the job */
  claim(now: number): boolean {
    if (this.#lost !== null) this.finish(this.#lost, now);
    this.#lost = null;
    if (this.job.missed === 'skip' && this.due < now - this.job.grace)
      this.#leaveOut(this.due, now - this.job.grace);
    if (this.due > now) return false;
    this.history.push({ kind: 'run', scheduledFor: this.due, startedAt: now });
    return true;
  }

  /** The worker of the run that was claimed at `startedAt` is dead: the next claim ends it. */
  lose(startedAt: number): void {
    this.#lost = startedAt;
  }

  /** The run that was claimed at `startedAt` is over for good. */
  finish(startedAt: number, now: number): void {
    const { job } = this;
    const next = next1(job, job.missed === 'once' ? Math.max(this.due, startedAt) : this.due);
    const over = this.due;
    this.due = next;
    if (job.missed === 'skip' && next < now - job.grace) this.#leaveOut(next, now - job.grace);
    if (job.missed === 'all') {
      const line = occurrences(job, over, now);
      const oldest = line.at(-CAP);
      if (line.length > CAP && oldest !== undefined) this.#leaveOut(next, oldest);
    }
  }

  /** Leaves out what is due from `first` on and before `end`. */
  #leaveOut(first: number, end: number): void {
    const out = occurrences(this.job, first - 1, end - 1);
    this.history.push({
      kind: 'skipped',
      first,
      last: out.at(-1) ?? first,
      count: Math.min(100, out.length),
    });
    this.due = next1(this.job, end - 1);
  }
}

import type { ClaimedJob } from '../queue/job.ts';

interface Buffered {
  readonly job: ClaimedJob;
  readonly claimedAt: number;
}

/** The jobs that a worker has claimed and not started, oldest claim first. */
export class JobBuffer {
  #jobs: Buffered[] = [];

  get size(): number {
    return this.#jobs.length;
  }

  get executionIds(): string[] {
    return this.#jobs.map(({ job }) => job.execution_id);
  }

  add(job: ClaimedJob, claimedAt: number): void {
    this.#jobs.push({ job, claimedAt });
  }

  /** Takes the job to start next. */
  take(): ClaimedJob | undefined {
    return this.#jobs.shift()?.job;
  }

  /** Takes out the jobs that were claimed before an instant. Costs one look if there are none. */
  takeClaimedBefore(instant: number): ClaimedJob[] {
    const first = this.#jobs[0];
    return first && first.claimedAt < instant ? this.#takeOut(({ claimedAt }) => claimedAt < instant) : [];
  }

  takeByExecution(executionIds: ReadonlySet<string>): ClaimedJob[] {
    return this.#takeOut(({ job }) => executionIds.has(job.execution_id));
  }

  takeAll(): ClaimedJob[] {
    return this.#takeOut(() => true);
  }

  #takeOut(isWanted: (buffered: Buffered) => boolean): ClaimedJob[] {
    const taken = this.#jobs.filter(isWanted);
    this.#jobs = this.#jobs.filter((buffered) => !isWanted(buffered));
    return taken.map(({ job }) => job);
  }
}

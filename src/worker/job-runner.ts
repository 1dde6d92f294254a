import { AbortReason, type Handler } from '../handlers/handler.ts';
import type { ClaimedJob } from '../queue/job.ts';
import { Attempt, type AttemptDeps } from './attempt.ts';
import type { EndedAttempt } from './exchange.ts';
import { finishItem } from './finish-item.ts';
import { JobBuffer } from './job-buffer.ts';
import { AttemptMemory } from './memory.ts';
import type { WorkerDeps } from './options.ts';

export interface JobRunnerDeps
  extends Pick<
    WorkerDeps,
    'handlers' | 'openOutput' | 'secret' | 'redact' | 'redactJson' | 'spill' | 'now' | 'queue'
  > {
  readonly instanceId: string;
  /** Whether the time budget of the run is over. */
  readonly isOver: () => boolean;
  readonly concurrency: number;
  readonly onEnded: (ended: EndedAttempt) => void;
}

/** Stands in for the handler of a job type that a newer release brings. */
const noHandler: Handler = async ({ job }) => ({
  outcome: 'failure',
  kind: 'error',
  message: `This version of cloud-jobs has no handler for the job type ${JSON.stringify(job.job_type)}.`,
});

/** Runs the jobs of a buffer, as many at the same time as it may. */
export class JobRunner {
  readonly buffer = new JobBuffer();
  readonly #deps: JobRunnerDeps;
  readonly #running = new Map<string, Attempt>();
  /** After `stop` no job is started. */
  #isStopped = false;

  constructor(deps: JobRunnerDeps) {
    this.#deps = deps;
  }

  get running(): Attempt[] {
    return [...this.#running.values()];
  }

  get runningCount(): number {
    return this.#running.size;
  }

  get isIdle(): boolean {
    return this.#running.size + this.buffer.size === 0;
  }

  startJobs(): void {
    while (!this.#isStopped && this.#running.size < this.#deps.concurrency) {
      const job = this.buffer.take();
      if (!job) return;
      this.#start(job);
    }
  }

  /** Stops all handlers, and starts no more. */
  stop(message: string): void {
    this.#isStopped = true;
    for (const attempt of this.#running.values()) attempt.stop(new AbortReason('shutdown', message));
  }

  /** Gives up the jobs whose handlers still run; their ends are ignored. */
  abandon(): ClaimedJob[] {
    const jobs = this.running.map(({ job }) => job);
    this.#running.clear();
    return jobs;
  }

  #start(job: ClaimedJob): void {
    const { handlers, openOutput, secret, redact, now, onEnded } = this.#deps;
    const handler = handlers[job.job_type] ?? noHandler;
    const recall: AttemptDeps['recall'] = (claimed, signal, stop) =>
      new AttemptMemory(claimed, this.#deps, signal, stop).recall();
    const attempt = new Attempt(job, { handler, output: openOutput(job), secret, redact, recall, now });
    this.#running.set(job.execution_id, attempt);
    void attempt.ended.then(async (ending) => {
      const finished = await finishItem(ending, this.#deps);
      if (!this.#running.delete(job.execution_id)) return;
      this.startJobs();
      onEnded({ attempt, ending, finished, at: now() });
    });
  }
}

import type { Handler } from '../handlers/handler.ts';
import type { ClaimedJob } from '../queue/job.ts';
import type { Queue } from '../queue/queue.ts';
import type { ClaimOptions } from './exchange.ts';
import type { JobOutput } from './job-output.ts';

export interface WorkerOptions extends ClaimOptions {
  /** Unique to this worker: repository, run id, run attempt and a random part. */
  readonly instanceId: string;
  /** Jobs that run at the same time, at least 1. */
  readonly concurrency: number;
  /** Stop claiming after this many jobs; null for no limit. */
  readonly maxJobs: number | null;
  /** Stop claiming after this long; jobs that run then may end. */
  readonly timeBudgetSeconds: number;
  /** Stay until stopped, and ask an empty queue in pauses of up to 15 s. Time budget and linger do not apply. */
  readonly watch?: boolean;
  /** How long to go on asking after the queue is empty; 0 to end at once. */
  readonly lingerSeconds: number;
}

/** A fault of the process that a worker runs in. The worker hands its jobs back, and the run counts as failed. */
export class HostFault extends Error {
  override readonly name = 'HostFault';
}

export interface WorkerDeps {
  readonly queue: Queue;
  readonly handlers: Readonly<Record<string, Handler>>;
  readonly openOutput: (job: ClaimedJob) => JobOutput;
  readonly redact: (text: string) => string;
  readonly redactJson: <Value>(value: Value) => Value;
  /** Masks a value from now on. Returns false if it is too long to be hidden. */
  readonly secret: (value: string) => boolean;
  /** Writes a result to a file that outlives the run; returns its absolute path. */
  readonly spill: (executionId: string, text: string) => Promise<string>;
  readonly warn: (message: string) => void;
  readonly newId: () => string;
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
  /** Aborts when the worker has to end: SIGINT, SIGTERM, or a fault of its host, which is then the reason. */
  readonly stop: AbortSignal;
  /** Aborts when the worker has to claim nothing more, and to end with the jobs that run. */
  readonly drain?: AbortSignal;
  /** Called whenever the worker looks after its work, every 5 s at least: a sign that it is alive. */
  readonly onTurn?: () => void;
  /** Who stopped the worker, as a sentence that jobs which are handed back keep. */
  readonly stopMessage?: () => string;
  /** Requests sent so far, for the report. */
  readonly requests: () => number;
}

import { AbortReason, type JobMemory, type WaitAnswer } from '../handlers/handler.ts';
import type { ClaimedJob } from '../queue/job.ts';
import type { Queue } from '../queue/queue.ts';
import type { Patience } from '../queue/rpc.ts';
import type { Fence, RecallReply, Wait } from '../queue/step-replies.ts';
import type { Json } from '../queue/types.ts';
import { storableJson } from '../text/storable.ts';
import { STEP_CALL } from './patience.ts';

export interface MemoryDeps {
  readonly queue: Pick<Queue, 'recall' | 'step' | 'wait'>;
  readonly instanceId: string;
  readonly redactJson: (value: Json) => Json;
  /** Whether the time budget of the run is over, so that jobs pause between steps. */
  readonly isOver: () => boolean;
}

const LOST = 'The job belongs to another worker by now: nothing of this attempt is stored.';

/** What one attempt knows of those before it, and stores for those after it. Fenced by its execution. */
export class AttemptMemory implements JobMemory {
  readonly #job: ClaimedJob;
  readonly #deps: MemoryDeps;
  readonly #fence: Fence;
  readonly #patience: Patience;
  readonly #stop: (reason: AbortReason) => void;
  #recalled: Pick<RecallReply, 'steps' | 'parents'> = { steps: [], parents: [] };

  /**
   * @param signal aborts when the attempt is stopped
   * @param stop ends the attempt if its lock turns out to be lost
   */
  constructor(job: ClaimedJob, deps: MemoryDeps, signal: AbortSignal, stop: (reason: AbortReason) => void) {
    this.#job = job;
    this.#deps = deps;
    this.#fence = { instanceId: deps.instanceId, jobId: job.job_id, executionId: job.execution_id };
    this.#patience = { ...STEP_CALL, signal };
    this.#stop = stop;
  }

  get steps(): RecallReply['steps'] {
    return this.#recalled.steps;
  }

  get parents(): RecallReply['parents'] {
    return this.#recalled.parents;
  }

  /** Reads what there is to know. A job without parents and steps costs no request. */
  async recall(): Promise<this> {
    if (!this.#job.has_parents && !this.#job.has_steps) return this;
    this.#recalled = this.#held(await this.#deps.queue.recall(this.#fence, this.#patience));
    return this;
  }

  mustPause(): boolean {
    return this.#deps.isOver();
  }

  async save(name: string, result: Json, seconds: number): Promise<Json> {
    const stored = storableJson(this.#deps.redactJson(result));
    return this.#held(await this.#deps.queue.step(this.#fence, name, stored, seconds, this.#patience)).result;
  }

  async wait(wait: Wait): Promise<WaitAnswer> {
    const details = storableJson(this.#deps.redactJson(wait.details ?? null));
    const reply = this.#held(await this.#deps.queue.wait(this.#fence, { ...wait, details }, this.#patience));
    return { done: reply.done, result: reply.result, waitSeconds: reply.wait_seconds };
  }

  /** @throws AbortReason if the lock is lost, which stops the attempt */
  #held<Reply extends { readonly held: boolean }>(reply: Reply): Reply {
    if (reply.held) return reply;
    const reason = new AbortReason('lost', LOST);
    this.#stop(reason);
    throw reason;
  }
}

import { AbortReason } from '../handlers/handler.ts';
import type { Progress } from '../queue/job.ts';
import type { Queue } from '../queue/queue.ts';
import { describeError } from '../text/describe-error.ts';
import type { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { storableProgress } from './finish-item.ts';
import type { JobRunner } from './job-runner.ts';
import { MAX_BATCH } from './limits.ts';

export interface HeartbeatDeps {
  readonly queue: Queue;
  readonly instanceId: string;
  readonly lockSeconds: number;
  readonly runner: JobRunner;
  readonly exchange: Exchange;
  /** Called after jobs were dropped that were not started. */
  readonly onDropped: () => void;
  readonly redact: (text: string) => string;
  readonly warn: (message: string) => void;
  readonly now: () => number;
}

/** How long progress and a cancel may take, as long as locks do not need more haste: 240 requests an hour. */
const BEAT_MS = 15_000;
/** The part of its time that a lock has left after a beat: one with more than two thirds left is not extended. */
const LEFT_AFTER_BEAT = 2 / 3;
/** Beats within the life of a lock, so that two lost requests do no harm. */
const BEATS_PER_LOCK = 3;

/** A request may take this long even if locks are short. */
const SHORTEST_TRY_MS = 1_500;

interface Beat {
  readonly gone: Set<string>;
  readonly cancelled: Set<string>;
}

/**
 * Tells the database every 15 s that the jobs of a worker are alive, with their progress, in one request for all. The
 * reply says which jobs were cancelled and which locks are gone. If the database cannot be reached for a whole lock
 * time, all locks count as gone: another worker may run the jobs by then.
 */
export class Heartbeat {
  readonly #deps: HeartbeatDeps;
  readonly #intervalMs: number;
  readonly #lockMs: number;
  /** When the locks were last known to be held. */
  #renewedAt: number;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps;
    this.#lockMs = deps.lockSeconds * 1000;
    this.#intervalMs = Math.min(BEAT_MS, this.#lockMs / BEATS_PER_LOCK);
    this.#renewedAt = deps.now();
  }

  start(): void {
    this.#timer = setTimeout(async () => {
      await this.#beat();
      if (!this.#isStopped) this.start();
    }, this.#intervalMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #beat(): Promise<void> {
    const { runner, exchange, now } = this.#deps;
    const asked = now();
    const { running } = runner;
    const items = [
      ...running.map((attempt) => this.#itemOf(attempt)),
      ...[...runner.buffer.executionIds, ...exchange.executionIds].map((id) => ({ execution_id: id })),
    ];
    let beat: Beat;
    try {
      beat = await this.#renew(items);
      this.#renewedAt = asked;
    } catch (error) {
      const left = this.#lockMs * LEFT_AFTER_BEAT - (now() - this.#renewedAt);
      this.#warn(error, left);
      if (left > 0) return;
      beat = { gone: new Set(items.map(({ execution_id }) => execution_id)), cancelled: new Set() };
    }
    this.#stopRunning(running, beat);
    this.#dropWaiting(beat);
  }

  /** Hands back what was not started and is cancelled, or held no more. */
  #dropWaiting({ gone, cancelled }: Beat): void {
    const { runner, exchange, onDropped } = this.#deps;
    const dropped = runner.buffer.takeByExecution(new Set([...gone, ...cancelled]));
    if (dropped.length === 0) return;
    exchange.handBack(dropped, 'Not started: it was cancelled, or its lock was lost.');
    onDropped();
  }

  #itemOf(attempt: Attempt): { execution_id: string; progress?: Progress } {
    const progress = attempt.takeProgress();
    return {
      execution_id: attempt.job.execution_id,
      ...(progress ? { progress: storableProgress(progress, this.#deps.redact) } : {}),
    };
  }

  async #renew(items: readonly { execution_id: string; progress?: Progress }[]): Promise<Beat> {
    const { queue, instanceId, lockSeconds } = this.#deps;
    const ms = this.#intervalMs;
    const patience = {
      networkMs: ms,
      serverMs: ms,
      doubtMs: ms,
      requestMs: Math.min(12_000, Math.max(SHORTEST_TRY_MS, ms)),
    };
    const beat: Beat = { gone: new Set(), cancelled: new Set() };
    for (let from = 0; from < items.length; from += MAX_BATCH) {
      const batch = items.slice(from, from + MAX_BATCH);
      const reply = await queue.renew(instanceId, batch, lockSeconds, patience);
      for (const item of reply.renewed) {
        if (!item.held) beat.gone.add(item.execution_id);
        if (item.cancel_requested) beat.cancelled.add(item.execution_id);
      }
    }
    return beat;
  }

  #stopRunning(running: readonly Attempt[], { gone, cancelled }: Beat): void {
    for (const attempt of running) {
      const id = attempt.job.execution_id;
      if (gone.has(id)) {
        const message = 'The lock of this job is gone; another worker may run it by now.';
        attempt.stop(new AbortReason('lost', message));
      } else if (cancelled.has(id)) {
        attempt.stop(new AbortReason('cancelled', 'The job was cancelled while it ran.'));
      }
    }
  }

  /** One lost beat does no harm, so a warning comes only when a good part of the lock time is over. */
  #warn(error: unknown, leftMs: number): void {
    if (leftMs > this.#lockMs / 3) return;
    const outlook =
      leftMs > 0 ? `They hold for another ${Math.round(leftMs / 1000)} s.` : 'They have expired.';
    this.#deps.warn(`The locks could not be renewed: ${describeError(error)} ${outlook}`);
  }
}

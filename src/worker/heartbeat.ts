import { AbortReason } from '../handlers/handler.ts';
import type { Progress } from '../queue/job.ts';
import type { Queue } from '../queue/queue.ts';
import { keepStart, storableText } from '../text/storable.ts';
import type { Attempt } from './attempt.ts';
import { MAX_BATCH } from './limits.ts';
import { storableProgress } from './settle.ts';

/** What the heartbeat looks after: every execution whose lock this worker holds. */
export interface Held {
  /** Claimed, not started. */
  readonly waiting: readonly string[];
  readonly running: readonly Attempt[];
  /** Ended, not recorded yet. */
  readonly ending: readonly string[];
}

export interface HeartbeatDeps {
  readonly queue: Queue;
  readonly instanceId: string;
  readonly lockSeconds: number;
  readonly held: () => Held;
  /** A claimed job that was not started belongs to somebody else now. */
  readonly dropWaiting: (executionIds: ReadonlySet<string>) => void;
  readonly redact: (text: string) => string;
  readonly warn: (message: string) => void;
  readonly now: () => number;
}

/** Locks are renewed this many times within their life, so that two lost requests do no harm. */
const BEATS_PER_LOCK = 3;

/**
 * Renews locks until stopped. The reply tells of cancels and of locks that are gone; where the database cannot be
 * reached for a whole lock time, the locks are taken for gone: another worker may run the jobs by then.
 * @returns stop, and beat for one renewal now
 */
export function startHeartbeat(deps: HeartbeatDeps): { stop(): void; beat(): Promise<void> } {
  const intervalMs = (deps.lockSeconds * 1000) / BEATS_PER_LOCK;
  let renewedAt = deps.now();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function beat(): Promise<void> {
    const asked = deps.now();
    const { waiting, running, ending } = deps.held();
    const items: { execution_id: string; progress?: Progress }[] = [
      ...running.map((attempt) => {
        const progress = attempt.takeProgress();
        return {
          execution_id: attempt.job.execution_id,
          ...(progress ? { progress: cleanProgress(progress, deps.redact) } : {}),
        };
      }),
      ...[...waiting, ...ending].map((id) => ({ execution_id: id })),
    ];
    if (items.length === 0) {
      renewedAt = asked;
      return;
    }
    const gone = new Set<string>();
    const cancelled = new Set<string>();
    try {
      for (let from = 0; from < items.length; from += MAX_BATCH) {
        const patience = { networkMs: intervalMs / 2, serverMs: intervalMs / 2 };
        const reply = await deps.queue.renew(
          deps.instanceId,
          items.slice(from, from + MAX_BATCH),
          deps.lockSeconds,
          patience,
        );
        for (const item of reply.renewed) {
          if (!item.held) gone.add(item.execution_id);
          if (item.cancel_requested) cancelled.add(item.execution_id);
        }
      }
      renewedAt = asked;
    } catch (error) {
      const left = deps.lockSeconds - (deps.now() - renewedAt) / 1000;
      deps.warn(
        `The locks could not be renewed: ${error instanceof Error ? error.message : String(error)} ${left > 0 ? `They hold for another ${Math.round(left)} s.` : 'They have expired.'}`,
      );
      if (left > 0) return;
      for (const item of items) gone.add(item.execution_id);
    }
    for (const attempt of running) {
      const id = attempt.job.execution_id;
      if (gone.has(id)) {
        attempt.stop(
          new AbortReason('lost', 'The lock of this job is gone; another worker may run it by now.'),
        );
      } else if (cancelled.has(id)) {
        attempt.stop(new AbortReason('cancelled', 'The job was cancelled while it ran.'));
      }
    }
    deps.dropWaiting(new Set([...gone, ...cancelled].filter((id) => waiting.includes(id))));
  }

  const schedule = (): void => {
    timer = setTimeout(async () => {
      await beat();
      if (!stopped) schedule();
    }, intervalMs);
  };
  schedule();

  return {
    beat,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function cleanProgress(progress: Progress, redact: (text: string) => string): Progress {
  return storableProgress(progress, (text, bytes) => keepStart(storableText(redact(text)), bytes));
}

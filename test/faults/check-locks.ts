import type { Say } from './check.ts';
import type { Evidence } from './evidence.ts';
import { overlap } from './spans.ts';

/**
 * What a tick is here: workers ask all the time, but pause for up to 5 s after an error, and one that starts on a busy
 * machine takes its time.
 */
export const TICK_MS = 10_000;

/** No attempt is called lost before its lock was over, and none is left for longer than a tick after. */
export function checkLocks(evidence: Evidence, say: Say): void {
  for (const { execution, lateMs, earlyMs } of expiredLocks(evidence)) {
    if (earlyMs > 0)
      say(`execution ${execution} was called lost ${Math.round(earlyMs)} ms before its lock was over`);
    if (lateMs > TICK_MS)
      say(`the lock of execution ${execution} was left ${Math.round(lateMs)} ms beyond its expiry`);
  }
}

/** Each lock that ran out, and how long after that it was there while nothing kept the workers from ending it. */
export function expiredLocks({ audit, executions, outages }: Evidence) {
  const lost = new Set(
    executions.flatMap(({ failure_kind, execution_id }) => (failure_kind === 'lost' ? [execution_id] : [])),
  );
  return audit.flatMap(({ was, was_execution: execution, was_expiry: over, at }) => {
    if (was !== 'locked' || execution === null || over === null || !lost.has(execution)) return [];
    const lateMs = Math.max(0, at - over - overlap(outages, { from: over, to: at }));
    return [{ execution, lateMs, earlyMs: over - at }];
  });
}

import { MAX_BATCH, MAX_IN_FLIGHT } from './limits.ts';

/** So much work is held ahead of the handlers: enough to hide a round trip, too little to hoard. */
const AHEAD_MS = 500;
/** Weight of the newest duration in the moving average. */
const WEIGHT = 0.2;

/**
 * How many jobs to hold, running and waiting together. Begins with one for each slot; grows for jobs that end within
 * milliseconds, so that a thousand of them need few calls; stays at the slots for long ones, which other workers
 * should get.
 */
export function createBatchSize(concurrency: number): { target(): number; record(durationMs: number): void } {
  let average: number | null = null;
  return {
    target: () => {
      if (average === null) return Math.min(concurrency, MAX_BATCH);
      const ahead = Math.floor((concurrency * AHEAD_MS) / Math.max(average, 0.1));
      return Math.max(Math.min(concurrency, MAX_BATCH), Math.min(ahead, MAX_BATCH * MAX_IN_FLIGHT));
    },
    record: (durationMs) => {
      average = average === null ? durationMs : average * (1 - WEIGHT) + durationMs * WEIGHT;
    },
  };
}

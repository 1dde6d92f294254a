import { BATCH_BYTES, MAX_BATCH, MAX_IN_FLIGHT } from './limits.ts';

/** So much work is held ahead of the handlers: enough to hide a round trip, too little to hoard. */
const AHEAD_MS = 500;
/** Weight of the newest job in the moving averages. */
const WEIGHT = 0.2;
/** About what a job is in a reply beside its config. */
const JOB_BYTES = 512;

export interface BatchSize {
  /** How many jobs to hold, running and waiting together. */
  target(): number;
  /** How many jobs one request may carry. */
  most(): number;
  /**
   * A job has ended.
   * @param durationMs how long it took
   * @param bytes of its config and its result
   */
  record(durationMs: number, bytes: number): void;
}

/**
 * Begins with one job for each slot; grows for jobs that end within milliseconds, so that a thousand of them need few
 * calls; stays at the slots for long ones, which other workers should get. Jobs with much to carry go in smaller
 * batches: what a worker holds in memory stays the same.
 */
export function createBatchSize(concurrency: number): BatchSize {
  let duration: number | null = null;
  let size = 0;
  const moved = (average: number | null, value: number): number =>
    average === null ? value : average * (1 - WEIGHT) + value * WEIGHT;
  const most = (): number => Math.max(1, Math.min(Math.floor(BATCH_BYTES / (JOB_BYTES + size)), MAX_BATCH));
  return {
    most,
    target: () => {
      const slots = Math.min(concurrency, MAX_BATCH);
      if (duration === null) return slots;
      const ahead = Math.floor((concurrency * AHEAD_MS) / Math.max(duration, 0.1));
      return Math.max(slots, Math.min(ahead, most() * MAX_IN_FLIGHT));
    },
    record: (durationMs, bytes) => {
      size = moved(duration === null ? null : size, bytes);
      duration = moved(duration, durationMs);
    },
  };
}

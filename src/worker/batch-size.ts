import { BATCH_BYTES, BATCHES_HELD, MAX_BATCH } from './limits.ts';

/** So much work is held ahead of the handlers: enough to hide a round trip, too little to hoard. */
const AHEAD_MS = 500;
/** Weight of the newest job in the moving averages. */
const WEIGHT = 0.2;
/** About what a job is in a reply beside its config. */
const JOB_BYTES = 512;
/** A worker has one request more under way for each of these in the round trip to its database, ... */
const ROUND_TRIP_MS = 25;
/** ... up to this many, beside its heartbeat. */
const MOST_IN_FLIGHT = 6;

export interface BatchSize {
  /** How many jobs to hold, running and waiting together. */
  target(): number;
  /** How many jobs one request may carry. */
  most(): number;
  /** How many requests may be under way: two, or more if the database is far away. */
  inFlight(): number;
  /**
   * A job has ended.
   * @param durationMs how long it took
   * @param bytes of its config and its result
   */
  record(durationMs: number, bytes: number): void;
  /** A request was answered after this long. The fastest one shows how far away the database is. */
  answered(durationMs: number): void;
}

/**
 * Begins with one job for each slot; grows for jobs that end within milliseconds, so that a thousand of them need few
 * calls; stays at the slots for long ones, which other workers should get. Jobs with much to carry go in smaller
 * batches, and so do those from a database far away, of which more are under way: what a worker holds in memory stays
 * the same.
 */
export function createBatchSize(concurrency: number): BatchSize {
  let duration: number | null = null;
  let size = 0;
  let roundTrip = Number.POSITIVE_INFINITY;
  const moved = (average: number | null, value: number): number =>
    average === null ? value : average * (1 - WEIGHT) + value * WEIGHT;
  const batch = (): number => Math.max(1, Math.min(Math.floor(BATCH_BYTES / (JOB_BYTES + size)), MAX_BATCH));
  const inFlight = (): number => {
    const far = Number.isFinite(roundTrip) ? Math.floor(roundTrip / ROUND_TRIP_MS) : 0;
    return Math.min(BATCHES_HELD + far, MOST_IN_FLIGHT);
  };
  return {
    inFlight,
    most: () => Math.ceil((batch() * BATCHES_HELD) / inFlight()),
    target: () => {
      const slots = Math.min(concurrency, MAX_BATCH);
      if (duration === null) return slots;
      const ahead = Math.floor((concurrency * AHEAD_MS) / Math.max(duration, 0.1));
      return Math.max(slots, Math.min(ahead, batch() * BATCHES_HELD));
    },
    record: (durationMs, bytes) => {
      size = moved(duration === null ? null : size, bytes);
      duration = moved(duration, durationMs);
    },
    answered: (durationMs) => {
      roundTrip = Math.min(roundTrip, durationMs);
    },
  };
}

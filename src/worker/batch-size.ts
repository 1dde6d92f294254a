import { BATCH_BYTES, MAX_BATCH } from './limits.ts';

/** How much work is held ahead of the handlers: enough to hide a round trip, too little to hoard. */
const AHEAD_MS = 500;
/** Weight of the newest job in the moving averages. */
const WEIGHT = 0.2;
/** About what a job is in a reply beside its config. */
const JOB_BYTES = 512;
/** A worker has one more request under way for each of these in the round trip to its database. */
const ROUND_TRIP_MS = 25;
/** The most requests under way, besides the heartbeat. */
const MOST_IN_FLIGHT = 6;
/** How many batches a worker holds that is near its database: it works on one while the database works on the other. */
const BATCHES_HELD = 2;

/**
 * Begins with one job for each slot; grows for jobs that end within milliseconds, so that a thousand of them need few
 * calls; stays at the slots for long ones, which other workers should get. Jobs with much to carry go in smaller
 * batches. Far away from the database more requests are under way, each with fewer jobs.
 */
export class BatchSize {
  readonly #concurrency: number;
  /** Moving averages over the jobs that ended; null before the first. */
  #average: { readonly durationMs: number; readonly bytes: number } | null = null;
  #roundTripMs = Number.POSITIVE_INFINITY;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  /** How many requests may be under way: two, or more if the database is far away. */
  get inFlight(): number {
    const far = Number.isFinite(this.#roundTripMs) ? Math.floor(this.#roundTripMs / ROUND_TRIP_MS) : 0;
    return Math.min(BATCHES_HELD + far, MOST_IN_FLIGHT);
  }

  /** How many jobs one request may carry. */
  get most(): number {
    return Math.ceil(this.#held / this.inFlight);
  }

  /** How many jobs to hold, running and waiting together. */
  get target(): number {
    const slots = Math.min(this.#concurrency, MAX_BATCH);
    if (this.#average === null) return slots;
    const ahead = Math.floor((this.#concurrency * AHEAD_MS) / Math.max(this.#average.durationMs, 0.1));
    return Math.max(slots, Math.min(ahead, this.#held));
  }

  /**
   * A job has ended.
   * @param durationMs how long it took
   * @param bytes of its config and its result
   */
  record(durationMs: number, bytes: number): void {
    const old = this.#average ?? { durationMs, bytes };
    const moved = (average: number, value: number): number => average * (1 - WEIGHT) + value * WEIGHT;
    this.#average = { durationMs: moved(old.durationMs, durationMs), bytes: moved(old.bytes, bytes) };
  }

  /** A request was answered after this long. The fastest one shows how far away the database is. */
  answered(durationMs: number): void {
    this.#roundTripMs = Math.min(this.#roundTripMs, durationMs);
  }

  /** The most jobs in hand: two batches, and half of one for each request that distance adds. */
  get #held(): number {
    return Math.ceil((this.#batch * (BATCHES_HELD + this.inFlight)) / 2);
  }

  get #batch(): number {
    const jobs = Math.floor(BATCH_BYTES / (JOB_BYTES + (this.#average?.bytes ?? 0)));
    return Math.max(1, Math.min(jobs, MAX_BATCH));
  }
}

import type { ClaimReply } from '../queue/replies.ts';
import { createBatchSize } from './batch-size.ts';

/** How long a finished attempt may wait to be recorded in a batch, unless enough for a request have come together. */
const FLUSH_MS = 200;
/** How often the queue is asked while jobs run and slots are free. */
const POLL_MS = 15_000;
/** After "no jobs, but there may be more", the first pause before the next claim. Each pause is twice the last. */
const MORE_FIRST_MS = 100;
/** How long such claims are repeated in all. The next run takes what is left then. */
const MORE_FOR_MS = 5_000;
/** A lingering worker's first pause before it asks an empty queue again. Each pause is 1.5 times the last. */
const LINGER_FIRST_MS = 2_000;
/** The longest pause of a lingering worker. */
const LINGER_MOST_MS = 60_000;

/** A worker that stays asks again after half a second, then half as long again each time, but at least every 15 s. */
const WATCH_FIRST_MS = 500;
const WATCH_MOST_MS = 15_000;
/** A job that becomes due is asked for this long after its time. */
const AFTER_DUE_MS = 100;

/** What a worker is busy with, in numbers. */
export interface InHand {
  readonly running: number;
  /** Claimed and not started. */
  readonly waiting: number;
  /** Asked for by claims that have not been answered. */
  readonly asked: number;
  /** Ended, and not on the way to the database. */
  readonly ended: number;
  /** When the first of them ended. */
  readonly oldestEnded: number;
}

/** When to ask the queue for jobs and how many, and when to record what has ended. Times in milliseconds of one clock. */
export interface Pace {
  /** Reports a job's duration and the size of its config and result. */
  ended(durationMs: number, bytes: number): void;
  /** A request was answered after this long. */
  requested(durationMs: number): void;
  /** How many requests may be under way. */
  readonly inFlight: number;
  /** Jobs were handed back because one ahead takes long: none is held ahead again before one has ended. */
  stall(): void;
  /** How many jobs to ask for, if the queue were asked now. */
  wanted(hand: InHand): number;
  /** A claim was answered. `held` counts the jobs in hand with those of the reply. */
  answered(claim: ClaimReply, limit: number, held: number, now: number): void;
  /** In how long to ask for jobs alone, without anything to record: 0 for now, Infinity for not before something happens. */
  claimDelay(hand: InHand, now: number): number;
  /** In how long to record what has ended. */
  recordDelay(hand: InHand, now: number): number;
  /** Due jobs may be left, though the last claims got none. */
  readonly mayBeLeft: boolean;
}

/**
 * @param concurrency jobs that run at the same time
 * @param lingerMs how long to go on asking an empty queue; 0 for not at all
 * @param isWatching asks an empty queue without an end, and more often
 */
export function createPace(concurrency: number, lingerMs: number, isWatching = false): Pace {
  const [first, most] = isWatching ? [WATCH_FIRST_MS, WATCH_MOST_MS] : [LINGER_FIRST_MS, LINGER_MOST_MS];
  const batchSize = createBatchSize(concurrency);
  let stalled = false;
  let nothingDue = false;
  /** The last claim got all that it asked for: there is likely more. */
  let plenty = false;
  let left = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  let more: { since: number; next: number; pause: number } | null = null;
  /** When the next job becomes due, by the reply of the last claim that got none. */
  let dueAt = Number.POSITIVE_INFINITY;
  let lingering: { readonly until: number; readonly pause: number } | null = null;

  return {
    ended: (durationMs, bytes) => {
      stalled = false;
      batchSize.record(durationMs, bytes);
    },
    requested: batchSize.answered,
    get inFlight() {
      return batchSize.inFlight();
    },
    stall: () => {
      stalled = true;
    },

    wanted: ({ running, waiting, asked }) => {
      const target = stalled ? concurrency : batchSize.target();
      return Math.max(0, Math.min(target - running - waiting - asked, batchSize.most()));
    },

    answered(claim, limit, held, now) {
      askedAt = now;
      plenty = claim.jobs.length === limit;
      left = claim.more || claim.behind;
      // Such work brings the jobs that are left nearer, so it pays to ask again at once.
      const advanced = claim.expired + claim.set_aside > 0;
      if (claim.jobs.length > 0 || !claim.more || advanced) {
        more = null;
        nothingDue = claim.jobs.length < limit && !claim.more;
      } else if (more && now - more.since > MORE_FOR_MS) {
        more = null;
        nothingDue = true;
      } else {
        const pause = more ? more.pause * 2 : MORE_FIRST_MS;
        more = { since: more?.since ?? now, pause, next: now + pause };
      }
      if (!nothingDue || held > 0) lingering = null;
      else if (lingering) lingering = { ...lingering, pause: Math.min(lingering.pause * 1.5, most) };
      else lingering = { until: isWatching ? Number.POSITIVE_INFINITY : now + lingerMs, pause: first };
      const due = claim.next_due_seconds;
      dueAt = typeof due === 'number' ? now + due * 1000 + AFTER_DUE_MS : Number.POSITIVE_INFINITY;
    },

    claimDelay({ running, waiting, asked }, now) {
      const held = running + waiting;
      // A second request beside one that has not been answered pays only where there is plenty.
      if (asked > 0 && !plenty) return Number.POSITIVE_INFINITY;
      if (more) return more.next - now;
      if (nothingDue && held > 0) return Math.min(askedAt + POLL_MS, dueAt) - now;
      if (nothingDue) {
        const again = lingering ? Math.min(askedAt + lingering.pause, dueAt) : Number.POSITIVE_INFINITY;
        return lingering && again <= lingering.until ? again - now : Number.POSITIVE_INFINITY;
      }
      const low = held < concurrency || held + asked <= batchSize.target() * (1 - 1 / batchSize.inFlight());
      return low ? 0 : Number.POSITIVE_INFINITY;
    },

    recordDelay({ running, waiting, ended, oldestEnded }, now) {
      if (ended === 0) return Number.POSITIVE_INFINITY;
      if (ended >= batchSize.most() / 2) return 0;
      return running + waiting === 0 ? 0 : oldestEnded + FLUSH_MS - now;
    },

    get mayBeLeft() {
      return left;
    },
  };
}

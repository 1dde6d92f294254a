import type { ClaimReply } from '../queue/replies.ts';
import { BatchSize } from './batch-size.ts';

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
export class Pace {
  readonly #concurrency: number;
  readonly #lingerMs: number;
  readonly #isWatching: boolean;
  readonly #batchSize: BatchSize;
  #isStalled = false;
  /** The last claim found the end of the queue. */
  #isNothingDue = false;
  /** The last claim got all that it asked for: there is likely more. */
  #isPlenty = false;
  #mayBeLeft = false;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Set while claims get nothing although there may be more. */
  #more: { readonly since: number; readonly next: number; readonly pause: number } | null = null;
  /** When the next job becomes due, by the reply of the last claim that got none. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** Set while an empty queue is asked again. */
  #lingering: { readonly until: number; readonly pause: number } | null = null;

  /**
   * @param concurrency jobs that run at the same time
   * @param lingerMs how long to go on asking an empty queue; 0 for not at all
   * @param isWatching asks an empty queue without an end, and more often
   */
  constructor(concurrency: number, lingerMs: number, isWatching = false) {
    this.#concurrency = concurrency;
    this.#lingerMs = lingerMs;
    this.#isWatching = isWatching;
    this.#batchSize = new BatchSize(concurrency);
  }

  /** How many requests may be under way. */
  get inFlight(): number {
    return this.#batchSize.inFlight;
  }

  /** Due jobs may be left, though the last claims got none. */
  get mayBeLeft(): boolean {
    return this.#mayBeLeft;
  }

  /** Reports a job's duration and the size of its config and result. */
  ended(durationMs: number, bytes: number): void {
    this.#isStalled = false;
    this.#batchSize.record(durationMs, bytes);
  }

  /** A request was answered after this long. */
  requested(durationMs: number): void {
    this.#batchSize.answered(durationMs);
  }

  /** Jobs were handed back because one ahead takes long: none is held ahead again before one has ended. */
  stall(): void {
    this.#isStalled = true;
  }

  /** How many jobs to ask for, if the queue were asked now. */
  wanted({ running, waiting, asked }: InHand): number {
    const target = this.#isStalled ? this.#concurrency : this.#batchSize.target;
    return Math.max(0, Math.min(target - running - waiting - asked, this.#batchSize.most));
  }

  /** A claim was answered. `held` counts the jobs in hand with those of the reply. */
  answered(claim: ClaimReply, limit: number, held: number, now: number): void {
    this.#askedAt = now;
    this.#isPlenty = claim.jobs.length === limit;
    this.#mayBeLeft = claim.more || claim.behind;
    // Such work brings the jobs that are left nearer, so it pays to ask again at once.
    const hasAdvanced = claim.expired + claim.set_aside > 0;
    const more = this.#more;
    if (claim.jobs.length > 0 || !claim.more || hasAdvanced) {
      this.#more = null;
      this.#isNothingDue = claim.jobs.length < limit && !claim.more;
    } else if (more && now - more.since > MORE_FOR_MS) {
      this.#more = null;
      this.#isNothingDue = true;
    } else {
      const pause = more ? more.pause * 2 : MORE_FIRST_MS;
      this.#more = { since: more?.since ?? now, pause, next: now + pause };
    }
    this.#lingering = this.#isNothingDue && held === 0 ? this.#linger(now) : null;
    const due = claim.next_due_seconds;
    this.#dueAt = typeof due === 'number' ? now + due * 1000 + AFTER_DUE_MS : Number.POSITIVE_INFINITY;
  }

  /** In how long to ask for jobs alone, without anything to record: 0 for now, Infinity for not before something happens. */
  claimDelay({ running, waiting, asked }: InHand, now: number): number {
    const held = running + waiting;
    // A second request beside one that has not been answered pays only where there is plenty.
    if (asked > 0 && !this.#isPlenty) return Number.POSITIVE_INFINITY;
    if (this.#more) return this.#more.next - now;
    if (this.#isNothingDue && held > 0) return Math.min(this.#askedAt + POLL_MS, this.#dueAt) - now;
    if (this.#isNothingDue) {
      if (this.#lingering === null) return Number.POSITIVE_INFINITY;
      const again = Math.min(this.#askedAt + this.#lingering.pause, this.#dueAt);
      return again <= this.#lingering.until ? again - now : Number.POSITIVE_INFINITY;
    }
    const { target, inFlight } = this.#batchSize;
    const isLow = held < this.#concurrency || held + asked <= target * (1 - 1 / inFlight);
    return isLow ? 0 : Number.POSITIVE_INFINITY;
  }

  /** In how long to record what has ended. */
  recordDelay({ running, waiting, ended, oldestEnded }: InHand, now: number): number {
    if (ended === 0) return Number.POSITIVE_INFINITY;
    if (ended >= this.#batchSize.most / 2) return 0;
    return running + waiting === 0 ? 0 : oldestEnded + FLUSH_MS - now;
  }

  #linger(now: number): { readonly until: number; readonly pause: number } {
    const [first, most] = this.#isWatching
      ? [WATCH_FIRST_MS, WATCH_MOST_MS]
      : [LINGER_FIRST_MS, LINGER_MOST_MS];
    const lingering = this.#lingering;
    if (lingering) return { ...lingering, pause: Math.min(lingering.pause * 1.5, most) };
    return { until: this.#isWatching ? Number.POSITIVE_INFINITY : now + this.#lingerMs, pause: first };
  }
}

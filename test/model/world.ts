/** Workers, a network that loses, delays and doubles, and a clock that may let any lock expire at any moment. */
import type { Outcome, Queue } from './queue-model.ts';

export type Request =
  | { readonly kind: 'claim'; readonly id: number }
  | { readonly kind: 'renew'; readonly execution: number }
  | { readonly kind: 'finish'; readonly execution: number; readonly outcome: Outcome };

export interface Worker {
  /** Of its own: what takes the place of a dead worker has another. */
  name: number;
  /** The attempt whose handler runs here. */
  running: number | null;
  /** Sent, and sent again until there is a reply. */
  awaits: Request | null;
}

/** A request under way: one that is awaited, an older one that comes late, or one of a worker that is dead by now. */
export interface Message {
  readonly from: number;
  readonly request: Request;
}

export interface World {
  readonly queue: Queue;
  readonly workers: readonly Worker[];
  readonly network: Message[];
  /** A rescuer that has looked and not acted yet: what it saw of each job. */
  readonly seen: (number | null | undefined)[];
  /** How many attempts of each job ended other than by a release. */
  readonly spent: number[];
  /**
   * How many more faults may happen, of any kind: a worker dies, hands its attempt back or renews its lock, a request is
   * under way twice at once, a lock expires though its worker is alive. Replies are lost without end.
   */
  faultsLeft: number;
  nextId: number;
}

/** Every lock counts as good until this moment, where the clock stands at 0, or as expired. */
export const GOOD = 1;
export const EXPIRED = -1;
export const NOW = 0;
/**
 * Holds what a claim has taken that came late: its worker sent it twice, and the other copy found nothing. Such a lock
 * is freed by its expiry and costs the job a retry. To remember every claim that found nothing would cost a write for
 * each look at an empty queue.
 */
export const NOBODY = 0;

export function firstWorld(jobs: number, workers: number, maxRetries: number, faultsLeft: number): World {
  return {
    queue: {
      jobs: Array.from({ length: jobs }, () => ({
        status: 'waiting' as const,
        maxRetries,
        retries: 0,
        dueAt: NOW,
        holder: null,
        lockUntil: GOOD,
        cancelled: false,
      })),
      executions: new Map(),
    },
    workers: Array.from({ length: workers }, (_, index) => ({
      name: -1 - index,
      running: null,
      awaits: null,
    })),
    network: [],
    seen: Array.from({ length: jobs }, () => undefined),
    spent: Array.from({ length: jobs }, () => 0),
    faultsLeft,
    nextId: 1,
  };
}

export function copy(world: World): World {
  return {
    queue: {
      jobs: world.queue.jobs.map((job) => ({ ...job })),
      executions: new Map([...world.queue.executions].map(([id, execution]) => [id, { ...execution }])),
    },
    workers: world.workers.map((worker) => ({ ...worker })),
    network: [...world.network],
    seen: [...world.seen],
    spent: [...world.spent],
    faultsLeft: world.faultsLeft,
    nextId: world.nextId,
  };
}

export const workerOf = (world: World, index: number): Worker => {
  const worker = world.workers[index];
  if (worker === undefined) throw new Error(`The model has no worker ${index}.`);
  return worker;
};

export const same = (a: Request, b: Request): boolean =>
  a.kind === b.kind &&
  (a.kind === 'claim'
    ? a.id === (b as typeof a).id
    : a.execution === (b as typeof a).execution &&
      (a.kind !== 'finish' || a.outcome === (b as typeof a).outcome));

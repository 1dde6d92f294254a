import { sendRequests } from '../../test/support/extensions.ts';
import type { ClockedDatabase } from './place.ts';

/** A job that somebody adds. */
export interface Added {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly seconds: number;
}

/** The time of a simulated month. It moves by statements alone, and what happens by itself happens on the way. */
export interface Passage {
  /** Milliseconds since 1970. */
  now(): number;
  /** Moves on, at most until then, and stops where something happened. */
  step(until: number): Promise<void>;
  /** Moves on until then, through whatever happens. */
  to(until: number): Promise<void>;
}

const MINUTES_AT_ONCE = 15 * 60_000;

/**
 * @param wake whether the database looks for work each minute and calls GitHub
 * @param on what happens by itself, at the time that it is: a job is added, and GitHub was called
 */
export async function createPassage(
  db: ClockedDatabase,
  start: number,
  wake: boolean,
  added: readonly Added[],
  on: { readonly add: (job: Added) => Promise<void>; readonly called: () => void },
): Promise<Passage> {
  const coming = [...added];
  let now = start;
  const setClock = (at: number) => db.sql('update clock.hand set at = $1', [new Date(at)]);
  await setClock(now);

  async function step(until: number): Promise<void> {
    const next = Math.min(until, coming[0]?.at ?? until);
    if (wake) {
      // The rows that a minute rewrites can be cleaned up only between statements.
      const stop = Math.min(next, now + MINUTES_AT_ONCE);
      const [row] = await db.sql<{ called: Date | null }>('select clock.pass_minutes($1) as called', [
        new Date(stop),
      ]);
      now = row?.called?.getTime() ?? stop;
      if (row?.called) {
        await sendRequests(db);
        on.called();
        return;
      }
    } else {
      await setClock(next);
      now = next;
    }
    const job = coming[0];
    if (job === undefined || job.at > now) return;
    coming.shift();
    await on.add(job);
  }

  return {
    now: () => now,
    step,
    async to(until) {
      while (now < until) await step(until);
    },
  };
}

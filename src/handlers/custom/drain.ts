import { setTimeout as sleep } from 'node:timers/promises';
import type { Changes } from '../../changes.ts';

const LOOK_EVERY_MS = 1_000;
/** Looks in a row at which nothing new had come. */
const QUIET_LOOKS = 5;

/**
 * Waits until output has arrived whole. Gives up only when nothing came for five looks in a row: on a busy machine, on
 * which the looks come late and the bytes too, nothing is lost.
 * @param received The bytes received so far.
 * @returns Whether the output is whole.
 */
export async function drained(
  changes: Changes,
  isWhole: () => boolean,
  received: () => number,
): Promise<boolean> {
  let before = received();
  for (let quiet = 0; quiet < QUIET_LOOKS; ) {
    if (await changes.until(isWhole, LOOK_EVERY_MS)) return true;
    // What came in meanwhile is read before the next look.
    await sleep(1);
    quiet = received() === before ? quiet + 1 : 0;
    before = received();
  }
  return isWhole();
}

/** What a job's output says when some of it may not have come. */
export const OUTPUT_MISSING =
  'cloud-jobs: the output of this job may not be whole: a process that it started still holds its output open, or it closed it.';

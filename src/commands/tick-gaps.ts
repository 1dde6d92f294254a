import { nextOccurrences } from '../schedule/next-occurrence.ts';
import { type TickGaps, tickGaps } from './liveness.ts';

const QUARTER_HOUR_MS = 900_000;
/** How far the zones of the world are ahead of UTC. */
const AHEAD_MS = Array.from({ length: 4 * 26 + 1 }, (_, quarter) => (quarter - 4 * 12) * QUARTER_HOUR_MS);
const MOST_OCCURRENCES = 20_000;
const CHUNK = 500;

/**
 * The gaps between the ticks of a schedule of GitHub.
 *
 * GitHub names the cron expression that started a run, but not the `timezone` beside it in the workflow. So ticks are
 * late only if they would be in every time zone, and the gaps are those of the zone that the ticks fit best.
 * @returns null if there are too few ticks, or if the schedule cannot be read
 */
export function gapsOf(schedule: string, ticks: readonly string[]): TickGaps | null {
  const times = ticks.map((tick) => Date.parse(tick));
  if (times.length < 2) return null;
  const due = occurrences(
    schedule,
    Math.min(...times) + Math.min(...AHEAD_MS),
    Math.max(...times) + Math.max(...AHEAD_MS),
  );
  if (due === null) return null;
  let best: TickGaps | null = null;
  for (const ahead of AHEAD_MS) {
    // The clock on the wall of a zone reads so much more than UTC.
    const upTo = (at: Date): number => countUpTo(due, at.getTime() + ahead);
    const gaps = tickGaps(ticks, (after, until) => upTo(until) - upTo(after));
    if (gaps === null || !gaps.late) return gaps;
    if (best === null || gaps.wanted > best.wanted) best = gaps;
  }
  return best;
}

/** When the schedule is due by a clock without changes; null if it cannot be read, or is due too often to tell. */
function occurrences(schedule: string, after: number, until: number): number[] | null {
  const found: number[] = [];
  try {
    while (found.length < MOST_OCCURRENCES) {
      const next = nextOccurrences(schedule, 'UTC', new Date(found.at(-1) ?? after), CHUNK).map(Number);
      found.push(...next);
      if (next.length < CHUNK || (next.at(-1) ?? until) >= until) return found;
    }
  } catch {
    // GitHub accepts more than croner. That is not worth a failed run.
  }
  return null;
}

/** How many of the ascending times are not later than a moment. */
function countUpTo(times: readonly number[], moment: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= moment) low = middle + 1;
    else high = middle;
  }
  return low;
}

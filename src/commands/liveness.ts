import { duration, plural } from '../text/format.ts';

/** A longer time without any worker is worth a warning, unless the caller says otherwise. */
export const SILENCE_MINUTES = 360;

const DAY_SECONDS = 86_400;
/**
 * GitHub switches off the schedules of a public repository after this many days without activity.
 * Source: https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#schedule
 */
const SWITCH_OFF_DAYS = 60;
const WARN_AFTER_DAYS = 45;
/** Fewer ticks say little about a schedule. */
const LEAST_TICKS = 4;
/** A gap is reported if it is longer than this and this many ticks are missing in it. */
const LATE_SECONDS = 900;
const LATE_MISSED = 5;

export interface TickGaps {
  /** Ticks that came. */
  readonly ticks: number;
  /** Average of the gaps between them, in seconds. */
  readonly average: number;
  readonly longest: number;
  /** Average gap that the schedule asks for, over the same time. */
  readonly wanted: number;
  readonly late: boolean;
}

/**
 * How the ticks of a schedule came: late where fewer than half came, or many in a row did not. Null where there are too few to tell.
 * @param ticks when the runs began, in any order
 * @param countOccurrences how many times the schedule is due after one moment and up to another
 */
export function tickGaps(
  ticks: readonly string[],
  countOccurrences: (after: Date, until: Date) => number,
): TickGaps | null {
  const times = ticks.map((tick) => Date.parse(tick)).sort((a, b) => a - b);
  const [first, last] = [times[0], times.at(-1)];
  if (first === undefined || last === undefined || times.length < LEAST_TICKS) return null;
  const span = (last - first) / 1000;
  const gaps = times.slice(1).map((time, index) => {
    const from = times[index] ?? time;
    return { seconds: (time - from) / 1000, due: countOccurrences(new Date(from), new Date(time)) };
  });
  const due = Math.max(
    1,
    gaps.reduce((sum, gap) => sum + gap.due, 0),
  );
  const late = gaps.some((gap) => gap.seconds > LATE_SECONDS && gap.due > LATE_MISSED);
  return {
    ticks: times.length,
    average: span / gaps.length,
    longest: Math.max(...gaps.map((gap) => gap.seconds)),
    wanted: span / due,
    late: late || due >= 2 * gaps.length,
  };
}

export const gapWords = (schedule: string, gaps: TickGaps): string =>
  `The last ${plural(gaps.ticks, 'tick')} of the schedule ${schedule} came every ${duration(gaps.average)} on average, the longest gap was ${duration(gaps.longest)}; it asks for one every ${duration(gaps.wanted)}.`;

export const LATE_ADVICE =
  'Nothing is lost: due jobs wait. GitHub delays schedules as it likes; docs/guides/waking.md says how to be woken by the database.';

/** @param silentSeconds since any worker was seen. @returns null where it is within the limit */
export function silence(silentSeconds: number, limitSeconds: number): string | null {
  return silentSeconds > limitSeconds ? `No worker had been seen for ${duration(silentSeconds)}.` : null;
}

/**
 * Whether GitHub is about to switch off the schedules of a repository. Null where it is not, or never does.
 * @param about of a private repository nothing is said: GitHub documents it for public ones
 */
export function switchOff(
  about: { readonly isPrivate: boolean; readonly pushedAt: string | null },
  now: Date,
): string | null {
  if (about.isPrivate || about.pushedAt === null) return null;
  const days = Math.floor((now.getTime() - Date.parse(about.pushedAt)) / 1000 / DAY_SECONDS);
  if (days < WARN_AFTER_DAYS) return null;
  const left = SWITCH_OFF_DAYS - days;
  return `Nothing has been pushed to this public repository for ${plural(days, 'day')}; GitHub switches schedules off after ${SWITCH_OFF_DAYS} without activity${left > 0 ? `, in ${plural(left, 'day')}` : ''}.`;
}

export const SWITCH_OFF_ADVICE =
  'Push something, or let run do it with keepalive: true (docs/guides/workers.md).';

/** Durations, moments and counts as people read them. */
import type { Progress } from '../queue/job.ts';

/** A duration: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 days`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  // Rounded first: 59.6 s is a minute, and no part of a time is ever 60.
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return parts(Math.floor(whole / 60), 'min', whole % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return parts(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  return `${Math.round(minutes / (24 * 60))} days`;
}

function parts(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/**
 * A moment as seen from now: `in 4 min (12:34 UTC)`, `3 h ago (2026-01-31 09:00 UTC)`.
 * @param zone of the job's schedule, whose time is shown beside UTC
 */
export function moment(iso: string | null | undefined, now: Date, zone: string | null = null): string {
  if (!iso) return '';
  const at = new Date(iso);
  // Postgres has 'infinity' and years that Date does not.
  if (Number.isNaN(at.getTime())) return iso;
  const seconds = (at.getTime() - now.getTime()) / 1000;
  const clock = clockTime(iso, now, zone);
  if (Math.abs(seconds) < 5) return `now (${clock})`;
  return seconds > 0 ? `in ${duration(seconds)} (${clock})` : `${duration(-seconds)} ago (${clock})`;
}

/** A moment by the clock: `12:34 UTC`, `2026-01-31 13:34 Europe/Berlin, 12:34 UTC`. */
export function clockTime(iso: string, now: Date, zone: string | null = null): string {
  if (Number.isNaN(Date.parse(iso))) return iso;
  const local = zone === null || zone === 'UTC' ? null : localTime(new Date(iso), zone);
  if (zone === null || local === null) return `${stamp(iso, now)} UTC`;
  const sameDay = new Date(`${local.slice(0, 10)}T12:00:00Z`);
  return `${stamp(iso, now, zone)} ${zone}, ${stamp(iso, sameDay)} UTC`;
}

/** A moment in a time zone, without the day if it is the day of `now`: `12:34`, `2026-01-31 09:00`. */
export function stamp(iso: string, now: Date, zone = 'UTC'): string {
  const at = new Date(iso);
  const local = localTime(at, zone) ?? localTime(at, 'UTC') ?? iso;
  const today = localTime(now, zone) ?? localTime(now, 'UTC') ?? '';
  return local.slice(0, 10) === today.slice(0, 10) ? local.slice(11) : local;
}

/** How a queue is paused: `paused until 12:34 UTC: the server is down`. Null if it is not. */
export function pauseWords(
  paused: boolean,
  until: string | null,
  reason: string | null,
  now: Date,
): string | null {
  if (!paused && until === null) return null;
  const end = paused || until === null ? '' : ` until ${clockTime(until, now)}`;
  return `paused${end}${reason === null ? '' : `: ${reason}`}`;
}

/** `2026-01-31 13:34` in a time zone; null if the zone or the moment is not known. */
function localTime(at: Date, zone: string): string | null {
  try {
    return new Intl.DateTimeFormat('sv-SE', {
      timeZone: zone,
      dateStyle: 'short',
      timeStyle: 'short',
    }).format(at);
  } catch {
    return null;
  }
}

/** `1 job`, `3 jobs`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** How far a job is: `3 of 10: reading rows`, `3`. Empty if nothing was reported. */
export function progressInWords(progress: Progress | null): string {
  if (progress === null) return '';
  const { done, total, note } = progress;
  return `${done}${total === undefined ? '' : ` of ${total}`}${note ? `: ${note}` : ''}`;
}

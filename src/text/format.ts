import type { Progress } from '../queue/job.ts';

/** A duration for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 days`. */
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

/** A moment as seen from now: `in 4 min (12:34 UTC)`, `3 h ago (2026-01-31 09:00 UTC)`. */
export function moment(iso: string | null | undefined, now: Date): string {
  if (!iso) return '';
  const at = new Date(iso);
  // Postgres knows 'infinity' and years that Date does not.
  if (Number.isNaN(at.getTime())) return iso;
  const seconds = (at.getTime() - now.getTime()) / 1000;
  const clock = `${stamp(iso, now)} UTC`;
  if (Math.abs(seconds) < 5) return `now (${clock})`;
  return seconds > 0 ? `in ${duration(seconds)} (${clock})` : `${duration(-seconds)} ago (${clock})`;
}

/** A moment in UTC, without the day where that is today's: `12:34`, `2026-01-31 09:00`. */
export function stamp(iso: string, now: Date): string {
  const [day = '', time = ''] = new Date(iso).toISOString().split('T');
  const minute = time.slice(0, 5);
  return day === now.toISOString().slice(0, 10) ? minute : `${day} ${minute}`;
}

/** `1 job`, `3 jobs`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** How far a job is: `3 of 10: reading rows`, `3`. Empty where nothing was reported. */
export function progressInWords(progress: Progress | null): string {
  if (progress === null) return '';
  const { done, total, note } = progress;
  return `${done}${total === undefined ? '' : ` of ${total}`}${note ? `: ${note}` : ''}`;
}

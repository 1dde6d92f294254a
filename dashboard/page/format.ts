/** Numbers, durations and times as the page shows them. */

const number = new Intl.NumberFormat('en');

export const count = (value: number): string => number.format(value);

/** `850 ms`, `12 s`, `4 min 10 s`, `3 h 5 min`, `2 d 4 h`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const parts: [number, string][] = [
    [Math.floor(whole / 86400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** `in 4 min`, `2 h ago`, `now`; the difference to `now`. */
export function relative(at: string | null | undefined, now: number = Date.now()): string {
  if (!at) return '–';
  const seconds = (Date.parse(at) - now) / 1000;
  if (Number.isNaN(seconds)) return at;
  if (Math.abs(seconds) < 1) return 'now';
  const text = duration(Math.max(1, Math.round(Math.abs(seconds))));
  const short = text
    .split(' ')
    .slice(0, 2)
    .join(' ')
    .replace(/\.0 s$/, ' s');
  return seconds > 0 ? `in ${short}` : `${short} ago`;
}

/** Date and time in a zone, or in the browser's: `2026-11-27 18:05:09`. */
export function instant(at: string | null | undefined, timeZone?: string | null): string {
  if (!at) return '–';
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const parts = new Intl.DateTimeFormat('sv-SE', {
    dateStyle: 'short',
    timeStyle: 'medium',
    ...(timeZone ? { timeZone } : {}),
  });
  return parts.format(date);
}

/** `1 job`, `3 jobs`. */
export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${count(n)} ${n === 1 ? one : many}`;

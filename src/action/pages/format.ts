/** A duration for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 days`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (seconds < 3600) {
    const rest = Math.round(seconds - minutes * 60);
    return rest > 0 && rest < 60 ? `${minutes} min ${rest} s` : `${minutes} min`;
  }
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) {
    const rest = Math.round((seconds - hours * 3600) / 60);
    return rest > 0 && rest < 60 ? `${hours} h ${rest} min` : `${hours} h`;
  }
  return `${Math.round(hours / 24)} days`;
}

/** A moment as seen from now: `in 4 min (12:34 UTC)`, `3 h ago (2026-01-31 09:00 UTC)`. */
export function moment(iso: string | null | undefined, now: Date): string {
  if (!iso) return '';
  const at = new Date(iso);
  const seconds = (at.getTime() - now.getTime()) / 1000;
  const stamp = at.toISOString();
  const sameDay = stamp.slice(0, 10) === now.toISOString().slice(0, 10);
  const clock = sameDay ? `${stamp.slice(11, 16)} UTC` : `${stamp.slice(0, 10)} ${stamp.slice(11, 16)} UTC`;
  if (Math.abs(seconds) < 5) return `now (${clock})`;
  return seconds > 0 ? `in ${duration(seconds)} (${clock})` : `${duration(-seconds)} ago (${clock})`;
}

/** `1 job`, `3 jobs`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

import type { ExecutionRow, JobRow } from '../queue/job.ts';
import { duration, stamp } from '../text/format.ts';
import { nextOccurrences } from './next-occurrence.ts';

/** The next three times (ISO 8601) that a recurring job is due; none for other jobs and for disabled ones. */
export function comingOccurrences(job: JobRow, now: Date): string[] {
  if (job.schedule === null || job.status === 'disabled') return [];
  const waiting = job.status === 'waiting' && Date.parse(job.run_at) > now.getTime() ? [job.run_at] : [];
  const after = waiting[0] === undefined ? now : new Date(waiting[0]);
  try {
    const later = nextOccurrences(job.schedule, job.timezone ?? 'UTC', after, 3 - waiting.length);
    return [...waiting, ...later.map((at) => at.toISOString())];
  } catch {
    // Only the database can read this schedule or time zone, so its own next occurrence is all that is known.
    return waiting;
  }
}

/** The coming occurrences without the one that a list shows anyway: `then 14:00, 15:00 UTC`, or nothing. */
export function thenWords(job: JobRow, now: Date): string {
  const later = comingOccurrences(job, now).filter((at) => job.status !== 'waiting' || at !== job.run_at);
  const zone = job.timezone ?? 'UTC';
  return later.length === 0 ? '' : `then ${later.map((at) => stamp(at, now, zone)).join(', ')} ${zone}`;
}

/** How late the first attempt at an occurrence started: `, 2 h late`, or nothing if that is under a minute. */
export function lateWords({ scheduled_for, started_at, attempt, failure_kind }: ExecutionRow): string {
  if (!scheduled_for || !started_at || attempt > 1 || failure_kind === 'skipped') return '';
  const seconds = (Date.parse(started_at) - Date.parse(scheduled_for)) / 1000;
  return seconds >= 60 ? `, ${duration(seconds)} late` : '';
}

/** What happens to occurrences that no worker starts in time: `run once`. */
export function missedWords(job: JobRow): string {
  switch (job.missed) {
    case 'once':
      return 'run once';
    case 'skip':
      return `skipped when more than ${Math.round(job.missed_grace_seconds / 60)} min late`;
    case 'all':
      return 'each runs';
  }
}

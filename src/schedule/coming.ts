import type { JobRow } from '../queue/replies.ts';
import { nextOccurrences } from './next-occurrence.ts';

/** The next three times (ISO 8601) that a recurring job is due; none for other jobs and disabled ones. */
export function comingOccurrences(job: JobRow, now: Date): string[] {
  if (job.schedule === null || job.status === 'disabled') return [];
  const waiting = job.status === 'waiting' && Date.parse(job.run_at) > now.getTime() ? [job.run_at] : [];
  const after = waiting[0] === undefined ? now : new Date(waiting[0]);
  try {
    const later = nextOccurrences(job.schedule, job.timezone ?? 'UTC', after, 3 - waiting.length);
    return [...waiting, ...later.map((at) => at.toISOString())];
  } catch {
    // Written by plain SQL and readable by the database alone: its own next occurrence is all there is to tell.
    return waiting;
  }
}

/** What becomes of missed occurrences, in words. */
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

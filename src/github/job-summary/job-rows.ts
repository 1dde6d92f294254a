import type { JobRow } from '../../queue/job.ts';
import { thenWords } from '../../schedule/coming.ts';
import { scheduleInWords } from '../../schedule/in-words.ts';
import { moment } from '../../text/format.ts';
import { small, words } from './escape.ts';
import type { Rows } from './fit.ts';

/**
 * Jobs as a table, in three columns: a phone shows them whole.
 * @param coming with the occurrences of schedules after the next one
 */
export function jobRows(jobs: readonly JobRow[], now: Date, coming = false): Rows {
  return {
    head: ['Job', 'Status', 'Runs'],
    rows: jobs.map((job) => [
      `${words(job.name, 80)}${small(`${words(job.job_type)} · queue ${words(job.queue, 80)}<br><code>${words(job.job_id)}</code>`)}`,
      `${statusOf(job)}${small(retries(job))}`,
      `${when(job, now)}${schedule(job)}${coming ? small(words(thenWords(job, now))) : ''}`,
    ]),
  };
}

const retries = ({ current_retries: spent, max_retries: most, error_message: error }: JobRow): string =>
  [spent > 0 ? `${spent} of ${most} retries spent` : '', words(error ?? '', 120)]
    .filter((part) => part !== '')
    .join('<br>');

/** A job's status with what the bare word does not say. Safe text. */
export function statusOf(job: JobRow): string {
  if (job.blocked) return 'waiting for its key';
  if (job.status === 'locked' && job.disable_requested_at) return 'locked, then disabled';
  if (job.lock_expired) return 'locked, expired';
  if (job.status === 'locked' && job.cancel_requested_at) return 'being cancelled';
  return job.status;
}

const schedule = (job: JobRow): string =>
  job.schedule === null ? '' : small(words(scheduleInWords(job.schedule, job.timezone), 110));

function when(job: JobRow, now: Date): string {
  if (job.status === 'waiting') return moment(job.run_at, now);
  if (job.status === 'locked') return `started ${moment(job.locked_at, now)}`;
  return moment(job.finished_at ?? job.last_execution, now);
}

import type { JobRow } from '../../queue/replies.ts';
import { scheduleInWords } from '../../schedule/in-words.ts';
import { moment } from '../../words/format.ts';
import { words } from './escape.ts';
import type { Rows } from './fit.ts';

/** Jobs as a table. */
export function jobRows(jobs: readonly JobRow[], now: Date): Rows {
  return {
    head: ['Job', 'Status', 'Type', 'Queue', 'Runs', 'Retries', 'Error', 'Id'],
    rows: jobs.map((job) => [
      words(job.name, 80),
      statusOf(job),
      words(job.job_type),
      words(job.queue),
      when(job, now) + schedule(job),
      `${job.current_retries} of ${job.max_retries}`,
      words(job.error_message ?? '', 120),
      `<code>${words(job.job_id)}</code>`,
    ]),
  };
}

/** A job's status with what the bare word does not say. Safe text. */
export function statusOf(job: JobRow): string {
  if (job.blocked) return 'waiting for its key';
  if (job.status === 'locked' && job.disable_requested_at) return 'locked, then disabled';
  if (job.lock_expired) return 'locked, expired';
  if (job.status === 'locked' && job.cancel_requested_at) return 'being cancelled';
  return job.status;
}

const schedule = (job: JobRow): string =>
  job.schedule === null ? '' : `; ${words(scheduleInWords(job.schedule, job.timezone), 110)}`;

function when(job: JobRow, now: Date): string {
  if (job.status === 'waiting') return moment(job.run_at, now);
  if (job.status === 'locked') return `started ${moment(job.locked_at, now)}`;
  return moment(job.finished_at ?? job.last_execution, now);
}

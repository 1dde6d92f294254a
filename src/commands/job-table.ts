import type { JobRow } from '../queue/job.ts';
import { thenWords } from '../schedule/coming.ts';
import { scheduleInWords } from '../schedule/in-words.ts';
import { duration, moment } from '../text/format.ts';
import { CANCELLING } from '../text/job-words.ts';
import { textTable } from '../text/table.ts';

const ERROR_CHARS = 160;

/** Jobs as a table of text. @param coming with the occurrences of schedules after the next one */
export function jobTable(rows: readonly JobRow[], now: Date, width: number, coming = false): string {
  return textTable(
    ['Job', 'Status', 'Queue', 'Runs', 'Retries'],
    rows.map((job) => [
      lines(inOneLine(job.name), job.job_id, errorOf(job)),
      statusWords(job, now),
      lines(job.queue, job.job_type),
      lines(
        moment(job.status === 'waiting' ? job.run_at : (job.finished_at ?? job.last_execution), now),
        job.schedule === null ? '' : scheduleInWords(job.schedule, job.timezone),
        coming ? thenWords(job, now) : '',
      ),
      `${job.current_retries}/${job.max_retries}`,
    ]),
    width,
  );
}

/** A job's status with what the bare word does not say. */
export function statusWords(job: JobRow, now: Date): string {
  if (job.blocked) return 'waiting, blocked by its concurrency key';
  if (job.waits_for_parents && job.status === 'waiting') return 'waiting for the jobs that it depends on';
  if (job.status === 'locked') {
    if (job.lock_expired) return 'running, lock expired';
    if (job.cancel_requested_at) return CANCELLING;
    const since = (now.getTime() - Date.parse(job.locked_at ?? '')) / 1000;
    const running = Number.isNaN(since) ? 'running' : `running for ${duration(Math.max(0, since))}`;
    return job.disable_requested_at ? `${running}, then disabled` : running;
  }
  return job.expired ? 'expired' : job.status;
}

/** The first line of the last error: a job that succeeded since has none. */
function errorOf({ error_message: error }: JobRow): string {
  const [first = ''] = (error ?? '').trim().split('\n');
  return first.length > ERROR_CHARS ? `${first.slice(0, ERROR_CHARS).toWellFormed()}…` : first;
}

/** A name from SQL may have line breaks, which would look like another job. */
export const inOneLine = (name: string): string => name.replace(/\s+/g, ' ').trim();

const lines = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join('\n');

import type { JobRow } from '../queue/job.ts';
import { thenWords } from '../schedule/coming.ts';
import { scheduleInWords } from '../schedule/in-words.ts';
import { moment } from '../text/format.ts';
import { textTable } from '../text/table.ts';

/** Jobs as a table of text. @param coming with the occurrences of schedules after the next one */
export function jobTable(rows: readonly JobRow[], now: Date, coming = false): string {
  return textTable(
    ['Id', 'Job', 'Status', 'Type', 'Queue', 'Runs', 'Retries'],
    rows.map((job) => [
      job.job_id,
      job.name,
      job.blocked ? 'blocked by its concurrency key' : job.status,
      job.job_type,
      job.queue,
      [
        moment(job.status === 'waiting' ? job.run_at : (job.finished_at ?? job.last_execution), now),
        job.schedule === null ? '' : scheduleInWords(job.schedule, job.timezone),
        coming ? thenWords(job, now) : '',
      ]
        .filter((part) => part !== '')
        .join('\n'),
      `${job.current_retries}/${job.max_retries}`,
    ]),
  );
}

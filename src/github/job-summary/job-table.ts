/** Jobs as a table of three columns, which fit a phone. */
import type { JobRow } from '../../queue/job.ts';
import { thenWords } from '../../schedule/coming.ts';
import { scheduleInWords } from '../../schedule/in-words.ts';
import { moment } from '../../text/format.ts';
import { headline } from '../../text/headline.ts';
import { jobStatus } from '../../text/job-words.ts';
import type { Rows } from './fit.ts';
import { small, words } from './markdown.ts';

/** @param coming also shows the occurrences of a schedule after the next one */
export function jobTable(jobs: readonly JobRow[], now: Date, coming = false): Rows {
  return { head: ['Job', 'Status', 'Runs'], rows: jobs.map((job) => jobCells(job, now, coming)) };
}

function jobCells(job: JobRow, now: Date, coming: boolean): string[] {
  const { icon, words: status } = jobStatus(job);
  const { current_retries: spent, max_retries: most } = job;
  const retries = spent > 0 ? `${spent} of ${most} retries spent` : '';
  const error = words(headline(job.error_message ?? ''), 120);
  const schedule = job.schedule === null ? '' : words(scheduleInWords(job.schedule, job.timezone), 110);
  return [
    `${words(job.name, 80)}${small(`${words(job.job_type)} · queue ${words(job.queue, 80)}<br><code>${words(job.job_id)}</code>`)}`,
    `${icon}&nbsp;${words(status)}${small([retries, error].filter((part) => part !== '').join('<br>'))}`,
    `${whenWords(job, now)}${small(schedule)}${coming ? small(words(thenWords(job, now))) : ''}`,
  ];
}

function whenWords(job: JobRow, now: Date): string {
  // A phone breaks the name of the zone at its slash.
  if (job.status === 'waiting') return words(moment(job.run_at, now, job.timezone)).replaceAll('/', '/<wbr>');
  if (job.status === 'locked') return words(`started ${moment(job.locked_at, now)}`);
  return words(moment(job.finished_at ?? job.last_execution, now));
}

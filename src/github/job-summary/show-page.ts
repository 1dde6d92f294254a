/** The page of one job: what it is, how it is doing, and its executions, newest first. */
import type { ExecutionRow } from '../../queue/job.ts';
import type { ShowReply } from '../../queue/replies.ts';
import { comingOccurrences, lateWords, missedWords } from '../../schedule/coming.ts';
import { scheduleInWords } from '../../schedule/in-words.ts';
import { familyLines } from '../../text/family.ts';
import { clockTime, duration, moment, progressInWords } from '../../text/format.ts';
import { headline } from '../../text/headline.ts';
import { executionStatus, jobStatus } from '../../text/job-words.ts';
import { stepLines } from '../../text/steps.ts';
import type { Section } from './fit.ts';
import { jobTable } from './job-table.ts';
import { block, details, link, small, words } from './markdown.ts';

type Job = NonNullable<ShowReply['job']>;

/** Executions whose output is shown. */
const OUTPUTS = 3;

export function showPage({ job, executions, family, steps }: ShowReply, now: Date): Section[] {
  if (!job) return ['### There is no such job'];
  const { icon, words: status } = jobStatus(job);
  return [
    `### ${icon} ${words(job.name)}: ${words(status)}`,
    words(job.description, 1000),
    facts(job, now),
    jobTable([job], now),
    lastError(job),
    steps ? block(stepLines(steps, now).join('\n')) : '',
    family ? block(familyLines(family).join('\n')) : '',
    executions.length === 0 ? 'It has not run yet.' : '#### Executions, newest first',
    executions.length === 0
      ? ''
      : {
          head: ['Status', 'Result or error', 'Took'],
          numeric: [2],
          rows: executions.map((execution) => executionCells(execution, job, now)),
        },
    details('Config', block(JSON.stringify(job.config, null, 2), 16_000)),
    ...executions
      .filter((execution) => execution.output)
      .slice(0, OUTPUTS)
      .map((execution) => details(outputTitle(execution, now), block(execution.output ?? '', 20_000))),
  ];
}

/** The last error in full, if the table above shows only its headline. */
function lastError({ error_message: error }: Job): string {
  if (error === null || error.trim() === '' || error.trim() === headline(error)) return '';
  return `The last error:\n\n${block(error)}`;
}

function facts(job: Job, now: Date): string {
  const next = comingOccurrences(job, now).map((at) => clockTime(at, now, job.timezone));
  const parts = [
    job.schedule
      ? `Schedule <code>${words(job.schedule)}</code>: ${words(scheduleInWords(job.schedule, job.timezone))}. Missed occurrences: ${words(missedWords(job))}.`
      : '',
    next.length === 0 ? '' : `Next: ${words(next.join('; '), 400)}.`,
    job.source ? `From <code>${words(job.source)}</code>.` : '',
    job.unique_key ? `Unique key <code>${words(job.unique_key)}</code>.` : '',
    job.concurrency_key ? `Concurrency key <code>${words(job.concurrency_key)}</code>.` : '',
    job.timeout_seconds === null ? '' : `Each attempt may take ${duration(job.timeout_seconds)}.`,
    job.locked_by ? `Locked by <code>${words(job.locked_by)}</code>.` : '',
    job.lock_expires_at
      ? `The lock expires ${words(moment(job.lock_expires_at, now))} unless it is renewed.`
      : '',
    `Created ${words(moment(job.created_at, now))}.`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function executionCells(execution: ExecutionRow, job: Job, now: Date): string[] {
  const { attempt, started_at: started, duration_seconds: seconds, run_url: run, result } = execution;
  const { icon, words: status } = executionStatus(execution);
  const when = words(`attempt ${attempt}, ${moment(started, now, job.timezone)}${lateWords(execution)}`);
  const error = execution.error_message;
  const said = error === null ? (result === null ? '' : JSON.stringify(result)) : headline(error);
  return [
    `${icon}&nbsp;${words(status)}${small(when)}${run ? `<br><sub>${link('run', run)}</sub>` : ''}`,
    `${words(said, 200)}${small(words(progressOf(execution), 120))}`,
    seconds === null ? '' : duration(seconds).replaceAll(' ', '&nbsp;'),
  ];
}

/** Progress of an attempt that runs, or how far it got. A success is at its end, whatever it last reported. */
function progressOf({ status, progress }: ExecutionRow): string {
  const text = status === 'success' ? '' : progressInWords(progress);
  return text === '' || status === 'running' ? text : `reached ${text}`;
}

const outputTitle = ({ attempt, started_at }: ExecutionRow, now: Date): string =>
  `Output of attempt ${attempt}, started ${words(moment(started_at, now))}`;

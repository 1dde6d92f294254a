import type { ExecutionRow } from '../../queue/job.ts';
import type { ShowReply } from '../../queue/replies.ts';
import { comingOccurrences, lateWords, missedWords } from '../../schedule/coming.ts';
import { scheduleInWords } from '../../schedule/in-words.ts';
import { duration, moment, progressInWords } from '../../text/format.ts';
import { block, details, link, small, words } from './escape.ts';
import type { Section } from './fit.ts';
import { jobRows, statusOf } from './job-rows.ts';

type Job = NonNullable<ShowReply['job']>;

const OUTPUTS = 3;

/** The page of one job: what it is, how it is doing, and its executions, newest first. */
export function showPage({ job, executions }: ShowReply, now: Date): Section[] {
  if (!job) return ['### There is no such job'];
  return [
    `### ${words(job.name)}: ${statusOf(job)}`,
    words(job.description, 1000),
    facts(job, now),
    jobRows([job], now),
    job.error_message ? `The last error:\n\n${block(job.error_message)}` : '',
    executions.length === 0 ? 'It has not run yet.' : '#### Executions, newest first',
    executions.length === 0
      ? ''
      : {
          head: ['Status', 'Result or error', 'Took'],
          rows: executions.map((execution) => executionCells(execution, now)),
        },
    details('Config', block(JSON.stringify(job.config, null, 2), 16_000)),
    ...executions
      .filter((execution) => execution.output)
      .slice(0, OUTPUTS)
      .map((execution) => details(outputTitle(execution, now), block(execution.output ?? '', 20_000))),
  ];
}

function facts(job: Job, now: Date): string {
  const parts = [
    job.schedule
      ? `Schedule <code>${words(job.schedule)}</code>: ${words(scheduleInWords(job.schedule, job.timezone))}. Missed occurrences: ${words(missedWords(job))}.`
      : '',
    upcoming(job, now),
    job.source ? `From <code>${words(job.source)}</code>.` : '',
    job.unique_key ? `Unique key <code>${words(job.unique_key)}</code>.` : '',
    job.concurrency_key ? `Concurrency key <code>${words(job.concurrency_key)}</code>.` : '',
    job.timeout_seconds === null ? '' : `Each attempt may take ${duration(job.timeout_seconds)}.`,
    job.locked_by ? `Held by <code>${words(job.locked_by)}</code>.` : '',
    job.lock_expires_at ? `The lock ends ${moment(job.lock_expires_at, now)} unless it is renewed.` : '',
    `Created ${moment(job.created_at, now)}.`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function upcoming(job: Job, now: Date): string {
  const next = comingOccurrences(job, now);
  return next.length === 0 ? '' : `Next: ${next.map((at) => moment(at, now)).join(', ')}.`;
}

function executionCells(execution: ExecutionRow, now: Date): string[] {
  const {
    status,
    failure_kind: kind,
    attempt,
    started_at,
    duration_seconds: seconds,
    run_url: run,
  } = execution;
  const started = `attempt ${attempt}, ${moment(started_at, now)}${lateWords(execution)}`;
  return [
    `${kind ? `failed: ${words(kind)}` : status}${small(started)}${run ? `<br><sub>${link('run', run)}</sub>` : ''}`,
    `${words(
      execution.error_message ?? (execution.result === null ? '' : JSON.stringify(execution.result)),
      200,
    )}${small(words(progressInWords(execution.progress), 120))}`,
    seconds === null ? '' : duration(seconds).replaceAll(' ', '&nbsp;'),
  ];
}

function outputTitle(execution: ExecutionRow, now: Date): string {
  return `Output of attempt ${execution.attempt}, started ${moment(execution.started_at, now)}`;
}

import Table from 'cli-table3';
import type { JobRow } from '../queue/job.ts';
import type { StatsReply } from '../queue/replies.ts';
import { comingOccurrences, lateWords, missedWords, thenWords } from '../schedule/coming.ts';
import { scheduleInWords } from '../schedule/in-words.ts';
import { duration, moment, plural } from '../text/format.ts';
import { verdict } from '../worker/verdict.ts';
import type { Answer } from './answer.ts';
import { applyRows, applyVerdict } from './apply-words.ts';

/** An answer as plain text, for a terminal and for the log of a step. */
export function answerText(answer: Answer, now: Date): string {
  switch (answer.command) {
    case 'run': {
      const { report } = answer;
      const lines = report.executions.map((execution) => `${execution.name}: ${verdict(execution)}`);
      const left = report.remaining === null ? 'unknown' : report.remaining;
      return [
        ...lines,
        ...(answer.warnings ?? []).map((warning) => `Warning: ${warning}`),
        `${plural(report.claimed, 'job')} claimed, ${report.succeeded} succeeded, ${report.failed} failed, ${report.retried} to be retried, ${left} remaining.`,
      ].join('\n');
    }
    case 'plan':
      return [
        answer.workers === 0 ? 'Nothing is due.' : `${plural(answer.workers, 'worker')} to start.`,
        ...answer.warnings.map((warning) => `Warning: ${warning}`),
        table(
          ['Queue', 'Due', 'Side by side'],
          answer.reply.queues.map(({ queue, due, side_by_side: n }) => [queue, String(due), String(n)]),
        ),
      ].join('\n');
    case 'dry-run':
      return `${plural(answer.peek.due, 'job')} due; nothing was claimed.\n${jobs(answer.peek.jobs, now)}`;
    case 'create':
      return answer.created
        ? `Created ${answer.name}: ${answer.jobId}`
        : `Nothing added: the unfinished job ${answer.jobId} has the same unique key.`;
    case 'apply':
      return [
        applyVerdict(answer),
        table(
          ['Key', 'Action', 'Runs', 'Changes'],
          applyRows(answer, now).map(({ key, action, runs, changes }) => [
            key,
            action,
            runs,
            changes.join('\n'),
          ]),
        ),
      ].join('\n');
    case 'list':
      return answer.reply.jobs.length === 0
        ? 'No job fits.'
        : `${jobs(answer.reply.jobs, now, true)}${answer.reply.next ? '\nThere are more: raise limit.' : ''}`;
    case 'show': {
      const { job, executions } = answer.reply;
      if (!job) return 'There is no such job.';
      const history = table(
        ['Execution', 'Attempt', 'Started', 'Took', 'Result or error'],
        executions.map((execution) => [
          execution.failure_kind ? `failed: ${execution.failure_kind}` : execution.status,
          String(execution.attempt),
          moment(execution.started_at, now) + lateWords(execution),
          execution.duration_seconds === null ? '' : duration(execution.duration_seconds),
          (execution.error_message ?? JSON.stringify(execution.result)).slice(0, 200),
        ]),
      );
      const next = comingOccurrences(job, now);
      return [
        jobs([job], now),
        ...(job.schedule === null
          ? []
          : [
              `Schedule: ${job.schedule}: ${scheduleInWords(job.schedule, job.timezone)}; missed occurrences: ${missedWords(job)}`,
            ]),
        ...(next.length === 0 ? [] : [`Next: ${next.map((at) => moment(at, now)).join(', ')}`]),
        `Config: ${JSON.stringify(job.config, null, 2)}`,
        executions.length > 0 ? history : 'It has not run yet.',
      ].join('\n');
    }
    case 'stats': {
      const { reply } = answer;
      const counts = table(
        ['Queue', 'Due', 'Waiting', 'Locked', 'Success', 'Failed', 'Disabled'],
        [
          ...reply.queues.map((queue) => [
            queue.queue,
            ...[queue.due, queue.waiting, queue.locked, queue.success, queue.failed, queue.disabled].map(
              String,
            ),
          ]),
          [
            'all',
            ...[
              reply.due,
              reply.jobs.waiting,
              reply.jobs.locked,
              reply.jobs.success,
              reply.jobs.failed,
              reply.jobs.disabled,
            ].map(String),
          ],
        ],
      );
      return [counts, ...wakeLines(reply)].join('\n');
    }
    case 'verb':
      return `${answer.verb}: ${answer.reply.applied ? 'done' : 'not done'}, the job is ${answer.reply.status ?? 'not there'}.${answer.reply.reason ? ` ${answer.reply.reason}` : ''}`;
    case 'doctor':
      return answer.checks
        .map(
          (check) =>
            `${{ good: 'ok  ', warning: 'warn', bad: 'BAD ' }[check.state]}  ${check.name}: ${check.found}${check.advice ? `\n      ${check.advice}` : ''}`,
        )
        .join('\n');
  }
}

function wakeLines({ wake }: StatsReply): string[] {
  if (wake === null) return [];
  return [
    `Wake on work: ${plural(wake.calls_24h, 'call')} in 24 hours, ${wake.errors_24h} failed.`,
    ...wake.watched
      .filter(({ errors }) => errors > 0)
      .map(
        ({ queue, repository, last_error: error }) =>
          `  ${repository} (queue ${queue}) was not woken: ${error}`,
      ),
  ];
}

/** @param coming with the occurrences of schedules after the next one */
function jobs(rows: readonly JobRow[], now: Date, coming = false): string {
  return table(
    ['Id', 'Job', 'Status', 'Type', 'Queue', 'Runs', 'Retries'],
    rows.map((job) => [
      job.job_id,
      job.name,
      job.blocked ? 'waiting for its key' : job.status,
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

/** A longer line would stretch the table beyond all screens, and one of megabytes takes seconds to draw. */
const LONGEST_LINE = 200;
const shorten = (cell: string): string =>
  cell
    .split('\n')
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE).toWellFormed()}…` : line))
    .join('\n');

function table(head: string[], rows: string[][]): string {
  const grid = new Table({ head, style: { head: [], border: [] } });
  grid.push(...rows.map((row) => row.map(shorten)));
  return grid.toString();
}

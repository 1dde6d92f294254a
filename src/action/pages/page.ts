import type { Answer } from '../../commands/answer.ts';
import type { JobRow, ShowReply, StatsReply } from '../../queue/replies.ts';
import { block, details, table, words } from './escape.ts';
import { duration, moment, plural } from './format.ts';
import { runPage } from './run-page.ts';

/** A step's summary may have 1 MiB; what is larger is dropped whole by the runner. */
const MAX_PAGE_BYTES = 1_000_000;

/** The page that a person reads on the run's summary. @param now for "in 4 min" */
export function page(answer: Answer, now: Date): string {
  return fitPage(sections(answer, now).filter((section) => section !== ''));
}

/** The page of a call that failed. */
export const errorPage = (message: string): string =>
  `### cloud-jobs could not do this\n\n${block(message)}\n`;

function sections(answer: Answer, now: Date): string[] {
  switch (answer.command) {
    case 'run':
      return runPage(answer.report, now);
    case 'dry-run':
      return [
        `### Dry run: ${plural(answer.peek.due, 'job')} due`,
        'Nothing was claimed. A run would take them in this order:',
        jobTable(answer.peek.jobs, now),
      ];
    case 'create':
      return [
        `### ${answer.created ? 'Created' : 'Already there'}: ${words(answer.name)}`,
        `Job <code>${words(answer.jobId)}</code>.${answer.created ? '' : ' An unfinished job has the same unique key, so nothing was added.'}`,
      ];
    case 'list':
      return [
        `### ${plural(answer.reply.jobs.length, 'job')}${answer.reply.next ? ', and more' : ''}`,
        answer.reply.jobs.length > 0 ? jobTable(answer.reply.jobs, now) : 'No job fits.',
        answer.reply.next ? 'Only the newest are shown: raise <code>limit</code>, or narrow the list.' : '',
      ];
    case 'show':
      return showPage(answer.reply, now);
    case 'stats':
      return statsPage(answer.reply);
    case 'verb':
      return [
        `### ${answer.verb}: ${answer.reply.applied ? 'done' : 'not done'}`,
        `Job <code>${words(answer.reply.job_id)}</code> is ${words(answer.reply.status ?? 'not there')}.${answer.reply.reason ? ` ${words(answer.reply.reason, 400)}` : ''}`,
      ];
    case 'doctor':
      return [
        `### ${answer.checks.every((check) => check.state !== 'bad') ? 'All is well' : 'Something needs attention'}`,
        table(
          ['', 'Check', 'What was found', 'What to do'],
          answer.checks.map((check) => [
            { good: '✅', warning: '⚠️', bad: '❌' }[check.state],
            words(check.name),
            words(check.found, 600),
            words(check.advice, 600),
          ]),
        ),
      ];
  }
}

function jobTable(jobs: readonly JobRow[], now: Date): string {
  return table(
    ['Job', 'Status', 'Type', 'Queue', 'Runs', 'Retries', 'Error', 'Id'],
    jobs.map((job) => [
      words(job.name, 80),
      status(job),
      job.job_type.replace('_', '&#95;'),
      words(job.queue),
      job.status === 'waiting' ? moment(job.run_at, now) : moment(job.finished_at ?? job.last_execution, now),
      `${job.current_retries} of ${job.max_retries}`,
      words(job.error_message ?? '', 120),
      `<code>${words(job.job_id)}</code>`,
    ]),
  );
}

function status(job: JobRow): string {
  if (job.blocked) return 'waiting for its key';
  if (job.lock_expired) return 'locked, expired';
  return job.status;
}

function showPage(reply: ShowReply, now: Date): string[] {
  const { job } = reply;
  if (!job) return ['### There is no such job'];
  const rows = reply.executions.map((execution) => [
    execution.status === 'failed' ? `failed: ${execution.failure_kind ?? ''}` : execution.status,
    String(execution.attempt),
    moment(execution.started_at, now),
    execution.duration_seconds === null ? '' : duration(execution.duration_seconds),
    words(execution.error_message ?? JSON.stringify(execution.result) ?? '', 200),
  ]);
  return [
    `### ${words(job.name)}: ${status(job)}`,
    jobTable([job], now),
    job.error_message ? block(job.error_message) : '',
    details('Config', block(JSON.stringify(job.config, null, 2))),
    rows.length > 0
      ? `#### Executions\n\n${table(['Status', 'Attempt', 'Started', 'Took', 'Result or error'], rows)}`
      : 'It has not run yet.',
    ...reply.executions
      .filter((execution) => execution.output)
      .slice(0, 3)
      .map((execution) =>
        details(`Output of attempt ${execution.attempt}`, block(execution.output ?? '', 16_000)),
      ),
  ];
}

function statsPage(stats: StatsReply): string[] {
  const recent = stats.executions_24h;
  const kinds = Object.entries(recent.failure_kinds).map(([kind, count]) => `${words(kind)} ${count}`);
  return [
    `### ${plural(stats.total, 'job')}: ${stats.due} due now`,
    table(
      ['Queue', 'Due', 'Oldest due', 'Waiting', 'Locked', 'Success', 'Failed', 'Disabled'],
      stats.queues.map((queue) => [
        words(queue.queue),
        String(queue.due),
        queue.oldest_due_seconds === null ? '' : `${duration(queue.oldest_due_seconds)} ago`,
        String(queue.waiting),
        String(queue.locked),
        String(queue.success),
        String(queue.failed),
        String(queue.disabled),
      ]),
    ),
    `Last 24 hours: ${recent.success} executions succeeded, ${recent.failed} failed${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}, ${recent.running} running${recent.average_seconds === null ? '' : `; ${duration(recent.average_seconds)} on average, 95 % within ${duration(recent.p95_seconds ?? 0)}`}.`,
    stats.expired_locks > 0
      ? `**${plural(stats.expired_locks, 'lock')} expired**: the next run ends them.`
      : '',
  ];
}

/** Sections until the page is full. What does not fit is said, never dropped in silence. */
function fitPage(parts: readonly string[]): string {
  const kept: string[] = [];
  let bytes = 0;
  for (const part of parts) {
    const size = Buffer.byteLength(part, 'utf8') + 2;
    if (bytes + size > MAX_PAGE_BYTES) {
      kept.push(
        '**The rest does not fit on this page**: see the log, and the table cloud&#95;job&#95;executions.',
      );
      break;
    }
    kept.push(part);
    bytes += size;
  }
  return `${kept.join('\n\n')}\n`;
}

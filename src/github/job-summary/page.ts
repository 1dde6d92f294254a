import type { Answer } from '../../commands/answer.ts';
import { applyRows, applyVerdict } from '../../commands/apply-words.ts';
import { manyText } from '../../commands/change-many.ts';
import type { Check } from '../../commands/check.ts';
import { planTitle } from '../../commands/plan.ts';
import { QUEUE_HEAD, queueCells } from '../../commands/queue-table.ts';
import { unattendedWords } from '../../commands/unattended.ts';
import type { VerbReply } from '../../queue/replies.ts';
import { plural } from '../../text/format.ts';
import { changedStatus } from '../../text/job-words.ts';
import { openMetrics } from '../../text/open-metrics.ts';
import { fitPage, type Rows, type Section } from './fit.ts';
import { jobTable } from './job-table.ts';
import { block, small, warningLines, words } from './markdown.ts';
import { runPage } from './run-page.ts';
import { showPage } from './show-page.ts';
import { statsPage } from './stats-page.ts';

const ALREADY_THERE = {
  kept: ' An unfinished job has the same unique key, so nothing was added.',
  replaced: ' It was waiting with the same unique key, and took the new config and due time.',
} as const;

/**
 * The page of one call on the summary of its run.
 * @param answer without its secrets: once escaped and cut, they would not be found
 */
export function page(answer: Answer, now: Date): string {
  return fitPage(PAGES[answer.command](answer as never, now));
}

/** The page of a call that failed. @param message without secrets */
export const errorPage = (message: string): string =>
  `### cloud-jobs could not do this\n\n${block(message)}\n`;

type Pages = {
  readonly [Name in Answer['command']]: (
    answer: Extract<Answer, { readonly command: Name }>,
    now: Date,
  ) => Section[];
};

/** What the page shows of each kind of answer. */
const PAGES: Pages = {
  run: (answer, now) => runPage(answer.report, now, answer.warnings, answer.aftermath),
  plan: (answer) => [
    `### ${planTitle(answer.workers, answer.reply)}`,
    ...warningLines(answer.warnings),
    {
      head: ['Queue', 'Due', 'Side by side'],
      numeric: [1, 2],
      rows: answer.reply.queues.map((one) => [words(one.queue), String(one.due), String(one.side_by_side)]),
    },
  ],
  'dry-run': (answer, now) => [
    `### Dry run: ${answer.peek.due_is_minimum ? 'at least ' : ''}${plural(answer.peek.due, 'job')} due`,
    answer.peek.due > answer.peek.jobs.length
      ? `Nothing was claimed. A run would begin with these ${answer.peek.jobs.length}:`
      : 'Nothing was claimed. A run would take them in this order:',
    jobTable(answer.peek.jobs, now),
  ],
  create: (answer) => [
    `### ${answer.created ? 'Created' : answer.replaced ? 'Replaced' : 'Already there'}: ${words(answer.name)}`,
    `Job <code>${words(answer.jobId)}</code>.${answer.created ? '' : ALREADY_THERE[answer.replaced ? 'replaced' : 'kept']}`,
    ...warningLines(answer.warnings ?? []),
  ],
  apply: (answer, now) => [
    `### ${words(applyVerdict(answer), 200)}`,
    `From <code>${words(answer.source)}</code>.`,
    {
      head: ['Key', 'What was done', 'Runs'],
      rows: applyRows(answer, now).map((row) => [
        `${words(row.key, 80)}${small(`queue ${words(row.queue)}`)}`,
        `${row.action}${small(words(row.changes.join('; '), 400))}`,
        row.runs,
      ]),
    },
  ],
  list(answer, now) {
    const { jobs, next } = answer.reply;
    return [
      `### ${plural(jobs.length, 'job')}${next ? ', and more' : ''}`,
      jobs.length > 0 ? jobTable(jobs, now, true) : 'No job matches.',
      next ? 'Only the newest are shown: raise <code>limit</code>, or narrow the list.' : '',
    ];
  },
  show: (answer, now) => showPage(answer.reply, now),
  logs: (answer) => [
    `### Output of attempt ${answer.execution.attempt} at <code>${words(answer.jobId)}</code>`,
    block(answer.execution.output || '(nothing was printed)', 20_000),
  ],
  stats: (answer, now) => [
    ...statsPage(answer.reply),
    ...warningLines((answer.unattended ?? []).map((one) => unattendedWords(one, now))),
  ],
  verb: (answer) => [
    `### ${answer.verb}: ${answer.replies.every(({ applied }) => applied) ? 'done' : 'not done'}`,
    answer.replies.map((reply) => changeLine(answer.verb, reply)).join('\n\n'),
  ],
  bulk(answer) {
    const [line = '', ...refused] = manyText(answer).split('\n');
    return [`### ${words(line)}`, refused.length > 0 ? block(refused.join('\n')) : ''];
  },
  queues: (answer, now) => [
    `### ${plural(answer.reply.queues.length, 'queue')}`,
    {
      head: QUEUE_HEAD,
      numeric: [1],
      rows: answer.reply.queues.map((row) => queueCells(row, now).map((cell) => words(cell, 500))),
    },
  ],
  metrics: (answer) => ['### Metrics', block(openMetrics(answer.reply), 100_000)],
  doctor: (answer) => [`### ${verdict(answer.checks)}`, checkRows(answer.checks)],
};

function changeLine(verb: string, reply: VerbReply): string {
  const state = changedStatus(verb, reply);
  return `Job <code>${words(reply.job_id)}</code> is ${words(state.words)}.${state.reason && ` ${words(state.reason, 400)}`}`;
}

function verdict(checks: readonly Check[]): string {
  if (checks.some((check) => check.state === 'bad')) return 'Something needs attention';
  return checks.some((check) => check.state === 'warning') ? 'It works, with a warning' : 'All is well';
}

function checkRows(checks: readonly Check[]): Rows {
  return {
    head: ['Check', 'What was found, and what to do'],
    rows: checks.map((check) => [
      `${{ good: '✅', warning: '⚠️', bad: '❌' }[check.state]}&nbsp;${words(check.name)}`,
      `${words(check.found, 600)}${check.advice === '' ? '' : `<br>→ ${words(check.advice, 600)}`}`,
    ]),
  };
}

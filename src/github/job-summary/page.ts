import type { Answer } from '../../commands/answer.ts';
import { applyRows, applyVerdict } from '../../commands/apply-words.ts';
import type { Check } from '../../commands/check.ts';
import { unattendedWords } from '../../commands/unattended.ts';
import { plural } from '../../text/format.ts';
import { block, small, words } from './escape.ts';
import { fitPage, type Rows, type Section } from './fit.ts';
import { jobRows } from './job-rows.ts';
import { planPage } from './plan-page.ts';
import { runPage } from './run-page.ts';
import { showPage } from './show-page.ts';
import { statsPage } from './stats-page.ts';
import { warningLines } from './warnings.ts';

/**
 * The page that a person reads on the run's summary.
 * @param answer with its secrets hidden already: once escaped and cut, they would not be found
 * @param now for "in 4 min"
 */
export function page(answer: Answer, now: Date): string {
  return fitPage(sections(answer, now));
}

/** The page of a call that failed. @param message with its secrets hidden already */
export const errorPage = (message: string): string =>
  `### cloud-jobs could not do this\n\n${block(message)}\n`;

function sections(answer: Answer, now: Date): Section[] {
  switch (answer.command) {
    case 'run':
      return runPage(answer.report, now, answer.warnings);
    case 'plan':
      return planPage(answer.reply, answer.workers, answer.warnings);
    case 'dry-run':
      return [
        `### Dry run: ${plural(answer.peek.due, 'job')} due`,
        answer.peek.due > answer.peek.jobs.length
          ? `Nothing was claimed. A run would begin with these ${answer.peek.jobs.length}:`
          : 'Nothing was claimed. A run would take them in this order:',
        jobRows(answer.peek.jobs, now),
      ];
    case 'create':
      return [
        `### ${answer.created ? 'Created' : 'Already there'}: ${words(answer.name)}`,
        `Job <code>${words(answer.jobId)}</code>.${answer.created ? '' : ' An unfinished job has the same unique key, so nothing was added.'}`,
        ...warningLines(answer.warnings ?? []),
      ];
    case 'apply':
      return [
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
      ];
    case 'list': {
      const { jobs, next } = answer.reply;
      return [
        `### ${plural(jobs.length, 'job')}${next ? ', and more' : ''}`,
        jobs.length > 0 ? jobRows(jobs, now, true) : 'No job matches.',
        next ? 'Only the newest are shown: raise <code>limit</code>, or narrow the list.' : '',
      ];
    }
    case 'show':
      return showPage(answer.reply, now);
    case 'logs':
      return [
        `### Output of attempt ${answer.execution.attempt} at <code>${words(answer.jobId)}</code>`,
        block(answer.execution.output || '(nothing was printed)', 20_000),
      ];
    case 'stats':
      return [
        ...statsPage(answer.reply),
        ...warningLines((answer.unattended ?? []).map((one) => unattendedWords(one, now))),
      ];
    case 'verb':
      return [
        `### ${answer.verb}: ${answer.replies.every(({ applied }) => applied) ? 'done' : 'not done'}`,
        answer.replies
          .map(
            ({ job_id: id, status, reason }) =>
              `Job <code>${words(id)}</code> is ${words(status ?? 'not there')}.${reason ? ` ${words(reason, 400)}` : ''}`,
          )
          .join('\n\n'),
      ];
    case 'doctor':
      return [`### ${verdict(answer.checks)}`, checkRows(answer.checks)];
  }
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

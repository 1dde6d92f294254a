import type { Json } from '../../queue/types.ts';
import { duration, moment, plural, progressInWords } from '../../words/format.ts';
import type { ExecutionReport, RunReport } from '../../worker/report.ts';
import { block, details, link, words } from './escape.ts';
import type { Section } from './fit.ts';

const ROWS = 200;
const DETAILS = 25;

const SIGN: Readonly<Record<ExecutionReport['outcome'], string>> = {
  success: '✅ success',
  failed: '❌ failed',
  retry: '🔁 will retry',
  snoozed: '💤 later',
  released: '↩️ handed back',
  cancelled: '🚫 cancelled',
  lost: '❓ lock lost',
};
/** Failures first: they are why people look. */
const ORDER: readonly ExecutionReport['outcome'][] = [
  'failed',
  'cancelled',
  'lost',
  'retry',
  'released',
  'snoozed',
  'success',
];

/** The page of a run, as sections from the most to the least important. */
export function runPage(report: RunReport, now: Date, warnings: readonly string[] = []): Section[] {
  const executions = [...report.executions].sort(
    (a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome),
  );
  return [
    `### ${headline(report)}`,
    facts(report),
    ...(report.error ? [`**The run ended early.** ${words(report.error, 500)}`] : []),
    ...warnings.map((warning) => `⚠️ ${words(warning, 800)}`),
    ...(executions.length > 0 ? executionTable(executions, report, now) : []),
    ...(executions.length > 10 ? [chart(report)] : []),
    ...failures(executions),
    ...papers(executions),
  ];
}

function headline(report: RunReport): string {
  if (report.claimed === 0 && report.error) return 'The run could not do its work';
  if (report.claimed === 0) return 'Nothing was due';
  if (report.failed > 0) return `${plural(report.failed, 'job')} failed, ${report.succeeded} succeeded`;
  if (report.retried > 0) {
    return `${plural(report.succeeded, 'job')} succeeded, ${plural(report.retried, 'attempt')} will be retried`;
  }
  return `${plural(report.succeeded, 'job')} succeeded`;
}

function facts(report: RunReport): string {
  const parts = [
    `${plural(report.claimed, 'job')} claimed`,
    `${report.succeeded} succeeded`,
    `${report.failed} failed for good`,
    `${report.retried} to be retried`,
    ...(report.expired > 0 ? [`${plural(report.expired, 'lock')} of dead workers ended`] : []),
    report.remaining === null ? 'what remains is not known' : `${report.remaining} due and left`,
    duration(report.durationSeconds),
  ];
  const why = {
    empty: '',
    'max-jobs': ' The run stopped at `max-jobs`.',
    'time-budget': ' The run stopped at its time budget.',
    signal: ' The runner stopped the run; jobs were handed back.',
    error: '',
  }[report.stopCause];
  return `${parts.join(' · ')}.${why}`;
}

function executionTable(executions: readonly ExecutionReport[], report: RunReport, now: Date): Section[] {
  // Most jobs report none: their table does without an empty column.
  const told = executions.some((execution) => execution.progress !== null);
  const rows = executions
    .slice(0, ROWS)
    .map((execution) => [
      SIGN[execution.outcome],
      words(execution.name, 80),
      words(execution.jobType),
      `${execution.attempt} of ${execution.maxRetries + 1}`,
      duration(execution.durationSeconds),
      words(execution.error ? execution.error : brief(execution.result), 160),
      ...(told ? [words(progressInWords(execution.progress), 120)] : []),
      moment(execution.nextRunAt, now),
    ]);
  const more = report.claimed - rows.length;
  return [
    {
      head: [
        '',
        'Job',
        'Type',
        'Attempt',
        'Took',
        'Result or error',
        ...(told ? ['Progress'] : []),
        'Runs next',
      ],
      rows,
    },
    more > 0 ? `… and ${more} more, in the log and in the table \`cloud_job_executions\`.` : '',
  ];
}

/** A result in a few words: what a person would read out of it. */
function brief(result: Json): string {
  if (result === null) return '';
  if (typeof result !== 'object' || Array.isArray(result)) return JSON.stringify(result);
  return Object.entries(result)
    .filter(([, value]) => value === null || typeof value !== 'object')
    .map(([key, value]) => `${key}: ${String(value)}`)
    .join(', ');
}

function chart(report: RunReport): string {
  const slices = new Map<string, number>();
  for (const execution of report.executions) {
    slices.set(execution.outcome, (slices.get(execution.outcome) ?? 0) + 1);
  }
  slices.set('success', report.succeeded);
  const lines = [...slices].filter(([, count]) => count > 0).map(([name, count]) => `  "${name}" : ${count}`);
  if (lines.length < 2) return '';
  return `\`\`\`mermaid\npie title Outcomes\n${lines.join('\n')}\n\`\`\``;
}

/** The newest papers that paper_fetch jobs found. */
function papers(executions: readonly ExecutionReport[]): string[] {
  return executions.flatMap((execution) => {
    const result = execution.result;
    if (
      execution.jobType !== 'paper_fetch' ||
      result === null ||
      typeof result !== 'object' ||
      Array.isArray(result)
    ) {
      return [];
    }
    const newest = Array.isArray(result.newest) ? result.newest : [];
    const items = newest.flatMap((paper) => {
      if (paper === null || typeof paper !== 'object' || Array.isArray(paper)) return [];
      const title = typeof paper.title === 'string' ? paper.title : '';
      const url = typeof paper.url === 'string' ? paper.url : '';
      return title ? [`- ${link(title, url)}`] : [];
    });
    return items.length > 0
      ? [`#### ${words(execution.name, 80)}: newest papers\n\n${items.join('\n')}`]
      : [];
  });
}

function failures(executions: readonly ExecutionReport[]): string[] {
  return executions
    .filter((execution) => execution.error && execution.outcome !== 'released')
    .slice(0, DETAILS)
    .map((execution) =>
      details(
        `${SIGN[execution.outcome]}: ${words(execution.name, 80)}`,
        `Job <code>${words(execution.jobId)}</code>, kind <code>${words(execution.failureKind ?? 'none')}</code>.\n\n${block(execution.error ?? '')}`,
      ),
    );
}

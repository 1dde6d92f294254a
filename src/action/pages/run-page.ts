import type { Json } from '../../queue/types.ts';
import { duration, moment, plural, progressInWords } from '../../words/format.ts';
import type { ExecutionReport, RunReport } from '../../worker/report.ts';
import { block, details, link, words } from './escape.ts';
import type { Section } from './fit.ts';

const ROWS = 200;
const DETAILS = 25;
/** As many rows as are seen at a glance. */
const SHORT = 10;

/** Joined by spaces that do not break: in a narrow column the word would stand below its sign. */
const SIGN: Readonly<Record<ExecutionReport['outcome'], string>> = {
  success: '✅\u00a0success',
  failed: '❌\u00a0failed',
  retry: '🔁\u00a0will\u00a0retry',
  snoozed: '💤\u00a0later',
  released: '↩️\u00a0handed\u00a0back',
  cancelled: '🚫\u00a0cancelled',
  lost: '❓\u00a0lock\u00a0lost',
};
/** Of the slices, dark enough for white figures on them. */
const COLOUR: Readonly<Record<ExecutionReport['outcome'], string>> = {
  success: '#1a7f37',
  failed: '#cf222e',
  retry: '#bc4c00',
  snoozed: '#0969da',
  released: '#6e7781',
  cancelled: '#8250df',
  lost: '#4d2d00',
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
    ...body(executions, report, now),
    ...papers(executions),
  ];
}

/** A long table would push the chart and the failures off the screen; below a short one they are at hand. */
function body(executions: readonly ExecutionReport[], report: RunReport, now: Date): Section[] {
  if (executions.length === 0) return [];
  const table = executionTable(executions, report, now);
  if (executions.length <= SHORT) return [...table, ...failures(executions)];
  return [chart(report), ...failures(executions), ...table];
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
  // Most jobs report no progress, and most runs leave nothing to run again: the table does without empty columns. What
  // people look for comes first, since a phone shows three columns.
  const told = executions.some((execution) => execution.progress !== null);
  const again = executions.some((execution) => execution.nextRunAt !== null);
  const rows = executions
    .slice(0, ROWS)
    .map((execution) => [
      SIGN[execution.outcome],
      words(execution.name, 80),
      words(execution.error ? execution.error : brief(execution.result), 160),
      ...(told ? [words(progressInWords(execution.progress), 120)] : []),
      duration(execution.durationSeconds),
      `${execution.attempt} of ${execution.maxRetries + 1}`,
      words(execution.jobType),
      ...(again ? [moment(execution.nextRunAt, now)] : []),
    ]);
  const more = report.claimed - rows.length;
  return [
    {
      head: [
        '',
        'Job',
        'Result or error',
        ...(told ? ['Progress'] : []),
        'Took',
        'Attempt',
        'Type',
        ...(again ? ['Runs next'] : []),
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
  const slices = new Map<ExecutionReport['outcome'], number>();
  for (const execution of report.executions) {
    slices.set(execution.outcome, (slices.get(execution.outcome) ?? 0) + 1);
  }
  slices.set('success', report.succeeded);
  // The largest first, as Mermaid draws them, so that each gets the colour of its outcome.
  const drawn = [...slices].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  if (drawn.length < 2) return '';
  const colours = drawn.map(([name], index) => `"pie${index + 1}": "${COLOUR[name]}"`).join(', ');
  const theme = `%%{init: {"theme": "base", "themeVariables": {${colours}, "pieOpacity": "1", "pieStrokeColor": "#8b949e", "pieOuterStrokeColor": "#8b949e", "pieSectionTextColor": "#ffffff", "pieLegendTextColor": "#848d97"}}}%%`;
  return `\`\`\`mermaid\n${theme}\npie showData\n${drawn.map(([name, count]) => `  "${name}" : ${count}`).join('\n')}\n\`\`\``;
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

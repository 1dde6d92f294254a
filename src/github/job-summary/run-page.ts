import { highlightsOf } from '../../handlers/index.ts';
import type { Json } from '../../queue/types.ts';
import { duration, plural } from '../../text/format.ts';
import type { ExecutionReport, RunReport } from '../../worker/report.ts';
import { outcomeChart, slowestChart } from './charts.ts';
import { link, small, words } from './escape.ts';
import { failures, wentWrong } from './failures.ts';
import type { Section } from './fit.ts';
import { COUNTED, cameTo, ORDER, SIGN } from './outcomes.ts';
import { warningLines } from './warnings.ts';

const ROWS = 200;
/** As many rows as are seen at a glance. */
const SHORT = 10;
/** Warnings of jobs that are shown one by one. */
const JOB_WARNINGS = 20;

/** The page of a run, as sections from the most to the least important. */
export function runPage(report: RunReport, now: Date, warnings: readonly string[] = []): Section[] {
  const executions = [...report.executions].sort(
    (a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome),
  );
  return [
    `### ${headline(report)}`,
    facts(report),
    ...(report.error ? [`**The run ended early.** ${words(report.error, 500)}`] : []),
    ...warningLines(warnings),
    ...jobWarnings(executions),
    ...failures(executions, now),
    ...(executions.length > SHORT ? [outcomeChart(report), slowestChart(executions)] : []),
    ...rest(executions, report, now),
    ...highlights(executions),
  ];
}

/** What the handlers want a person to look at. */
function jobWarnings(executions: readonly ExecutionReport[]): string[] {
  const all = executions.flatMap(({ name, warnings }) => warnings.map((text) => `${name}: ${text}`));
  const more =
    all.length > JOB_WARNINGS ? [`… and ${all.length - JOB_WARNINGS} more warnings, in the log.`] : [];
  return [...warningLines(all.slice(0, JOB_WARNINGS)), ...more];
}

/** What a person in a hurry has to know. */
function headline({ claimed, succeeded, failed, retried, error }: RunReport): string {
  const jobs = plural(claimed, 'job');
  if (claimed === 0) return error ? '❌ The run could not do its work' : '✅ Nothing was due';
  if (failed > 0) return `❌ ${share(failed, claimed)} failed`;
  if (retried > 0) return `🔁 ${share(retried, claimed)} will be retried`;
  if (succeeded === claimed) return `✅ ${jobs} succeeded`;
  return succeeded > 0 ? `✅ ${succeeded} of ${jobs} succeeded` : `↩️ ${jobs} taken, none finished`;
}

function share(part: number, whole: number): string {
  if (part < whole) return `${part} of ${plural(whole, 'job')}`;
  return whole === 1 ? 'The job' : `All ${whole} jobs`;
}

/** What the headline does not say; nothing about what did not happen. */
function facts(report: RunReport): string {
  const { claimed, succeeded, failed, retried, expired, remaining } = report;
  const parts = [
    succeeded > 0 && succeeded < claimed ? `${succeeded} ${COUNTED.success}` : '',
    retried > 0 && failed > 0 ? `${retried} ${COUNTED.retry}` : '',
    ...others(report),
    expired > 0 ? `${plural(expired, 'lock')} of dead workers ended` : '',
    remaining === null ? 'what is left is not known' : '',
    remaining !== null && remaining > 0 ? `**${remaining} due and left**` : '',
    `took ${duration(report.durationSeconds)}`,
  ];
  const why = {
    empty: '',
    'max-jobs': ' The run stopped at `max-jobs`.',
    'time-budget': ' The run stopped at its time budget.',
    signal: ' The runner stopped the run; jobs were handed back.',
    error: '',
  }[report.stopCause];
  // The dot ends a line and begins none.
  const text = parts.filter((part) => part !== '').join('\u00a0· ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.${why}`;
}

/** Attempts that neither succeeded nor failed. */
function others({ claimed, succeeded, failed, retried, executions }: RunReport): string[] {
  const counts = (['cancelled', 'lost', 'released', 'snoozed'] as const).map((outcome) => ({
    outcome,
    count: executions.filter((execution) => execution.outcome === outcome).length,
  }));
  const all = claimed - succeeded - failed - retried;
  // Of very many, the report keeps only some.
  if (counts.reduce((sum, { count }) => sum + count, 0) < all) return [`${all} with another outcome`];
  return counts.flatMap(({ outcome, count }) => (count > 0 ? [`${count} ${COUNTED[outcome]}`] : []));
}

/** The attempts that need no error told, in three columns: a phone shows them whole. */
function rest(executions: readonly ExecutionReport[], report: RunReport, now: Date): Section[] {
  const calm = executions.filter((execution) => !wentWrong(execution));
  if (calm.length === 0) return [];
  const rows = calm
    .slice(0, ROWS)
    .map((execution) => [
      `${SIGN[execution.outcome]}&nbsp;${words(execution.name, 80)}${small(cameTo(execution, now))}`,
      words(execution.error ? execution.error : brief(execution.result), 160),
      duration(execution.durationSeconds).replaceAll(' ', '&nbsp;'),
    ]);
  const troubled = executions.filter(wentWrong).length;
  // Of very many, the report keeps only some.
  const more = report.claimed - troubled - rows.length;
  const head = ['Job', 'Result', 'Took'];
  const note = more > 0 ? `… and ${more} more, in the log and in the table \`cloud_job_executions\`.` : '';
  if (executions.length <= SHORT) return [{ head, rows, note }];
  return [
    {
      fold: `${plural(rows.length + more, 'job')}${troubled > 0 ? ' without trouble' : ''}`,
      head,
      rows,
      note,
    },
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

/** What the job types show of their results. */
function highlights(executions: readonly ExecutionReport[]): string[] {
  return executions.flatMap(({ name, jobType, result }) => {
    const found = highlightsOf(jobType, result);
    if (found === null) return [];
    const items = found.links.map(({ text, url }) => `- ${link(text, url)}`);
    return [`#### ${words(name, 80)}: ${words(found.heading, 80)}\n\n${items.join('\n')}`];
  });
}

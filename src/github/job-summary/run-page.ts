/** The page of a run: what a person in a hurry has to know first, then what went wrong, then the rest. */
import { highlightsOf } from '../../handlers/index.ts';
import type { AftermathReply } from '../../queue/step-replies.ts';
import type { Json } from '../../queue/types.ts';
import { duration, plural } from '../../text/format.ts';
import { headline } from '../../text/headline.ts';
import { OUTCOME_ICONS } from '../../text/job-words.ts';
import { type ExecutionReport, heldInWords, type RunReport } from '../../worker/report.ts';
import { aftermathSections } from './aftermath.ts';
import { durationChart, slowestChart } from './charts.ts';
import { failures, wentWrong } from './failures.ts';
import type { Section } from './fit.ts';
import { link, small, warningLines, words } from './markdown.ts';
import { COUNTED, ORDER, outcomeWords } from './outcome-words.ts';

const ROWS = 200;
/** As many rows as a person sees at a glance. */
const SHORT = 10;
/** Warnings of jobs that are shown one by one. */
const JOB_WARNINGS = 20;
const HELD_QUEUES = 20;

/** Sections from the most to the least important. */
export function runPage(
  report: RunReport,
  now: Date,
  warnings: readonly string[] = [],
  aftermath: AftermathReply | null = null,
): Section[] {
  const executions = [...report.executions].sort(
    (a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome),
  );
  return [
    `### ${title(report)}`,
    facts(report),
    ...(report.error ? [`**The run ended early.** ${words(report.error, 500)}`] : []),
    ...warningLines(warnings),
    ...jobWarnings(executions),
    ...failures(executions, now),
    ...report.heldQueues.slice(0, HELD_QUEUES).map((held) => `⏸️ ${words(heldInWords(held, now), 600)}`),
    ...aftermathSections(aftermath, now),
    ...(executions.length > SHORT ? [durationChart(executions), slowestChart(executions)] : []),
    ...otherJobs(executions, report, now),
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

function title({ claimed, succeeded, failed, retried, cancelled, error, heldQueues }: RunReport): string {
  if (claimed === 0 && error) return '❌ The run could not do its work';
  if (claimed === 0) return heldQueues.length > 0 ? '⏸️ Nothing was started' : '✅ Nothing was due';
  if (failed > 0) return `❌ ${share(failed, claimed)} failed`;
  if (retried > 0) return `🔁 ${share(retried, claimed)} will be retried`;
  if (succeeded === claimed) return `✅ ${plural(claimed, 'job')} succeeded`;
  if (succeeded > 0) return `✅ ${succeeded} of ${plural(claimed, 'job')} succeeded`;
  if (cancelled === claimed)
    return `🚫 ${share(cancelled, claimed)} ${claimed === 1 ? 'was' : 'were'} cancelled`;
  return `↩️ ${plural(claimed, 'job')} taken, none finished`;
}

function share(part: number, whole: number): string {
  if (part < whole) return `${part} of ${plural(whole, 'job')}`;
  return whole === 1 ? 'The job' : `All ${whole} jobs`;
}

/** What the title does not say, and nothing about what did not happen. */
function facts(report: RunReport): string {
  const { claimed, succeeded, failed, retried, expired, remaining } = report;
  const parts = [
    succeeded > 0 && succeeded < claimed && (failed > 0 || retried > 0)
      ? `${succeeded} ${COUNTED.success}`
      : '',
    retried > 0 && failed > 0 ? `${retried} ${COUNTED.retry}` : '',
    ...others(report),
    expired > 0 ? `${plural(expired, 'expired lock')} ended` : '',
    remaining === null ? 'the number of due jobs left is not known' : '',
    remaining !== null && remaining > 0
      ? `**${report.remainingIsMinimum ? 'at least ' : ''}${plural(remaining, 'due job')} left**`
      : '',
    `took ${duration(report.durationSeconds)}`,
  ];
  const why = {
    empty: '',
    'max-jobs': ' The run stopped at `max-jobs`.',
    'time-budget': ' The run stopped at its time budget.',
    signal: ' The runner stopped the run; jobs were handed back.',
    error: '',
  }[report.stopCause];
  // The no-break space keeps the dot at the end of a line, not at the start of the next.
  const text = parts.filter((part) => part !== '').join('\u00a0· ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.${why}`;
}

/** How many attempts neither succeeded nor failed. */
function others({ claimed, succeeded, failed, retried, cancelled, executions }: RunReport): string[] {
  const kept = (outcome: ExecutionReport['outcome']): number =>
    executions.filter((execution) => execution.outcome === outcome).length;
  const counts = {
    cancelled: cancelled < claimed ? cancelled : 0,
    lost: kept('lost'),
    released: kept('released'),
    snoozed: kept('snoozed'),
  };
  const known = cancelled + counts.lost + counts.released + counts.snoozed;
  const unknown = claimed - succeeded - failed - retried - known;
  // Of very many attempts the report keeps only some.
  const more = unknown > 0 ? [`${unknown} with another outcome`] : [];
  const outcomes = Object.keys(counts) as (keyof typeof counts)[];
  return [
    ...outcomes.flatMap((outcome) => (counts[outcome] > 0 ? [`${counts[outcome]} ${COUNTED[outcome]}`] : [])),
    ...more,
  ];
}

/** The attempts without an error, in three columns, which fit a phone. */
function otherJobs(executions: readonly ExecutionReport[], report: RunReport, now: Date): Section[] {
  const calm = executions.filter((execution) => !wentWrong(execution));
  if (calm.length === 0) return [];
  const rows = calm
    .slice(0, ROWS)
    .map((execution) => [
      `${OUTCOME_ICONS[execution.outcome]}&nbsp;${words(execution.name, 80)}${small(outcomeWords(execution, now))}`,
      words(execution.error ? headline(execution.error) : brief(execution.result), 160),
      duration(execution.durationSeconds).replaceAll(' ', '&nbsp;'),
    ]);
  const wrong = executions.filter(wentWrong).length;
  const more = report.claimed - wrong - rows.length;
  const note = more > 0 ? `… and ${more} more, in the log and in the table \`cloud_job_executions\`.` : '';
  const section = { head: ['Job', 'Result', 'Took'], numeric: [2], rows, note };
  if (executions.length <= SHORT) return [section];
  const count = rows.length + more;
  return [
    { ...section, fold: wrong > 0 ? `${count} other ${count === 1 ? 'job' : 'jobs'}` : plural(count, 'job') },
  ];
}

/** The plain fields of a result in one line. */
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

/** What went wrong in a run: each failure by its headline, with the whole error on a click. */
import { headline } from '../../text/headline.ts';
import { OUTCOME_ICONS } from '../../text/job-words.ts';
import type { ExecutionReport } from '../../worker/report.ts';
import { block, details, small, words } from './markdown.ts';
import { ORDER, outcomeWords, took } from './outcome-words.ts';

/** Kinds of failure on the page; the log and the table have all. */
const GROUPS = 25;
const NAMES = 3;
const IDS = 10;

/** Whether an attempt is shown by its error and not as a row. */
export const wentWrong = ({ outcome }: ExecutionReport): boolean =>
  outcome === 'failed' || outcome === 'retry' || outcome === 'lost';

/** One section for each kind of failure, the worst first. Attempts with the same error are one kind. */
export function failures(executions: readonly ExecutionReport[], now: Date): string[] {
  const groups = new Map<string, ExecutionReport[]>();
  for (const execution of executions.filter(wentWrong)) {
    const kind = kindOf(execution);
    groups.set(kind, [...(groups.get(kind) ?? []), execution]);
  }
  const sorted = [...groups.values()].sort((a, b) => rank(a) - rank(b) || b.length - a.length);
  const more = groups.size - GROUPS;
  return [
    ...sorted.slice(0, GROUPS).map((group) => failure(group, now)),
    more > 0
      ? `… and ${more} more kinds of failure, in the log and in the table \`cloud_job_executions\`.`
      : '',
  ];
}

const rank = ([first]: readonly ExecutionReport[]): number => (first ? ORDER.indexOf(first.outcome) : 0);

/** Ids, addresses, times and other numbers, which differ between errors of one kind. */
const VARYING = /[\da-f]{8}-[\da-f]{4}-[\da-f-]{22}|0x[\da-f]+|\b[\da-f]{12,}\b|\d+/gi;

/** The whole error counts: two tracebacks may have the same first line. */
const kindOf = ({ outcome, failureKind, error }: ExecutionReport): string =>
  JSON.stringify([outcome, failureKind, (error ?? '').trim().replace(VARYING, '#')]);

function failure(group: readonly ExecutionReport[], now: Date): string {
  const [first] = group;
  if (first === undefined) return '';
  const error = (first.error ?? '').trim();
  const line = headline(error);
  const title = `${OUTCOME_ICONS[first.outcome]} ${namesOf(group)}${line === '' ? '' : `<br>${words(line, 300)}`}`;
  const ids = group.slice(0, IDS).map(({ jobId }) => `<code>${words(jobId)}</code>`);
  const more = group.length > IDS ? `, and ${group.length - IDS} more` : '';
  const kind = first.failureKind === null ? '' : `, kind of failure <code>${words(first.failureKind)}</code>`;
  const facts = `${ids.length > 1 ? 'Jobs' : 'Job'} ${ids.join(', ')}${more}; type ${words(first.jobType)}${kind}.`;
  const isShown = error === line && line.length <= 300;
  return details(
    `${title}${small(fateOf(group, first, now))}`,
    isShown ? facts : `${block(error)}\n\n${facts}`,
  );
}

function namesOf(group: readonly ExecutionReport[]): string {
  const names = group.slice(0, NAMES).map(({ name }) => `<strong>${words(name, 80)}</strong>`);
  const more = group.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and <strong>${more} more</strong>` : ''}`;
}

const fateOf = (group: readonly ExecutionReport[], first: ExecutionReport, now: Date): string =>
  group.length === 1
    ? `${outcomeWords(first, now)} · ${took(first)}`
    : `${group.length} attempts with this error; the first: ${outcomeWords(first, now)}`;

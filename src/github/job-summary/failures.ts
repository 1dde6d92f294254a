import type { ExecutionReport } from '../../worker/report.ts';
import { block, details, small, words } from './escape.ts';
import { cameTo, ORDER, SIGN, took } from './outcomes.ts';

/** Kinds of failure that are told; the log and the table have all. */
const GROUPS = 25;
const NAMES = 3;
const IDS = 10;

/** Whether it went wrong, so that it is told by its error and not as a row. */
export const wentWrong = ({ outcome }: ExecutionReport): boolean =>
  outcome === 'failed' || outcome === 'cancelled' || outcome === 'lost' || outcome === 'retry';

/**
 * What went wrong, the first line of each error in sight and the rest at a click. Three hundred jobs that failed alike
 * are one thing to mend, and one thing to read.
 */
export function failures(executions: readonly ExecutionReport[], now: Date): string[] {
  const groups = new Map<string, ExecutionReport[]>();
  for (const execution of executions.filter(wentWrong)) {
    const alike = likeness(execution);
    groups.set(alike, [...(groups.get(alike) ?? []), execution]);
  }
  const sorted = [...groups.values()].sort((a, b) => rank(a) - rank(b) || b.length - a.length);
  const told = sorted.slice(0, GROUPS);
  const more = groups.size - told.length;
  return [
    ...told.map((group) => failure(group, now)),
    more > 0
      ? `… and ${more} more kinds of failure, in the log and in the table \`cloud_job_executions\`.`
      : '',
  ];
}

/** By the worst outcome first. */
const rank = ([first]: readonly ExecutionReport[]): number => (first ? ORDER.indexOf(first.outcome) : 0);

/** Errors that differ in numbers and identifiers alone are alike. */
const likeness = ({ outcome, failureKind, error }: ExecutionReport): string =>
  JSON.stringify([
    outcome,
    failureKind,
    firstLine(error ?? '').replace(/[\da-f]{8}-[\da-f-]{27}|\b[\da-f]{12,}\b|\d+/gi, '#'),
  ]);

function failure(group: readonly ExecutionReport[], now: Date): string {
  const [first] = group;
  if (first === undefined) return '';
  const error = first.error ?? '';
  const line = error.trim() === '' ? '' : `<br>${words(firstLine(error), 300)}`;
  const title = `${SIGN[first.outcome]} ${who(group)}${line}${small(fate(group, first, now))}`;
  const ids = group.slice(0, IDS).map(({ jobId }) => `<code>${words(jobId)}</code>`);
  const jobs = `${ids.length > 1 ? 'Jobs' : 'Job'} ${ids.join(', ')}${group.length > IDS ? `, and ${group.length - IDS} more` : ''}`;
  const facts = `${jobs}; type ${words(first.jobType)}, kind of failure <code>${words(first.failureKind ?? 'none')}</code>.`;
  return details(title, error === '' ? facts : `${block(error)}\n\n${facts}`);
}

function who(group: readonly ExecutionReport[]): string {
  const names = group.slice(0, NAMES).map(({ name }) => `<strong>${words(name, 80)}</strong>`);
  const more = group.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and <strong>${more} more</strong>` : ''}`;
}

const fate = (group: readonly ExecutionReport[], first: ExecutionReport, now: Date): string =>
  group.length === 1
    ? `${cameTo(first, now)} · ${took(first)}`
    : `${group.length} attempts alike; the first: ${cameTo(first, now)}`;

const firstLine = (text: string): string => text.trim().split(/[\r\n]/, 1)[0] ?? '';

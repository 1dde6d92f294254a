/** How a `paper_fetch` job ends, and what its result says. */
import type { Json } from '../../queue/types.ts';
import type { HandlerOutcome } from '../handler.ts';
import type { SourceReport } from './read-source.ts';
import { LONGEST_WAIT_SECONDS } from './request.ts';
import { announcementGap, type DateWindow, isoDay } from './window.ts';

/** A throttle of arXiv lasts for hours and outlives any run (lukasschwab/arxiv.py#203), so the job comes back much later. */
const SNOOZE_SECONDS = 3 * 3600;
/** After a source was not available for all tries of this run. */
const UNAVAILABLE_RETRY_SECONDS = 1800;
/** After a source refused this machine: asking soon is taken for an attack. */
const BLOCKED_RETRY_SECONDS = 86_400;
/** No wait is longer than a day, whatever a source asks for. */
const MAX_WAIT_SECONDS = 86_400;
const DAY_SECONDS = 86_400;
/** An occurrence of a schedule is put off for this long at most, so that a daily job is seen to fail each day. */
const LONGEST_PUT_OFF_SECONDS = 20 * 3600;
const NEWEST_LIMIT = 10;

export interface RunEnd {
  readonly sources: readonly SourceReport[];
  readonly totalPapers: number;
  readonly durationSeconds: number;
  readonly window: DateWindow;
  readonly now: Date;
  /** When the job was created. */
  readonly createdAt: Date;
  /** The occurrence of its schedule that the job runs for; null if it has no schedule. */
  readonly occurrence: Date | null;
  /** 0 (included) to 1 (not included). */
  readonly random: number;
}

/**
 * How the job ends: success if at least one source came to its end (the others are in `errors`); else snoozed if one
 * throttles, failed if one may work later, discarded if all refuse the request itself. An occurrence that has been put
 * off for 20 hours fails.
 */
export function buildOutcome(run: RunEnd): HandlerOutcome {
  const failures = run.sources.map((report) => report.error).filter((error) => error !== null);
  const result = buildResult(run);
  if (failures.length < run.sources.length) return { outcome: 'success', result };

  const message = `${run.sources.map((report) => errorText(report, run)).join('; ')}${keptText(run)}`;
  const asked = Math.max(0, ...failures.map((error) => error.retryAfterSeconds ?? 0));
  if (failures.some((error) => error.kind === 'throttled')) {
    const seconds = snoozeSeconds(asked, run.random);
    const since = putOffSince(run);
    if (since === null) return { outcome: 'snooze', seconds, reason: message, details: result };
    const text = `${message}. The occurrence of ${since} was put off until now and counts as failed`;
    return { outcome: 'failure', kind: 'error', message: text, details: result, retryInSeconds: seconds };
  }
  if (failures.every((error) => error.kind === 'rejected' || error.kind === 'unusable')) {
    return { outcome: 'discard', reason: message, details: result };
  }
  const isBlocked = failures.every((error) => error.kind !== 'unavailable');
  const retryInSeconds = isBlocked
    ? BLOCKED_RETRY_SECONDS
    : Math.min(Math.max(UNAVAILABLE_RETRY_SECONDS, asked), MAX_WAIT_SECONDS);
  return { outcome: 'failure', kind: 'error', message, details: result, retryInSeconds };
}

/** Why a source failed, and for how long it has; null if it did not fail. */
export function errorText(report: SourceReport, run: RunEnd): string | null {
  const { error, completedSecondsAgo, label } = report;
  if (error === null) return null;
  const age = completedSecondsAgo ?? (run.now.getTime() - run.createdAt.getTime()) / 1000;
  if (!(age > DAY_SECONDS)) return error.message;
  const since = isoDay(new Date(run.now.getTime() - age * 1000));
  const days = Math.round(age / DAY_SECONDS);
  const start = completedSecondsAgo === null ? `the job was created on ${since}` : since;
  // First: the page of a run cuts a long reason.
  return `${label} has not answered this query to its end since ${start} (${days === 1 ? 'a day' : `${days} days`} ago): ${error.message}`;
}

function buildResult(run: RunEnd): Json {
  const note = buildNote(run);
  const sum = (pick: (report: SourceReport) => number) =>
    run.sources.reduce((total, report) => total + pick(report), 0);
  return {
    // First, so that the summary of the run has room for it.
    ...(note === null ? {} : { note }),
    new_papers: sum((report) => report.inserted),
    updated_papers: sum((report) => report.updated),
    unchanged_papers: sum((report) => report.unchanged),
    total_papers: run.totalPapers,
    search_queries: run.sources.map((report) => report.query),
    errors: run.sources.flatMap((report) => {
      const error = errorText(report, run);
      const texts = error === null ? report.warnings : [...report.warnings, error];
      return texts.map((text) => `${report.source}: ${text}`);
    }),
    per_source: Object.fromEntries(run.sources.map((report) => [report.source, sourceResult(report)])),
    duration_seconds: Math.round(run.durationSeconds * 1000) / 1000,
    newest: newestPapers(run.sources),
  };
}

function sourceResult(report: SourceReport): Json {
  return {
    status: report.error === null ? 'ok' : report.error.kind,
    found: report.found,
    new: report.inserted,
    updated: report.updated,
    unchanged: report.unchanged,
    skipped: report.skipped,
    pages: report.pages,
    total_results: report.totalResults,
    capped: report.capped,
  };
}

function newestPapers(sources: readonly SourceReport[]): Json {
  return sources
    .flatMap((report) => report.newPapers)
    .sort((left, right) => Date.parse(right.published) - Date.parse(left.published))
    .slice(0, NEWEST_LIMIT)
    .map((paper) => ({ title: paper.title, url: paper.url, published: paper.published }));
}

/** Says why there is nothing new, and what `max_papers` left behind. Null if there is nothing to explain. */
function buildNote(run: RunEnd): string | null {
  const parts: string[] = [];
  const found = run.sources.reduce((total, report) => total + report.found, 0);
  const added = run.sources.reduce((total, report) => total + report.inserted, 0);
  const skipped = run.sources.reduce((total, report) => total + report.skipped, 0);
  const span = `${isoDay(run.window.from)} to ${isoDay(run.window.to)}`;
  const failed = run.sources.filter((report) => report.error !== null);
  if (found === 0 && failed.length === 0) parts.push(`no paper matched in ${span}`);
  else if (found === 0)
    parts.push(`no paper came from ${run.sources.map((report) => report.label).join(', ')}`);
  else if (added === 0) parts.push(`all ${found} papers found in ${span} were known already`);
  if (added === 0 && skipped > 0) {
    parts.push(
      `${skipped} were left out because their primary category is another (include_cross_lists is false)`,
    );
  }
  const gap =
    added === 0 && run.sources.some((report) => report.source === 'arxiv') ? announcementGap(run.now) : null;
  if (gap !== null) parts.push(gap);
  for (const report of run.sources) {
    if (report.capped) {
      parts.push(
        `${report.label} has ${report.totalResults} matches and max_papers took the newest ${report.found}`,
      );
    }
  }
  return parts.length === 0 ? null : parts.join('; ');
}

/** When an occurrence was due that has been put off for long enough; null if it may be put off again. */
function putOffSince({ occurrence, now }: RunEnd): string | null {
  if (occurrence === null || (now.getTime() - occurrence.getTime()) / 1000 < LONGEST_PUT_OFF_SECONDS)
    return null;
  return `${occurrence.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** When to come back: when the source says, else hours later. */
function snoozeSeconds(asked: number, random: number): number {
  if (asked > LONGEST_WAIT_SECONDS) return Math.min(asked, MAX_WAIT_SECONDS);
  // Spread, so that jobs which were throttled together do not come back together.
  return Math.round(SNOOZE_SECONDS * (0.85 + 0.3 * random));
}

function keptText(run: RunEnd): string {
  const kept = run.sources.reduce((total, report) => total + report.found, 0);
  return kept === 0 ? '' : ` (${kept} papers that came before that are stored)`;
}

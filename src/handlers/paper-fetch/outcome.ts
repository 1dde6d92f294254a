import type { Json } from '../../queue/types.ts';
import type { HandlerOutcome } from '../handler.ts';
import { sourceLabel } from './http.ts';
import type { SourceReport } from './run-source.ts';
import type { SourceError } from './source-error.ts';
import { announcementGap, type DateWindow, isoDay } from './window.ts';

/** A throttle of arXiv outlives any run (it was seen to last for hours), so the job comes back much later. */
export const SNOOZE_SECONDS = 3 * 3600;
/** After a source was not available for all tries of this run. */
export const UNAVAILABLE_RETRY_SECONDS = 1800;
/** After a source refused this machine: asking soon is taken for an attack. */
export const BLOCKED_RETRY_SECONDS = 86_400;
const MAX_SNOOZE_SECONDS = 86_400;
const NEWEST_LIMIT = 10;

export interface RunReport {
  readonly sources: readonly SourceReport[];
  readonly totalPapers: number;
  readonly durationSeconds: number;
  readonly window: DateWindow;
  readonly now: Date;
  /** 0 (included) to 1 (not included). */
  readonly random: number;
}

/**
 * How the job ends: success when at least one source came to its end (the others are in `errors`); else snoozed if one
 * throttles, failed if one may work later, discarded if all refuse the request itself.
 */
export function buildOutcome(run: RunReport): HandlerOutcome {
  const failures = run.sources.map((report) => report.error).filter((error) => error !== null);
  const result = buildResult(run);
  if (failures.length < run.sources.length) return { outcome: 'success', result };

  const message = failures.map((error) => error.message).join('; ');
  const throttled = failures.filter((error) => error.kind === 'throttled');
  if (throttled.length > 0) {
    const seconds = snoozeSeconds(throttled, run.random);
    return { outcome: 'snooze', seconds, reason: `${message}${keptText(run)}`, details: result };
  }
  if (failures.every((error) => error.kind === 'rejected')) {
    return { outcome: 'discard', reason: `${message}${keptText(run)}`, details: result };
  }
  const isBlocked = failures.every((error) => error.kind !== 'unavailable');
  const asked = Math.max(0, ...failures.map((error) => error.retryAfterSeconds ?? 0));
  return {
    outcome: 'failure',
    kind: 'error',
    message: `${message}${keptText(run)}`,
    details: result,
    retryInSeconds: isBlocked
      ? BLOCKED_RETRY_SECONDS
      : Math.min(Math.max(UNAVAILABLE_RETRY_SECONDS, asked), MAX_SNOOZE_SECONDS),
  };
}

function buildResult(run: RunReport): Json {
  const note = buildNote(run);
  const sum = (pick: (report: SourceReport) => number) =>
    run.sources.reduce((total, report) => total + pick(report), 0);
  return {
    new_papers: sum((report) => report.inserted),
    updated_papers: sum((report) => report.updated),
    unchanged_papers: sum((report) => report.unchanged),
    total_papers: run.totalPapers,
    search_queries: run.sources.map((report) => report.query),
    errors: run.sources.flatMap((report) =>
      [...report.warnings, ...(report.error === null ? [] : [report.error.message])].map(
        (text) => `${report.source}: ${text}`,
      ),
    ),
    per_source: Object.fromEntries(run.sources.map((report) => [report.source, sourceResult(report)])),
    duration_seconds: Math.round(run.durationSeconds * 1000) / 1000,
    newest: newestPapers(run.sources),
    ...(note === null ? {} : { note }),
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

/** Says why there is nothing new, and what `max_papers` left behind. Null when there is nothing to explain. */
function buildNote(run: RunReport): string | null {
  const parts: string[] = [];
  const found = run.sources.reduce((total, report) => total + report.found, 0);
  const added = run.sources.reduce((total, report) => total + report.inserted, 0);
  const skipped = run.sources.reduce((total, report) => total + report.skipped, 0);
  const span = `${isoDay(run.window.from)} to ${isoDay(run.window.to)}`;
  if (found === 0) parts.push(`no paper matched in ${span}`);
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
        `${sourceLabel(report.source)} has ${report.totalResults} matches and max_papers took the newest ${report.found}`,
      );
    }
  }
  return parts.length === 0 ? null : parts.join('; ');
}

function snoozeSeconds(throttled: readonly SourceError[], random: number): number {
  const asked = Math.max(0, ...throttled.map((error) => error.retryAfterSeconds ?? 0));
  // Spread, so that jobs which were throttled together do not come back together.
  const spread = SNOOZE_SECONDS * (0.85 + 0.3 * random);
  return Math.round(Math.min(Math.max(spread, asked), MAX_SNOOZE_SECONDS));
}

function keptText(run: RunReport): string {
  const kept = run.sources.reduce((total, report) => total + report.inserted + report.updated, 0);
  return kept === 0 ? '' : ` (${kept} papers that came before that are stored)`;
}

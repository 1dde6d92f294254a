import { createHash } from 'node:crypto';
import { arxivPages } from './arxiv.ts';
import type { PaperFetchConfig } from './config.ts';
import { europePmcPages } from './europepmc.ts';
import { sourceLabel } from './http.ts';
import { renderKeywords } from './keywords.ts';
import { openAlexPages } from './openalex.ts';
import { type Paper, type PaperSource, paperIdentity } from './paper.ts';
import type { SourcePage, SourcePages, SourceRun } from './source.ts';
import { SourceError } from './source-error.ts';
import type { UpsertCounts } from './store.ts';
import { LATEST_ARRIVAL_DAYS } from './window.ts';

/** What one source brought, whether it came to its end or not. */
export interface SourceReport {
  readonly source: PaperSource;
  readonly query: string;
  readonly found: number;
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly skipped: number;
  readonly pages: number;
  readonly totalResults: number | null;
  /** True when `max_papers` left papers behind. */
  readonly capped: boolean;
  readonly newPapers: readonly Paper[];
  readonly warnings: readonly string[];
  /** Null when the source came to its end. */
  readonly error: SourceError | null;
}

const SOURCES: Readonly<Record<PaperSource, (run: SourceRun) => SourcePages>> = {
  arxiv: arxivPages,
  openalex: openAlexPages,
  europepmc: europePmcPages,
};

/**
 * Reads one source page by page and stores each page before it asks for the next, so that nothing is lost when a later
 * page fails. A `SourceError` ends up in the report; errors of the store and aborts are thrown.
 */
export async function runSource(
  source: PaperSource,
  run: SourceRun,
  onPage: (report: SourceReport) => void,
): Promise<SourceReport> {
  const started = run.deps.monotonic();
  const { query, pages } = SOURCES[source](run);
  const key = queryKey(source, run.config);
  const seenBefore = source === 'arxiv' ? await seenUntil(run, key) : null;
  let report = emptyReport(source, query);
  try {
    for await (const page of pages) {
      const counts = await storePage(run, page.papers);
      report = addPage(report, page, counts, run.config.maxPapers);
      onPage(report);
      run.signal.throwIfAborted();
      if (isKnownFromHere(page, counts, seenBefore)) {
        run.log(`${sourceLabel(source)}: the rest was read before`);
        break;
      }
    }
  } catch (error) {
    run.signal.throwIfAborted();
    if (!(error instanceof SourceError)) throw error;
    return { ...report, error };
  }
  if (source === 'arxiv') await run.deps.store.markComplete(key, (run.deps.monotonic() - started) / 1000);
  return report;
}

/**
 * The instant up to which an earlier run of the same query has seen all papers, or null. It is the end of a complete
 * run less the days that a paper may come late, so a run that was cut off, or a paper that moderators held, never
 * makes a hole.
 */
async function seenUntil(run: SourceRun, key: string): Promise<number | null> {
  const seconds = await run.deps.store.secondsSinceComplete(key);
  return seconds === null
    ? null
    : run.deps.now().getTime() - seconds * 1000 - LATEST_ARRIVAL_DAYS * 86_400_000;
}

/** Pages come newest first: when a page is old enough and holds nothing new, neither do those after it. */
function isKnownFromHere(page: SourcePage, counts: UpsertCounts, seenBefore: number | null): boolean {
  if (seenBefore === null || page.papers.length === 0) return false;
  if (counts.inserted > 0 || counts.updated > 0) return false;
  return page.papers.every((paper) => Date.parse(paper.published) < seenBefore);
}

/** The same for two runs that ask for the same papers on different days. */
function queryKey(source: PaperSource, config: PaperFetchConfig): string {
  const keywords = config.keywords === null ? null : renderKeywords(config.keywords, (quoted) => quoted);
  const parts = [source, keywords, [...config.categories].sort(), config.daysBack, config.maxPapers];
  const text = JSON.stringify([...parts, config.includeCrossLists]);
  return `${source}:${createHash('sha256').update(text).digest('hex')}`;
}

async function storePage(run: SourceRun, papers: readonly Paper[]): Promise<UpsertCounts> {
  if (papers.length === 0) return { inserted: 0, updated: 0, unchanged: 0, insertedIds: [] };
  return run.deps.store.upsert(papers);
}

function emptyReport(source: PaperSource, query: string): SourceReport {
  return {
    source,
    query,
    found: 0,
    inserted: 0,
    updated: 0,
    unchanged: 0,
    skipped: 0,
    pages: 0,
    totalResults: null,
    capped: false,
    newPapers: [],
    warnings: [],
    error: null,
  };
}

function addPage(
  report: SourceReport,
  page: SourcePage,
  counts: UpsertCounts,
  maxPapers: number,
): SourceReport {
  const insertedIds = new Set(counts.insertedIds);
  const found = report.found + page.papers.length;
  return {
    ...report,
    found,
    inserted: report.inserted + counts.inserted,
    updated: report.updated + counts.updated,
    unchanged: report.unchanged + counts.unchanged,
    skipped: report.skipped + page.skipped,
    pages: report.pages + 1,
    totalResults: page.total,
    capped: found >= maxPapers && page.total !== null && page.total > found + report.skipped + page.skipped,
    newPapers: [...report.newPapers, ...page.papers.filter((paper) => insertedIds.has(paperIdentity(paper)))],
    warnings: [...report.warnings, ...page.warnings],
  };
}

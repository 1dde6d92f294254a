/** Reads one source to its end, page by page, and stores each page before it asks for the next. */
import { createHash } from 'node:crypto';
import { arxiv } from './arxiv.ts';
import type { PaperFetchConfig } from './config.ts';
import { europePmc } from './europepmc.ts';
import { renderKeywords } from './keywords.ts';
import { openAlex } from './openalex.ts';
import { type Paper, type PaperSource, paperIdentity } from './paper.ts';
import { withoutRefusedPhrase } from './refused-phrases.ts';
import { withRetries } from './request.ts';
import { type Source, SourceError, type SourcePage, type SourceRun } from './source.ts';
import type { QueryState, UpsertCounts } from './store.ts';
import { LATEST_ARRIVAL_DAYS } from './window.ts';

/** What one source brought, whether it came to its end or not. */
export interface SourceReport {
  readonly source: PaperSource;
  readonly label: string;
  query: string;
  found: number;
  inserted: number;
  updated: number;
  unchanged: number;
  skipped: number;
  pages: number;
  totalResults: number | null;
  /** Whether `max_papers` left papers behind. */
  capped: boolean;
  readonly newPapers: Paper[];
  readonly warnings: string[];
  /** Null if the source came to its end. */
  error: SourceError | null;
  /** Seconds since the last run that read this query to its end started; null if there was none. */
  completedSecondsAgo: number | null;
}

const SOURCES: Readonly<Record<PaperSource, Source>> = { arxiv, openalex: openAlex, europepmc: europePmc };
/** How often a run writes a refused query another way: without accents, and without up to three phrases. */
const MAX_REWRITES = 4;
/** A source is not read any further after this many entries that cannot be read. */
const MAX_ENTRIES = 30_000;
/** Totals are this far off without a paper being missing: Europe PMC said 170 and gave 168 (ContentMine/getpapers#153). */
const TOTAL_TOLERANCE = 0.02;

/** Where reading goes on: a cursor of the source, and how many entries and papers stand before it. */
interface Place {
  readonly cursor: string;
  readonly read: number;
  readonly kept: number;
}

/**
 * Reads one source. A `SourceError` ends up in the report.
 * @param onPage called after each page that is stored
 * @throws errors of the store, and the reason of the signal if it aborts
 */
export async function readSource(
  name: PaperSource,
  run: SourceRun,
  onPage: (report: SourceReport) => void,
): Promise<SourceReport> {
  const source = SOURCES[name];
  const report = emptyReport(source, run);
  let current = run;
  for (let left = MAX_REWRITES; ; left -= 1) {
    try {
      await new Reading(source, current, report, onPage).toEnd();
      return report;
    } catch (error) {
      run.signal.throwIfAborted();
      if (!(error instanceof SourceError)) throw error;
      const reduced =
        left > 0 && report.pages === 0 ? await withoutRefusedPhrase(source, current, error, report) : null;
      if (reduced === null) {
        report.error = report.error ?? error;
        // If the query is refused without a phrase too, that phrase was not the reason.
        if (error.kind === 'rejected' && report.pages === 0) report.warnings.length = 0;
        return report;
      }
      current = reduced;
    }
  }
}

/** One reading of a query: where it is, and what it has learned of the source on the way. */
class Reading {
  readonly #source: Source;
  readonly #run: SourceRun;
  readonly #report: SourceReport;
  readonly #onPage: (report: SourceReport) => void;
  readonly #query: string;
  readonly #key: string;
  #total: number | null = null;
  #started = 0;

  constructor(source: Source, run: SourceRun, report: SourceReport, onPage: (report: SourceReport) => void) {
    this.#source = source;
    this.#run = run;
    this.#report = report;
    this.#onPage = onPage;
    this.#query = source.query(run);
    this.#key = queryKey(source.name, run.config);
  }

  /** Reads and stores all pages. Throws `SourceError`; what was stored before stays stored. */
  async toEnd(): Promise<void> {
    const { config, deps } = this.#run;
    const state = await deps.store.queryState(this.#key);
    this.#report.query = this.#query;
    this.#report.completedSecondsAgo = state.completedSecondsAgo;
    this.#started = deps.monotonic();
    let place: Place | null = { cursor: this.#source.firstCursor, read: 0, kept: 0 };
    while (place !== null && place.kept < config.maxPapers) place = await this.#readOn(place, state);
  }

  /** Reads the page at `place`, and returns where to go on; null at the end. */
  async #readOn(place: Place, state: QueryState): Promise<Place | null> {
    const { config, deps, log } = this.#run;
    const page = await this.#readPage(place);
    if (page === null) return await this.#end(place.read);
    this.#total = page.total ?? this.#total;
    const papers = page.papers.slice(0, config.maxPapers - place.kept);
    const counts = await deps.store.upsert(papers, this.#run.jobId);
    const here = { read: place.read + page.entries, kept: place.kept + papers.length };
    addPage(this.#report, { ...page, papers }, counts);
    this.#report.totalResults = this.#total;
    this.#report.capped =
      here.kept >= config.maxPapers && (this.#total ?? 0) > here.read - (page.papers.length - papers.length);
    this.#onPage(this.#report);
    this.#run.signal.throwIfAborted();

    if (this.#isKnownFromHere(papers, counts, state)) {
      log(`${this.#source.label}: the rest was read before`);
      return await this.#complete();
    }
    const next = this.#next(place, page, here);
    if (here.kept >= config.maxPapers) return await this.#complete();
    if (next === null) return await this.#end(here.read);
    const jump = this.#jump(next, counts, state);
    if (jump !== null) return jump;
    await this.#savePosition(next);
    return next;
  }

  /** Null if the source has no more, whatever total it names. */
  async #readPage(place: Place): Promise<SourcePage | null> {
    const { config } = this.#run;
    const { label } = this.#source;
    try {
      return await withRetries(async () => {
        const wanted = config.maxPapers - place.kept;
        const page = await this.#source.readPage(this.#run, this.#query, place.cursor, wanted);
        const total = page.total ?? this.#total;
        if (page.entries === 0 && total !== null && place.read < total) {
          throw new SourceError(
            'empty_page',
            `${label} sent an empty page at ${place.read} of ${total} papers`,
          );
        }
        return page;
      }, this.#run);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      if (error.kind === 'empty_page') {
        if (place.read > 0) return null;
        throw new SourceError('unavailable', error.message);
      }
      if (error.kind !== 'rejected' || place.read === 0) throw error;
      // The pages before were given for the same query, so this refusal may pass. If it is the cursor of an earlier run
      // that is refused, the next run must not use it again.
      await this.#savePosition({ cursor: '', read: 0, kept: 0 });
      throw new SourceError(
        'unavailable',
        `${error.message} (the page after the first ${place.read} entries)`,
      );
    }
  }

  #next(place: Place, page: SourcePage, here: { read: number; kept: number }): Place | null {
    const cursor = page.nextCursor;
    if (cursor === null || cursor === place.cursor || page.entries === 0) return null;
    // A full page may be followed by more, whatever the total says.
    if (!page.isFull && (this.#total === null || here.read >= this.#total)) return null;
    return here.read >= MAX_ENTRIES ? null : { cursor, ...here };
  }

  /** Goes on where an earlier run of the same query stopped, as soon as a page brings nothing new. */
  #jump(next: Place, counts: UpsertCounts, { position }: QueryState): Place | null {
    if (position === null || position.query !== this.#query || position.read <= next.read) return null;
    if (counts.inserted > 0 || counts.updated > 0) return null;
    this.#run.log(`${this.#source.label}: ${position.read} entries were read before; going on after them`);
    this.#started -= position.startedSecondsAgo * 1000;
    return { cursor: position.cursor, read: position.read, kept: Math.max(position.kept, next.kept) };
  }

  /** The source has no more. */
  async #end(read: number): Promise<null> {
    const missing = (this.#total ?? 0) - read;
    if (missing > 0) {
      this.#report.warnings.push(`${this.#source.label} said ${this.#total} papers and gave ${read}`);
    }
    // After a larger gap the next run has to read everything again, since old papers may be missing.
    return missing > Math.max(2, read * TOTAL_TOLERANCE) ? null : await this.#complete();
  }

  async #complete(): Promise<null> {
    await this.#run.deps.store.markComplete(this.#key, this.#elapsed());
    return null;
  }

  async #savePosition(place: Place): Promise<void> {
    await this.#run.deps.store.savePosition(this.#key, this.#elapsed(), { ...place, query: this.#query });
  }

  #elapsed(): number {
    return (this.#run.deps.monotonic() - this.#started) / 1000;
  }

  /**
   * Whether an earlier run has seen all that is left: the page holds nothing new, all of it is older than what can
   * still appear, and a run after that came to the end of the same query. Only arXiv sorts by the date of submission.
   */
  #isKnownFromHere(papers: readonly Paper[], counts: UpsertCounts, state: QueryState): boolean {
    if (this.#source.name !== 'arxiv' || state.completedSecondsAgo === null) return false;
    if (papers.length === 0 || counts.inserted > 0 || counts.updated > 0) return false;
    const completed = this.#run.deps.now().getTime() - state.completedSecondsAgo * 1000;
    const seenBefore = completed - LATEST_ARRIVAL_DAYS * 86_400_000;
    return papers.every((paper) => Date.parse(paper.published) < seenBefore);
  }
}

/** The same for two runs that ask for the same papers on different days. */
function queryKey(source: PaperSource, config: PaperFetchConfig): string {
  const keywords = config.keywords === null ? null : renderKeywords(config.keywords, (quoted) => quoted);
  const parts = [source, keywords, [...config.categories].sort(), config.daysBack, config.maxPapers];
  const text = JSON.stringify([...parts, config.includeCrossLists]);
  return `${source}:${createHash('sha256').update(text).digest('hex')}`;
}

function emptyReport(source: Source, run: SourceRun): SourceReport {
  return {
    source: source.name,
    label: source.label,
    query: source.query(run),
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
    completedSecondsAgo: null,
  };
}

function addPage(report: SourceReport, page: SourcePage, counts: UpsertCounts): void {
  const insertedIds = new Set(counts.insertedIds);
  report.found += page.papers.length;
  report.inserted += counts.inserted;
  report.updated += counts.updated;
  report.unchanged += counts.unchanged;
  report.skipped += page.skipped;
  report.pages += 1;
  report.newPapers.push(...page.papers.filter((paper) => insertedIds.has(paperIdentity(paper))));
  report.warnings.push(...page.warnings);
}

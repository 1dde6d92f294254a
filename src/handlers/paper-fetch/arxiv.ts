import { type ArxivFeed, readArxivFeed } from './arxiv-feed.ts';
import { arxivPageUrl, arxivSearchQuery, rewrittenQuery } from './arxiv-query.ts';
import type { PaperFetchConfig } from './config.ts';
import { ARXIV_PAGE_SIZE } from './deps.ts';
import type { Paper } from './paper.ts';
import { get, quoteBody, type SourceResponse } from './request.ts';
import { oddRecordWarnings, type Source, SourceError, type SourcePage, type SourceRun } from './source.ts';

/**
 * The queue runs one job with this concurrency key at a time, over all workers: arXiv allows one connection and one
 * request every three seconds for all machines of a user together.
 */
export const PAPER_FETCH_CONCURRENCY_KEY = 'cloud-jobs:arxiv';

/** Without an Accept header arXiv answers 406. */
const ACCEPT = 'application/atom+xml, application/xml;q=0.9, */*;q=0.1';
/** arXiv refuses to page beyond this with HTTP 400 (user manual, section 3.1.1). */
const MAX_START = 30_000;

type PapersFeed = Extract<ArxivFeed, { kind: 'papers' }>;

/** Papers of arXiv. A cursor is the position of the first entry of a page. */
export const arxiv: Source = {
  name: 'arxiv',
  label: 'arXiv',
  firstCursor: '0',
  query: (run) => arxivSearchQuery(run.config, run.window),
  readPage,
};

async function readPage(run: SourceRun, query: string, cursor: string, wanted: number): Promise<SourcePage> {
  const { config } = run;
  const start = Number(cursor);
  const pageSize = run.deps.arxivPageSize ?? ARXIV_PAGE_SIZE;
  // A filter makes it unknown how many entries are needed, so whole pages are asked for then.
  const asked = Math.min(config.includeCrossLists ? Math.min(pageSize, wanted) : pageSize, MAX_START - start);
  const request = {
    label: arxiv.label,
    url: arxivPageUrl(run.deps.endpoints.arxiv, query, start, asked),
    accept: ACCEPT,
    userAgent: run.userAgent,
    signal: run.signal,
  };
  const feed = readFeed(await run.arxivGate.pass(run.signal, () => get(request, run.deps)));
  const papers = feed.papers.filter((paper) => isFitting(paper, config));
  const next = start + feed.entries;
  return {
    papers,
    skipped: feed.papers.length - papers.length,
    entries: feed.entries,
    isFull: feed.entries >= asked,
    total: feed.totalResults,
    nextCursor: next < MAX_START ? String(next) : null,
    warnings: warningsOf(feed, query, start === 0),
  };
}

/** Sorts a response into papers or the kind of error it is. */
function readFeed(response: SourceResponse): PapersFeed {
  const { status, retryAfterSeconds } = response;
  const quoted = `(HTTP ${status}: ${quoteBody(response)})`;
  // Since autumn 2026 the throttle answers 406 as well as 429, for the same request seconds apart.
  if (status === 429 || status === 406 || /^\s*rate exceeded/i.test(response.body)) {
    throw new SourceError('throttled', `arXiv throttles this machine ${quoted}`, { retryAfterSeconds });
  }
  if (status === 403) {
    const advice = 'Do not ask again soon: arXiv takes that for an attack';
    throw new SourceError('blocked', `arXiv refuses this machine ${quoted}. ${advice}`);
  }
  if (status >= 500 || status === 408) {
    throw new SourceError('unavailable', `arXiv is overloaded ${quoted}`, { retryAfterSeconds });
  }
  const feed = readArxivFeed(response.body);
  if (feed.kind === 'error') {
    throw new SourceError('rejected', `arXiv refuses the query (HTTP ${status}): ${feed.message}`);
  }
  if (status !== 200) throw new SourceError('rejected', `arXiv refuses the query ${quoted}`);
  if (feed.kind === 'unreadable') {
    const message = `arXiv sent something that is not a whole Atom feed: ${quoteBody(response)}`;
    throw new SourceError('unavailable', message, { cause: feed.cause });
  }
  return feed;
}

function isFitting(paper: Paper, config: PaperFetchConfig): boolean {
  if (config.includeCrossLists) return true;
  return paper.primaryCategory !== null && config.categories.includes(paper.primaryCategory);
}

function warningsOf(feed: PapersFeed, query: string, isFirst: boolean): string[] {
  const warnings = oddRecordWarnings(arxiv.label, feed.odd);
  const rewritten = isFirst ? rewrittenQuery(query, feed.title) : null;
  if (rewritten !== null) {
    const ran = `arXiv ran another query than the one sent: ${rewritten.slice(0, 500)} in place of ${query}`;
    warnings.push(`${ran}. Its papers may not be those that you want: check keywords and categories`);
  }
  if (feed.error !== null) warnings.push(`arXiv put an error among the papers of a page: ${feed.error}`);
  return warnings;
}

import { type ArxivAnswer, readArxivFeed } from './arxiv-feed.ts';
import { arxivPageUrl, arxivSearchQuery, rewrittenQuery } from './arxiv-query.ts';
import type { PaperFetchConfig } from './config.ts';
import { ARXIV_PAGE_SIZE } from './deps.ts';
import { get, quoteBody, type SourceResponse } from './http.ts';
import type { Paper } from './paper.ts';
import { withRetries } from './retry.ts';
import type { SourcePage, SourcePages, SourceRun } from './source.ts';
import { SourceError } from './source-error.ts';

/**
 * The queue runs one job with this concurrency key at a time, over all workers: arXiv allows one connection and one
 * request every three seconds for all machines of a user together.
 */
export const PAPER_FETCH_CONCURRENCY_KEY = 'cloud-jobs:arxiv';

/** Without an Accept header arXiv answers 406. */
const ACCEPT = 'application/atom+xml, application/xml;q=0.9, */*;q=0.1';
/** arXiv refuses to page beyond this with HTTP 400 (user manual, section 3.1.1). */
const MAX_START = 30_000;

type PapersAnswer = Extract<ArxivAnswer, { kind: 'papers' }>;

/** Papers of arXiv that match the config, newest first. */
export function arxivPages(run: SourceRun): SourcePages {
  const query = arxivSearchQuery(run.config, run.window);
  return { query, pages: readPages(run, query) };
}

async function* readPages(run: SourceRun, query: string): AsyncGenerator<SourcePage> {
  const { config } = run;
  const pageSize = run.deps.arxivPageSize ?? ARXIV_PAGE_SIZE;
  let start = 0;
  let kept = 0;
  let total: number | null = null;
  while (kept < config.maxPapers && start < MAX_START) {
    // A filter makes it unknown how many entries are needed, so whole pages are asked for then.
    const wanted = config.includeCrossLists ? Math.min(pageSize, config.maxPapers - kept) : pageSize;
    const asked = Math.min(wanted, MAX_START - start);
    const answer = await readPage(run, query, start, asked, total);
    total = answer.totalResults ?? total;
    const fitting = answer.papers.filter((paper) => isFitting(paper, config));
    const papers = fitting.slice(0, config.maxPapers - kept);
    yield {
      papers,
      skipped: answer.papers.length - fitting.length,
      total,
      warnings: warningsOf(answer, query, start === 0),
    };
    start += answer.entryCount;
    kept += papers.length;
    const isLast = total === null ? answer.entryCount < asked : start >= total;
    if (isLast) return;
  }
}

function readPage(
  run: SourceRun,
  query: string,
  start: number,
  asked: number,
  knownTotal: number | null,
): Promise<PapersAnswer> {
  const request = {
    source: 'arxiv',
    url: arxivPageUrl(run.deps.endpoints.arxiv, query, start, asked),
    accept: ACCEPT,
    userAgent: run.userAgent,
    signal: run.signal,
  } as const;
  const attempt = async () => {
    const response = await run.arxivGate.pass(run.signal, () => get(request, run.deps));
    const answer = readAnswer(response);
    const total = answer.totalResults ?? knownTotal;
    if (answer.entryCount === 0 && total !== null && start < total) {
      throw unavailable(`arXiv sent an empty page at ${start} of ${total} papers`);
    }
    return answer;
  };
  return withRetries(attempt, run.signal, run.deps, (error, waitMs) =>
    run.log(`${error.message}; asking again in ${Math.round(waitMs / 1000)} s`),
  );
}

/** Sorts an answer into papers or the kind of error it is. */
function readAnswer(response: SourceResponse): PapersAnswer {
  const { status, retryAfterSeconds } = response;
  // Since autumn 2026 the throttle answers 406 as well as 429, for the same request seconds apart.
  if (status === 429 || status === 406 || /^\s*rate exceeded/i.test(response.body)) {
    throw new SourceError(
      'arxiv',
      'throttled',
      `arXiv throttles this machine (HTTP ${status}: ${quoteBody(response)})`,
      {
        retryAfterSeconds,
      },
    );
  }
  if (status === 403) {
    throw new SourceError(
      'arxiv',
      'blocked',
      `arXiv refuses this machine (HTTP 403: ${quoteBody(response)}). Do not ask again soon: arXiv takes that for an attack`,
    );
  }
  if (status >= 500 || status === 408) {
    throw unavailable(`arXiv is overloaded (HTTP ${status}: ${quoteBody(response)})`, retryAfterSeconds);
  }
  const answer = readArxivFeed(response.body);
  if (answer.kind === 'error') {
    throw new SourceError('arxiv', 'rejected', `arXiv refuses the query (HTTP ${status}): ${answer.message}`);
  }
  if (status !== 200) {
    throw new SourceError(
      'arxiv',
      'rejected',
      `arXiv refuses the query (HTTP ${status}: ${quoteBody(response)})`,
    );
  }
  if (answer.kind === 'unreadable') {
    throw unavailable(
      `arXiv sent something that is no whole Atom feed: ${quoteBody(response)}`,
      null,
      answer.cause,
    );
  }
  return answer;
}

function unavailable(message: string, retryAfterSeconds: number | null = null, cause?: unknown): SourceError {
  return new SourceError('arxiv', 'unavailable', message, { retryAfterSeconds, cause });
}

function isFitting(paper: Paper, config: PaperFetchConfig): boolean {
  if (config.includeCrossLists) return true;
  return paper.primaryCategory !== null && config.categories.includes(paper.primaryCategory);
}

function warningsOf(answer: PapersAnswer, query: string, isFirst: boolean): string[] {
  const warnings: string[] = [];
  const rewritten = isFirst ? rewrittenQuery(query, answer.title) : null;
  if (rewritten !== null) {
    warnings.push(
      `arXiv ran another query than the one sent: ${rewritten.slice(0, 500)} in place of ${query}`,
    );
  }
  if (answer.unreadable.length > 0) {
    warnings.push(
      `arXiv sent ${answer.unreadable.length} entries without id, title or date: ${answer.unreadable.slice(0, 3).join(', ')}`,
    );
  }
  return warnings;
}

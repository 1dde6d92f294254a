import { z } from 'zod';
import { get, quoteBody, type SourceResponse } from './http.ts';
import { normaliseDoi, parseArxivId } from './identifiers.ts';
import { renderKeywords } from './keywords.ts';
import type { Paper } from './paper.ts';
import { withRetries } from './retry.ts';
import type { SourcePage, SourcePages, SourceRun } from './source.ts';
import { SourceError } from './source-error.ts';
import { cleanText, cleanTextOrNull, isoDate, quoteStart } from './text.ts';
import { isoDay } from './window.ts';

const PAGE_SIZE = 100;

const record = z.object({
  id: z.string(),
  source: z.string(),
  doi: z.string().nullish(),
  title: z.string().nullish(),
  authorString: z.string().nullish(),
  authorList: z
    .object({
      author: z.array(z.object({ fullName: z.string().nullish(), collectiveName: z.string().nullish() })),
    })
    .nullish(),
  abstractText: z.string().nullish(),
  firstPublicationDate: z.string().nullish(),
  journalInfo: z.object({ journal: z.object({ title: z.string().nullish() }).nullish() }).nullish(),
  fullTextUrlList: z
    .object({
      fullTextUrl: z.array(z.object({ documentStyle: z.string().nullish(), url: z.string().nullish() })),
    })
    .nullish(),
});
const answerSchema = z.object({
  hitCount: z.number(),
  nextCursorMark: z.string().nullish(),
  resultList: z.object({ result: z.array(record) }),
});
/** Errors come with HTTP 200. */
const errorSchema = z.object({ errCode: z.coerce.number(), errMsg: z.string().nullish() });
type Record = z.infer<typeof record>;
type Answer = z.infer<typeof answerSchema>;

/**
 * Papers of Europe PMC (PubMed, PMC, preprints of the life sciences) whose title or abstract matches the keywords.
 * Source: europepmc.org/RestfulWebService.
 */
export function europePmcPages(run: SourceRun): SourcePages {
  const { keywords } = run.config;
  const search = keywords === null ? '' : renderKeywords(keywords, (quoted) => `TITLE_ABS:${quoted}`);
  const query = `${search} AND FIRST_PDATE:[${isoDay(run.window.from)} TO ${isoDay(run.window.to)}]`;
  return { query, pages: readPages(run, query) };
}

async function* readPages(run: SourceRun, query: string): AsyncGenerator<SourcePage> {
  let cursor: string | null = '*';
  let kept = 0;
  let read = 0;
  while (cursor !== null && kept < run.config.maxPapers) {
    const answer: Answer = await readPage(run, query, cursor, read);
    const results = answer.resultList.result;
    const readable = results.map(readRecord).filter((paper) => paper !== null);
    const papers = readable.slice(0, run.config.maxPapers - kept);
    const unreadable = results.length - readable.length;
    yield {
      papers,
      skipped: 0,
      total: answer.hitCount,
      warnings: unreadable === 0 ? [] : [`Europe PMC sent ${unreadable} records without title or date`],
    };
    kept += papers.length;
    read += results.length;
    const next: string | null = answer.nextCursorMark ?? null;
    // The end is told by a cursor that repeats, or by none.
    cursor = read >= answer.hitCount || next === cursor ? null : next;
  }
}

function readPage(run: SourceRun, query: string, cursor: string, read: number): Promise<Answer> {
  const url = new URL(run.deps.endpoints.europepmc);
  url.searchParams.set('query', query);
  url.searchParams.set('format', 'json');
  url.searchParams.set('resultType', 'core');
  url.searchParams.set('pageSize', String(PAGE_SIZE));
  url.searchParams.set('cursorMark', cursor);
  url.searchParams.set('sort', 'P_PDATE_D desc');
  const attempt = async () => {
    const response = await get(
      {
        source: 'europepmc',
        url: url.href,
        accept: 'application/json',
        userAgent: run.userAgent,
        signal: run.signal,
      },
      run.deps,
    );
    const answer = readAnswer(response);
    if (answer.resultList.result.length === 0 && read < answer.hitCount) {
      throw new SourceError(
        'europepmc',
        'unavailable',
        `Europe PMC sent an empty page at ${read} of ${answer.hitCount} papers`,
      );
    }
    return answer;
  };
  return withRetries(attempt, run.signal, run.deps, (error, waitMs) =>
    run.log(`${error.message}; asking again in ${Math.round(waitMs / 1000)} s`),
  );
}

function readAnswer(response: SourceResponse): Answer {
  const { status, retryAfterSeconds } = response;
  const fail = (kind: SourceError['kind'], text: string, cause?: unknown) =>
    new SourceError('europepmc', kind, `${text} (HTTP ${status}: ${quoteBody(response)})`, {
      retryAfterSeconds,
      cause,
    });
  if (status === 429) throw fail('throttled', 'Europe PMC throttles this machine');
  if (status === 403) throw fail('blocked', 'Europe PMC refuses this machine');
  if (status >= 500 || status === 408) throw fail('unavailable', 'Europe PMC is not available');
  if (status !== 200) throw fail('rejected', 'Europe PMC refuses the query');
  let body: unknown;
  try {
    body = JSON.parse(response.body);
  } catch (cause) {
    throw fail('unavailable', 'Europe PMC sent something that is not JSON', cause);
  }
  const error = errorSchema.safeParse(body);
  if (error.success) {
    const { errCode } = error.data;
    const kind = errCode === 429 ? 'throttled' : errCode >= 500 ? 'unavailable' : 'rejected';
    const reason = quoteStart(error.data.errMsg ?? 'no reason given', 300);
    throw fail(kind, `Europe PMC answered with error ${errCode}: ${reason}`);
  }
  const parsed = answerSchema.safeParse(body);
  if (!parsed.success) {
    throw fail(
      'rejected',
      `Europe PMC sent another shape than expected: ${quoteStart(z.prettifyError(parsed.error))}`,
    );
  }
  return parsed.data;
}

function readRecord(item: Record): Paper | null {
  const title = cleanTextOrNull(withoutMarkup(item.title ?? ''));
  const published = isoDate(item.firstPublicationDate);
  if (title === null || published === null) return null;
  const named = (item.authorList?.author ?? []).map(
    (author) => author.fullName ?? author.collectiveName ?? '',
  );
  const authors = named.length > 0 ? named : (item.authorString ?? '').replace(/\.$/, '').split(',');
  const pdf = item.fullTextUrlList?.fullTextUrl.find((link) => link.documentStyle === 'pdf');
  return {
    source: 'europepmc',
    sourceId: `${item.source}/${item.id}`,
    arxivId: parseArxivId(item.doi ?? '')?.id ?? null,
    version: null,
    doi: normaliseDoi(item.doi),
    title,
    authors: authors.map(cleanText).filter((name) => name !== ''),
    abstract: cleanTextOrNull(withoutMarkup(item.abstractText ?? '')),
    categories: [],
    primaryCategory: null,
    published,
    updated: null,
    url: `https://europepmc.org/article/${encodeURIComponent(item.source)}/${encodeURIComponent(item.id)}`,
    pdfUrl: pdf?.url ?? null,
    comment: null,
    journalRef: cleanTextOrNull(item.journalInfo?.journal?.title),
  };
}

/** Titles and abstracts carry HTML (`<i>`, `<h4>`) and entities. */
function withoutMarkup(text: string): string {
  return text
    .replace(/<\/?[a-z][^<>]*>/gi, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

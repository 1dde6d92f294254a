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

/** The most that OpenAlex gives at once. */
const PAGE_SIZE = 100;
/** Only what is stored: whole works are up to 50 kB each. */
const FIELDS =
  'id,doi,title,publication_date,authorships,abstract_inverted_index,primary_location,best_oa_location,locations,primary_topic,topics';

const location = z.object({
  landing_page_url: z.string().nullish(),
  pdf_url: z.string().nullish(),
  source: z.object({ display_name: z.string().nullish() }).nullish(),
});
const topic = z.object({ display_name: z.string().nullish() });
const work = z.object({
  id: z.string(),
  doi: z.string().nullish(),
  title: z.string().nullish(),
  publication_date: z.string().nullish(),
  authorships: z.array(z.object({ author: z.object({ display_name: z.string().nullish() }) })).nullish(),
  abstract_inverted_index: z.record(z.string(), z.array(z.number())).nullish(),
  primary_location: location.nullish(),
  best_oa_location: location.nullish(),
  locations: z.array(location).nullish(),
  primary_topic: topic.nullish(),
  topics: z.array(topic).nullish(),
});
const answerSchema = z.object({
  meta: z.object({ count: z.number(), next_cursor: z.string().nullish() }),
  results: z.array(work),
});
type Work = z.infer<typeof work>;
type Answer = z.infer<typeof answerSchema>;

/**
 * Papers of OpenAlex whose title or abstract matches the keywords, newest first.
 * Source: developers.openalex.org (guides on searching, filtering and paging).
 */
export function openAlexPages(run: SourceRun): SourcePages {
  const { keywords } = run.config;
  const search = keywords === null ? '' : renderKeywords(keywords, (quoted) => quoted);
  const query = [
    `title_and_abstract.search:${search}`,
    `from_publication_date:${isoDay(run.window.from)}`,
    `to_publication_date:${isoDay(run.window.to)}`,
  ].join(',');
  return { query, pages: readPages(run, query) };
}

async function* readPages(run: SourceRun, query: string): AsyncGenerator<SourcePage> {
  const key = run.deps.openAlexKey;
  if (key === undefined || key === '') {
    throw new SourceError(
      'openalex',
      'rejected',
      'OpenAlex needs a key (free, from openalex.org): set OPENALEX_API_KEY in the step that runs the worker, or take openalex out of sources',
    );
  }
  let cursor: string | null = '*';
  let kept = 0;
  let read = 0;
  while (cursor !== null && kept < run.config.maxPapers) {
    const answer: Answer = await readPage(run, query, key, cursor);
    const readable = answer.results.map(readWork).filter((paper) => paper !== null);
    const papers = readable.slice(0, run.config.maxPapers - kept);
    const unreadable = answer.results.length - readable.length;
    yield {
      papers,
      skipped: 0,
      total: answer.meta.count,
      warnings: unreadable === 0 ? [] : [`OpenAlex sent ${unreadable} works without title or date`],
    };
    kept += papers.length;
    read += answer.results.length;
    const next: string | null = answer.meta.next_cursor ?? null;
    // Only an empty page has no next cursor; every page costs money, so that one is not asked for.
    const isLast: boolean = answer.results.length === 0 || read >= answer.meta.count || next === cursor;
    cursor = isLast ? null : next;
  }
}

function readPage(run: SourceRun, query: string, key: string, cursor: string): Promise<Answer> {
  const url = new URL(run.deps.endpoints.openalex);
  url.searchParams.set('filter', query);
  url.searchParams.set('sort', 'publication_date:desc');
  url.searchParams.set('per_page', String(PAGE_SIZE));
  url.searchParams.set('select', FIELDS);
  url.searchParams.set('cursor', cursor);
  url.searchParams.set('api_key', key);
  // The key travels in the address, and some errors and answers repeat the address.
  const redact = (text: string) => text.replaceAll(key, '***').replaceAll(encodeURIComponent(key), '***');
  const attempt = async () => {
    const response = await get(
      {
        source: 'openalex',
        url: url.href,
        accept: 'application/json',
        userAgent: run.userAgent,
        signal: run.signal,
        redact,
      },
      run.deps,
    );
    return readAnswer(response, redact);
  };
  return withRetries(attempt, run.signal, run.deps, (error, waitMs) =>
    run.log(`${error.message}; asking again in ${Math.round(waitMs / 1000)} s`),
  );
}

function readAnswer(response: SourceResponse, redact: (text: string) => string): Answer {
  const { status, retryAfterSeconds } = response;
  const quoted = quoteBody(response, redact);
  const fail = (kind: SourceError['kind'], text: string, cause?: unknown) =>
    new SourceError('openalex', kind, `${text} (HTTP ${status}: ${quoted})`, { retryAfterSeconds, cause });
  // OpenAlex answers 403 as well as 429 to those who are over a limit.
  if (status === 429 || (status === 403 && /rate|limit|budget/i.test(response.body))) {
    throw fail('throttled', 'OpenAlex has no budget left for this key');
  }
  if (status === 401 || status === 403) throw fail('blocked', 'OpenAlex refuses the key');
  if (status >= 500 || status === 408) throw fail('unavailable', 'OpenAlex is not available');
  if (status !== 200) throw fail('rejected', 'OpenAlex refuses the query');
  let body: unknown;
  try {
    body = JSON.parse(response.body);
  } catch (cause) {
    throw fail('unavailable', 'OpenAlex sent something that is not JSON', cause);
  }
  const parsed = answerSchema.safeParse(body);
  if (!parsed.success) {
    throw fail(
      'rejected',
      `OpenAlex sent another shape than expected: ${quoteStart(z.prettifyError(parsed.error))}`,
    );
  }
  return parsed.data;
}

function readWork(item: Work): Paper | null {
  const title = cleanTextOrNull(item.title);
  const published = isoDate(item.publication_date);
  const id = /W\d+$/.exec(item.id)?.[0];
  if (title === null || published === null || id === undefined) return null;
  const doi = item.doi ?? null;
  const landingPages = (item.locations ?? []).map((place) => place.landing_page_url ?? '');
  const arxiv = [doi ?? '', ...landingPages].map(parseArxivId).find((found) => found !== null);
  return {
    source: 'openalex',
    sourceId: id,
    arxivId: arxiv?.id ?? null,
    version: null,
    doi: normaliseDoi(doi),
    title,
    authors: (item.authorships ?? [])
      .map((authorship) => cleanText(authorship.author.display_name ?? ''))
      .filter((name) => name !== ''),
    abstract: cleanTextOrNull(abstractText(item.abstract_inverted_index ?? {})),
    categories: (item.topics ?? [])
      .map((each) => cleanText(each.display_name ?? ''))
      .filter((name) => name !== ''),
    primaryCategory: cleanTextOrNull(item.primary_topic?.display_name),
    published,
    updated: null,
    url: item.primary_location?.landing_page_url ?? doi ?? item.id,
    pdfUrl: item.best_oa_location?.pdf_url ?? item.primary_location?.pdf_url ?? null,
    comment: null,
    journalRef: cleanTextOrNull(item.primary_location?.source?.display_name),
  };
}

/** OpenAlex stores an abstract as word → positions. */
export function abstractText(index: Readonly<Record<string, readonly number[]>>): string {
  return Object.entries(index)
    .flatMap(([word, positions]) => positions.map((position) => ({ word, position })))
    .sort((left, right) => left.position - right.position)
    .map(({ word }) => word)
    .join(' ');
}

import { z } from 'zod';
import { normaliseDoi, parseArxivId } from './identifiers.ts';
import { renderKeywords } from './keywords.ts';
import type { Paper } from './paper.ts';
import { readRecords } from './records.ts';
import { get, quoteBody, type SourceResponse } from './request.ts';
import { oddRecordWarnings, type Source, SourceError, type SourcePage, type SourceRun } from './source.ts';
import { cleanText, cleanTextOrNull, distinctNames, isoDate, textOfHtml } from './text.ts';
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
const workSchema = z.object({
  id: z.string().regex(/\/?W\d{1,20}$/, 'is not an id of a work'),
  doi: z.string().nullish(),
  title: z.string(),
  publication_date: z.string(),
  authorships: z.array(z.object({ author: z.object({ display_name: z.string().nullish() }) })).nullish(),
  abstract_inverted_index: z.record(z.string(), z.array(z.number())).nullish(),
  primary_location: location.nullish(),
  best_oa_location: location.nullish(),
  locations: z.array(location).nullish(),
  primary_topic: topic.nullish(),
  topics: z.array(topic).nullish(),
});
const bodySchema = z.object({
  meta: z.object({ count: z.number().nullish().catch(null), next_cursor: z.string().nullish() }),
  results: z.array(z.unknown()),
});
type Work = z.output<typeof workSchema>;

/**
 * Papers of OpenAlex whose title or abstract matches the keywords.
 * Source: developers.openalex.org (guides on searching, filtering and paging; API reference on errors).
 */
export const openAlex: Source = {
  name: 'openalex',
  label: 'OpenAlex',
  firstCursor: '*',
  query({ config, window }) {
    const search = config.keywords === null ? '' : renderKeywords(config.keywords, (quoted) => quoted);
    return [
      `title_and_abstract.search:${search}`,
      `from_publication_date:${isoDay(window.from)}`,
      `to_publication_date:${isoDay(window.to)}`,
    ].join(',');
  },
  readPage,
};

async function readPage(run: SourceRun, query: string, cursor: string): Promise<SourcePage> {
  const key = run.deps.openAlexKey;
  if (key === undefined || key === '') {
    throw new SourceError(
      'unusable',
      'OpenAlex needs a key (free, from openalex.org): set OPENALEX_API_KEY in the step that runs the worker, or take openalex out of sources',
    );
  }
  const url = new URL(run.deps.endpoints.openalex);
  url.searchParams.set('filter', query);
  url.searchParams.set('sort', 'publication_date:desc');
  url.searchParams.set('per_page', String(PAGE_SIZE));
  url.searchParams.set('select', FIELDS);
  url.searchParams.set('cursor', cursor);
  url.searchParams.set('api_key', key);
  // The key is part of the address, and some errors and responses repeat the address.
  const redact = (text: string) => text.replaceAll(key, '***').replaceAll(encodeURIComponent(key), '***');
  const response = await get(
    {
      label: openAlex.label,
      url: url.href,
      accept: 'application/json',
      userAgent: run.userAgent,
      signal: run.signal,
      redact,
    },
    run.deps,
  );
  const { meta, results } = readBody(response, redact);
  const { papers, odd } = readRecords(results, workSchema, toPaper);
  return {
    papers,
    skipped: 0,
    entries: results.length,
    isFull: results.length >= PAGE_SIZE,
    total: meta.count ?? null,
    nextCursor: meta.next_cursor ?? null,
    warnings: oddRecordWarnings(openAlex.label, odd),
  };
}

function readBody(response: SourceResponse, redact: (text: string) => string): z.output<typeof bodySchema> {
  const { status, retryAfterSeconds, body } = response;
  const fail = (kind: SourceError['kind'], text: string, cause?: unknown) => {
    const message = `OpenAlex ${text} (HTTP ${status}: ${quoteBody(response, redact)})`;
    return new SourceError(kind, message, { retryAfterSeconds, cause });
  };
  // OpenAlex answers 403 as well as 429 to those who are over a limit.
  if (status === 429 || (status === 403 && /rate|limit|budget/i.test(body))) {
    const isSpent = /budget|credit|daily|insufficient/i.test(body);
    throw fail('throttled', isSpent ? 'has no budget left for this key' : 'throttles this key');
  }
  if (status === 401 || status === 403) throw fail('blocked', 'refuses the key');
  if (status >= 500 || status === 408) throw fail('unavailable', 'is not available');
  if (status !== 200) throw fail('rejected', 'refuses the query');
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (cause) {
    throw fail('unavailable', 'sent something that is not JSON', cause);
  }
  const parsed = bodySchema.safeParse(json);
  if (!parsed.success) throw fail('unavailable', 'sent another shape than expected', parsed.error);
  return parsed.data;
}

function toPaper(work: Work): Paper | string {
  const title = cleanTextOrNull(textOfHtml(work.title));
  const published = isoDate(work.publication_date);
  if (title === null) return 'no title';
  if (published === null) return 'no date';
  const doi = work.doi ?? null;
  const landingPages = (work.locations ?? []).map((place) => place.landing_page_url ?? '');
  const arxiv = [doi ?? '', ...landingPages].map(parseArxivId).find((found) => found !== null);
  return {
    source: 'openalex',
    sourceId: work.id.replace(/^.*\//, ''),
    arxivId: arxiv?.id ?? null,
    version: null,
    doi: normaliseDoi(doi),
    title,
    authors: (work.authorships ?? [])
      .map(({ author }) => cleanText(author.display_name ?? ''))
      .filter((name) => name !== ''),
    abstract: cleanTextOrNull(textOfHtml(abstractText(work.abstract_inverted_index ?? {}))),
    categories: distinctNames((work.topics ?? []).map((each) => each.display_name ?? '')),
    primaryCategory: cleanTextOrNull(work.primary_topic?.display_name),
    published,
    updated: null,
    url: work.primary_location?.landing_page_url ?? doi ?? work.id,
    pdfUrl: work.best_oa_location?.pdf_url ?? work.primary_location?.pdf_url ?? null,
    comment: null,
    journalRef: cleanTextOrNull(textOfHtml(work.primary_location?.source?.display_name ?? '')),
  };
}

/** Puts an abstract together, which OpenAlex stores as words with their positions. */
export function abstractText(index: Readonly<Record<string, readonly number[]>>): string {
  return Object.entries(index)
    .flatMap(([word, positions]) => positions.map((position) => ({ word, position })))
    .sort((left, right) => left.position - right.position)
    .map(({ word }) => word)
    .join(' ');
}

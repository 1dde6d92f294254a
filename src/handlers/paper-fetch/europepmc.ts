import { z } from 'zod';
import { normaliseDoi, parseArxivId } from './identifiers.ts';
import { renderKeywords } from './keywords.ts';
import type { Paper } from './paper.ts';
import { readRecords } from './records.ts';
import { get, quoteBody, type SourceResponse } from './request.ts';
import { oddRecordWarnings, type Source, SourceError, type SourcePage, type SourceRun } from './source.ts';
import { cleanText, cleanTextOrNull, isoDate, quoteStart, textOfHtml } from './text.ts';
import { isoDay } from './window.ts';

const PAGE_SIZE = 100;

const recordSchema = z.object({
  id: z.string().regex(/^[\w./:-]{1,100}$/, 'is not an id'),
  source: z.string().regex(/^\w{1,20}$/, 'is not a source'),
  doi: z.string().nullish(),
  title: z.string(),
  authorString: z.string().nullish(),
  authorList: z
    .object({
      author: z.array(z.object({ fullName: z.string().nullish(), collectiveName: z.string().nullish() })),
    })
    .nullish(),
  abstractText: z.string().nullish(),
  firstPublicationDate: z.string(),
  journalInfo: z.object({ journal: z.object({ title: z.string().nullish() }).nullish() }).nullish(),
  fullTextUrlList: z
    .object({
      fullTextUrl: z.array(z.object({ documentStyle: z.string().nullish(), url: z.string().nullish() })),
    })
    .nullish(),
});
const bodySchema = z.object({
  hitCount: z.number().nullish().catch(null),
  nextCursorMark: z.string().nullish(),
  resultList: z.object({ result: z.array(z.unknown()) }),
});
/** Errors come with HTTP 200. */
const errorSchema = z.object({ errCode: z.coerce.number(), errMsg: z.string().nullish() });
type PmcRecord = z.output<typeof recordSchema>;

/**
 * Papers of Europe PMC (PubMed, PMC, preprints of the life sciences) whose title or abstract matches the keywords.
 * Source: europepmc.org/RestfulWebService.
 */
export const europePmc: Source = {
  name: 'europepmc',
  label: 'Europe PMC',
  firstCursor: '*',
  query({ config, window }) {
    const search =
      config.keywords === null ? '' : renderKeywords(config.keywords, (quoted) => `TITLE_ABS:${quoted}`);
    return `${search} AND FIRST_PDATE:[${isoDay(window.from)} TO ${isoDay(window.to)}]`;
  },
  readPage,
};

async function readPage(run: SourceRun, query: string, cursor: string): Promise<SourcePage> {
  const url = new URL(run.deps.endpoints.europepmc);
  url.searchParams.set('query', query);
  url.searchParams.set('format', 'json');
  url.searchParams.set('resultType', 'core');
  url.searchParams.set('pageSize', String(PAGE_SIZE));
  url.searchParams.set('cursorMark', cursor);
  url.searchParams.set('sort', 'P_PDATE_D desc');
  const request = {
    label: europePmc.label,
    url: url.href,
    accept: 'application/json',
    userAgent: run.userAgent,
    signal: run.signal,
  };
  const { hitCount, nextCursorMark, resultList } = readBody(await get(request, run.deps));
  const { papers, odd } = readRecords(resultList.result, recordSchema, toPaper);
  return {
    papers,
    skipped: 0,
    entries: resultList.result.length,
    isFull: resultList.result.length >= PAGE_SIZE,
    total: hitCount ?? null,
    // The end is marked by a cursor that repeats.
    nextCursor: nextCursorMark ?? null,
    warnings: oddRecordWarnings(europePmc.label, odd),
  };
}

function readBody(response: SourceResponse): z.output<typeof bodySchema> {
  const { status, retryAfterSeconds, body } = response;
  const fail = (kind: SourceError['kind'], text: string, cause?: unknown) => {
    const message = `Europe PMC ${text} (HTTP ${status}: ${quoteBody(response)})`;
    return new SourceError(kind, message, { retryAfterSeconds, cause });
  };
  if (status === 429) throw fail('throttled', 'throttles this machine');
  if (status === 403) throw fail('blocked', 'refuses this machine');
  if (status >= 500 || status === 408) throw fail('unavailable', 'is not available');
  if (status !== 200) throw fail('rejected', 'refuses the query');
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (cause) {
    throw fail('unavailable', 'sent something that is not JSON', cause);
  }
  const error = errorSchema.safeParse(json);
  if (error.success) {
    const { errCode, errMsg } = error.data;
    const kind = errCode === 429 ? 'throttled' : errCode >= 500 ? 'unavailable' : 'rejected';
    throw fail(kind, `answered with error ${errCode}: ${quoteStart(errMsg ?? 'no reason given', 300)}`);
  }
  const parsed = bodySchema.safeParse(json);
  if (!parsed.success) throw fail('unavailable', 'sent another shape than expected', parsed.error);
  return parsed.data;
}

function toPaper(record: PmcRecord): Paper | string {
  const title = cleanTextOrNull(textOfHtml(record.title));
  const published = isoDate(record.firstPublicationDate);
  if (title === null) return 'no title';
  if (published === null) return 'no date';
  const named = (record.authorList?.author ?? []).map(
    (author) => author.fullName ?? author.collectiveName ?? '',
  );
  const authors = named.length > 0 ? named : (record.authorString ?? '').replace(/\.$/, '').split(',');
  const pdf = record.fullTextUrlList?.fullTextUrl.find((link) => link.documentStyle === 'pdf');
  const [source, id] = [record.source, record.id];
  return {
    source: 'europepmc',
    sourceId: `${source}/${id}`,
    arxivId: parseArxivId(record.doi ?? '')?.id ?? null,
    version: null,
    doi: normaliseDoi(record.doi),
    title,
    authors: authors.map(cleanText).filter((name) => name !== ''),
    abstract: cleanTextOrNull(textOfHtml(record.abstractText ?? '')),
    categories: [],
    primaryCategory: null,
    published,
    updated: null,
    url: `https://europepmc.org/article/${encodeURIComponent(source)}/${encodeURIComponent(id)}`,
    pdfUrl: pdf?.url ?? null,
    comment: null,
    journalRef: cleanTextOrNull(textOfHtml(record.journalInfo?.journal?.title ?? '')),
  };
}

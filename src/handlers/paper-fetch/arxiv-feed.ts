import { parseAtomFeed } from 'feedsmith';
import { normaliseDoi, parseArxivId } from './identifiers.ts';
import type { Paper } from './paper.ts';
import { cleanText, cleanTextOrNull, isoDate } from './text.ts';

/** Called through a function of its own, so that the dates get the type they have without options. */
const parseFeed = (body: string) => parseAtomFeed(body);
type AtomFeed = ReturnType<typeof parseFeed>;
type AtomEntry = NonNullable<AtomFeed['entries']>[number];

export type ArxivAnswer =
  | {
      readonly kind: 'papers';
      readonly papers: readonly Paper[];
      /** Entries in the feed, whether they could be read or not: paging goes by this. */
      readonly entryCount: number;
      /** Ids of entries that lack what a paper needs. */
      readonly unreadable: readonly string[];
      /** Null when the feed does not say. */
      readonly totalResults: number | null;
      /** The feed's title, which echoes the query that arXiv ran. */
      readonly title: string;
    }
  /** A feed whose only entry is an error report; arXiv sends it with HTTP 200 as well as 400. */
  | { readonly kind: 'error'; readonly message: string }
  /** Not a whole Atom feed: HTML, plain text, or XML that is broken or cut off. */
  | { readonly kind: 'unreadable'; readonly cause: unknown };

/** Reads the body of an answer of arXiv's query API. Never throws. */
export function readArxivFeed(body: string): ArxivAnswer {
  let feed: AtomFeed;
  try {
    feed = parseFeed(body);
  } catch (cause) {
    return { kind: 'unreadable', cause };
  }
  // The parser forgives a feed that stops in the middle, and the papers after that point would be missing in silence.
  if (!/<\/(?:[\w-]+:)?feed>\s*$/.test(body)) {
    return { kind: 'unreadable', cause: new Error('the feed has no closing tag') };
  }
  const entries = feed.entries ?? [];
  const error = entries.find(isErrorEntry);
  if (error !== undefined) {
    return { kind: 'error', message: cleanTextOrNull(error.summary?.value) ?? 'no reason given' };
  }
  const papers: Paper[] = [];
  const unreadable: string[] = [];
  for (const entry of entries) {
    const paper = readEntry(entry);
    if (paper === null) unreadable.push(cleanText(entry.id ?? '(no id)').slice(0, 100));
    else papers.push(paper);
  }
  const total = feed.opensearch?.totalResults;
  return {
    kind: 'papers',
    papers,
    entryCount: entries.length,
    unreadable,
    totalResults: typeof total === 'number' && Number.isFinite(total) ? total : null,
    title: cleanText(feed.title?.value ?? ''),
  };
}

function isErrorEntry(entry: AtomEntry): boolean {
  return (
    /\/api\/errors(?:#|$)/.test(entry.id ?? '') ||
    (cleanText(entry.title?.value ?? '') === 'Error' && parseArxivId(entry.id ?? '') === null)
  );
}

function readEntry(entry: AtomEntry): Paper | null {
  const id = parseArxivId(entry.id ?? '');
  const title = cleanTextOrNull(entry.title?.value);
  const published = isoDate(entry.published) ?? isoDate(entry.updated);
  if (id === null || title === null || published === null) return null;
  const links = entry.links ?? [];
  const version = id.version ?? versionOfLinks(links.map((link) => link.href ?? ''));
  return {
    source: 'arxiv',
    sourceId: id.id,
    arxivId: id.id,
    version,
    doi: normaliseDoi(entry.arxiv?.doi),
    title,
    authors: (entry.authors ?? [])
      .map((author) => cleanText(author.name ?? ''))
      .filter((name) => name !== ''),
    abstract: cleanTextOrNull(entry.summary?.value),
    categories: distinct((entry.categories ?? []).map((category) => cleanText(category.term ?? ''))),
    primaryCategory: cleanTextOrNull(entry.arxiv?.primaryCategory?.term),
    published,
    updated: isoDate(entry.updated),
    // Built from the id: the feed's links carry the version and, in old feeds, http.
    url: `https://arxiv.org/abs/${id.id}`,
    pdfUrl: `https://arxiv.org/pdf/${id.id}`,
    comment: cleanTextOrNull(entry.arxiv?.comment),
    journalRef: cleanTextOrNull(entry.arxiv?.journalRef),
  };
}

/** Feeds of the old kind have the version in their links only. */
function versionOfLinks(hrefs: readonly string[]): number | null {
  for (const href of hrefs) {
    const version = parseArxivId(href)?.version ?? null;
    if (version !== null) return version;
  }
  return null;
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values.filter((value) => value !== ''))];
}

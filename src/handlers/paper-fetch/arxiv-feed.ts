import { parseAtomFeed } from 'feedsmith';
import { normaliseDoi, parseArxivId } from './identifiers.ts';
import type { Paper } from './paper.ts';
import type { OddRecord } from './source.ts';
import { cleanText, cleanTextOrNull, distinctNames, isoDate } from './text.ts';

/** Called through a function of its own, so that the dates get the type they have without options. */
const parseFeed = (body: string) => parseAtomFeed(body);
type AtomFeed = ReturnType<typeof parseFeed>;
type AtomEntry = NonNullable<AtomFeed['entries']>[number];

export type ArxivFeed =
  | {
      readonly kind: 'papers';
      readonly papers: readonly Paper[];
      /** Entries of the feed, readable or not: paging goes by this. */
      readonly entries: number;
      /** Entries that lack what a paper needs. */
      readonly odd: readonly OddRecord[];
      /** What arXiv says in an error entry that stands among papers; null if there is none. */
      readonly error: string | null;
      /** Null if the feed does not say. */
      readonly totalResults: number | null;
      /** The feed's title, which echoes the query that arXiv ran. */
      readonly title: string;
    }
  /** A feed that holds an error report and no paper; arXiv sends it with HTTP 200 as well as 400. */
  | { readonly kind: 'error'; readonly message: string }
  /** Not a whole Atom feed: HTML, plain text, or XML that is broken or cut off. */
  | { readonly kind: 'unreadable'; readonly cause: unknown };

/** Reads the body of a response of arXiv's query API. Never throws. */
export function readArxivFeed(body: string): ArxivFeed {
  let feed: AtomFeed;
  try {
    feed = parseFeed(body);
  } catch (cause) {
    return { kind: 'unreadable', cause };
  }
  // The parser accepts a feed that stops in the middle, and the papers after that point would be missing in silence.
  if (!/<\/(?:[\w-]+:)?feed>\s*$/.test(body)) {
    return { kind: 'unreadable', cause: new Error('the feed has no closing tag') };
  }
  const all = feed.entries ?? [];
  const entries = all.filter((entry) => !isErrorEntry(entry));
  const error = all.find(isErrorEntry);
  const message = error && (cleanTextOrNull(error.summary?.value) ?? 'no reason given');
  if (message !== undefined && entries.length === 0) return { kind: 'error', message };
  const papers: Paper[] = [];
  const odd: OddRecord[] = [];
  for (const entry of entries) {
    const paper = readEntry(entry);
    if ('problem' in paper) odd.push(paper);
    else papers.push(paper);
  }
  const total = feed.opensearch?.totalResults;
  return {
    kind: 'papers',
    papers,
    entries: entries.length,
    odd,
    error: message ?? null,
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

function readEntry(entry: AtomEntry): Paper | OddRecord {
  const id = parseArxivId(entry.id ?? '');
  const title = cleanTextOrNull(entry.title?.value);
  const published = isoDate(entry.published) ?? isoDate(entry.updated);
  const name = cleanTextOrNull(entry.id) ?? title ?? 'an entry without id and title';
  if (id === null) return { name, problem: 'no arXiv id' };
  if (title === null) return { name, problem: 'no title' };
  if (published === null) return { name, problem: 'no date' };
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
      .filter((author) => author !== ''),
    abstract: cleanTextOrNull(entry.summary?.value),
    categories: distinctNames((entry.categories ?? []).map((category) => category.term ?? '')),
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

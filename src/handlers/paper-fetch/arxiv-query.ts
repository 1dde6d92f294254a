import type { PaperFetchConfig } from './config.ts';
import { renderKeywords } from './keywords.ts';
import { arxivMinute, type DateWindow } from './window.ts';

/**
 * The `search_query` for arXiv, not yet percent-encoded. Dates are written out to the minute: since November 2025
 * shorter ones and wildcards are refused.
 */
export function arxivSearchQuery(
  config: Pick<PaperFetchConfig, 'keywords' | 'categories'>,
  window: DateWindow,
): string {
  const parts: string[] = [];
  if (config.keywords !== null) parts.push(renderKeywords(config.keywords, (quoted) => `all:${quoted}`));
  const categories = config.categories.map((category) => `cat:${category}`);
  if (categories.length === 1) parts.push(...categories);
  if (categories.length > 1) parts.push(`(${categories.join(' OR ')})`);
  parts.push(`submittedDate:[${arxivMinute(window.from)} TO ${arxivMinute(window.to)}]`);
  return parts.join(' AND ');
}

/** The address of one page, newest papers first. */
export function arxivPageUrl(base: string, query: string, start: number, maxResults: number): string {
  const url = new URL(base);
  url.searchParams.set('search_query', query);
  url.searchParams.set('start', String(start));
  url.searchParams.set('max_results', String(maxResults));
  url.searchParams.set('sortBy', 'submittedDate');
  url.searchParams.set('sortOrder', 'descending');
  return url.href;
}

/**
 * The query that arXiv says it ran, or null if it is the one sent or the title does not say. arXiv rewrites a field that
 * it does not know (`foo:bar` becomes `all:foo:bar`) and only shows it in the title of the feed. The terms and their
 * fields are compared, not spacing, quotes, parentheses, accents and case.
 */
export function rewrittenQuery(sent: string, feedTitle: string): string | null {
  const echo = /search_query=(.*?)(?:&(?:id_list|start|max_results)=|$)/s.exec(feedTitle)?.[1];
  if (echo === undefined) return null;
  return terms(echo) === terms(sent) ? null : echo.trim();
}

function terms(query: string): string {
  return query
    .replaceAll('+', ' ')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .split(/[\s"()]+/)
    .filter((term) => term !== '')
    .sort()
    .join(' ');
}

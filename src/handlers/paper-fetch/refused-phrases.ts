/** What to do about a query that a source refuses: find the phrase that it does not take, and go on without it. */
import type { KeywordExpression } from './keywords.ts';

/**
 * Finds one phrase that makes a source refuse a query. Phrases of plain letters and digits are suspected last: they are
 * seldom the reason, and arXiv throttles those who send it bad queries, so two plain phrases are not even tried.
 * @param isRefused asks the source for papers of these keywords
 * @returns the phrase, or null if the phrases are not the reason
 */
export async function findRefusedPhrase(
  keywords: KeywordExpression,
  isRefused: (keywords: KeywordExpression) => Promise<boolean>,
): Promise<string | null> {
  const phrases = [...new Set(phrasesOf(keywords))];
  const unusual = phrases.filter((phrase) => !/^[A-Za-z0-9 -]+$/.test(phrase));
  let suspects = unusual.length > 0 ? unusual : phrases;
  if (phrases.length < 2 || (unusual.length === 0 && phrases.length < 3)) return null;
  while (suspects.length > 1) {
    const half = suspects.slice(0, Math.ceil(suspects.length / 2));
    suspects = (await isRefused(anyOf(half))) ? half : suspects.slice(half.length);
  }
  return suspects[0] ?? null;
}

/** The keywords without one phrase, or null if nothing is left. A list that needs all of its parts goes as a whole. */
export function withoutPhrase(keywords: KeywordExpression, phrase: string): KeywordExpression | null {
  if (keywords.kind === 'phrase') return keywords.phrase === phrase ? null : keywords;
  const parts = keywords.of.map((part) => withoutPhrase(part, phrase));
  const left = parts.filter((part) => part !== null);
  if (left.length === 0 || (keywords.kind === 'all' && left.length < parts.length)) return null;
  return { kind: keywords.kind, of: left };
}

function phrasesOf(keywords: KeywordExpression): string[] {
  return keywords.kind === 'phrase' ? [keywords.phrase] : keywords.of.flatMap(phrasesOf);
}

function anyOf(phrases: readonly string[]): KeywordExpression {
  return { kind: 'any', of: phrases.map((phrase) => ({ kind: 'phrase', phrase })) };
}

/** What to do about a query that a source refuses: leave out accents, then the phrase that it does not take. */
import { type KeywordExpression, withoutAccents } from './keywords.ts';
import { withRetries } from './request.ts';
import { type Source, SourceError, type SourceRun } from './source.ts';

/** The same run without accents or the phrase that the source refuses, or null if that is not what is wrong. */
export async function withoutRefusedPhrase(
  source: Source,
  run: SourceRun,
  error: SourceError,
  report: { readonly warnings: string[]; error: SourceError | null },
): Promise<SourceRun | null> {
  const { keywords } = run.config;
  if (error.kind !== 'rejected' || keywords === null) return null;
  const withKeywords = (changed: typeof keywords): SourceRun => ({
    ...run,
    config: { ...run.config, keywords: changed },
  });
  // The plain spellings stand beside those with accents, so nothing else changes.
  const plain = withKeywords(withoutAccents(keywords));
  if (source.query(plain) !== source.query(run)) return plain;
  try {
    const phrase = await findRefusedPhrase(keywords, async (part) => {
      const probe = withKeywords(part);
      return await isRejected(() =>
        withRetries(() => source.readPage(probe, source.query(probe), source.firstCursor, 1), probe),
      );
    });
    if (phrase === null) return null;
    const rest = withoutPhrase(keywords, phrase);
    const advice = 'write it another way in keywords';
    if (rest === null) {
      report.error = new SourceError(
        'rejected',
        `${error.message}. The phrase "${phrase}" is why: ${advice}`,
      );
      return null;
    }
    report.warnings.push(
      `${source.label} does not take the phrase "${phrase}", left out: ${advice} (${error.message})`,
    );
    return withKeywords(rest);
  } catch (probing) {
    run.signal.throwIfAborted();
    if (!(probing instanceof SourceError)) throw probing;
    report.error = probing;
    return null;
  }
}

async function isRejected(request: () => Promise<unknown>): Promise<boolean> {
  try {
    await request();
    return false;
  } catch (error) {
    if (error instanceof SourceError && error.kind === 'rejected') return true;
    throw error;
  }
}

/**
 * Finds one phrase that makes a source refuse a query. Phrases of plain letters and digits are suspected last: they are
 * seldom the reason, and arXiv throttles those who send it bad queries, so two plain phrases are not even tried.
 * @param isRefused asks the source for papers of these keywords
 * @returns the phrase, or null if the phrases are not the reason
 */
async function findRefusedPhrase(
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
function withoutPhrase(keywords: KeywordExpression, phrase: string): KeywordExpression | null {
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
  return { kind: 'any', of: phrases.map((phrase) => ({ kind: 'phrase', phrase, plain: null })) };
}

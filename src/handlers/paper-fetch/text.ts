import { decodeHTMLStrict } from 'entities';

/**
 * One line of clean text: Unicode form C, no NUL or other control characters, no half surrogates (Postgres stores
 * neither in jsonb), runs of white space as one space. arXiv wraps titles and abstracts over several lines.
 */
export function cleanText(text: string): string {
  return text
    .toWellFormed()
    .normalize('NFC')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();
}

/**
 * The text of HTML, in which OpenAlex and Europe PMC write titles and abstracts: without its tags, MathML included
 * (Future-Scholars/paperlib#204), and with its entities as characters.
 */
export function textOfHtml(html: string): string {
  return decodeHTMLStrict(html).replace(TAG, (_tag, name: string) => (INLINE.test(name) ? '' : ' '));
}

/** A whole tag, and not the signs of "a<b and c>d". */
const TAG = /<(\/?[a-z][\w:-]*)(?:\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*\/?>/gi;
/** Tags within a word: letters in another style, and the parts of a formula. */
const INLINE =
  /^\/?(?:\w+:)?(?:i|b|u|em|strong|italic|bold|su[bp]|scp?|tt|span|m(?:i|n|o|row|text|style|su[bp]|subsup)|semantics)$|^\/(?:\w+:)?math$/i;

/** Clean text, or null if nothing is left of it. */
export function cleanTextOrNull(text: string | null | undefined): string | null {
  const cleaned = cleanText(text ?? '');
  return cleaned === '' ? null : cleaned;
}

/** The start of `text` on one line, for error messages: at most `limit` characters, then an ellipsis. */
export function quoteStart(text: string, limit = 120): string {
  const cleaned = cleanText(text.slice(0, limit * 4));
  const characters = [...cleaned];
  return characters.length > limit ? `${characters.slice(0, limit).join('')}…` : cleaned;
}

/** ISO 8601 in UTC, or null if `text` is not a date of the years 1 to 9999. A date alone is midnight UTC. */
export function isoDate(text: string | null | undefined): string | null {
  if (text === null || text === undefined || text.trim() === '') return null;
  const time = Date.parse(text.trim());
  if (Number.isNaN(time)) return null;
  const iso = new Date(time).toISOString();
  // Other years are written with a sign, which Postgres refuses.
  return /^\d{4}-/.test(iso) && !iso.startsWith('0000') ? iso : null;
}

/** Longer names are not categories, and Postgres cannot index them. */
const MAX_NAME_LENGTH = 200;

/** Clean names, each once, without those that are empty or too long for the index. */
export function distinctNames(names: readonly string[]): string[] {
  const clean = names.map(cleanText).filter((name) => name !== '' && name.length <= MAX_NAME_LENGTH);
  return [...new Set(clean)];
}

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

/** Like `cleanText`, but null for a text with nothing in it. */
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

/** ISO 8601 in UTC, or null when `text` is no date. A date alone is taken as midnight UTC. */
export function isoDate(text: string | null | undefined): string | null {
  if (text === null || text === undefined || text.trim() === '') return null;
  const time = Date.parse(text.trim());
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

/** GitHub's Markdown from unchecked text, and the few forms of HTML that our pages use. */
import { visible } from '../../text/disarm.ts';

/** Words longer than this may be broken: three columns of them fit on a phone. */
const LONG_WORD = 16;

/**
 * Untrusted text as plain words, in a table too. What means something to Markdown or HTML becomes a character
 * reference. GitHub looks for mentions, issue numbers and bare links in the finished page, where a reference is the
 * character again: an invisible `<wbr>` separates their parts.
 * @param limit the most characters to show; longer text ends in `…`
 */
export function words(text: string, limit = 200): string {
  // A character is at most two units long; the rest of a huge text is not looked at.
  const near = text.length > limit * 4 ? `${text.slice(0, limit * 4)}…` : text;
  return shorten(visible(near).replace(/\s+/g, ' ').trim(), limit)
    .split(' ')
    .map((word) => pieces(word).map(references).join('<wbr>'))
    .join(' ');
}

/** Untrusted text as a block that keeps its lines. GitHub looks for no links and mentions in it. */
export function block(text: string, limit = 4_000): string {
  const safe = references(shorten(visible(text.replace(/\r\n?/g, '\n')), limit)).replace(/\n/g, '&#10;');
  return `<pre>${safe}</pre>`;
}

const PARTS = /(?<=[@#])|(?<=:)(?=\/\/)|(?<=www)(?=\.)|(?<=GH)(?=-)|(?<=:)(?=[\w+-]+:)/i;

/** Splits a word inside what would become a link, and a long word after its signs or every 16 characters. */
function pieces(word: string): string[] {
  return word.split(PARTS).flatMap((piece) => {
    if (isShort(piece)) return [piece];
    return piece.split(/(?<=[_./\\:=,;&?-])/).flatMap((part) => {
      if (isShort(part)) return [part];
      const letters = Array.from(part);
      const count = Math.ceil(letters.length / LONG_WORD);
      return Array.from({ length: count }, (_, at) =>
        letters.slice(at * LONG_WORD, (at + 1) * LONG_WORD).join(''),
      );
    });
  });
}

const isShort = (text: string): boolean => Array.from(text).length <= LONG_WORD;

function references(text: string): string {
  return text.replace(/[&<>"'|`*_[\]()#@~\\!$^=]/g, (char) => `&#${char.charCodeAt(0)};`);
}

function shorten(text: string, limit: number): string {
  const letters = Array.from(text);
  return letters.length > limit ? `${letters.slice(0, limit).join('')}…` : text;
}

/** A link with plain words, or only the words if the address is not an http(s) one. */
export function link(label: string, address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return words(label);
  // Only the quote and, in a table, the bar mean something inside a tag; the rest is for weaker parsers.
  const href = url.href
    .replace(/[<>"'`|\\()[\]*\s]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('&', '&amp;');
  return `<a href="${href}">${words(label)}</a>`;
}

/**
 * A Markdown table. Cells must be safe already.
 * @param numeric the columns that are aligned to the right
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numeric: readonly number[] = [],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell || ' ').join(' | ')} |`;
  const alignment = head.map((_, column) => (numeric.includes(column) ? '---:' : ':---'));
  return [line(head), line(alignment), ...rows.map(line)].join('\n');
}

/** Warnings, one a line. */
export const warningLines = (warnings: readonly string[]): string[] =>
  warnings.map((warning) => `⚠️ ${words(warning, 800)}`);

/** A line in small print. Text must be safe already. */
export const small = (text: string): string => (text === '' ? '' : `<br><sub>${text}</sub>`);

/** A section that opens on a click. Title and body must be safe already. */
export const details = (title: string, body: string): string =>
  `<details><summary>${title}</summary>\n\n${body}\n\n</details>`;

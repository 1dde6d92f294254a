import { visible } from '../../text/disarm.ts';

/** Words longer than this may be broken: three columns of them fit on a phone. */
const LONG_WORD = 16;

/**
 * Text that nobody vouches for, as plain words in GitHub's Markdown, in a table too: what means something to
 * Markdown or HTML is written as a character reference, which is shown and never obeyed.
 *
 * Mentions, issue numbers and bare links are found by GitHub in the text of the finished page, where a reference is
 * the character again. A `<wbr>` parts them there: it is not seen, and not copied.
 * @param limit the most characters to show; what is longer ends in `…`
 */
export function words(text: string, limit = 200): string {
  // A character is at most two units long; the rest of a huge text is not looked at.
  const near = text.length > limit * 4 ? `${text.slice(0, limit * 4)}…` : text;
  return shorten(visible(near).replace(/\s+/g, ' ').trim(), limit)
    .split(' ')
    .map((word) => pieces(word).map(references).join('<wbr>'))
    .join(' ');
}

/** The same for a block of lines, as HTML that keeps them; links and mentions are not looked for in it. */
export function block(text: string, limit = 4_000): string {
  const safe = references(shorten(visible(text.replace(/\r\n?/g, '\n')), limit)).replace(/\n/g, '&#10;');
  return `<pre>${safe}</pre>`;
}

const PARTS = /(?<=[@#])|(?<=:)(?=\/\/)|(?<=www)(?=\.)|(?<=GH)(?=-)|(?<=:)(?=[\w+-]+:)/i;

/** Where a word may be parted: inside what would become a link, and if it is long, after its signs or every so often. */
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

/** A link with plain words, or the words alone where the address is not an http(s) one. */
export function link(label: string, address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return words(label);
  // Inside of a tag only the quote and, in a table, the bar mean something; the rest is for weaker parsers.
  const href = url.href
    .replace(/[<>"'`|\\()[\]*\s]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('&', '&amp;');
  return `<a href="${href}">${words(label)}</a>`;
}

/** A Markdown table. Cells must be safe already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell || ' ').join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Small print below. Text must be safe already. */
export const small = (text: string): string => (text === '' ? '' : `<br><sub>${text}</sub>`);

/** What opens at a click. Title and body must be safe already. */
export const details = (title: string, body: string): string =>
  `<details><summary>${title}</summary>\n\n${body}\n\n</details>`;

import { visible } from '../disarm.ts';

/**
 * Text that nobody vouches for, as plain words in GitHub's Markdown, in a table too: what means something to
 * Markdown or HTML is written as a character reference, which is shown and never obeyed. Mentions, issue numbers and
 * bare links stay words as well.
 */
export function words(text: string, limit = 200): string {
  return shorten(visible(text).replace(/\s+/g, ' ').trim(), limit)
    .replace(/[&<>|`*_[\]#@~\\!$]/g, (char) => `&#${char.charCodeAt(0)};`)
    .replace(/:\/\//g, ':&#47;&#47;')
    .replace(/www\./gi, (match) => `${match.slice(0, 3)}&#46;`);
}

/** The same for a block of lines, as HTML that keeps them. */
export function block(text: string, limit = 4_000): string {
  const safe = shorten(visible(text), limit)
    .replace(/[&<>|`*_[\]#@~\\!$]/g, (char) => `&#${char.charCodeAt(0)};`)
    .replace(/:\/\//g, ':&#47;&#47;')
    // A blank line would end the HTML block.
    .replace(/\r\n|\r|\n/g, '&#10;');
  return `<pre>${safe}</pre>`;
}

function shorten(text: string, limit: number): string {
  const letters = Array.from(text);
  return letters.length > limit ? `${letters.slice(0, limit).join('')}…` : text;
}

/** A link with plain words, or the words alone where the address is not an http(s) one. */
export function link(label: string, address: string): string {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return words(label);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return words(label);
  const href = url.href.replace(
    /[&<>"'`|\\()[\]*_~]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  // An ampersand separates parameters; as a reference it still does.
  return `<a href="${href.replaceAll('%26', '&amp;').replaceAll('%5F', '_').replaceAll('%7E', '~')}">${words(label)}</a>`;
}

/** A Markdown table. Cells must be safe already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell || ' ').join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** What opens at a click. Title and body must be safe already. */
export const details = (title: string, body: string): string =>
  `<details><summary>${title}</summary>\n\n${body}\n\n</details>`;

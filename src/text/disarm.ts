import { stripVTControlCharacters } from 'node:util';

/** The most characters of one line that are printed. */
export const LINE_LIMIT = 16_384;

/**
 * Text that nobody vouches for, as lines that are safe in the runner's log: none of them is a command, none hides
 * or reorders what it says, none is longer than 16,384 characters and a mark.
 *
 * The runner takes a line for a command when it starts with `::name` after white space, or holds `##[name]`
 * anywhere; it splits lines at CR, LF and CRLF. Both comparisons depend on its culture, and there characters
 * without a width of their own count for nothing, so they are looked through here as well.
 * Source: actions/runner, ActionCommand.cs and OutputManager.cs.
 */
export function disarmLines(text: string): string[] {
  return splitLines(text).map((line) => cut(breakCommands(visible(bound(line)))));
}

/** `disarmLines`, joined by line feeds. */
export function disarm(text: string): string {
  return disarmLines(text).join('\n');
}

/** Splits where the runner does. */
export function splitLines(text: string): string[] {
  return text.split(/\r\n|\r|\n/);
}

/**
 * The text with nothing hidden in it: terminal sequences taken out; control characters, invisible characters and
 * those that turn the direction of text written out. Line feeds and tabs stay, and so do the joiners inside emoji
 * and words. What is left can be stored by Postgres (no NUL, no half surrogate).
 */
export function visible(text: string): string {
  return (
    stripVTControlCharacters(text)
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
      .replace(/[\u0000-\u0008\u000b-\u001f]/g, (char) => String.fromCharCode(0x2400 + char.charCodeAt(0)))
      .replaceAll('\u007f', '\u2421')
      .replace(/(?![\u200c\u200d])[\u0080-\u009f\u2028\u2029\p{Cf}]/gu, codePoint)
  );
}

function codePoint(char: string): string {
  return `<U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;
}

const LINE_START =
  /^([\s\p{Z}\p{M}\p{Default_Ignorable_Code_Point}]*:[\p{M}\p{Default_Ignorable_Code_Point}]*)(?=:)/u;
const ANYWHERE =
  /(#[\p{M}\p{Default_Ignorable_Code_Point}]*#[\p{M}\p{Default_Ignorable_Code_Point}]*)(?=\[)/gu;

/** A space in the middle: the reader still sees what it was. */
function breakCommands(line: string): string {
  return line.replace(LINE_START, '$1 ').replace(ANYWHERE, '$1 ');
}

/** Keeps the work on a line of any length small. Four times the limit: writing characters out makes it longer. */
function bound(line: string): string {
  return line.length > LINE_LIMIT * 4 ? line.slice(0, LINE_LIMIT * 4) + TOO_LONG : line;
}

const TOO_LONG = ' … (line cut)';

function cut(line: string): string {
  return line.length > LINE_LIMIT ? line.slice(0, LINE_LIMIT).toWellFormed() + TOO_LONG : line;
}

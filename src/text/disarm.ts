/**
 * Makes untrusted text safe to print, in time linear in its length. The runner takes a line for a command if it starts
 * with `::name` after white space or holds `##[name]` anywhere, and splits lines at CR, LF and CRLF. Its comparisons
 * depend on the culture and ignore characters without a width, so these are ignored here as well.
 * Source: actions/runner, ActionCommand.cs and OutputManager.cs.
 */

/** The most characters of one line that are printed. */
export const LINE_LIMIT = 16_384;

/** Lines of which none is a command, none hides or reorders what it says, and none is longer than `LINE_LIMIT` and a mark. */
export function disarmLines(text: string): string[] {
  return splitLines(text).map((line) => cut(breakCommands(visible(bound(line)))));
}

/** Does the same and joins the lines by line feeds. */
export function disarm(text: string): string {
  return disarmLines(text).join('\n');
}

/** Splits text where the runner does. */
export function splitLines(text: string): string[] {
  return text.split(/\r\n|\r|\n/);
}

/**
 * Terminal sequences: strings with an end (such as the address of a link), control sequences, and two-character ones.
 * A string stops before the next introducer, so that no character is looked at by more than one attempt to match.
 * Source: ECMA-48, 5.4 and 8.3.
 */
const TERMINAL_SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  /(?:\u001b[PX\]^_]|[\u0090\u0098\u009d-\u009f])[^\n\u0007\u001b\u0090\u0098\u009b-\u009f]*(?:\u0007|\u001b\\|\u009c)|(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b[ -/]*[0-~]/g;

/**
 * Removes terminal sequences and writes out control characters, invisible characters and those that turn the direction
 * of text. Line feeds and tabs stay, and so do the joiners inside emoji and words. Postgres can store the result.
 */
export function visible(text: string): string {
  return (
    text
      .replace(TERMINAL_SEQUENCE, '')
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

/** Puts a space inside a command, so that the reader still sees what it was. */
function breakCommands(line: string): string {
  return line.replace(LINE_START, '$1 ').replace(ANYWHERE, '$1 ');
}

/** Bounds the work on a line. To four times the limit, since removing sequences makes a line shorter. */
function bound(line: string): string {
  return line.length > LINE_LIMIT * 4 ? line.slice(0, LINE_LIMIT * 4) + TOO_LONG : line;
}

const TOO_LONG = ' … (line cut)';

function cut(line: string): string {
  return line.length > LINE_LIMIT ? line.slice(0, LINE_LIMIT).toWellFormed() + TOO_LONG : line;
}

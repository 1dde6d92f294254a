/**
 * Where a run reports what it does. Each host has its own: annotations and groups on GitHub, colours in a terminal.
 * Both take any text: they hide secrets, and nothing in the text can command the runner or the terminal.
 */
import { disarmLines, splitLines } from './disarm.ts';

export interface Log {
  info(text: string): void;
  /** `title` is shown above the annotation. */
  warning(text: string, title?: string): void;
  error(text: string, title?: string): void;
  group(name: string, lines: readonly string[]): void;
  /** Hides the secrets that are known by now. The other methods do so themselves. */
  redact(text: string): string;
}

type Redact = (text: string) => string;

/** The most characters of a title or of a group's name. */
const TITLE_LIMIT = 500;

/**
 * Splits text into lines that are safe to print. It is redacted twice: as one text, for secrets of many lines, and by
 * line once no invisible character separates the parts of a secret.
 */
export function safeLines(text: string, redact: Redact): string[] {
  return disarmLines(redact(text)).map(redact);
}

/** Text as one safe line, for titles. */
export function safeTitle(text: string, redact: Redact): string {
  return safeLines(splitLines(text).join(' '), redact).join(' ').slice(0, TITLE_LIMIT).toWellFormed();
}

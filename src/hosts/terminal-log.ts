/** The log of the command line: plain lines, with colours when a person is watching. */
import { type Log, safeLines, safeTitle } from '../text/log.ts';

export interface TerminalLogOptions {
  readonly write: (text: string) => void;
  readonly redact: (text: string) => string;
  /** Whether the output is a terminal. */
  readonly colour: boolean;
}

const YELLOW = 33;
const RED = 31;
const BOLD = 1;

export function createTerminalLog({ write, redact, colour }: TerminalLogOptions): Log {
  const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const print = (lines: readonly string[]): void => write(lines.map((line) => `${line}\n`).join(''));
  const printMarked = (mark: string, text: string): void => {
    const [first = '', ...rest] = safeLines(text, redact);
    print([`${mark} ${first}`, ...rest.map((line) => `  ${line}`)]);
  };
  return {
    info: (text) => print(safeLines(text, redact)),
    warning: (text) => printMarked(paint(YELLOW, 'Warning:'), text),
    error: (text) => printMarked(paint(RED, 'Error:'), text),
    group(name, lines) {
      const inside = lines.flatMap((line) => safeLines(line, redact));
      print([paint(BOLD, safeTitle(name, redact)), ...inside.map((line) => `  ${line}`)]);
    },
    redact,
  };
}

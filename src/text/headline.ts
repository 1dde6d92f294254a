/**
 * The most telling line of an error, for titles and tables. The error of a program may be a whole traceback, whose first
 * line says nothing.
 */

/** The start of the error of an executable handler; what the program printed last follows. */
const PROGRAM_ENDED = /^The handler ".*?" ended with exit code \d+(?: \(.*?\))?\. (?!It wrote nothing)/;
const PYTHON_FRAME = /^.*?File "(.+)", line (\d+)/;
/** Python's own files and those of packages. */
const FOREIGN_FILE = /^<|[\\/](?:site-packages|dist-packages|lib[\\/]python[\d.]*)[\\/]/;
const LOOKS_LIKE_ERROR =
  /^(?:Uncaught )?(?:[\w.$:]*(?:Error|Exception)\b|panic:|fatal(?: error)?:|error:|thread '.*' panicked)/i;
/** Lines beside an error that explain nothing. */
const NOISE =
  /^\s|^(?:Node\.js v|note:|goroutine \d|exit status|Traceback \(most recent call last\):)|^[\^~]+$/;

/** Returns one line. That of a Python traceback ends in `file:line` of the last frame in the user's own files. */
export function headline(error: string): string {
  const text = error.trim();
  const printed = text.replace(PROGRAM_ENDED, '');
  const lines = printed.split(/\r\n|\r|\n/);
  return fromTraceback(lines) ?? (printed === text ? (lines[0] ?? '') : fromProgram(lines));
}

function fromTraceback(lines: readonly string[]): string | null {
  const frames = lines.map((line) => PYTHON_FRAME.exec(line));
  const last = frames.findLastIndex((frame) => frame !== null);
  const message = lines.slice(last + 1).find((line) => line.trim() !== '' && !NOISE.test(line));
  if (last === -1 || message === undefined) return null;
  const [, file = '', row] =
    frames.findLast((frame) => frame !== null && !FOREIGN_FILE.test(frame[1] ?? '')) ?? [];
  return file === '' ? message : `${message} (${file.split(/[\\/]/).at(-1)}:${row})`;
}

function fromProgram(lines: readonly string[]): string {
  const telling = lines.filter((line) => line.trim() !== '' && !NOISE.test(line));
  return telling.findLast((line) => LOOKS_LIKE_ERROR.test(line)) ?? telling.at(-1) ?? lines.at(-1) ?? '';
}

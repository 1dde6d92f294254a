import { StringDecoder } from 'node:string_decoder';

/** Longer lines are cut: one line of a job must not fill the memory of the worker or the log of the run. */
export const MAX_LINE_LENGTH = 16_384;

/**
 * Turns the bytes of a pipe into whole lines. `\n`, `\r\n` and a lone `\r` end a line (the runner reads all
 * three as line ends, so a `\r` must not smuggle one past those who look at line starts). Bytes that are not
 * UTF-8 become U+FFFD, and so does NUL, which Postgres cannot store.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #partial = '';
  #cut = false;
  #afterReturn = false;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Uint8Array): void {
    this.#take(this.#decoder.write(chunk));
  }

  /** Gives out what came after the last line end, if anything did. */
  flush(): void {
    this.#take(this.#decoder.end());
    if (this.#partial !== '' || this.#cut) this.#emit();
  }

  #take(text: string): void {
    let rest = text;
    if (this.#afterReturn && rest.startsWith('\n')) rest = rest.slice(1);
    if (text !== '') this.#afterReturn = text.endsWith('\r');
    const parts = rest.split(/\r\n|\n|\r/);
    const last = parts.pop() ?? '';
    for (const part of parts) {
      this.#append(part);
      this.#emit();
    }
    this.#append(last);
  }

  #append(text: string): void {
    const room = MAX_LINE_LENGTH - this.#partial.length;
    if (text.length > room) this.#cut = true;
    this.#partial += text.length > room ? text.slice(0, room) : text;
  }

  #emit(): void {
    const mark = this.#cut ? ` … [line cut at ${MAX_LINE_LENGTH} characters]` : '';
    const line = this.#partial.replaceAll('\0', '\ufffd').toWellFormed() + mark;
    this.#partial = '';
    this.#cut = false;
    this.#onLine(line);
  }
}

/** Keeps the last lines that are not blank, for error messages. */
export class Tail {
  readonly #lines: string[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(line: string): void {
    if (line.trim() === '') return;
    this.#lines.push(line.length > 1000 ? `${line.slice(0, 1000)}…` : line);
    if (this.#lines.length > this.#limit) this.#lines.shift();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}

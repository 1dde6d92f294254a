import { StringDecoder } from 'node:string_decoder';
import { storableText } from '../../text/storable.ts';

/**
 * Longer lines are cut: one line of a job must not fill the memory of the worker. Far above what is shown and kept of a
 * line, since that has to be cut after secrets are taken out: half a secret would not be found any more.
 */
export const MAX_LINE_LENGTH = 262_144;
/** Longer secrets are not looked for where a line is cut. */
const LONGEST_SECRET = 8_192;
/** What an error keeps of one line. */
const TAIL_LINE_LENGTH = 1_000;

/**
 * Turns the bytes of a pipe into whole lines. `\n`, `\r\n` and a lone `\r` end a line (the runner reads all
 * three as line ends, so a `\r` must not smuggle one past those who look at line starts). Bytes that are not
 * UTF-8 become U+FFFD, and so does NUL, which Postgres cannot store.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  readonly #redact: (text: string) => string;
  #partial = '';
  #cut = false;
  #afterReturn = false;

  /** @param redact takes the secrets out of a line that has to be cut */
  constructor(onLine: (line: string) => void, redact: (text: string) => string) {
    this.#onLine = onLine;
    this.#redact = redact;
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
    // Whole secrets are out, and half of one at the end goes with what is cut.
    const text = this.#cut
      ? `${this.#redact(this.#partial).slice(0, -LONGEST_SECRET)} … [line cut, it has more than ${MAX_LINE_LENGTH} characters]`
      : this.#partial;
    const line = storableText(text);
    this.#partial = '';
    this.#cut = false;
    this.#onLine(line);
  }
}

/** Keeps the last lines that are not blank, for error messages. */
export class Tail {
  readonly #lines: string[] = [];
  readonly #limit: number;
  readonly #redact: (text: string) => string;

  /** @param redact takes the secrets out of a line before it is cut */
  constructor(limit: number, redact: (text: string) => string) {
    this.#limit = limit;
    this.#redact = redact;
  }

  push(line: string): void {
    if (line.trim() === '') return;
    this.#lines.push(line);
    if (this.#lines.length > this.#limit) this.#lines.shift();
  }

  /** Cut when they are asked for: a secret may be told by one stream after the other has printed it. */
  get lines(): readonly string[] {
    return this.#lines.map((line) => {
      const safe = this.#redact(line);
      return safe.length > TAIL_LINE_LENGTH ? `${safe.slice(0, TAIL_LINE_LENGTH)}…` : safe;
    });
  }
}

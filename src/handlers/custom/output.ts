/** The output of handlers: bytes of a pipe cut into lines, the commands in them, and the marks that separate jobs. */
import { StringDecoder } from 'node:string_decoder';
import { storableText } from '../../text/storable.ts';
import type { HandlerContext, JobLogStream } from '../handler.ts';
import { decodeMark, type OutputMark } from './protocol.ts';

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

  /** Cut when they are read: one stream may print a secret before the other one masks it. */
  get lines(): readonly string[] {
    return this.#lines.map((line) => {
      const safe = this.#redact(line);
      return safe.length > TAIL_LINE_LENGTH ? `${safe.slice(0, TAIL_LINE_LENGTH)}…` : safe;
    });
  }
}

export interface OutputSink {
  line(text: string): void;
  redact(text: string): string;
  /** The process has begun with the job. */
  begin(): void;
  /** The end mark was read: all that the job wrote to this stream has been given out. */
  end(): void;
}

/**
 * One output stream of a reused process, cut into the output of its jobs by the marks in it. What lies outside
 * the marks of the current run (a timer of an earlier job that still prints) is dropped.
 */
export class MarkedOutput {
  readonly #lines = new LineSplitter(
    (line) => this.#take(line),
    (text) => this.#sink?.redact(text) ?? text,
  );
  #run: string | null = null;
  #sink: OutputSink | null = null;
  /** Open at first: what a process prints before it can mark (Node refusing to start) is worth showing. */
  #open = true;
  /** An empty line is held back: it may be the line end that a mark begins with. */
  #heldEmpty = false;

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  start(run: string, sink: OutputSink): void {
    this.#run = run;
    this.#sink = sink;
  }

  /** The stream is over: gives out what is left. */
  flush(): void {
    this.#lines.flush();
    this.#release();
    this.stop();
  }

  /** The run is over, with or without its end mark. */
  stop(): void {
    this.#run = null;
    this.#sink = null;
    this.#open = false;
    this.#heldEmpty = false;
  }

  #take(line: string): void {
    const found = this.#run === null ? null : decodeMark(this.#run, line);
    if (found !== null) {
      this.#heldEmpty = false;
      this.#obey(found);
      return;
    }
    if (!this.#open || this.#sink === null) return;
    this.#release();
    if (line === '') this.#heldEmpty = true;
    else this.#sink.line(line);
  }

  #obey(found: OutputMark): void {
    const sink = this.#sink;
    if (found === 'begin') {
      this.#open = true;
      sink?.begin();
    } else {
      this.stop();
      sink?.end();
    }
  }

  #release(): void {
    if (this.#heldEmpty && this.#open) this.#sink?.line('');
    this.#heldEmpty = false;
  }
}

/** What a line of a handler's output asks for, in the form that `@actions/core` prints and authors of shell steps write. */
export interface OutputCommand {
  readonly name: 'add-mask' | 'warning';
  readonly value: string;
}

/**
 * The command in a line: `::add-mask::VALUE` or `::warning title=…::TEXT`. Read as the runner reads it: blanks before
 * it, any case, `%25 %0D %0A` for what a command cannot hold, and the older form `##[add-mask]VALUE`. Null for any
 * other line.
 * Source: actions/runner, ActionCommand.
 */
export function outputCommand(line: string): OutputCommand | null {
  const [, now, nowValue, older, olderValue] =
    /^\s*(?:::(add-mask|warning)(?:\s[^:]*)?::(.*)|##\[(add-mask|warning)(?:\s[^\]]*)?\](.*))$/is.exec(
      line,
    ) ?? [];
  const name = (now ?? older)?.toLowerCase();
  const value = nowValue ?? olderValue;
  if (value === undefined || (name !== 'add-mask' && name !== 'warning')) return null;
  return { name, value: unescaped(value).trim() };
}

function unescaped(value: string): string {
  return value.replaceAll(/%0D/gi, '\r').replaceAll(/%0A/gi, '\n').replaceAll(/%25/g, '%');
}

/** Hands a line of a handler's output on: a secret to mask, a warning, or text. Text of stderr is kept for errors. */
export function printLine(
  line: string,
  stream: JobLogStream,
  to: Pick<HandlerContext, 'log' | 'secret'>,
  errors: Tail,
): void {
  const command = outputCommand(line);
  if (command?.name === 'warning') to.log.warning(command.value);
  else if (command?.name === 'add-mask') {
    if (command.value !== '') to.secret(command.value);
  } else {
    if (stream === 'stderr') errors.push(line);
    to.log.line(line, stream);
  }
}

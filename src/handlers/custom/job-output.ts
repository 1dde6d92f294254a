import { LineSplitter } from './lines.ts';
import { decodeMark, type OutputMark } from './protocol.ts';

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
export class JobOutput {
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

/**
 * The output of one job, kept within bounds until the job ends and then printed as one group: groups cannot overlap,
 * and jobs do. The start and the end of a long output are kept.
 */
import { LINE_LIMIT, splitLines, visible } from '../text/disarm.ts';
import { endOf, LineBuffer } from '../text/line-buffer.ts';
import type { Log } from '../text/log.ts';
import { MAX_TEXT_BYTES } from './limits.ts';

/**
 * The most characters of one line that are kept until the job ends. More than is shown: a line is cut after secrets
 * are taken out, since half a secret would not be found, and a secret may become known after the line that holds it.
 */
const KEPT_CHARS = 65_536;

const TAIL_LIMITS = { headLines: 0, headChars: 0, tailLines: MAX_TEXT_BYTES, tailChars: KEPT_CHARS };

export class JobOutput {
  readonly #title: string;
  readonly #log: Log;
  readonly #printed = new LineBuffer();
  readonly #tail = new LineBuffer(TAIL_LIMITS);

  /** @param title heads the group */
  constructor(title: string, log: Log) {
    this.#title = title;
    this.#log = log;
  }

  line(text: string): void {
    for (const line of splitLines(text)) {
      const safe = this.#log.redact(line);
      this.#printed.push(safe.slice(0, KEPT_CHARS));
      this.#tail.push(safe.slice(-KEPT_CHARS));
    }
  }

  /** Returns the last part of the output, for the execution row. */
  tail(): string {
    const { redact } = this.#log;
    const text = redact(visible(redact(this.#tail.kept().join('\n'))));
    return endOf(text, MAX_TEXT_BYTES).trimEnd();
  }

  /** Prints the output with the verdict as its last line. */
  end(verdict: string): void {
    const lines = this.#printed.lines().map((line) => shorten(this.#log.redact(line)));
    if (lines.length === 0) this.#log.info(`${this.#title}: ${verdict}`);
    else this.#log.group(this.#title, [...lines, verdict]);
  }
}

function shorten(line: string): string {
  return line.length > LINE_LIMIT
    ? `${line.slice(0, LINE_LIMIT)} … [line cut at ${LINE_LIMIT} characters]`
    : line;
}

import type { JobLog } from '../handlers/handler.ts';
import { splitLines, visible } from './disarm.ts';
import { createLineBuffer, endOf } from './line-buffer.ts';

/** The output of one attempt at a job, from its first line to its end. */
export interface OpenJobLog extends JobLog {
  /** The end of the output for the execution row: at most 16 KiB of UTF-8, secrets hidden. */
  tail(): string;
  /** Prints what was kept. `verdict` is read after the job's name: "succeeded in 1.2 s". */
  end(verdict: string): void;
}

export interface JobLogOptions {
  /** Lines are printed as they come: only where one job runs at a time, as those of two would mix. */
  readonly stream?: boolean;
}

/** How the log around it prints. */
export interface JobLogPrinter {
  readonly print: (text: string) => void;
  readonly open: (name: string) => void;
  readonly close: () => void;
  readonly redact: (text: string) => string;
}

/** The most bytes of output that an execution row keeps. */
export const TAIL_BYTES = 16_384;
/** The most characters of one line that are looked at. */
const LINE_CHARS = 65_536;

export function createJobLog(
  printer: JobLogPrinter,
  name: string,
  attempt: number,
  { stream = false }: JobLogOptions = {},
): OpenJobLog {
  const title = `${name} (attempt ${attempt})`;
  const kept = createLineBuffer();
  const last = createLineBuffer({ headLines: 0, headChars: 0, tailLines: 16_384, tailChars: TAIL_BYTES });
  let ended = false;
  if (stream) printer.open(title);

  return {
    line(text) {
      if (ended) return;
      for (const line of splitLines(text)) {
        const hidden = printer.redact(line.slice(0, LINE_CHARS).toWellFormed());
        last.push(hidden.length > TAIL_BYTES ? hidden.slice(-TAIL_BYTES).toWellFormed() : hidden);
        if (stream) printer.print(hidden);
        else kept.push(hidden);
      }
    },
    tail() {
      // Again, as a secret may have become known after the line that holds it.
      const text = printer.redact(visible(printer.redact(last.kept().join('\n'))));
      return endOf(text, TAIL_BYTES);
    },
    end(verdict) {
      if (ended) return;
      ended = true;
      if (stream) {
        printer.close();
        printer.print(`${title} ${verdict}`);
      } else if (kept.isEmpty) {
        printer.print(`${title} ${verdict}`);
      } else {
        printer.open(`${title} ${verdict}`);
        for (const line of kept.lines()) printer.print(line);
        printer.close();
      }
    },
  };
}

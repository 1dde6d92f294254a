import { splitLines, visible } from '../text/disarm.ts';
import { createLineBuffer, endOf, type LineBuffer } from '../text/line-buffer.ts';
import type { JobOutput } from '../worker/attempt.ts';
import type { Log } from './log.ts';

/** The most bytes of output that go with the execution row. */
export const TAIL_BYTES = 16_384;
/** The most characters of one line that are shown. */
const LINE_CHARS = 16_384;
/**
 * Kept of a line until the job ends, by its start and by its end: more than is shown, as what is shown is cut after
 * secrets are taken out. Half a secret would not be found any more, and one may become known after the line that holds it.
 */
const KEPT_CHARS = 65_536;

/**
 * Holds a job's lines until the job ends, then prints them as one group: groups cannot overlap, and jobs do. Of a
 * chatty job the first and the last lines are kept, within bounds of memory.
 * @param title heads the group
 */
export function createJobOutput(title: string, log: Log): JobOutput {
  // Made with the first line: most jobs print nothing.
  let printed: LineBuffer | undefined;
  let last: LineBuffer | undefined;
  return {
    line(text) {
      printed ??= createLineBuffer();
      last ??= createLineBuffer({
        headLines: 0,
        headChars: 0,
        tailLines: TAIL_BYTES,
        tailChars: KEPT_CHARS,
      });
      for (const line of splitLines(text)) {
        const safe = log.redact(line);
        printed.push(safe.slice(0, KEPT_CHARS));
        last.push(safe.slice(-KEPT_CHARS));
      }
    },
    tail() {
      if (!last) return '';
      const text = log.redact(visible(log.redact(last.kept().join('\n'))));
      return endOf(text, TAIL_BYTES).trimEnd();
    },
    end(verdict) {
      if (!printed) log.info(`${title}: ${verdict}`);
      else log.group(title, [...printed.lines().map((line) => shown(log.redact(line))), verdict]);
    },
  };
}

const shown = (line: string): string =>
  line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)} … [line cut at ${LINE_CHARS} characters]` : line;

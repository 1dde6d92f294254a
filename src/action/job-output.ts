import type { JobOutput } from '../worker/attempt.ts';
import type { Log } from './log.ts';

/** The first and last lines of a job's output are printed; a chatty job must not drown the others. */
const FIRST_LINES = 200;
const LAST_LINES = 2_000;
/** Characters of output that go with the execution row. */
const TAIL_LENGTH = 16_384;

/**
 * Holds a job's lines until the job ends, then prints them as one group: groups cannot overlap, and jobs do.
 * @param title heads the group
 */
export function createJobOutput(title: string, log: Log): JobOutput {
  const first: string[] = [];
  let last: string[] = [];
  let left = 0;
  let tail = '';
  return {
    line: (text) => {
      tail = `${tail}${text}\n`.slice(-TAIL_LENGTH);
      if (first.length < FIRST_LINES) {
        first.push(text);
        return;
      }
      last.push(text);
      // Trimmed now and then, not for every line.
      if (last.length > LAST_LINES * 2) {
        left += last.length - LAST_LINES;
        last = last.slice(-LAST_LINES);
      }
    },
    end: (verdict) => {
      if (last.length > LAST_LINES) {
        left += last.length - LAST_LINES;
        last = last.slice(-LAST_LINES);
      }
      const gap = left > 0 ? [`… ${left} lines left out …`] : [];
      const lines = [...first, ...gap, ...last];
      if (lines.length === 0) log.info(`${title}: ${verdict}`);
      else log.group(title, [...lines, verdict]);
    },
    tail: () => tail.trimEnd(),
  };
}

/** Lines of output that are kept within bounds: the first ones, the last ones, and how many there were between. */
export interface LineBuffer {
  push(line: string): void;
  /** The lines kept, with one that says how many are left out where some are. */
  lines(): string[];
  /** The same without that line. */
  kept(): string[];
}

export interface LineBufferLimits {
  readonly headLines: number;
  readonly headChars: number;
  readonly tailLines: number;
  readonly tailChars: number;
}

const DEFAULTS: LineBufferLimits = {
  headLines: 200,
  headChars: 262_144,
  tailLines: 2000,
  tailChars: 1_048_576,
};

export function createLineBuffer(limits: LineBufferLimits = DEFAULTS): LineBuffer {
  const head: string[] = [];
  let headChars = 0;
  let headOpen = true;
  let tail: string[] = [];
  let tailChars = 0;
  /** Lines at the start of `tail` that are out of bounds already; taken off in bulk, as a shift moves them all. */
  let dropped = 0;
  let leftOut = 0;

  const trim = (): void => {
    while (tail.length - dropped > limits.tailLines || tailChars > limits.tailChars) {
      if (dropped === tail.length) break;
      tailChars -= tail[dropped]?.length ?? 0;
      dropped++;
      leftOut++;
    }
    if (dropped > limits.tailLines) {
      tail = tail.slice(dropped);
      dropped = 0;
    }
  };

  return {
    push(line) {
      if (headOpen && head.length < limits.headLines && headChars + line.length <= limits.headChars) {
        head.push(line);
        headChars += line.length;
        return;
      }
      headOpen = false;
      tail.push(line);
      tailChars += line.length;
      trim();
    },
    lines() {
      const mark = leftOut === 0 ? [] : [`… ${leftOut} ${leftOut === 1 ? 'line' : 'lines'} left out`];
      return [...head, ...mark, ...tail.slice(dropped)];
    },
    kept: () => [...head, ...tail.slice(dropped)],
  };
}

/** The end of some text, at most `limit` bytes of UTF-8, from the start of a line where that fits. */
export function endOf(text: string, limit: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= limit) return text;
  let start = bytes.length - limit;
  // Bytes of the form 10xxxxxx continue a character.
  while (((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
  const end = bytes.subarray(start).toString('utf8');
  const lineEnd = end.indexOf('\n');
  return lineEnd === -1 || lineEnd === end.length - 1 || lineEnd > end.length / 2
    ? end
    : end.slice(lineEnd + 1);
}

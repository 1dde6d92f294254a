/** Lines of output kept within bounds: the first ones, the last ones, and how many were left out between them. */
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

export class LineBuffer {
  readonly #limits: LineBufferLimits;
  readonly #head: string[] = [];
  #headChars = 0;
  #headIsOpen = true;
  /** Its first `#dropped` lines are out of bounds; they are removed in bulk, since each `shift` moves all the others. */
  #tail: string[] = [];
  #tailChars = 0;
  #dropped = 0;
  #leftOut = 0;

  constructor(limits: LineBufferLimits = DEFAULTS) {
    this.#limits = limits;
  }

  push(line: string): void {
    const { headLines, headChars } = this.#limits;
    if (this.#headIsOpen && this.#head.length < headLines && this.#headChars + line.length <= headChars) {
      this.#head.push(line);
      this.#headChars += line.length;
      return;
    }
    this.#headIsOpen = false;
    this.#tail.push(line);
    this.#tailChars += line.length;
    this.#trim();
  }

  /** Returns the lines kept, with one between them that says how many are left out. */
  lines(): string[] {
    const lines = this.#leftOut === 1 ? 'line' : 'lines';
    const mark = this.#leftOut === 0 ? [] : [`… ${this.#leftOut} ${lines} left out`];
    return [...this.#head, ...mark, ...this.#tail.slice(this.#dropped)];
  }

  /** Returns the lines kept, without a mark. */
  kept(): string[] {
    return [...this.#head, ...this.#tail.slice(this.#dropped)];
  }

  #trim(): void {
    const { tailLines, tailChars } = this.#limits;
    while (
      this.#dropped < this.#tail.length &&
      (this.#tail.length - this.#dropped > tailLines || this.#tailChars > tailChars)
    ) {
      this.#tailChars -= this.#tail[this.#dropped]?.length ?? 0;
      this.#dropped++;
      this.#leftOut++;
    }
    if (this.#dropped > tailLines) {
      this.#tail = this.#tail.slice(this.#dropped);
      this.#dropped = 0;
    }
  }
}

/** The end of a text, at most `limit` bytes of UTF-8, from the start of a line if that keeps half of it. */
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

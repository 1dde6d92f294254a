import { open } from 'node:fs/promises';
import type { Json } from '../../queue/types.ts';
import { describeError } from '../../text/describe-error.ts';
import type { JobMemory } from '../handler.ts';
import { asJson } from './json.ts';

/** One line, which holds the result of a step; the queue takes 256 KiB of it. */
const MAX_LINE_BYTES = 1_048_576;

export interface StepsFileOptions {
  readonly path: string;
  readonly memory: JobMemory;
  /** Takes the secrets out of a text. */
  readonly redact: (text: string) => string;
  readonly complain: (text: string) => void;
}

/**
 * Follows the file CLOUD_JOBS_STEPS, to which an executable appends a line of JSON for each step that it has done:
 * `{"name": "fetch", "result": [1, 2]}`. Each is stored once it is whole, in the order of the lines.
 */
export class StepsFile {
  readonly #options: StepsFileOptions;
  readonly #stored: Set<string>;
  #reading: Promise<void> = Promise.resolve();
  #offset = 0;

  constructor(options: StepsFileOptions) {
    this.#options = options;
    this.#stored = new Set(options.memory.steps.map(({ name }) => name));
  }

  /** @param isLast takes a line without its line end too */
  read(isLast: boolean): Promise<void> {
    // One after the other: two readings at the same time would store a step twice.
    this.#reading = this.#reading.then(() => this.#readOnce(isLast));
    return this.#reading;
  }

  async #readOnce(isLast: boolean): Promise<void> {
    for (;;) {
      const bytes = await this.#next();
      const end = bytes.indexOf(10);
      if (end === -1 && bytes.length >= MAX_LINE_BYTES) {
        this.#options.complain(`a step is longer than ${MAX_LINE_BYTES} bytes, and is not stored`);
        this.#offset += bytes.length;
      } else if (end === -1) {
        if (!isLast || bytes.length === 0) return;
        this.#offset += bytes.length;
        await this.#store(bytes.toString('utf8'));
      } else {
        this.#offset += end + 1;
        await this.#store(bytes.toString('utf8', 0, end));
      }
    }
  }

  /** What follows in the file, as far as one line may reach. */
  async #next(): Promise<Buffer> {
    try {
      const file = await open(this.#options.path, 'r');
      try {
        const { buffer, bytesRead } = await file.read(
          Buffer.alloc(MAX_LINE_BYTES),
          0,
          MAX_LINE_BYTES,
          this.#offset,
        );
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    } catch {
      // The handler removed or replaced it.
      return Buffer.alloc(0);
    }
  }

  async #store(line: string): Promise<void> {
    if (line.trim() === '') return;
    const { memory, redact, complain } = this.#options;
    try {
      const { name, result } = parseStep(line);
      if (this.#stored.has(name)) {
        complain(`the step ${JSON.stringify(name)} is stored already, and keeps its result`);
        return;
      }
      await memory.save(name, result, 0);
      this.#stored.add(name);
    } catch (error) {
      complain(`a step could not be stored: ${redact(describeError(error))}`);
    }
  }
}

function parseStep(line: string): { readonly name: string; readonly result: Json } {
  const { name, result = null } = Object(JSON.parse(line)) as Record<string, unknown>;
  if (typeof name !== 'string' || name.trim() === '' || name.length > 200)
    throw new TypeError('Its line needs a name of 1 to 200 characters: {"name": "fetch", "result": 1}.');
  return { name, result: asJson(result, `the result of the step ${JSON.stringify(name)}`) };
}

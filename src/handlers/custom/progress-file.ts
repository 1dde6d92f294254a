import { open, stat } from 'node:fs/promises';
import type { Progress } from '../../queue/job.ts';
import { storableText } from '../../text/storable.ts';

/** Only the last line counts, so only the end of the file is read. */
const READ_BYTES = 4_096;

/**
 * One progress line: `done`, `done/total` or either with a note behind it, or JSON
 * `{"done": 3, "total": 10, "note": "…"}`. Null when it is neither.
 */
export function parseProgress(line: string): Progress | null {
  const text = line.trim();
  if (text.startsWith('{')) return parseJson(text);
  const [, done, total, note = ''] =
    /^(\d+(?:\.\d+)?)(?:\s*\/\s*(\d+(?:\.\d+)?))?(?:\s+(.*))?$/.exec(text) ?? [];
  if (done === undefined) return null;
  return build(Number(done), total === undefined ? undefined : Number(total), note);
}

function parseJson(text: string): Progress | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const { done, total, note } = Object(value) as Record<string, unknown>;
  if (!isAmount(done) || (total !== undefined && !isAmount(total))) return null;
  if (note !== undefined && typeof note !== 'string') return null;
  return build(done, total, note ?? '');
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function build(done: number, total: number | undefined, note: string): Progress {
  const shown = storableText(note.trim());
  return {
    done,
    ...(total === undefined ? {} : { total }),
    ...(shown === '' ? {} : { note: shown }),
  };
}

/**
 * Follows a progress file. Each `read` reports the newest line if the file changed; a file that is written anew
 * in place of being appended to works as well. The first line that is no progress is reported.
 */
export class ProgressFile {
  readonly #path: string;
  readonly #report: (progress: Progress) => void;
  readonly #complain: (line: string) => void;
  #reading: Promise<void> = Promise.resolve();
  #seen = '';
  #complained = false;

  constructor(path: string, report: (progress: Progress) => void, complain: (line: string) => void) {
    this.#path = path;
    this.#report = report;
    this.#complain = complain;
  }

  /** @param last True for the last reading, which takes a line without its line end too. */
  read(last: boolean): Promise<void> {
    // One after the other, so that an older reading never reports after a newer one.
    this.#reading = this.#reading.then(() => this.#readOnce(last));
    return this.#reading;
  }

  async #readOnce(last: boolean): Promise<void> {
    const text = await this.#readEnd();
    if (text === null) return;
    const lines = text.split('\n');
    const open = lines.pop() ?? '';
    if (last && open.trim() !== '') lines.push(open);
    const line = lines.findLast((each) => each.trim() !== '');
    if (line === undefined) return;
    const progress = parseProgress(line);
    if (progress !== null) this.#report(progress);
    else if (!this.#complained) {
      this.#complained = true;
      this.#complain(line);
    }
  }

  async #readEnd(): Promise<string | null> {
    try {
      const { size, mtimeMs } = await stat(this.#path);
      const state = `${size} ${mtimeMs}`;
      if (size === 0) return null;
      const file = await open(this.#path, 'r');
      try {
        const from = Math.max(0, size - READ_BYTES);
        const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
        const end = buffer.toString('utf8', 0, bytesRead);
        // What the window cut in two is no line, and part of a secret would not be found.
        const text = from === 0 ? end : end.slice(end.indexOf('\n') + 1 || end.length);
        if (this.#seen === `${state}\n${text}`) return null;
        this.#seen = `${state}\n${text}`;
        return text;
      } finally {
        await file.close();
      }
    } catch {
      // Removed or replaced by the handler, which is its own affair: progress is a courtesy.
      return null;
    }
  }
}

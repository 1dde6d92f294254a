import { z } from 'zod';
import { progress } from '../../queue/job.ts';
import type { NewJob } from '../../queue/requests.ts';
import type { Json } from '../../queue/types.ts';
import { isTooDeep } from '../../text/json-fault.ts';
import type { HandlerOutcome } from '../handler.ts';
import { MAX_PAUSE_SECONDS, type Question, type Report, reportStart } from './protocol.ts';

/** The most bytes of one report: results of any size that the queue takes or spills, and a bound for the memory of the worker. */
const MAX_REPORT_BYTES = 64 * 1024 * 1024;

const isList = (value: unknown): boolean => Array.isArray(value) && !isTooDeep(value as Json);
const json = z.custom<Json>((value) => value !== undefined && !isTooDeep(value));
const details = json.exactOptional();
const outcome: z.ZodType<HandlerOutcome> = z.discriminatedUnion('outcome', [
  // The database checks each job of the list.
  z.object({
    outcome: z.literal('success'),
    result: json,
    spawn: z.custom<NewJob[]>(isList).exactOptional(),
  }),
  z.object({
    outcome: z.literal('failure'),
    kind: z.enum(['error', 'timeout', 'crashed']),
    message: z.string(),
    details,
    retryInSeconds: z.number().nonnegative().exactOptional(),
  }),
  z.object({ outcome: z.literal('snooze'), seconds: z.number().positive(), reason: z.string(), details }),
  z.object({ outcome: z.literal('pause'), seconds: z.number().nonnegative(), reason: z.string() }),
  z.object({ outcome: z.literal('discard'), reason: z.string(), details }),
]);
const name = z.string();
const question: z.ZodType<Question> = z.discriminatedUnion('what', [
  z.object({ what: z.literal('begin'), name }),
  z.object({ what: z.literal('save'), name, result: json, seconds: z.number().nonnegative() }),
  z.object({
    what: z.literal('wait'),
    name,
    kind: z.enum(['sleep', 'event']),
    seconds: z.number().nonnegative(),
    details,
  }),
]);
const report: z.ZodType<Report> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), progress }),
  z.object({ type: z.literal('secret'), value: z.string() }),
  z.object({
    type: z.literal('pause-queue'),
    pause: z.object({ seconds: z.number().min(1).max(MAX_PAUSE_SECONDS), reason: z.string() }),
  }),
  z.object({ type: z.literal('ask'), id: z.number(), question }),
  z.object({ type: z.literal('end'), outcome, reuse: z.enum(['any', 'handler', 'none']) }),
]);

/**
 * Reads the pipe on which a host process reports. A handler can write there too, so nothing in it is trusted: what is
 * no report of the current run is skipped and noted, and nothing that comes can throw.
 */
export class ReportReader {
  #start = '';
  #onReport: (report: Report) => void = () => {};
  #parts: Buffer[] = [];
  #bytes = 0;
  #overlong = false;
  #spoiled = false;
  #broken = false;

  /** Something other than the host wrote to the pipe: the process must not be used again. */
  get spoiled(): boolean {
    return this.#spoiled;
  }

  /** A report of the current run cannot be read: its job must not be waited for. */
  get broken(): boolean {
    return this.#broken;
  }

  /** From here on only reports of this run count. */
  begin(run: string, onReport: (report: Report) => void): void {
    this.#start = reportStart(run);
    this.#onReport = onReport;
  }

  end(): void {
    this.#start = '';
    this.#onReport = () => {};
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      this.#keep(chunk.subarray(from, at));
      this.#take();
      from = at + 1;
    }
    this.#keep(chunk.subarray(from));
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#bytes += part.length;
    if (this.#bytes > MAX_REPORT_BYTES) {
      this.#overlong = true;
      // The start says whose it is.
      this.#parts = this.#parts.slice(0, 1);
    } else this.#parts.push(part);
  }

  #take(): void {
    const line = this.#overlong ? (this.#parts[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#parts);
    const overlong = this.#overlong;
    this.#parts = [];
    this.#bytes = 0;
    this.#overlong = false;
    const start = this.#start === '' ? -1 : line.lastIndexOf(this.#start);
    if (start !== 0) this.#spoiled = true;
    if (start === -1) return;
    const found = overlong ? null : parse(line.toString('utf8', start + this.#start.length));
    if (found === null) {
      this.#spoiled = true;
      this.#broken = true;
    } else this.#onReport(found);
  }
}

function parse(text: string): Report | null {
  try {
    return report.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

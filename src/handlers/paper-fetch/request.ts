/** One HTTP request to a source, and the tries of it. */
import { MAX_RESPONSE_BYTES, type PaperFetchDeps, REQUEST_TIMEOUT_MS } from './deps.ts';
import { SourceError } from './source.ts';
import { quoteStart } from './text.ts';

/** Tells the operator of a source whose program this is, so that they can write instead of blocking it. */
const CONTACT_URL = 'https://www.npmjs.com/package/cloud-jobs';

/** Waits between the tries of one request, in milliseconds. Longer waits are for the queue: the job comes back. */
const RETRY_WAITS_MS: readonly number[] = [10_000, 30_000, 60_000];
/** The longest `Retry-After` that a run waits for itself. */
export const LONGEST_WAIT_SECONDS = 60;

export interface SourceRequest {
  /** The name of the source in messages. */
  readonly label: string;
  readonly url: string;
  readonly accept: string;
  readonly userAgent: string;
  readonly signal: AbortSignal;
  /** Takes secrets out of text that may end up in an error. */
  readonly redact?: (text: string) => string;
}

export interface SourceResponse {
  readonly status: number;
  readonly body: string;
  readonly retryAfterSeconds: number | null;
}

type HttpDeps = Pick<PaperFetchDeps, 'fetch' | 'requestTimeoutMs' | 'maxResponseBytes' | 'now'>;

/**
 * Sends one GET and returns the response, whatever its status.
 * @throws SourceError of kind `unavailable` if no whole response came; the signal's own reason if it aborts
 */
export async function get(request: SourceRequest, deps: HttpDeps): Promise<SourceResponse> {
  const timeoutMs = deps.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await deps.fetch(request.url, {
      headers: { accept: request.accept, 'user-agent': request.userAgent },
      signal: AbortSignal.any([request.signal, timeout]),
    });
    const body = await readBody(response, deps.maxResponseBytes ?? MAX_RESPONSE_BYTES, request.label);
    const retryAfterSeconds = readWait(response.headers, deps.now());
    return { status: response.status, body, retryAfterSeconds };
  } catch (error) {
    request.signal.throwIfAborted();
    if (error instanceof SourceError) throw error;
    const reason = timeout.aborted ? `no whole response within ${timeoutMs / 1000} s` : networkReason(error);
    const message = `${request.label} could not be reached: ${reason}`;
    // The cause of a failed fetch can hold the whole address. A redactor means that there is a secret in it.
    const cause = request.redact === undefined ? { cause: error } : {};
    throw new SourceError('unavailable', request.redact?.(message) ?? message, cause);
  }
}

/**
 * Tries again while a source is unavailable, sends empty pages, or asks for a wait of up to a minute.
 * A longer wait, a throttle that names none and a refusal are thrown at once: asking again would make them worse.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  run: {
    readonly signal: AbortSignal;
    readonly deps: Pick<PaperFetchDeps, 'sleep'>;
    readonly log: (text: string) => void;
  },
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const waitMs = waitBeforeRetry(error, tries);
      if (waitMs === 'never') throw error;
      if (waitMs === 'later') {
        const options = { cause: error.cause, retryAfterSeconds: error.retryAfterSeconds };
        throw new SourceError('throttled', error.message, options);
      }
      if (waitMs === 'spent') {
        throw new SourceError(error.kind, `${error.message} (tried ${tries + 1} times)`, {
          cause: error.cause,
        });
      }
      run.log(`${error.message}; asking again in ${Math.round(waitMs / 1000)} s`);
      await run.deps.sleep(waitMs, run.signal);
    }
  }
}

function waitBeforeRetry(error: SourceError, tries: number): number | 'never' | 'later' | 'spent' {
  const asked = error.retryAfterSeconds;
  const isUnavailable = error.kind === 'unavailable' || error.kind === 'empty_page';
  if (!isUnavailable && error.kind !== 'throttled') return 'never';
  if (asked !== null && asked > LONGEST_WAIT_SECONDS) return 'later';
  if (!isUnavailable && asked === null) return 'never';
  const planned = RETRY_WAITS_MS[tries];
  if (planned === undefined) return 'spent';
  const askedMs = Math.max(1, asked ?? 0) * 1000;
  return isUnavailable ? Math.max(planned, askedMs) : askedMs;
}

/** The start of a body for an error message, without secrets and on one line. */
export function quoteBody(response: SourceResponse, redact?: (text: string) => string): string {
  const start = quoteStart(redact?.(response.body.slice(0, 4000)) ?? response.body);
  return start === '' ? 'an empty body' : `"${start}"`;
}

/** The User-Agent of a run. Sources throttle programs that do not name themselves and a contact. */
export function userAgent(version: string, mailto: string | null): string {
  return `cloud-jobs/${version} (+${CONTACT_URL}${mailto === null ? '' : `; mailto:${mailto}`})`;
}

/**
 * The seconds that a `Retry-After` header asks to wait: a number of seconds or an HTTP date.
 * Null if there is no header or it is neither.
 */
export function retryAfter(header: string | null, now: Date): number | null {
  const text = header?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text));
  // Node reads many texts as a date ("-1" is a day in 2001); an HTTP date begins with the name of a day.
  if (!/^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i.test(text)) return null;
  // The oldest of the three forms of an HTTP date (asctime) does not name its zone, which is GMT.
  const time = Date.parse(/gmt|utc|[+-]\d{4}$/i.test(text) ? text : `${text} GMT`);
  return Number.isNaN(time) ? null : Math.max(0, Math.ceil((time - now.getTime()) / 1000));
}

/** `Retry-After`, or the end of the budget that OpenAlex names in headers of its own. */
function readWait(headers: Headers, now: Date): number | null {
  const asked = retryAfter(headers.get('retry-after'), now);
  if (asked !== null) return asked;
  const remaining = headers.get('x-ratelimit-remaining-usd') ?? headers.get('x-ratelimit-remaining');
  return remaining !== null && Number(remaining) <= 0
    ? retryAfter(headers.get('x-ratelimit-reset'), now)
    : null;
}

async function readBody(response: Response, limit: number, label: string): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > limit)
      throw new SourceError('unavailable', `${label} sent more than ${limit} bytes in one response`);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  if (!(cause instanceof Error)) return error.message;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  return [code, cause.message].filter((part) => part !== '').join(' ');
}

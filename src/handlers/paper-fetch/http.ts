import { MAX_RESPONSE_BYTES, type PaperFetchDeps, REQUEST_TIMEOUT_MS } from './deps.ts';
import type { PaperSource } from './paper.ts';
import { SourceError } from './source-error.ts';
import { quoteStart } from './text.ts';

export interface SourceRequest {
  readonly source: PaperSource;
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
 * One GET. Returns whatever status came; throws `SourceError` of kind `unavailable` when no whole answer came (network,
 * timeout, too large), and the signal's own reason when that aborts.
 */
export async function get(request: SourceRequest, deps: HttpDeps): Promise<SourceResponse> {
  const timeoutMs = deps.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await deps.fetch(request.url, {
      headers: { accept: request.accept, 'user-agent': request.userAgent },
      signal: AbortSignal.any([request.signal, timeout]),
    });
    const body = await readBody(response, deps.maxResponseBytes ?? MAX_RESPONSE_BYTES, request.source);
    return {
      status: response.status,
      body,
      retryAfterSeconds: retryAfter(response.headers.get('retry-after'), deps.now()),
    };
  } catch (error) {
    request.signal.throwIfAborted();
    if (error instanceof SourceError) throw error;
    const reason = timeout.aborted ? `no whole answer within ${timeoutMs / 1000} s` : networkReason(error);
    // The cause of a failed fetch can hold the whole address; with a redactor there is a secret in it.
    const cause = request.redact === undefined ? { cause: error } : {};
    const message = `${sourceLabel(request.source)} could not be reached: ${reason}`;
    throw new SourceError(request.source, 'unavailable', request.redact?.(message) ?? message, cause);
  }
}

/** The start of a body for an error message, without secrets and on one line. */
export function quoteBody(response: SourceResponse, redact?: (text: string) => string): string {
  const start = quoteStart(redact?.(response.body.slice(0, 4000)) ?? response.body);
  return start === '' ? 'an empty answer' : `"${start}"`;
}

/** `cloud-jobs/<version> (paper_fetch; mailto:…)`. Agents without a name of their own are throttled more. */
export function userAgent(version: string, mailto: string | null): string {
  return `cloud-jobs/${version} (paper_fetch${mailto === null ? '' : `; mailto:${mailto}`})`;
}

/** How the source is called in messages. */
export function sourceLabel(source: PaperSource): string {
  return { arxiv: 'arXiv', openalex: 'OpenAlex', europepmc: 'Europe PMC' }[source];
}

async function readBody(response: Response, limit: number, source: PaperSource): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > limit) {
      throw new SourceError(
        source,
        'unavailable',
        `${sourceLabel(source)} sent more than ${limit} bytes in one answer`,
      );
    }
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** Seconds from a `Retry-After` header: a number of seconds or an HTTP date. Null when there is none to be read. */
export function retryAfter(header: string | null, now: Date): number | null {
  if (header === null) return null;
  if (/^\s*\d+\s*$/.test(header)) return Number(header);
  const time = Date.parse(header);
  return Number.isNaN(time) ? null : Math.max(0, Math.ceil((time - now.getTime()) / 1000));
}

function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  if (!(cause instanceof Error)) return error.message;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  return [code, cause.message].filter((part) => part !== '').join(' ');
}

import type { PaperSource } from './paper.ts';

/**
 * Why a source gave no (more) papers.
 * - `throttled`: it asks to be left alone for a while; asking again soon makes it worse.
 * - `unavailable`: overloaded, unreachable, or answered with something that is not its format.
 * - `blocked`: it refuses this client.
 * - `rejected`: it refuses the request itself; the same request will be refused again.
 */
export type SourceErrorKind = 'throttled' | 'unavailable' | 'blocked' | 'rejected';

/** A failure of one source. Other sources go on; every other error fails the job. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly source: PaperSource;
  readonly kind: SourceErrorKind;
  /** What the source asked for with `Retry-After`. */
  readonly retryAfterSeconds: number | null;

  constructor(
    source: PaperSource,
    kind: SourceErrorKind,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterSeconds?: number | null } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.source = source;
    this.kind = kind;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}

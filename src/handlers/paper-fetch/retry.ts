import type { PaperFetchDeps } from './deps.ts';
import { SourceError } from './source-error.ts';

/** Waits between tries of one request, in milliseconds. More would only spend a runner's time: the job is retried. */
export const RETRY_WAITS_MS: readonly number[] = [10_000, 30_000, 60_000];

/**
 * Tries again while a source is `unavailable`, with the waits above (or its own `Retry-After`, up to a minute).
 * A throttle, a refusal and every other error pass at once: asking again would make them worse.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  signal: AbortSignal,
  deps: Pick<PaperFetchDeps, 'sleep'>,
  onRetry: (error: SourceError, waitMs: number) => void,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const planned = RETRY_WAITS_MS[tries];
      if (!(error instanceof SourceError) || error.kind !== 'unavailable') throw error;
      if (planned === undefined) {
        throw new SourceError(error.source, 'unavailable', `${error.message} (tried ${tries + 1} times)`, {
          cause: error.cause,
          retryAfterSeconds: error.retryAfterSeconds,
        });
      }
      const asked = error.retryAfterSeconds === null ? 0 : error.retryAfterSeconds * 1000;
      const waitMs = Math.max(planned, Math.min(asked, 60_000));
      onRetry(error, waitMs);
      await deps.sleep(waitMs, signal);
    }
  }
}

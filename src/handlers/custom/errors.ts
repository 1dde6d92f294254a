import type { HandlerOutcome } from '../handler.ts';

/**
 * A custom job that cannot be started. `final` tells the two kinds apart: a name that can never be right is
 * discarded, while a file that is missing today may be there after the next deploy, so it is retried.
 */
export class CustomHandlerError extends Error {
  override readonly name = 'CustomHandlerError';
  readonly final: boolean;
  constructor(message: string, options: { readonly final: boolean; readonly cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.final = options.final;
  }

  /** The outcome that says the same to the worker. */
  toOutcome(): HandlerOutcome {
    return this.final
      ? { outcome: 'discard', reason: this.message }
      : { outcome: 'failure', kind: 'error', message: this.message };
  }
}

/** True for an error of the file system (or of a spawn) with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
  );
}

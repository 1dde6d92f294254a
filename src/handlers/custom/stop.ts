import { type AbortCause, AbortReason, type HandlerOutcome } from '../handler.ts';

/** How long a handler may take to end after it was told to, in milliseconds. */
export const GRACE_MS = 5_000;
/** The runner leaves 7.5 s between SIGINT and SIGTERM: the worker has to be out by then, with jobs handed back. */
export const SHUTDOWN_GRACE_MS = 2_000;

export interface Stop {
  readonly abortCause: AbortCause;
  readonly message: string;
  readonly graceMs: number;
}

/** What an aborted signal asks for. A reason that is no `AbortReason` counts as a shutdown, the quickest. */
export function readStop(signal: AbortSignal, graceMs: number): Stop {
  const reason: unknown = signal.reason;
  const known = reason instanceof AbortReason ? reason : null;
  const abortCause = known?.abortCause ?? 'shutdown';
  return {
    abortCause,
    message: known?.message ?? 'the worker stops',
    graceMs: abortCause === 'shutdown' ? Math.min(graceMs, SHUTDOWN_GRACE_MS) : graceMs,
  };
}

/** The outcome of a handler that was stopped before it gave one. */
export function stoppedOutcome(stop: Stop, how: 'ended' | 'killed' | 'never started'): HandlerOutcome {
  const said = {
    ended: 'The handler ended when it was told to',
    killed: `The handler did not end within ${stop.graceMs / 1000} s of being told to and was killed`,
    'never started': 'The handler was not started',
  }[how];
  return {
    outcome: 'failure',
    kind: stop.abortCause === 'timeout' ? 'timeout' : 'error',
    message: `${said}: ${stop.message}`,
  };
}

import type { Patience } from '../queue/rpc.ts';

/** How long the requests of a worker are repeated, and how long its shutdown may take. */

const MINUTE_MS = 60_000;

/** The first call shows whether URL and key are right, and a person may be waiting for that. */
export const FIRST_CALL: Patience = { networkMs: 8_000, serverMs: MINUTE_MS, doubtMs: 5_000 };

/** Outlasts every fault; locks that run out meanwhile stop their handlers. */
const WATCH_CALL: Patience = {
  networkMs: Number.POSITIVE_INFINITY,
  serverMs: Number.POSITIVE_INFINITY,
  doubtMs: 3_600_000,
};

/** URL and key have been right once, so that a wrong answer is a fault that passes. */
export function laterCall(lockMs: number, isWatching = false): Patience {
  if (isWatching) return WATCH_CALL;
  const longest = Math.max(lockMs, MINUTE_MS);
  return { networkMs: longest, serverMs: longest, doubtMs: MINUTE_MS };
}

/** A step that is done is worth waiting for: the handler goes on when its result is stored. */
export const STEP_CALL: Patience = { networkMs: 300_000, serverMs: 300_000, doubtMs: MINUTE_MS };

/** GitHub's runner kills the worker 10 s after SIGINT. A request under way may take this long from the signal on, */
export const SHUTDOWN_REQUEST_MS = 1_500;
/** handlers this long from the signal on, */
export const SHUTDOWN_HANDLERS_MS = 4_000;
/** and each of the last calls this long after that. */
export const SHUTDOWN_CALL: Patience = {
  requestMs: 2_000,
  networkMs: 2_000,
  serverMs: 2_000,
  doubtMs: 2_000,
};

/** Runs requests one after another with a pause between them. */
export type Gate = <T>(signal: AbortSignal, request: () => Promise<T>) => Promise<T>;

export interface GateDeps {
  readonly monotonic: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * A gate that lets one request through at a time and starts the next at least `pauseMs` milliseconds after the last
 * one ended. It holds for one process; other workers are kept out by the queue's concurrency key. A caller that
 * aborts leaves the line at once.
 */
export function createGate(pauseMs: number, deps: GateDeps): Gate {
  let lastEnd: number | null = null;
  let tail: Promise<unknown> = Promise.resolve();
  return (signal, request) => {
    const turn = tail.then(async () => {
      signal.throwIfAborted();
      const wait = lastEnd === null ? 0 : pauseMs - (deps.monotonic() - lastEnd);
      if (wait > 0) await deps.sleep(wait, signal);
      try {
        return await request();
      } finally {
        lastEnd = deps.monotonic();
      }
    });
    tail = turn.catch(() => undefined);
    return untilAborted(turn, signal);
  };
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Runs requests one after another with a pause between them. */
export interface Gate {
  /** Runs `request` after those before it. Rejects with `signal.reason` as soon as the signal aborts. */
  pass<T>(signal: AbortSignal, request: () => Promise<T>): Promise<T>;
  /** Waits out the pause after the last request, or until the signal aborts. */
  rest(signal: AbortSignal): Promise<void>;
}

export interface GateDeps {
  readonly monotonic: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Makes a gate that runs one request at a time and starts the next one at least `pauseMs` milliseconds after the last
 * one ended. It holds for one process. The concurrency key of the queue keeps other workers away, also during the pause
 * after the last request, for which a job rests before it ends. A caller that aborts stops waiting at once.
 */
export function createGate(pauseMs: number, deps: GateDeps): Gate {
  let lastEnd: number | null = null;
  let tail: Promise<unknown> = Promise.resolve();
  const pause = async (signal: AbortSignal): Promise<void> => {
    const wait = lastEnd === null ? 0 : pauseMs - (deps.monotonic() - lastEnd);
    if (wait > 0) await deps.sleep(wait, signal);
  };
  return {
    pass(signal, request) {
      const turn = tail.then(async () => {
        signal.throwIfAborted();
        await pause(signal);
        try {
          return await request();
        } finally {
          lastEnd = deps.monotonic();
        }
      });
      tail = turn.catch(() => undefined);
      return untilAborted(turn, signal);
    },
    rest: (signal) =>
      pause(signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      }),
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

import type { EventEmitter } from 'node:events';

export type StopSignal = 'SIGINT' | 'SIGTERM';

export interface SignalWatch {
  /** All signals so far, in order. */
  readonly received: readonly StopSignal[];
  /** Stops listening, after which a signal ends the process as it does by default. */
  dispose(): void;
}

/**
 * Calls `callback` at the first SIGINT or SIGTERM; later ones are only noted. A runner that cancels a step sends
 * SIGINT, SIGTERM 7.5 s later, and kills after 2.5 s more. Without a listener Node ends at the first.
 * Source: actions/runner, ProcessInvoker.cs.
 */
export function onSignals(
  callback: (signal: StopSignal) => void,
  source: EventEmitter = process,
): SignalWatch {
  const received: StopSignal[] = [];
  const listen = (signal: StopSignal): (() => void) => {
    const listener = (): void => {
      received.push(signal);
      if (received.length === 1) callback(signal);
    };
    source.on(signal, listener);
    return () => source.off(signal, listener);
  };
  const stops = [listen('SIGINT'), listen('SIGTERM')];
  return {
    received,
    dispose() {
      for (const stop of stops) stop();
    },
  };
}

import { HostFault } from '../worker/options.ts';

/**
 * Aborts when an uncaught error would end the process of a worker. Node then goes on, so that the worker can
 * hand its jobs back; without this they would stay locked, and cost each of them an attempt.
 */
export function guardAgainstCrash(): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const onCrash = (error: unknown): void => {
    controller.abort(new HostFault('An uncaught error would have ended the worker.', { cause: error }));
  };
  process.on('uncaughtException', onCrash);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => process.off('uncaughtException', onCrash),
  };
}

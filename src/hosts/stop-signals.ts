import type { Host } from './create-worker.ts';

/** How a terminal or a container stops a worker: by Ctrl-C or SIGTERM. */

/** An orderly end takes up to this long once handlers are stopped. Docker kills after as long. */
export const ORDERLY_END_SECONDS = 10;

/**
 * With the first signal the worker claims nothing more. Jobs that run may go on until 10 s of the grace are left; then,
 * or with a second signal, they are stopped and handed back.
 * @param graceSeconds from the first signal to when the host kills the process
 */
export function stopSignals(
  say: (text: string) => void,
  graceSeconds = ORDERLY_END_SECONDS,
): Pick<Host, 'stop' | 'drain' | 'stopMessage'> {
  const stop = new AbortController();
  const drain = new AbortController();
  const patience = graceSeconds - ORDERLY_END_SECONDS;
  let message = '';
  const stopWith = (text: string) => () => {
    if (stop.signal.aborted) return;
    const isFirst = !drain.signal.aborted;
    if (isFirst) message = text;
    drain.abort();
    if (isFirst && patience > 0) {
      say(`${text} Jobs that run have ${patience} s to end; a second signal hands them back at once.`);
      setTimeout(() => stop.abort(), patience * 1000).unref();
    } else {
      say(`${text} Jobs that run are handed back.`);
      stop.abort();
    }
  };
  process.on('SIGINT', stopWith('You stopped the worker with Ctrl-C.'));
  process.on('SIGTERM', stopWith('SIGTERM asked the worker to stop.'));
  return { stop: stop.signal, drain: drain.signal, stopMessage: () => message };
}

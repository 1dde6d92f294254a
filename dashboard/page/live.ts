import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../../src/text/describe-error.ts';

/** Asks again this long after an answer, while the page is visible. */
const POLL_MS = 2000;
/** After an error, each pause is twice the last, up to this. */
const MAX_POLL_MS = 30_000;

/** Whether the views refresh by themselves; shared by all of them. */
export const pause = { paused: false, listeners: new Set<() => void>() };
export function setPaused(paused: boolean): void {
  pause.paused = paused;
  for (const listener of pause.listeners) listener();
}

export interface Live<T> {
  /** The newest answer, kept while a later request fails. */
  readonly data: T | null;
  readonly error: string | null;
  readonly refresh: () => void;
}

/**
 * Keeps the answer of `load` fresh while the page is visible and not paused.
 * @param key loads anew when it changes; the old answer is dropped
 */
export function useLive<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Live<T> {
  const [state, setState] = useState<{ key: string; data: T | null; error: string | null }>({
    key,
    data: null,
    error: null,
  });
  const [turn, setTurn] = useState(0);
  const loader = useRef(load);
  loader.current = load;
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wait = POLL_MS;
    const again = (): void => {
      clearTimeout(timer);
      if (!stop.signal.aborted && !pause.paused && !document.hidden) timer = setTimeout(ask, wait);
    };
    const ask = async (): Promise<void> => {
      try {
        const data = await loader.current(stop.signal);
        wait = POLL_MS;
        if (!stop.signal.aborted) setState({ key, data, error: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        wait = Math.min(wait * 2, MAX_POLL_MS);
        setState((old) => ({
          key,
          data: old.key === key ? old.data : null,
          error: messageOf(error),
        }));
      }
      again();
    };
    void ask();
    document.addEventListener('visibilitychange', again);
    pause.listeners.add(again);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', again);
      pause.listeners.delete(again);
    };
  }, [key, turn]);
  const refresh = useCallback(() => setTurn((n) => n + 1), []);
  return { data: state.key === key ? state.data : null, error: state.error, refresh };
}

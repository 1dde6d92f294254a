/** Lets a loop sleep until something happens or time passes. A wake between two sleeps is not lost. */
export interface Wake {
  now(): void;
  /** @param ms at most so long; Infinity waits for `now()` alone */
  wait(ms: number): Promise<void>;
}

export function createWake(): Wake {
  let pending = false;
  let resume: (() => void) | null = null;
  return {
    now: () => {
      pending = true;
      resume?.();
    },
    wait: async (ms) => {
      if (!pending) {
        await new Promise<void>((resolve) => {
          const timer = Number.isFinite(ms) ? setTimeout(resolve, Math.max(0, ms)) : undefined;
          resume = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        resume = null;
      }
      pending = false;
    },
  };
}

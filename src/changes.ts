/**
 * Waiting for a condition that several events can make true: `notify` is called after each of them, and `until` settles
 * as soon as its condition holds. Unlike `Promise.race` on long-lived promises it keeps nothing alive once settled,
 * however many jobs one process runs.
 */
export class Changes {
  readonly #waiting = new Set<() => void>();

  notify(): void {
    for (const check of [...this.#waiting]) check();
  }

  /**
   * @param ms how long to wait at most, in milliseconds; without it, or with Infinity, without a limit
   * @returns whether the condition holds; false if the time is over
   */
  until(condition: () => boolean, ms = Number.POSITIVE_INFINITY): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (held: boolean) => {
        this.#waiting.delete(check);
        clearTimeout(timer);
        resolve(held);
      };
      const check = () => {
        if (condition()) end(true);
      };
      const timer = Number.isFinite(ms) ? setTimeout(() => end(condition()), Math.max(0, ms)) : undefined;
      this.#waiting.add(check);
    });
  }
}

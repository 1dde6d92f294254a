/**
 * Waiting on a condition that several events can make true. `notify` is called after each of them; `until`
 * settles as soon as its condition holds. Unlike `Promise.race` on long-lived promises it keeps nothing alive
 * once settled, however many jobs one process runs.
 */
export class Changes {
  readonly #waiting = new Set<() => void>();

  notify(): void {
    for (const check of [...this.#waiting]) check();
  }

  /**
   * @param ms How long to wait at most, in milliseconds; without it, for ever.
   * @returns Whether the condition holds (false: the time is over).
   */
  until(condition: () => boolean, ms?: number): Promise<boolean> {
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
      const timer = ms === undefined ? undefined : setTimeout(() => end(condition()), ms);
      this.#waiting.add(check);
    });
  }
}

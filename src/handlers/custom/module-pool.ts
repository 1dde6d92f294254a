import { ModuleChild, type ModuleChildOptions, type RunEnd, type RunHooks } from './module-child.ts';
import type { RunRequest } from './protocol.ts';

/**
 * Host processes that are kept for the next job. As many run as there are jobs at once (the worker limits that);
 * at most `maxIdle` wait. A process that may still be busy with its last job is never given another.
 */
export class ModulePool {
  readonly #options: ModuleChildOptions;
  readonly #maxIdle: number;
  readonly #idle: ModuleChild[] = [];
  readonly #all = new Set<ModuleChild>();
  #closed = false;

  constructor(options: ModuleChildOptions, maxIdle: number) {
    this.#options = options;
    this.#maxIdle = maxIdle;
  }

  async run(request: RunRequest, hooks: RunHooks): Promise<RunEnd['outcome']> {
    const { child, warm } = this.#take();
    const { outcome, reusable, begun } = await child.run(request, hooks);
    // It died while it waited (something that its last job left behind), and this job was not begun.
    if (warm && !begun && !hooks.signal.aborted && !this.#closed) {
      await this.#drop(child);
      return this.run(request, hooks);
    }
    if (reusable && !this.#closed && this.#idle.length < this.#maxIdle) {
      this.#idle.push(child);
    } else {
      await this.#drop(child);
    }
    return outcome;
  }

  /** Kills every process, busy or not; settles when all are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#idle.length = 0;
    await Promise.all([...this.#all].map((child) => child.kill()));
    this.#all.clear();
  }

  async #drop(child: ModuleChild): Promise<void> {
    await child.kill();
    this.#all.delete(child);
  }

  #take(): { readonly child: ModuleChild; readonly warm: boolean } {
    if (this.#closed) throw new Error('The custom handlers are closed: no job can be started any more.');
    for (let child = this.#idle.pop(); child !== undefined; child = this.#idle.pop()) {
      // The last one used is the warmest. It may have died while it waited.
      if (child.alive) return { child, warm: true };
      this.#all.delete(child);
    }
    const child = new ModuleChild(this.#options);
    this.#all.add(child);
    return { child, warm: false };
  }
}

import type { HandlerOutcome } from '../handler.ts';
import { ModuleChild, type ModuleChildOptions, type RunContext } from './module-child.ts';
import type { RunRequest } from './protocol.ts';

interface Idle {
  readonly child: ModuleChild;
  /** URL of the only handler that may use the process; null for any. */
  readonly reservedFor: string | null;
  /** Of the handlers when the process was started. */
  readonly version: string;
}

interface Taken {
  readonly child: ModuleChild;
  readonly isWarm: boolean;
  readonly version: string;
}

/**
 * Host processes that are kept for the next job. As many run as there are jobs at once (the worker limits that);
 * at most `maxIdle` wait. A process that may still be busy with its last job is never given another, nor is one that has
 * loaded handlers which have changed since.
 */
export class ModulePool {
  readonly #options: ModuleChildOptions;
  readonly #maxIdle: number;
  readonly #version: () => Promise<string>;
  readonly #idle: Idle[] = [];
  readonly #all = new Set<ModuleChild>();
  #isClosed = false;

  /** @param version of the handlers; a process is not used again once it is another one */
  constructor(options: ModuleChildOptions, maxIdle: number, version = async (): Promise<string> => '') {
    this.#options = options;
    this.#maxIdle = maxIdle;
    this.#version = version;
  }

  async run(request: RunRequest, context: RunContext): Promise<HandlerOutcome> {
    const { child, isWarm, version } = await this.#take(request.url);
    const { outcome, reuse, hasBegun } = await child.run(request, context);
    // It died while it waited (something that its last job left behind), and this job was not begun.
    if (isWarm && !hasBegun && !context.signal.aborted && !this.#isClosed) {
      await this.#drop(child);
      return this.run(request, context);
    }
    if (reuse === 'none' || this.#isClosed) {
      await this.#drop(child);
    } else {
      this.#idle.push({ child, reservedFor: reuse === 'handler' ? request.url : null, version });
      if (this.#idle.length > this.#maxIdle) await this.#dropOldest();
    }
    return outcome;
  }

  /** Kills every process, busy or not; settles when all are gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#idle.length = 0;
    await Promise.all([...this.#all].map((child) => child.kill()));
    this.#all.clear();
  }

  async #drop(child: ModuleChild): Promise<void> {
    await child.kill();
    this.#all.delete(child);
  }

  async #dropOldest(): Promise<void> {
    const oldest = this.#idle.shift();
    if (oldest !== undefined) await this.#drop(oldest.child);
  }

  async #dropStale(version: string): Promise<void> {
    const stale = this.#idle.filter((idle) => idle.version !== version);
    for (const idle of stale) this.#idle.splice(this.#idle.indexOf(idle), 1);
    await Promise.all(stale.map(({ child }) => this.#drop(child)));
  }

  async #take(url: string): Promise<Taken> {
    // Before a process loads anything: a change that comes later is then never missed.
    const version = await this.#version();
    await this.#dropStale(version);
    if (this.#isClosed) throw new Error('The custom handlers are closed: no job can be started any more.');
    for (;;) {
      // The last one used is the warmest.
      const own = this.#idle.findLastIndex(({ reservedFor }) => reservedFor === url);
      const index = own === -1 ? this.#idle.findLastIndex(({ reservedFor }) => reservedFor === null) : own;
      const [idle] = index === -1 ? [] : this.#idle.splice(index, 1);
      if (idle === undefined) break;
      // It may have died, or written to its pipe, while it waited.
      if (idle.child.alive && !idle.child.spoiled) return { child: idle.child, isWarm: true, version };
      await this.#drop(idle.child);
    }
    const child = new ModuleChild(this.#options);
    this.#all.add(child);
    return { child, isWarm: false, version };
  }
}

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Changes } from '../../changes.ts';
import type { HandlerOutcome, JobLogStream } from '../handler.ts';
import { type ProcessEnd, readStop, type Stop, stoppedOutcome } from './outcomes.ts';
import { killTree, MARK_NAME, remember, signalGroup } from './process-tree.ts';

/** The wait for the end of a process that was killed is bounded by this, in milliseconds. */
const DEATH_MS = 2_000;
const LOOK_EVERY_MS = 1_000;
/** Looks in a row at which no new output had come. */
const QUIET_LOOKS = 5;

/** What a job's output says when some of it may not have come. */
export const OUTPUT_MISSING =
  'cloud-jobs: the output of this job may not be whole: a process that it started still holds its output open, or it closed it.';

export interface ProcessOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdio: StdioOptions;
  onOutput(stream: JobLogStream, chunk: Buffer): void;
  /** The process is gone, and its output was read, as far as it came. */
  onEnd(isWhole: boolean): void;
}

/** A process that handlers run in. It ends together with all that it started, and its end is known once its output is read. */
export class JobProcess {
  /** Notified after every event of the process. */
  readonly changes = new Changes();
  readonly #options: ProcessOptions;
  readonly #mark = randomUUID();
  #child: ChildProcess | null = null;
  #forget = () => {};
  #hasExited = false;
  #end: ProcessEnd | null = null;
  #received = 0;

  constructor(program: string, args: readonly string[], options: ProcessOptions) {
    this.#options = options;
    try {
      this.#start(program, args);
    } catch (error) {
      // Some errors (E2BIG) are thrown, others come as an event.
      this.#leave({ code: null, signal: null, error: error as Error }, true);
    }
  }

  get hasExited(): boolean {
    return this.#hasExited || this.#child?.exitCode !== null || this.#child.signalCode !== null;
  }

  /** How the process ended; null until it is gone and its output is read. */
  get end(): ProcessEnd | null {
    return this.#end;
  }

  pipe(descriptor: number): Readable | Writable | null {
    return this.#child?.stdio[descriptor] ?? null;
  }

  /** Sends a signal to the whole group: a shell waits for the program in its foreground before it obeys one. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child?.pid !== undefined) signalGroup(this.#child.pid, signal);
  }

  /** Kills the process and all that it started; settles when they are gone. */
  async kill(): Promise<void> {
    const pid = this.#child?.pid;
    if (this.#end !== null || pid === undefined) return;
    await killTree(pid, this.#mark);
    // The end follows the death; the wait for it is bounded for a process that even SIGKILL cannot end.
    if (await this.changes.until(() => this.#hasExited, DEATH_MS)) {
      await this.changes.until(() => this.#end !== null);
    }
  }

  /**
   * Waits for the end of a run. If the signal aborts before it, asks the run to stop and gives it its grace.
   * @returns the outcome of a run that was stopped, or null
   */
  async waitFor(
    isOver: () => boolean,
    signal: AbortSignal,
    graceMs: number,
    ask: (stop: Stop) => void,
  ): Promise<HandlerOutcome | null> {
    const onAbort = () => this.changes.notify();
    signal.addEventListener('abort', onAbort);
    try {
      await this.changes.until(() => isOver() || signal.aborted);
      if (isOver()) return null;
      const stop = readStop(signal, graceMs);
      ask(stop);
      return stoppedOutcome(stop, (await this.changes.until(isOver, stop.graceMs)) ? 'ended' : 'killed');
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Waits until output has arrived whole. Gives up only when nothing came for five looks in a row: on a busy machine,
   * on which the looks come late and the bytes too, nothing is lost.
   * @returns whether the output is whole
   */
  async drained(isWhole: () => boolean): Promise<boolean> {
    let before = this.#received;
    for (let quiet = 0; quiet < QUIET_LOOKS; ) {
      if (await this.changes.until(isWhole, LOOK_EVERY_MS)) return true;
      // What came in meanwhile is read before the next look.
      await sleep(1);
      quiet = this.#received === before ? quiet + 1 : 0;
      before = this.#received;
    }
    return isWhole();
  }

  #start(program: string, args: readonly string[]): void {
    const { env, cwd, stdio, onOutput } = this.#options;
    const child = spawn(program, [...args], {
      // A group of its own, so that all it starts can be signalled and killed with it.
      detached: true,
      windowsHide: true,
      stdio,
      env: { ...env, [MARK_NAME]: this.#mark },
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.#child = child;
    const { pid } = child;
    if (pid !== undefined) this.#forget = remember(pid).forget;
    // Every time: an `error` event (of a failed kill, say) without a listener would end the worker.
    child.on('error', (error) => {
      if (pid === undefined) this.#leave({ code: null, signal: null, error }, true);
    });
    let isClosed = false;
    child.once('exit', async (code, signal) => {
      this.#hasExited = true;
      this.changes.notify();
      if (pid !== undefined) await killTree(pid, this.#mark);
      const isWhole = await this.drained(() => isClosed);
      for (const pipe of child.stdio) pipe?.destroy();
      this.#leave({ code, signal }, isWhole);
    });
    child.once('close', () =>
      afterReports(() => {
        isClosed = true;
        this.changes.notify();
      }),
    );
    for (const pipe of child.stdio) pipe?.on('error', () => {});
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.on('data', (chunk: Buffer) => {
        this.#received += chunk.length;
        onOutput(stream, chunk);
      });
    }
  }

  #leave(end: ProcessEnd, isWhole: boolean): void {
    this.#forget();
    this.#options.onEnd(isWhole);
    this.#hasExited = true;
    this.#end = end;
    this.changes.notify();
  }
}

/**
 * Runs a function when all pipes were read once more. A secret is reported before it is printed, and so it is known
 * before a line that holds it may be cut.
 */
export function afterReports(run: () => void): void {
  setImmediate(() => setImmediate(run));
}

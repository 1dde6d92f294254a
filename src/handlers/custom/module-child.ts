import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Changes } from '../../changes.ts';
import type { Progress } from '../../queue/job.ts';
import type { HandlerOutcome, JobLogStream } from '../handler.ts';
import { maskedValue } from './add-mask.ts';
import { crashOutcome } from './crash.ts';
import { JobOutput } from './job-output.ts';
import { Tail } from './lines.ts';
import { remember } from './live-children.ts';
import { killTree, MARK_NAME } from './process-tree.ts';
import type { FromHost, RunRequest, ToHost } from './protocol.ts';
import { readStop, stoppedOutcome } from './stop.ts';

/** How long output may take to arrive once the handler has ended or its process is gone, in milliseconds. */
const DRAIN_MS = 2_000;

export interface ModuleChildOptions {
  readonly hostScript: string | URL;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Heap limit of the process in MiB. */
  readonly memoryMb?: number;
  readonly graceMs: number;
}

/** What a run may do to the outside. */
export interface RunHooks {
  readonly signal: AbortSignal;
  line(text: string, stream: JobLogStream): void;
  progress(progress: Progress): void;
  secret(value: string): void;
  /** Takes the secrets that are known so far out of a text. */
  redact(text: string): string;
}

export interface RunEnd {
  readonly outcome: HandlerOutcome;
  /** False: the process is gone, or was killed, and the promise settled after that. */
  readonly reusable: boolean;
  /** False: the process died before it began with the request. */
  readonly begun: boolean;
}

/** One host process. Runs one request at a time. */
export class ModuleChild {
  readonly #child: ChildProcess;
  readonly #graceMs: number;
  readonly #mark = randomUUID();
  readonly #changes = new Changes();
  readonly #streams = { stdout: new JobOutput(), stderr: new JobOutput() };
  readonly #forget: () => void;
  #gone: {
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly error?: Error;
  } | null = null;
  #onMessage: ((message: FromHost) => void) | null = null;

  constructor(options: ModuleChildOptions) {
    this.#graceMs = options.graceMs;
    const script = options.hostScript;
    this.#child = fork(script instanceof URL ? fileURLToPath(script) : script, [], {
      // A group of its own, so that all it starts can be killed with it.
      detached: true,
      windowsHide: true,
      serialization: 'json',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...options.env, [MARK_NAME]: this.#mark },
      execArgv: [
        // Both would be printed into the output of whatever job comes first, and the author cannot act on them.
        '--disable-warning=ExperimentalWarning',
        '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
        ...(options.memoryMb === undefined ? [] : [`--max-old-space-size=${options.memoryMb}`]),
      ],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const { pid } = this.#child;
    this.#forget = pid === undefined ? () => {} : remember(pid).forget;
    this.#child.on('message', (message) => this.#onMessage?.(message as FromHost));
    // Every time: an `error` event (of a failed kill, say) that nobody hears would end the worker.
    this.#child.on('error', (error) => {
      if (pid === undefined) this.#leave({ code: null, signal: null, error });
    });
    this.#child.once('exit', (code, signal) => void this.#afterExit(code, signal));
    for (const name of ['stdout', 'stderr'] as const) {
      this.#child[name]?.on('data', (chunk: Buffer) => this.#streams[name].push(chunk));
      this.#child[name]?.on('error', () => {});
    }
  }

  get alive(): boolean {
    return this.#gone === null && this.#child.connected;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Runs one request to its end. Never rejects for what a handler does. When `hooks.signal` aborts, the handler
   * is told, given its grace and then killed with all that it started.
   */
  async run(request: RunRequest, hooks: RunHooks): Promise<RunEnd> {
    let ended: Extract<FromHost, { type: 'end' }> | null = null;
    let begun = false;
    const open = new Set<JobLogStream>(['stdout', 'stderr']);
    const secrets = new Set<string>();
    const secret = (value: string) => {
      // It comes by both streams and the channel, whichever is first.
      if (secrets.has(value)) return;
      secrets.add(value);
      hooks.secret(value);
    };
    const errors = new Tail(30, (text) => hooks.redact(text));
    this.#onMessage = (message) => {
      if (message?.run !== request.run) return;
      if (message.type === 'progress') hooks.progress(message.progress);
      else if (message.type === 'secret') secret(message.value);
      else if (message.type === 'end') {
        ended = message;
        this.#changes.notify();
      }
    };
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#streams[stream].start(request.run, {
        line: (text) => {
          // What `core.setSecret` prints. Obeyed and not shown.
          const masked = maskedValue(text);
          if (masked !== null) {
            if (masked !== '') secret(masked);
            return;
          }
          if (stream === 'stderr') errors.push(text);
          hooks.line(text, stream);
        },
        secret,
        redact: (text) => hooks.redact(text),
        begin: () => {
          begun = true;
        },
        end: () => {
          open.delete(stream);
          this.#changes.notify();
        },
      });
    }
    const onAbort = () => this.#changes.notify();
    hooks.signal.addEventListener('abort', onAbort);
    this.#send(request);
    const over = () => ended !== null || this.#gone !== null;
    let stopped: ReturnType<typeof readStop> | null = null;
    let killed = false;
    try {
      await this.#changes.until(() => over() || hooks.signal.aborted);
      if (!over()) {
        stopped = readStop(hooks.signal, this.#graceMs);
        const { abortCause, message } = stopped;
        this.#send({ type: 'abort', run: request.run, abortCause, message });
        killed = !(await this.#changes.until(over, stopped.graceMs));
      }
      const drained =
        ended !== null && (await this.#changes.until(() => open.size === 0 || this.#gone !== null, DRAIN_MS));
      const last = ended as Extract<FromHost, { type: 'end' }> | null;
      const reusable = drained && last?.reusable === true && !hooks.signal.aborted && this.alive;
      if (!reusable) await this.kill();
      return {
        reusable,
        begun,
        outcome: last?.outcome ?? this.#endWithout(stopped, killed, request.name, errors),
      };
    } finally {
      hooks.signal.removeEventListener('abort', onAbort);
      this.#onMessage = null;
      this.#streams.stdout.stop();
      this.#streams.stderr.stop();
    }
  }

  /** Kills the process and all that it started; settles when they are gone. */
  async kill(): Promise<void> {
    const { pid } = this.#child;
    if (this.#gone !== null || pid === undefined) return;
    await killTree(pid, this.#mark);
    // `exit` follows the death; the wait is bounded for a process that even SIGKILL cannot end.
    await this.#changes.until(() => this.#gone !== null, DRAIN_MS);
  }

  #endWithout(
    stopped: ReturnType<typeof readStop> | null,
    killed: boolean,
    name: string,
    errors: Tail,
  ): HandlerOutcome {
    if (stopped !== null) return stoppedOutcome(stopped, killed ? 'killed' : 'ended');
    return crashOutcome(name, this.#gone ?? { code: null, signal: null }, errors.lines);
  }

  async #afterExit(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    const { pid } = this.#child;
    let closed = false;
    this.#child.once('close', () => {
      closed = true;
      this.#changes.notify();
    });
    if (pid !== undefined) await killTree(pid, this.#mark);
    // A process that left the group may hold the pipes open for ever.
    await this.#changes.until(() => closed, DRAIN_MS);
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#leave({ code, signal });
  }

  #leave(gone: {
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly error?: Error;
  }) {
    this.#forget();
    this.#streams.stdout.flush();
    this.#streams.stderr.flush();
    this.#gone = gone;
    this.#changes.notify();
  }

  #send(message: ToHost): void {
    // A closed channel is told by the exit of the process; without a callback it would be thrown.
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}

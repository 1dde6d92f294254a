import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Changes } from '../../changes.ts';
import type { Progress } from '../../queue/job.ts';
import type { HandlerOutcome, JobLogStream } from '../handler.ts';
import { crashOutcome, type ProcessEnd } from './crash.ts';
import { drained, OUTPUT_MISSING } from './drain.ts';
import { JobOutput } from './job-output.ts';
import { Tail } from './lines.ts';
import { remember } from './live-children.ts';
import { outputCommand } from './output-commands.ts';
import { killTree, MARK_NAME } from './process-tree.ts';
import { REPORT_FD, REQUEST_FD, type Report, type Request, type RunRequest } from './protocol.ts';
import { ReportReader } from './report-reader.ts';
import { readStop, stoppedOutcome } from './stop.ts';

/** The wait for the end of a process that was killed is bounded by this, in milliseconds. */
const DEATH_MS = 2_000;
/** Lines of stderr that may explain a crash. */
const ERROR_LINES = 30;
const STREAMS = ['stdout', 'stderr'] as const;

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
  warning(text: string): void;
  progress(progress: Progress): void;
  secret(value: string): void;
  /** Takes the secrets that are known so far out of a text. */
  redact(text: string): string;
}

export interface RunEnd {
  readonly outcome: HandlerOutcome;
  /** Who may use the process again. `none`: it is gone, or was killed, and the promise settled after that. */
  readonly reuse: 'any' | 'handler' | 'none';
  /** False: the process died before it began with the request. */
  readonly hasBegun: boolean;
}

/** One run of a request, while it runs. */
interface Run {
  readonly request: RunRequest;
  readonly hooks: RunHooks;
  readonly errors: Tail;
  /** The streams of which the end mark has not been read yet. */
  readonly open: Set<JobLogStream>;
  end: Extract<Report, { type: 'end' }> | null;
  hasBegun: boolean;
}

/** One host process. Runs one request at a time. */
export class ModuleChild {
  readonly #child: ChildProcess;
  readonly #graceMs: number;
  readonly #mark = randomUUID();
  readonly #changes = new Changes();
  readonly #streams = { stdout: new JobOutput(), stderr: new JobOutput() };
  readonly #reports = new ReportReader();
  readonly #forget: () => void;
  #run: Run | null = null;
  #gone: ProcessEnd | null = null;
  /** Bytes of output so far. */
  #received = 0;

  constructor(options: ModuleChildOptions) {
    this.#graceMs = options.graceMs;
    this.#child = spawnHost(options, this.#mark);
    const { pid } = this.#child;
    this.#forget = pid === undefined ? () => {} : remember(pid).forget;
    // Every time: an `error` event (of a failed kill, say) that nobody hears would end the worker.
    this.#child.on('error', (error) => {
      if (pid === undefined) this.#leave({ code: null, signal: null, error });
    });
    this.#child.once('exit', (code, signal) => void this.#afterExit(code, signal));
    for (const name of STREAMS) this.#readOutput(name);
    const reports = this.#pipe(REPORT_FD) as Readable | null;
    reports?.on('data', (chunk: Buffer) => {
      this.#reports.push(chunk);
      if (this.#reports.broken) this.#changes.notify();
    });
    reports?.on('error', () => {});
    // A closed pipe shows as the exit of the process.
    this.#pipe(REQUEST_FD)?.on('error', () => {});
  }

  get alive(): boolean {
    return this.#gone === null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Something other than the host wrote to its pipe, so that the process must not be used again. */
  get spoiled(): boolean {
    return this.#reports.spoiled;
  }

  /**
   * Runs one request to its end. Never rejects for what a handler does. When `hooks.signal` aborts, the handler
   * learns it, has its grace and is then killed with all that it started.
   */
  async run(request: RunRequest, hooks: RunHooks): Promise<RunEnd> {
    const run: Run = {
      request,
      hooks,
      errors: new Tail(ERROR_LINES, (text) => hooks.redact(text)),
      open: new Set(STREAMS),
      end: null,
      hasBegun: false,
    };
    this.#run = run;
    this.#listen(run);
    const onAbort = () => this.#changes.notify();
    hooks.signal.addEventListener('abort', onAbort);
    this.#send(request);
    try {
      return await this.#finish(run);
    } finally {
      hooks.signal.removeEventListener('abort', onAbort);
      this.#reports.end();
      for (const name of STREAMS) this.#streams[name].stop();
      this.#run = null;
    }
  }

  /** Kills the process and all that it started; settles when they are gone. */
  async kill(): Promise<void> {
    const { pid } = this.#child;
    if (this.#gone !== null || pid === undefined) return;
    await killTree(pid, this.#mark);
    // `exit` follows the death; the wait is bounded for a process that even SIGKILL cannot end.
    await this.#changes.until(() => this.#gone !== null, DEATH_MS);
  }

  async #finish(run: Run): Promise<RunEnd> {
    const { signal } = run.hooks;
    const isOver = () => run.end !== null || this.#gone !== null || this.#reports.broken;
    let stop: ReturnType<typeof readStop> | null = null;
    let isKilled = false;
    await this.#changes.until(() => isOver() || signal.aborted);
    if (!isOver()) {
      stop = readStop(signal, this.#graceMs);
      const { abortCause, message } = stop;
      this.#send({ type: 'abort', run: run.request.run, abortCause, message });
      isKilled = !(await this.#changes.until(isOver, stop.graceMs));
    }
    const isWhole = () => run.open.size === 0 || this.#gone !== null;
    const hasAll = run.end !== null && (await drained(this.#changes, isWhole, () => this.#received));
    if (run.end !== null && !hasAll) run.hooks.line(OUTPUT_MISSING, 'stderr');
    const reuse =
      hasAll && run.end !== null && !signal.aborted && this.alive && !this.#reports.spoiled
        ? run.end.reuse
        : 'none';
    if (reuse === 'none') await this.kill();
    const outcome =
      run.end?.outcome ??
      this.#outcomeWithoutEnd(run, stop && stoppedOutcome(stop, isKilled ? 'killed' : 'ended'));
    return { reuse, hasBegun: run.hasBegun, outcome };
  }

  #outcomeWithoutEnd(run: Run, stopped: HandlerOutcome | null): HandlerOutcome {
    const { name } = run.request;
    if (stopped !== null) return stopped;
    if (this.#reports.broken && this.#gone?.code !== 0) {
      return {
        outcome: 'failure',
        kind: 'crashed',
        message: `The handler "${name}" or a process that it started wrote to descriptor ${REPORT_FD}, which cloud-jobs uses, so that its result cannot be read. Use other descriptors.`,
      };
    }
    return crashOutcome(name, this.#gone ?? { code: null, signal: null }, run.errors.lines);
  }

  #listen(run: Run): void {
    const secrets = new Set<string>();
    const secret = (value: string) => {
      if (secrets.has(value)) return;
      secrets.add(value);
      run.hooks.secret(value);
    };
    this.#reports.begin(run.request.run, (report) => {
      if (report.type === 'progress') run.hooks.progress(report.progress);
      else if (report.type === 'secret') secret(report.value);
      else {
        run.end ??= report;
        this.#changes.notify();
      }
    });
    for (const stream of STREAMS) {
      this.#streams[stream].start(run.request.run, {
        line: (text) => {
          const command = outputCommand(text);
          if (command?.name === 'add-mask') {
            if (command.value !== '') secret(command.value);
          } else if (command?.name === 'warning') run.hooks.warning(command.value);
          else {
            if (stream === 'stderr') run.errors.push(text);
            run.hooks.line(text, stream);
          }
        },
        redact: (text) => run.hooks.redact(text),
        begin: () => {
          run.hasBegun = true;
        },
        end: () => {
          run.open.delete(stream);
          this.#changes.notify();
        },
      });
    }
  }

  #readOutput(name: JobLogStream): void {
    const stream = this.#child[name];
    stream?.on('error', () => {});
    stream?.on('data', (chunk: Buffer) => {
      this.#received += chunk.length;
      afterReports(() => this.#streams[name].push(chunk));
    });
    stream?.on('close', () => {
      afterReports(() => {
        this.#run?.open.delete(name);
        this.#changes.notify();
      });
    });
  }

  async #afterExit(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    const { pid } = this.#child;
    let isClosed = false;
    this.#child.once('close', () => {
      afterReports(() => {
        isClosed = true;
        this.#changes.notify();
      });
    });
    if (pid !== undefined) await killTree(pid, this.#mark);
    const isWhole = await drained(
      this.#changes,
      () => isClosed,
      () => this.#received,
    );
    if (!isWhole) this.#run?.hooks.line(OUTPUT_MISSING, 'stderr');
    for (const pipe of this.#child.stdio) pipe?.destroy();
    this.#leave({ code, signal });
  }

  #leave(gone: ProcessEnd): void {
    this.#forget();
    for (const name of STREAMS) this.#streams[name].flush();
    this.#gone = gone;
    this.#changes.notify();
  }

  #send(message: Request): void {
    const pipe = this.#pipe(REQUEST_FD) as Writable | null;
    if (pipe?.writable) pipe.write(`${JSON.stringify(message)}\n`);
  }

  #pipe(descriptor: number): Readable | Writable | null {
    return this.#child.stdio[descriptor] ?? null;
  }
}

/**
 * Runs a function when all pipes were read once more. A secret is reported before it is printed, and so it is known
 * before a line that holds it may be cut.
 */
function afterReports(run: () => void): void {
  setImmediate(() => setImmediate(run));
}

function spawnHost(options: ModuleChildOptions, mark: string): ChildProcess {
  const { hostScript, env, cwd, memoryMb } = options;
  const script = hostScript instanceof URL ? fileURLToPath(hostScript) : hostScript;
  const nodeOptions = [
    // Both would be printed into the output of whatever job comes first, and the author cannot act on them.
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
    ...(memoryMb === undefined ? [] : [`--max-old-space-size=${memoryMb}`]),
  ];
  return spawn(process.execPath, [...nodeOptions, script], {
    // A group of its own, so that all it starts can be killed with it.
    detached: true,
    windowsHide: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    env: { ...env, [MARK_NAME]: mark },
    ...(cwd === undefined ? {} : { cwd }),
  });
}

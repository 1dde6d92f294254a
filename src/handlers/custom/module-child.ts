import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describeError } from '../../text/describe-error.ts';
import type { HandlerContext, HandlerOutcome, JobLogStream, JobMemory } from '../handler.ts';
import { afterReports, JobProcess, OUTPUT_MISSING } from './job-process.ts';
import { crashOutcome } from './outcomes.ts';
import { MarkedOutput, printLine, Tail } from './output.ts';
import {
  type Answer,
  type Question,
  REPORT_FD,
  REQUEST_FD,
  type Report,
  type Request,
  type RunRequest,
} from './protocol.ts';
import { ReportReader } from './report-reader.ts';

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
export type RunContext = Pick<
  HandlerContext,
  'signal' | 'log' | 'progress' | 'pauseQueue' | 'secret' | 'redact' | 'memory'
>;

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
  readonly context: RunContext;
  readonly errors: Tail;
  /** The streams of which the end mark has not been read yet. */
  readonly open: Set<JobLogStream>;
  end: Extract<Report, { type: 'end' }> | null;
  hasBegun: boolean;
}

/** One host process. Runs one request at a time. */
export class ModuleChild {
  readonly #process: JobProcess;
  readonly #graceMs: number;
  readonly #streams = { stdout: new MarkedOutput(), stderr: new MarkedOutput() };
  readonly #reports = new ReportReader();
  #run: Run | null = null;

  constructor(options: ModuleChildOptions) {
    this.#graceMs = options.graceMs;
    this.#process = this.#start(options);
    const reports = this.#process.pipe(REPORT_FD) as Readable | null;
    reports?.on('data', (chunk: Buffer) => {
      this.#reports.push(chunk);
      if (this.#reports.broken) this.#process.changes.notify();
    });
    for (const [index, name] of STREAMS.entries()) {
      this.#process.pipe(index + 1)?.on('close', () => afterReports(() => this.#endStream(name)));
    }
  }

  get alive(): boolean {
    return !this.#process.hasExited;
  }

  /** Something other than the host wrote to its pipe, so that the process must not be used again. */
  get spoiled(): boolean {
    return this.#reports.spoiled;
  }

  /**
   * Runs one request to its end. Never rejects for what a handler does. When `context.signal` aborts, the handler
   * learns it, has its grace and is then killed with all that it started.
   */
  async run(request: RunRequest, context: RunContext): Promise<RunEnd> {
    const run: Run = {
      request,
      context,
      errors: new Tail(ERROR_LINES, context.redact),
      open: new Set(STREAMS),
      end: null,
      hasBegun: false,
    };
    this.#run = run;
    this.#listen(run);
    this.#send(request);
    try {
      return await this.#finish(run);
    } finally {
      this.#reports.end();
      for (const name of STREAMS) this.#streams[name].stop();
      this.#run = null;
    }
  }

  /** Kills the process and all that it started; settles when they are gone. */
  kill(): Promise<void> {
    return this.#process.kill();
  }

  async #finish(run: Run): Promise<RunEnd> {
    const { signal, log } = run.context;
    const child = this.#process;
    const stopped = await child.waitFor(
      () => run.end !== null || child.end !== null || this.#reports.broken,
      signal,
      this.#graceMs,
      ({ abortCause, message }) => this.#send({ type: 'abort', run: run.request.run, abortCause, message }),
    );
    const isWhole = () => run.open.size === 0 || child.end !== null;
    const hasAll = run.end !== null && (await child.drained(isWhole));
    if (run.end !== null && !hasAll) log.line(OUTPUT_MISSING, 'stderr');
    const isReusable = hasAll && !signal.aborted && this.alive && !this.#reports.spoiled;
    const reuse = isReusable && run.end !== null ? run.end.reuse : 'none';
    if (reuse === 'none') await this.kill();
    const outcome = run.end?.outcome ?? stopped ?? this.#outcomeOfCrash(run);
    return { reuse, hasBegun: run.hasBegun, outcome };
  }

  #outcomeOfCrash(run: Run): HandlerOutcome {
    const { name } = run.request;
    const { end } = this.#process;
    if (this.#reports.broken && end?.code !== 0) {
      return {
        outcome: 'failure',
        kind: 'crashed',
        message: `The handler "${name}" or a process that it started wrote to descriptor ${REPORT_FD}, which cloud-jobs uses, so that its result cannot be read. Use other descriptors.`,
      };
    }
    return crashOutcome(name, end ?? { code: null, signal: null }, run.errors.lines);
  }

  #listen(run: Run): void {
    const { context, errors } = run;
    const secrets = new Set<string>();
    const secret = (value: string) => {
      if (secrets.has(value)) return;
      secrets.add(value);
      context.secret(value);
    };
    this.#reports.begin(run.request.run, (report) => {
      if (report.type === 'progress') context.progress(report.progress);
      else if (report.type === 'secret') secret(report.value);
      else if (report.type === 'pause-queue') context.pauseQueue(report.pause);
      else if (report.type === 'ask') void this.#answer(run, report.id, report.question);
      else {
        run.end ??= report;
        this.#process.changes.notify();
      }
    });
    for (const stream of STREAMS) {
      this.#streams[stream].start(run.request.run, {
        line: (text) => printLine(text, stream, { log: context.log, secret }, errors),
        redact: context.redact,
        begin: () => {
          run.hasBegun = true;
        },
        end: () => this.#endStream(stream),
      });
    }
  }

  /** Answers a question of the handler about its steps. */
  async #answer({ request, context }: Run, id: number, question: Question): Promise<void> {
    const reply = { type: 'answer', run: request.run, id } as const;
    try {
      this.#send({ ...reply, answer: await answerOf(question, context.memory), error: '' });
    } catch (error) {
      this.#send({ ...reply, answer: null, error: describeError(error) });
    }
  }

  #endStream(name: JobLogStream): void {
    this.#run?.open.delete(name);
    this.#process.changes.notify();
  }

  #send(message: Request): void {
    const pipe = this.#process.pipe(REQUEST_FD) as Writable | null;
    if (pipe?.writable) pipe.write(`${JSON.stringify(message)}\n`);
  }

  #start(options: ModuleChildOptions): JobProcess {
    const { hostScript, env, cwd, memoryMb } = options;
    const script = hostScript instanceof URL ? fileURLToPath(hostScript) : hostScript;
    const nodeOptions = [
      // Both would be printed into the output of whatever job comes first, and the author cannot act on them.
      '--disable-warning=ExperimentalWarning',
      '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
      ...(memoryMb === undefined ? [] : [`--max-old-space-size=${memoryMb}`]),
    ];
    return new JobProcess(process.execPath, [...nodeOptions, script], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      env,
      ...(cwd === undefined ? {} : { cwd }),
      onOutput: (stream, chunk) => afterReports(() => this.#streams[stream].push(chunk)),
      onEnd: (isWhole) => {
        if (!isWhole) this.#run?.context.log.line(OUTPUT_MISSING, 'stderr');
        for (const name of STREAMS) this.#streams[name].flush();
      },
    });
  }
}

const NOTHING: Answer = { pause: false, done: true, result: null, waitSeconds: 0 };

async function answerOf(question: Question, memory: JobMemory): Promise<Answer> {
  switch (question.what) {
    case 'begin':
      return { ...NOTHING, pause: memory.mustPause() };
    case 'save':
      return { ...NOTHING, result: await memory.save(question.name, question.result, question.seconds) };
    case 'wait': {
      const { what: _what, ...wait } = question;
      return { ...NOTHING, ...(await memory.wait(wait)) };
    }
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Changes } from '../../changes.ts';
import type { HandlerContext, HandlerOutcome, JobLogStream } from '../handler.ts';
import { drained, OUTPUT_MISSING } from './drain.ts';
import { exitOutcome } from './exit-outcome.ts';
import { type Command, commandFor } from './interpreter.ts';
import { createJobFiles, type JobFiles } from './job-files.ts';
import { LineSplitter, Tail } from './lines.ts';
import { remember } from './live-children.ts';
import type { LocatedHandler } from './locate.ts';
import { outputCommand } from './output-commands.ts';
import { killTree, MARK_NAME, signalGroup } from './process-tree.ts';
import { ProgressFile } from './progress-file.ts';
import { readStop, stoppedOutcome } from './stop.ts';

/** Lines of stderr that an error keeps. */
const ERROR_LINES = 10;
const PROGRESS_POLL_MS = 500;

export interface ExecutableOptions {
  /** The environment of handlers (`childEnv`). */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly scratchDir: string;
  readonly graceMs: number;
}

/**
 * Runs an executable handler as a process of its own. Whatever it started and left running is killed when it
 * ends; the promise settles after that.
 * @param signal Stops it; in place of `context.signal`, so that closing stops it too.
 * @throws CustomHandlerError when there is no way to start it (`CustomHandlerError.toOutcome`).
 */
export async function runExecutable(
  handler: LocatedHandler,
  context: HandlerContext,
  signal: AbortSignal,
  options: ExecutableOptions,
): Promise<HandlerOutcome> {
  const command = await commandFor(handler, options.env);
  const job = { ...context.job, config: context.config };
  const files = await createJobFiles(options.scratchDir, job, context.idempotencyKey);
  try {
    return await runCommand(command, handler, context, signal, options, files);
  } finally {
    await files.remove();
  }
}

async function runCommand(
  command: Command,
  handler: LocatedHandler,
  context: HandlerContext,
  signal: AbortSignal,
  options: ExecutableOptions,
  files: JobFiles,
): Promise<HandlerOutcome> {
  const changes = new Changes();
  const errors = new Tail(ERROR_LINES, (text) => context.redact(text));
  const mark = randomUUID();
  const child = start(command, options, { ...files.env, [MARK_NAME]: mark });
  if (child instanceof Error) return startFailure(handler, command, child);
  const { pid } = child;
  let failed: Error | null = null;
  let exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | null = null;
  let closed = false;
  child.on('error', (error) => {
    if (pid === undefined) failed = error;
    changes.notify();
  });
  child.once('exit', (code, signal) => {
    exit = { code, signal };
    changes.notify();
  });
  child.once('close', () => {
    closed = true;
    changes.notify();
  });
  const splitters = (['stdout', 'stderr'] as const).map((stream) => follow(child, stream, context, errors));
  let bytes = 0;
  const received = () => bytes;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
  }
  feed(child, files.input);
  const memory = pid === undefined ? null : remember(pid);
  const progress = new ProgressFile(
    files.progressPath,
    (value) => context.progress(value),
    (line) => context.log.line(`cloud-jobs: this progress line is not understood: ${line}`, 'stderr'),
  );
  const poll = setInterval(() => void progress.read(false), PROGRESS_POLL_MS);
  const onAbort = () => changes.notify();
  signal.addEventListener('abort', onAbort);
  const over = () => exit !== null || failed !== null;
  try {
    await changes.until(() => over() || signal.aborted);
    let stop: ReturnType<typeof readStop> | null = null;
    let killed = false;
    if (!over()) {
      stop = readStop(signal, options.graceMs);
      // To the whole group: a shell waits for the program in its foreground before it obeys a signal.
      if (pid !== undefined) signalGroup(pid, 'SIGTERM');
      killed = !(await changes.until(over, process.platform === 'win32' ? 0 : stop.graceMs));
    }
    if (pid !== undefined) await killTree(pid, mark);
    const isWhole = await drained(changes, () => (closed && over()) || failed !== null, received);
    for (const splitter of splitters) splitter.flush();
    if (!isWhole) context.log.line(OUTPUT_MISSING, 'stderr');
    await progress.read(true);
    if (failed !== null) return startFailure(handler, command, failed);
    const end = (exit as { readonly code: number | null; readonly signal: NodeJS.Signals | null } | null) ?? {
      code: null,
      signal: 'SIGKILL' as const,
    };
    if (stop !== null && end.code !== 0) return stoppedOutcome(stop, killed ? 'killed' : 'ended');
    return await exitOutcome({
      name: handler.name,
      ...end,
      errors: errors.lines,
      binary: command.binary,
      resultPath: files.resultPath,
      redact: (text) => context.redact(text),
      complain: (line) => context.log.line(`cloud-jobs: ${line}`, 'stderr'),
    });
  } finally {
    clearInterval(poll);
    signal.removeEventListener('abort', onAbort);
    memory?.forget();
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

function start(command: Command, options: ExecutableOptions, env: JobFiles['env']): ChildProcess | Error {
  try {
    return spawn(command.program, [...command.args], {
      // A group of its own, so that all it starts can be signalled and killed with it.
      detached: true,
      windowsHide: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      // Python holds output back when it goes to a pipe; progress and log would come at the end only.
      env: { PYTHONUNBUFFERED: '1', ...options.env, ...env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
  } catch (error) {
    // Some errors (E2BIG) are thrown, others come as an event.
    return error instanceof Error ? error : new Error(String(error));
  }
}

function follow(
  child: ChildProcess,
  stream: JobLogStream,
  context: HandlerContext,
  errors: Tail,
): LineSplitter {
  const splitter = new LineSplitter(
    (line) => {
      const command = outputCommand(line);
      if (command?.name === 'add-mask') {
        if (command.value !== '') context.secret(command.value);
        return;
      }
      if (command?.name === 'warning') return context.log.warning(command.value);
      if (stream === 'stderr') errors.push(line);
      context.log.line(line, stream);
    },
    (text) => context.redact(text),
  );
  child[stream]?.on('data', (chunk: Buffer) => splitter.push(chunk));
  child[stream]?.on('error', () => {});
  return splitter;
}

function feed(child: ChildProcess, input: string): void {
  // EPIPE: the handler does not read its standard input, or ended before it did. Both are fine.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
}

function startFailure(handler: LocatedHandler, command: Command, error: Error): HandlerOutcome {
  const code = 'code' in error ? String(error.code) : '';
  const why: Record<string, string> = {
    ENOENT: `${command.program} or the working directory is not there`,
    EACCES: 'the file or its file system does not allow to run it',
    E2BIG: 'the environment of the step is too large for a new process',
    ENOEXEC: 'it is in no format that this machine can run',
  };
  return {
    outcome: 'failure',
    kind: 'error',
    message: `The handler "${handler.name}" could not be started: ${why[code] ?? error.message} (${code || 'no code'}).`,
  };
}

import type { Writable } from 'node:stream';
import { codeOf } from '../../text/describe-error.ts';
import type { HandlerContext, HandlerOutcome, JobLogStream } from '../handler.ts';
import { type Command, commandFor } from './interpreter.ts';
import { createJobFiles, type JobFiles, ProgressFile } from './job-files.ts';
import { JobProcess, OUTPUT_MISSING } from './job-process.ts';
import type { LocatedHandler } from './locate.ts';
import { exitOutcome } from './outcomes.ts';
import { LineSplitter, printLine, Tail } from './output.ts';
import { StepsFile } from './steps-file.ts';

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
  const files = await createJobFiles(options.scratchDir, job, context.idempotencyKey, context.memory);
  const progress = new ProgressFile(files.progressPath, context.progress, (line) =>
    context.log.line(`cloud-jobs: this progress line is not understood: ${line}`, 'stderr'),
  );
  const steps = new StepsFile({
    path: files.stepsPath,
    memory: context.memory,
    redact: context.redact,
    complain: (line) => context.log.line(`cloud-jobs: ${line}`, 'stderr'),
  });
  const poll = setInterval(() => {
    void progress.read(false);
    void steps.read(false);
  }, PROGRESS_POLL_MS);
  const errors = new Tail(ERROR_LINES, context.redact);
  try {
    const child = start(command, options, files, context, errors);
    const hasExited = () => child.hasExited;
    // Windows has no signal that a program could obey.
    const graceMs = process.platform === 'win32' ? 0 : options.graceMs;
    const stopped = await child.waitFor(hasExited, signal, graceMs, () => child.signal('SIGTERM'));
    if (!child.hasExited) await child.kill();
    if (child.hasExited) await child.changes.until(() => child.end !== null);
    await progress.read(true);
    await steps.read(true);
    const end = child.end ?? { code: null, signal: 'SIGKILL' };
    if (end.error !== undefined) return startFailure(handler, command, end.error);
    if (stopped !== null && end.code !== 0) return stopped;
    return await exitOutcome({
      name: handler.name,
      ...end,
      errors: errors.lines,
      binary: command.binary,
      resultPath: files.resultPath,
      spawnPath: files.spawnPath,
      redact: context.redact,
      pauseQueue: context.pauseQueue,
      complain: (line) => context.log.line(`cloud-jobs: ${line}`, 'stderr'),
    });
  } finally {
    clearInterval(poll);
    await files.remove();
  }
}

function start(
  command: Command,
  options: ExecutableOptions,
  files: JobFiles,
  context: HandlerContext,
  errors: Tail,
): JobProcess {
  const splitter = (stream: JobLogStream) =>
    new LineSplitter((line) => printLine(line, stream, context, errors), context.redact);
  const splitters = { stdout: splitter('stdout'), stderr: splitter('stderr') };
  const child = new JobProcess(command.program, command.args, {
    stdio: 'pipe',
    // Python holds output back when it goes to a pipe; progress and log would come at the end only.
    env: { PYTHONUNBUFFERED: '1', ...options.env, ...files.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    onOutput: (stream, chunk) => splitters[stream].push(chunk),
    onEnd(isWhole) {
      splitters.stdout.flush();
      splitters.stderr.flush();
      if (!isWhole) context.log.line(OUTPUT_MISSING, 'stderr');
    },
  });
  // A handler that does not read its standard input, or ends before it did, is fine.
  (child.pipe(0) as Writable | null)?.end(files.input);
  return child;
}

function startFailure(handler: LocatedHandler, command: Command, error: Error): HandlerOutcome {
  const code = codeOf(error);
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

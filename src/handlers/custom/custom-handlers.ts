import { randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import type { Json } from '../../queue/types.ts';
import { AbortReason, type Handler, type HandlerContext, type HandlerOutcome } from '../handler.ts';
import { childEnv, type Env } from './child-env.ts';
import { CustomHandlerError } from './errors.ts';
import { runExecutable } from './executable.ts';
import { FolderVersion } from './folder-version.ts';
import { readCustomConfig } from './handler-name.ts';
import { commandFor } from './interpreter.ts';
import { locateHandler } from './locate.ts';
import { ModulePool } from './module-pool.ts';
import { GRACE_MS, readStop, stoppedOutcome } from './stop.ts';

/** Loading a handler to check a config may take this long, in milliseconds. */
const VALIDATE_MS = 30_000;

export interface CustomHandlersOptions {
  /** The handlers folder (input `handlers`), absolute or relative to the working directory of this process. */
  readonly folder: string;
  /** What the host processes run: `host.ts` beside this file, or its bundle. */
  readonly hostScript: string | URL;
  /** The environment of this process; handlers get it without what `childEnv` withholds. */
  readonly env: Env;
  /** Where executables find their job and leave their result; made when missing. */
  readonly scratchDir: string;
  /** From being told to stop to being killed, in milliseconds; 5,000 by default, at most 2,000 at shutdown. */
  readonly graceMs?: number;
  /** How many JavaScript processes are kept for later jobs; 4 by default. */
  readonly maxIdle?: number;
  /** Heap limit of a JavaScript process in MiB; Node's own by default. */
  readonly memoryMb?: number;
  /** Load handlers again once a file of the folder has changed; for a worker that stays. */
  readonly reload?: boolean;
  /** Working directory of handlers; that of this process by default. */
  readonly cwd?: string;
}

export interface CustomHandlers {
  /** Runs jobs of type `custom`. Never rejects for what a handler does. */
  readonly handler: Handler;
  /**
   * Checks a config without running anything: the name, the file, and for a JavaScript handler that it loads and
   * that the config fits its schema.
   * @throws CustomHandlerError with everything that is wrong in its message.
   */
  validate(config: Json): Promise<void>;
  /**
   * Ends all processes and settles when they are gone. The worker stops its jobs first; an executable that still
   * runs gets the grace of a shutdown. Safe to call twice.
   */
  close(): Promise<void>;
}

/** The handlers that live in the caller's repository. Starts no process until the first job. */
export function createCustomHandlers(options: CustomHandlersOptions): CustomHandlers {
  const env = childEnv(options.env);
  const graceMs = options.graceMs ?? GRACE_MS;
  const shared = { env, graceMs, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) };
  const folder = new FolderVersion(options.folder);
  const pool = new ModulePool(
    {
      ...shared,
      hostScript: options.hostScript,
      ...(options.memoryMb === undefined ? {} : { memoryMb: options.memoryMb }),
    },
    options.maxIdle ?? 4,
    options.reload ? () => folder.current() : undefined,
  );

  const closing = new AbortController();
  const executables = new Set<Promise<HandlerOutcome>>();

  async function run(context: HandlerContext): Promise<HandlerOutcome> {
    const { handler, rest } = readCustomConfig(context.config);
    const located = await locateHandler(options.folder, handler);
    if (context.signal.aborted) return stoppedOutcome(readStop(context.signal, graceMs), 'never started');
    if (located.kind === 'executable') {
      const signal = AbortSignal.any([context.signal, closing.signal]);
      const running = runExecutable(located, context, signal, { ...shared, scratchDir: options.scratchDir });
      executables.add(running);
      return running.finally(() => executables.delete(running));
    }
    const request = {
      type: 'run',
      run: randomUUID(),
      url: pathToFileURL(located.path).href,
      name: located.name,
      config: rest,
      job: { ...context.job, config: context.config },
      idempotencyKey: context.idempotencyKey,
    } as const;
    return pool.run(request, {
      signal: context.signal,
      line: (text, stream) => context.log.line(text, stream),
      warning: (text) => context.log.warning(text),
      progress: (progress) => context.progress(progress),
      secret: (value) => context.secret(value),
      redact: (text) => context.redact(text),
    });
  }

  async function validate(config: Json): Promise<void> {
    const { handler, rest } = readCustomConfig(config);
    const located = await locateHandler(options.folder, handler);
    if (located.kind === 'executable') {
      await commandFor(located, env);
      return;
    }
    const request = {
      type: 'check',
      run: randomUUID(),
      url: pathToFileURL(located.path).href,
      name: located.name,
      config: rest,
      job: null,
      idempotencyKey: '',
    } as const;
    const signal = AbortSignal.timeout(VALIDATE_MS);
    const outcome = await pool.run(request, {
      signal,
      line: () => {},
      warning: () => {},
      progress: () => {},
      secret: () => {},
      redact: (text) => text,
    });
    if (outcome.outcome === 'success') return;
    const message = signal.aborted
      ? `The handler "${located.name}" did not load within ${VALIDATE_MS / 1000} s.`
      : outcome.outcome === 'failure'
        ? outcome.message
        : outcome.reason;
    throw new CustomHandlerError(message, { final: outcome.outcome === 'discard' });
  }

  return {
    handler: (context) =>
      run(context).catch((error: unknown) => {
        if (error instanceof CustomHandlerError) return error.toOutcome();
        throw error;
      }),
    validate,
    async close() {
      closing.abort(new AbortReason('shutdown', 'the handlers are closed'));
      await Promise.all([pool.close(), Promise.allSettled([...executables])]);
    },
  };
}

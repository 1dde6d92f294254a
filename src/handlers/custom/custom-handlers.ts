/** Handlers that are files of the user's repository: JavaScript runs in reused Node processes, anything else in its own. */
import { randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import type { Json } from '../../queue/types.ts';
import { AbortReason, type Handler, type HandlerContext, type HandlerOutcome } from '../handler.ts';
import { LocalMemory } from '../local-memory.ts';
import { type CustomConfig, CustomHandlerError, readCustomConfig } from './config.ts';
import { runExecutable } from './executable.ts';
import { FolderVersion, listHandlers } from './folder.ts';
import { commandFor } from './interpreter.ts';
import { type LocatedHandler, locateHandler } from './locate.ts';
import type { RunContext } from './module-child.ts';
import { ModulePool } from './module-pool.ts';
import { GRACE_MS, readStop, stoppedOutcome } from './outcomes.ts';
import type { RunRequest } from './protocol.ts';

/** Loading a handler to check a config may take this long, in milliseconds. */
const VALIDATE_MS = 30_000;

/**
 * Names that stay with the worker. INPUT_* holds the Supabase key; STATE_* is the action's own memory; the
 * ACTIONS_* tokens reach the cache, the artifacts and the identity of the run; the GITHUB_* files are how a step
 * gives commands to the runner, which a job must not.
 */
const WITHHELD: ReadonlySet<string> = new Set([
  'ACTIONS_RUNTIME_TOKEN',
  'ACTIONS_RUNTIME_URL',
  'ACTIONS_RESULTS_URL',
  'ACTIONS_CACHE_URL',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'ACTIONS_ID_TOKEN_REQUEST_URL',
  'GITHUB_OUTPUT',
  'GITHUB_STATE',
  'GITHUB_ENV',
  'GITHUB_PATH',
  'GITHUB_STEP_SUMMARY',
  // Set by Node for a process that was itself forked: a child would take a descriptor of ours for its channel.
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
]);

export interface CustomHandlersOptions {
  /** The handlers folder (input `handlers`), absolute or relative to the working directory of this process. */
  readonly folder: string;
  /** What the host processes run: `host.ts` beside this file, or its bundle. */
  readonly hostScript: string | URL;
  /** The environment of this process; handlers get it without what `childEnv` withholds. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where executables find their job and leave their result; made when missing. */
  readonly scratchDir: string;
  /** From the request to stop until a handler is killed, in milliseconds; 5,000 by default, at most 2,000 at shutdown. */
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

/** The handlers of one folder. Starts no process until the first job. */
export class CustomHandlers {
  readonly #options: CustomHandlersOptions;
  readonly #shared: { readonly env: Record<string, string>; readonly graceMs: number; readonly cwd?: string };
  readonly #pool: ModulePool;
  readonly #closing = new AbortController();
  readonly #executables = new Set<Promise<HandlerOutcome>>();

  constructor(options: CustomHandlersOptions) {
    const { cwd, memoryMb, hostScript, graceMs = GRACE_MS, maxIdle = 4 } = options;
    this.#options = options;
    this.#shared = { env: childEnv(options.env), graceMs, ...(cwd === undefined ? {} : { cwd }) };
    const folder = new FolderVersion(options.folder);
    this.#pool = new ModulePool(
      { ...this.#shared, hostScript, ...(memoryMb === undefined ? {} : { memoryMb }) },
      maxIdle,
      options.reload ? () => folder.current() : undefined,
    );
  }

  /** Runs a job of type `custom`. Never rejects for what a handler does. */
  readonly handler: Handler = async (context) => {
    try {
      return await this.#run(context);
    } catch (error) {
      if (error instanceof CustomHandlerError) return error.toOutcome();
      throw error;
    }
  };

  /**
   * Checks a config without running anything: the name, the file, and for a JavaScript handler that it loads and
   * that the config fits its schema.
   * @throws CustomHandlerError with everything that is wrong in its message.
   */
  async validate(config: Json): Promise<void> {
    const { located, rest } = await this.#locate(config);
    if (located.kind === 'executable') {
      await commandFor(located, this.#shared.env);
      return;
    }
    await this.#ask(located, requestFor(located, 'check', rest));
  }

  /**
   * The handlers of the folder by the names that a config may give them, each with the JSON Schema of its config.
   * The schema is null for an executable, and for a handler that has none or does not load.
   */
  async describe(): Promise<readonly { readonly name: string; readonly schema: Json }[]> {
    const { folder } = this.#options;
    const described: { name: string; schema: Json }[] = [];
    for (const name of await listHandlers(folder)) {
      const located = await locateHandler(folder, name);
      const schema =
        located.kind === 'executable'
          ? null
          : await this.#ask(located, requestFor(located, 'describe', {})).catch(() => null);
      described.push({ name, schema });
    }
    return described;
  }

  /** Loads a handler to ask about it. @throws CustomHandlerError */
  async #ask(located: LocatedHandler, request: RunRequest): Promise<Json> {
    const signal = AbortSignal.timeout(VALIDATE_MS);
    const outcome = await this.#pool.run(request, { ...SILENT, signal });
    if (outcome.outcome === 'success') return outcome.result;
    const reason = outcome.outcome === 'failure' ? outcome.message : outcome.reason;
    const message = signal.aborted
      ? `The handler "${located.name}" did not load within ${VALIDATE_MS / 1000} s.`
      : reason;
    throw new CustomHandlerError(message, { final: outcome.outcome === 'discard' });
  }

  /**
   * Ends all processes and settles when they are gone. The worker stops its jobs first; an executable that still
   * runs gets the grace of a shutdown. Safe to call twice.
   */
  async close(): Promise<void> {
    this.#closing.abort(new AbortReason('shutdown', 'the handlers are closed'));
    await Promise.all([this.#pool.close(), Promise.allSettled([...this.#executables])]);
  }

  async #run(context: HandlerContext): Promise<HandlerOutcome> {
    const { located, rest } = await this.#locate(context.config);
    const { graceMs } = this.#shared;
    if (context.signal.aborted) return stoppedOutcome(readStop(context.signal, graceMs), 'never started');
    if (located.kind === 'module') {
      const job = { ...context.job, config: context.config };
      const { steps, parents } = context.memory;
      const request = {
        ...requestFor(located, 'run', rest),
        job,
        idempotencyKey: context.idempotencyKey,
        memory: { steps, parents },
      };
      return this.#pool.run(request, context);
    }
    const signal = AbortSignal.any([context.signal, this.#closing.signal]);
    const { scratchDir } = this.#options;
    const running = runExecutable(located, context, signal, { ...this.#shared, scratchDir });
    this.#executables.add(running);
    return running.finally(() => this.#executables.delete(running));
  }

  async #locate(config: Json): Promise<{ located: LocatedHandler; rest: CustomConfig['rest'] }> {
    const { handler, rest } = readCustomConfig(config);
    return { located: await locateHandler(this.#options.folder, handler), rest };
  }
}

/** For a config that is checked and not run. */
const SILENT: Omit<RunContext, 'signal'> = {
  log: { line() {}, warning() {} },
  progress() {},
  pauseQueue() {},
  secret() {},
  redact: (text) => text,
  memory: new LocalMemory(),
};

const requestFor = (
  { path, name }: LocatedHandler,
  type: RunRequest['type'],
  config: CustomConfig['rest'],
): RunRequest => ({
  type,
  run: randomUUID(),
  url: pathToFileURL(path).href,
  name,
  config,
  job: null,
  idempotencyKey: '',
  memory: { steps: [], parents: [] },
});

/**
 * The environment of a handler: what the step gave the worker, without the action's inputs and without what
 * belongs to the worker alone. Names are compared without case, as Windows does.
 */
function childEnv(env: CustomHandlersOptions['env']): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const upper = name.toUpperCase();
    if (value === undefined || upper.startsWith('INPUT_') || upper.startsWith('STATE_')) continue;
    if (!WITHHELD.has(upper)) kept[name] = value;
  }
  return kept;
}

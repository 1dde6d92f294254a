/**
 * The process that JavaScript and TypeScript handlers run in: one job at a time, many one after the other. Started
 * by `module-child.ts` with an IPC channel; bundled on its own, so it imports nothing of the worker.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { HandlerOutcome } from '../handler.ts';
import { createContext } from './host-context.ts';
import { failureOf, loadFailure } from './host-error.ts';
import {
  checkConfig,
  handlerOf,
  installShim,
  type LoadedHandler,
  lastLoadedUrl,
  NoHandlerError,
} from './host-load.ts';
import {
  type AbortRequest,
  encodeMark,
  type FromHost,
  type OutputMark,
  type RunRequest,
  type ToHost,
} from './protocol.ts';

/** The bundle must not turn `import()` into a lookup among its own modules. */
const importModule = (url: string): Promise<Record<string, unknown>> => import(/* webpackIgnore: true */ url);

/** In bytes. Longer secrets would not fit a mark line and go over the channel alone. */
const MAX_MARK_SECRET = 8_000;
/** What keeps working after its job: such a process is not used again. Idle sockets (keep-alive) are fine. */
const LEFT_RUNNING: ReadonlySet<string> = new Set(['Timeout', 'Immediate', 'ProcessWrap', 'Worker']);

interface Current {
  readonly request: RunRequest;
  readonly controller: AbortController;
  ended: boolean;
  /** Something of an earlier job failed meanwhile. */
  disturbed: boolean;
}

if (process.send === undefined) {
  process.stderr.write('This file is started by cloud-jobs, not by hand.\n');
  process.exit(64);
}
// Kept from here on, whatever a handler does to the globals. `process.send` is taken away: libraries that find
// it talk to a parent that does not know them.
const channel = process.send.bind(process);
Reflect.deleteProperty(process, 'send');
const writeOut = process.stdout.write.bind(process.stdout);
const writeErr = process.stderr.write.bind(process.stderr);
const immediate = setImmediate;
const home = { cwd: process.cwd(), env: { ...process.env } };
const owner = new AsyncLocalStorage<string>();
let current: Current | null = null;

installShim();
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
process.on('message', (message: ToHost) => {
  if (message.type === 'abort') abort(message);
  else void start(message);
});
// The worker is gone: nobody will take the result, and nobody else would stop this process.
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', (error) =>
  fault(error, 'An error was thrown outside of the handler’s promise: '),
);
process.on('unhandledRejection', (error) => fault(error, 'A promise was rejected and nobody handled it: '));

async function start(request: RunRequest): Promise<void> {
  const mine: Current = { request, controller: new AbortController(), ended: false, disturbed: false };
  current = mine;
  mark(request.run, { kind: 'begin' });
  let outcome: HandlerOutcome;
  let reusable = true;
  try {
    const loaded = await owner.run(request.run, () => load(request));
    if ('failed' in loaded) {
      outcome = loaded.failed;
      // Node remembers a module that failed to load, so the next attempt needs a process that does not.
      reusable = false;
    } else {
      outcome = await owner.run(request.run, () => perform(mine, loaded.handler));
    }
  } catch (error) {
    outcome = failureOf(error, 'error');
  }
  // A rejection that nobody handles shows itself only when the microtasks have run.
  await new Promise((resolve) => immediate(resolve));
  end(mine, outcome, reusable);
}

async function load(
  request: RunRequest,
): Promise<{ readonly handler: LoadedHandler } | { readonly failed: HandlerOutcome }> {
  try {
    return { handler: handlerOf(await importModule(request.url), request.name) };
  } catch (error) {
    const failed =
      error instanceof NoHandlerError
        ? ({ outcome: 'failure', kind: 'error', message: error.message } as const)
        : loadFailure(error, request.name, lastLoadedUrl());
    return { failed };
  }
}

async function perform(mine: Current, handler: LoadedHandler): Promise<HandlerOutcome> {
  const { request, controller } = mine;
  const config = await checkConfig(handler.schema, request.config, request.name);
  if ('refused' in config) return config.refused;
  if (request.type === 'check' || request.job === null) return { outcome: 'success', result: null };
  const { run, job, idempotencyKey } = request;
  const running = createContext({
    job,
    idempotencyKey,
    signal: controller.signal,
    sendProgress: (progress) => send({ type: 'progress', run, progress }),
    sendSecret: (value) => {
      // In the output, ahead of whatever is printed after it, and over the channel for what is not printed.
      if (Buffer.byteLength(value) <= MAX_MARK_SECRET) mark(run, { kind: 'secret', value });
      send({ type: 'secret', run, value });
    },
  });
  try {
    return running.outcomeOf(await handler.run(config.value, running.context));
  } catch (error) {
    return running.thrownOutcome(error) ?? failureOf(error, 'error');
  } finally {
    running.close();
  }
}

function end(mine: Current, ended: HandlerOutcome, reusable: boolean): void {
  let outcome = ended;
  if (mine.ended) return;
  mine.ended = true;
  if (current === mine) current = null;
  const { run } = mine.request;
  const exitCode = Number(process.exitCode ?? 0);
  if (outcome.outcome === 'success' && exitCode !== 0) {
    // How a script says that it failed. Read here, since a process that runs on has no other end.
    outcome = {
      outcome: 'failure',
      kind: 'error',
      message: `The handler set process.exitCode to ${process.exitCode}, as a script does that failed. Throw an error instead, so that it can say why.`,
    };
  }
  const clean = restore() && !process.getActiveResourcesInfo().some((name) => LEFT_RUNNING.has(name));
  mark(run, { kind: 'end' });
  send({
    type: 'end',
    run,
    outcome,
    reusable: reusable && clean && !mine.disturbed && !mine.controller.signal.aborted,
  });
}

/** An error outside of any await. It belongs to the job whose asynchronous context it came from. */
function fault(error: unknown, prefix: string): void {
  const cause = owner.getStore();
  if (current === null) process.exit(1);
  if (cause === undefined || cause === current.request.run) {
    end(current, failureOf(error, 'crashed', prefix), false);
    return;
  }
  current.disturbed = true;
  writeErr(
    `cloud-jobs: something that an earlier job left running failed: ${failureOf(error, 'error').message}\n`,
  );
}

function abort(request: AbortRequest): void {
  if (current?.request.run !== request.run) return;
  const reason = Object.assign(new Error(request.message), { abortCause: request.abortCause });
  reason.name = 'StopReason';
  // A listener that throws is the handler's fault, which the context of the run attributes to it.
  const { controller } = current;
  owner.run(request.run, () => controller.abort(reason));
}

/** Puts back what one handler may have changed for the next. False when it cannot be put back. */
function restore(): boolean {
  try {
    process.chdir(home.cwd);
    for (const name of Object.keys(process.env)) if (!Object.hasOwn(home.env, name)) delete process.env[name];
    for (const [name, value] of Object.entries(home.env)) {
      if (process.env[name] !== value) process.env[name] = value;
    }
    process.exitCode = undefined;
    return true;
  } catch {
    return false;
  }
}

function mark(run: string, what: OutputMark): void {
  const text = encodeMark(run, what);
  writeOut(text);
  writeErr(text);
}

function send(message: FromHost): void {
  // The callback takes the error of a channel that is closed: `disconnect` ends this process anyway.
  channel(message, () => {});
}

/**
 * The process that JavaScript and TypeScript handlers run in: one job at a time, many one after the other. Started
 * by `module-child.ts`; bundled on its own, so it imports nothing of the worker. What it uses of Node is taken at the
 * start, since a handler may replace any global.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Socket } from 'node:net';
import type { HandlerOutcome } from '../handler.ts';
import { createContext } from './host-context.ts';
import { failureOf, loadFailure } from './host-error.ts';
import {
  checkConfig,
  handlerOf,
  installHooks,
  jsonSchemaOf,
  type LoadedHandler,
  lastLoad,
  NoHandlerError,
  retrySeconds,
} from './host-load.ts';
import { beforeEachWrite, flush, hasPipes, mark, report, write } from './host-pipes.ts';
import { Untouched } from './host-untouched.ts';
import {
  type AbortRequest,
  type Answer,
  type AnswerRequest,
  type Question,
  REQUEST_FD,
  type Request,
  type RunRequest,
} from './protocol.ts';

/** The bundle must not turn `import()` into a lookup among its own modules. */
const importModule = (url: string): Promise<Record<string, unknown>> => import(/* webpackIgnore: true */ url);

interface Current {
  readonly request: RunRequest;
  readonly controller: AbortController;
  ended: boolean;
  /** Something of an earlier job failed meanwhile. */
  disturbed: boolean;
}

const { parse } = JSON;
const NativePromise = Promise;
const exit = process.exit.bind(process);
const immediate = setImmediate;
const outputs = [process.stdout, process.stderr] as const;
const home = { cwd: process.cwd(), env: { ...process.env } };
const owner = new AsyncLocalStorage<string>();
let current: Current | null = null;
/** What the handler asked and the worker has not answered. */
const questions = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
let lastQuestion = 0;
/** The only handler that may still run here, because it added to the globals when it was loaded. */
let reservedFor: string | null = null;

if (!hasPipes()) {
  process.stderr.write('This file is started by cloud-jobs, not by hand.\n');
  exit(64);
}
const requests = new Socket({ fd: REQUEST_FD, readable: true, writable: false });
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) =>
  fault(error, 'An error was thrown outside of the handler’s promise: '),
);
process.on('unhandledRejection', (error) => fault(error, 'A rejected promise was not handled: '));
let untouched: Untouched | null = null;
installHooks((name, exports) => untouched?.coverModule(name, exports));
for (const output of outputs) beforeEachWrite(output, noteForeignOutput);

let unread = '';
requests.setEncoding('utf8');
requests.on('data', (text: string) => {
  const lines = (unread + text).split('\n');
  unread = lines.pop() ?? '';
  for (const line of lines) take(parse(line) as Request);
});
// The worker is gone, so nothing takes the result or stops this process.
requests.on('error', () => exit(0));
requests.on('close', () => exit(0));
untouched = new Untouched();

function take(request: Request): void {
  if (request.type === 'abort') abort(request);
  else if (request.type === 'answer') answered(request);
  else void start(request);
}

async function start(request: RunRequest): Promise<void> {
  const mine: Current = { request, controller: new AbortController(), ended: false, disturbed: false };
  current = mine;
  mark(request.run, 'begin');
  let outcome: HandlerOutcome;
  let reusable = true;
  try {
    const loaded = await owner.run(request.run, () => load(request));
    if ('failed' in loaded) {
      outcome = loaded.failed;
      // Node remembers a module that failed to load, so the next attempt needs a process that does not.
      reusable = false;
    } else {
      reusable = acceptLoaded(request.url);
      outcome = await owner.run(request.run, () => perform(mine, loaded.handler));
    }
  } catch (error) {
    outcome = failureOf(error, 'error');
  }
  // An unhandled rejection is reported only after the microtasks have run.
  await new NativePromise<unknown>((resolve) => immediate(resolve));
  await end(mine, outcome, reusable);
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
        : loadFailure(error, request.name, lastLoad.url, lastLoad.missing);
    return { failed };
  }
}

/** What a module adds when it is loaded stays, as the module does, for the jobs of the same handler. */
function acceptLoaded(url: string): boolean {
  const difference = untouched?.difference();
  if (difference === 'added') {
    reservedFor ??= url;
    untouched?.accept();
  }
  return difference !== 'changed' && (reservedFor ?? url) === url;
}

async function perform(mine: Current, handler: LoadedHandler): Promise<HandlerOutcome> {
  const { request, controller } = mine;
  if (request.type === 'describe') return { outcome: 'success', result: jsonSchemaOf(handler.schema) };
  const config = await checkConfig(handler.schema, request.config, request.name);
  if ('refused' in config) return config.refused;
  if (request.type === 'check' || request.job === null) return { outcome: 'success', result: null };
  const { run, job, idempotencyKey } = request;
  const running = createContext({
    job,
    idempotencyKey,
    signal: controller.signal,
    sendProgress: (progress) => report(run, { type: 'progress', progress }),
    sendSecret: (value) => report(run, { type: 'secret', value }),
    sendQueuePause: (pause) => report(run, { type: 'pause-queue', pause }),
    steps: {
      memory: request.memory,
      ask: (question) => ask(run, question),
      // Its code waits for a promise that never settles, so the process is not used again.
      end: (outcome) => void end(mine, outcome, false),
    },
  });
  try {
    return await running.outcomeOf(await handler.run(config.value, running.context));
  } catch (error) {
    const asked = running.thrownOutcome(error);
    if (asked !== null) return asked;
    const retry = handler.retry && { retryInSeconds: retrySeconds(handler.retry, job.attempt) };
    return { ...failureOf(error, 'error'), ...retry };
  } finally {
    running.close();
  }
}

async function end(mine: Current, ended: HandlerOutcome, reusable: boolean): Promise<void> {
  if (mine.ended) {
    mine.disturbed = true;
    return;
  }
  mine.ended = true;
  const { run } = mine.request;
  const outcome = withExitCode(ended);
  await flush(outputs[0]);
  await flush(outputs[1]);
  const isClean =
    reusable &&
    restore() &&
    untouched?.difference() === 'none' &&
    untouched.isFit() &&
    !mine.disturbed &&
    !mine.controller.signal.aborted;
  const isMarked = mark(run, 'end');
  if (current === mine) current = null;
  report(run, {
    type: 'end',
    outcome,
    reuse: !isClean || !isMarked ? 'none' : reservedFor === null ? 'any' : 'handler',
  });
}

/** A success with an exit code that is not 0 is a failure: a script says so that it failed. */
function withExitCode(outcome: HandlerOutcome): HandlerOutcome {
  const { exitCode } = process;
  if (outcome.outcome !== 'success' || exitCode === undefined || exitCode === 0 || exitCode === '0')
    return outcome;
  return {
    outcome: 'failure',
    kind: 'error',
    message: `The handler set process.exitCode to ${exitCode}, as a script does that failed. Throw an error instead, so that it can say why.`,
  };
}

/** An error outside of any await. It belongs to the job whose asynchronous context it came from. */
function fault(error: unknown, prefix: string): void {
  const cause = owner.getStore();
  const mine = current;
  if (mine === null) {
    exit(1);
    return;
  }
  if (cause === undefined || cause === mine.request.run) {
    void end(mine, failureOf(error, 'crashed', prefix), false);
    return;
  }
  mine.disturbed = true;
  write(
    2,
    `cloud-jobs: something that an earlier job left running failed: ${failureOf(error, 'error').message}\n`,
  );
}

/** Says once in a run that output follows which comes from what an earlier job left running. */
function noteForeignOutput(): void {
  const mine = current;
  const cause = owner.getStore();
  if (mine === null || mine.ended || mine.disturbed) return;
  if (cause === undefined || cause === mine.request.run) return;
  mine.disturbed = true;
  write(2, 'cloud-jobs: an earlier job left something running in this process, which printed a line here.\n');
}

/** Asks the worker. The promise settles when it answers. */
function ask(run: string, question: Question): Promise<Answer> {
  lastQuestion += 1;
  const id = lastQuestion;
  return new NativePromise((resolve, reject) => {
    questions.set(id, { resolve, reject });
    report(run, { type: 'ask', id, question });
  });
}

function answered({ run, id, answer, error }: AnswerRequest): void {
  const question = questions.get(id);
  questions.delete(id);
  if (answer === null) owner.run(run, () => question?.reject(new Error(error)));
  else owner.run(run, () => question?.resolve(answer));
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

import { format } from 'node:util';
import type { Discard, JobContext, Snooze } from '../../index.ts';
import type { ClaimedJob, Progress } from '../../queue/job.ts';
import { storableText } from '../../text/storable.ts';
import type { HandlerOutcome, QueuePause } from '../handler.ts';
import { createSteps, refuseInsideStep, type StepsOptions } from './host-steps.ts';
import { asJson } from './json.ts';
import { MAX_PAUSE_SECONDS, warningLine } from './protocol.ts';
import { Spawned } from './spawn.ts';

/** Bounds the message to the worker, which keeps far less and cuts after secrets are taken out. */
const MAX_TEXT = 262_144;
/** The redactor leaves shorter values alone: they are words. */
const SHORTEST_SECRET = 6;
/** Far above any key or certificate; each secret is looked for in everything that is printed. */
const LONGEST_SECRET = 65_536;
const MAX_SNOOZE_MINUTES = 365 * 24 * 60;
/** Progress travels at most this often, however often it is reported. */
const PROGRESS_EVERY_MS = 100;

export interface ContextOptions {
  readonly job: ClaimedJob;
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  sendProgress(progress: Progress): void;
  sendSecret(value: string): void;
  sendQueuePause(pause: QueuePause): void;
  readonly steps: StepsOptions;
}

export interface RunningContext {
  readonly context: JobContext;
  /** The outcome for what the handler returned. @throws NotJsonError for what is no result. */
  outcomeOf(returned: unknown): Promise<HandlerOutcome>;
  /** The outcome that a thrown snooze or discard asks for, or null for any other thrown value. */
  thrownOutcome(thrown: unknown): HandlerOutcome | null;
  /** Sends progress that is still held back. Nothing is sent after it. */
  close(): void;
}

/** Builds what a handler gets as its second argument. */
export function createContext(options: ContextOptions): RunningContext {
  // Known by identity: nothing that a handler builds by itself can be taken for one.
  const endings: { readonly token: unknown; readonly outcome: HandlerOutcome; readonly call: string }[] = [];
  const askedFor = (value: unknown): HandlerOutcome | null => {
    // By a plain loop: a handler may have replaced the methods of lists.
    for (let i = 0; i < endings.length; i++)
      if (endings[i]?.token === value) return endings[i]?.outcome ?? null;
    return null;
  };
  const ending = (outcome: HandlerOutcome, call: string): object => {
    const token = Object.freeze({ endsTheJob: call });
    endings[endings.length] = { token, outcome, call };
    return token;
  };
  const progress = throttledProgress(options.sendProgress);
  const spawned = new Spawned();

  const context: JobContext = Object.freeze({
    job: deepFreeze(options.job),
    attempt: options.job.attempt,
    idempotencyKey: options.idempotencyKey,
    signal: options.signal,
    ...createSteps(options.steps),
    spawn: async (jobs: unknown, given?: unknown) => {
      refuseInsideStep('spawn');
      await spawned.spawn(jobs, given);
    },
    log: Object.freeze({
      info: (...values: readonly unknown[]) => void process.stdout.write(`${format(...values)}\n`),
      warn: (...values: readonly unknown[]) => void process.stderr.write(warningLine(format(...values))),
      error: (...values: readonly unknown[]) => void process.stderr.write(`error: ${format(...values)}\n`),
    }),
    progress: (done: number, total?: number, note?: string) => progress.report(asProgress(done, total, note)),
    secret: (value: string) => {
      if (typeof value !== 'string') throw new TypeError(`context.secret takes text, not ${typeof value}.`);
      if (value.length > LONGEST_SECRET) {
        throw new RangeError(
          `context.secret takes up to ${LONGEST_SECRET} characters, and this value has ${value.length}. Give it the parts that are secret.`,
        );
      }
      if (value !== '') options.sendSecret(value);
      if (value.trim().length < SHORTEST_SECRET) {
        process.stderr.write(
          `warning: context.secret hides values of ${SHORTEST_SECRET} characters and more; this one is shorter and is not hidden.\n`,
        );
      }
    },
    pauseQueue: (given: { readonly minutes: number; readonly reason?: string }) =>
      options.sendQueuePause(queuePause(given)),
    snooze: (given: { readonly minutes: number; readonly reason?: string }) =>
      ending(snoozeOutcome(given), 'snooze') as Snooze,
    discard: (reason: string) => {
      if (typeof reason !== 'string' || reason.trim() === '') {
        throw new TypeError('context.discard takes a reason: context.discard("the account is closed").');
      }
      return ending({ outcome: 'discard', reason: clean(reason) }, 'discard') as Discard;
    },
  });

  return {
    context,
    async outcomeOf(returned) {
      const asked = askedFor(returned);
      if (asked !== null) return asked;
      const unused = endings[0];
      // Whatever was returned in its place: to take it for a success would hide what the handler asked for.
      if (unused !== undefined) {
        throw new TypeError(
          `context.${unused.call}(…) was called, but its value was not returned, so it had no effect. ` +
            `Write "return context.${unused.call}(…)".`,
        );
      }
      const result = returned === undefined ? null : asJson(returned);
      const spawn = await spawned.jobs();
      return { outcome: 'success', result, ...(spawn.length > 0 && { spawn }) };
    },
    thrownOutcome: askedFor,
    close: progress.close,
  };
}

function snoozeOutcome(given: { readonly minutes: number; readonly reason?: string }): HandlerOutcome {
  const { minutes, reason } = Object(given) as { readonly minutes: unknown; readonly reason: unknown };
  if (typeof minutes !== 'number' || !(minutes > 0 && minutes <= MAX_SNOOZE_MINUTES)) {
    throw new RangeError(
      `context.snooze takes { minutes } above 0 and at most ${MAX_SNOOZE_MINUTES} (a year), not ${String(minutes)}.`,
    );
  }
  const seconds = Math.max(1, Math.round(minutes * 60));
  const why = typeof reason === 'string' && reason.trim() !== '' ? reason : 'the handler asked to run later';
  return { outcome: 'snooze', seconds, reason: clean(why) };
}

function queuePause(given: { readonly minutes: number; readonly reason?: string }): QueuePause {
  const { minutes, reason } = Object(given) as { readonly minutes: unknown; readonly reason: unknown };
  const most = MAX_PAUSE_SECONDS / 60;
  if (typeof minutes !== 'number' || !(minutes > 0 && minutes <= most)) {
    throw new RangeError(
      `context.pauseQueue takes { minutes } above 0 and at most ${most} (30 days), not ${String(minutes)}.`,
    );
  }
  const why = typeof reason === 'string' && reason.trim() !== '' ? reason : 'a handler asked for it';
  return { seconds: Math.max(1, Math.round(minutes * 60)), reason: clean(why) };
}

function asProgress(done: unknown, total: unknown, note: unknown): Progress {
  const amount = (value: unknown, name: string): number => {
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
    throw new TypeError(`context.progress: ${name} must be a number of 0 or more, not ${String(value)}.`);
  };
  if (note !== undefined && typeof note !== 'string') {
    throw new TypeError(`context.progress: note must be text, not ${typeof note}.`);
  }
  return {
    done: amount(done, 'done'),
    ...(total === undefined ? {} : { total: amount(total, 'total') }),
    ...(note === undefined ? {} : { note: clean(note) }),
  };
}

function throttledProgress(send: (progress: Progress) => void) {
  let held: Progress | null = null;
  let sentAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;
  const flush = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (held === null) return;
    send(held);
    held = null;
    sentAt = performance.now();
  };
  return {
    report(progress: Progress) {
      if (closed) return;
      held = progress;
      // By the clock and not by a timer alone: a handler that never yields still shows its progress.
      const wait = sentAt + PROGRESS_EVERY_MS - performance.now();
      if (wait <= 0) flush();
      else timer ??= setTimeout(flush, wait).unref();
    },
    close() {
      flush();
      closed = true;
    },
  };
}

function clean(text: string): string {
  const stored = storableText(text);
  return stored.length > MAX_TEXT ? `${stored.slice(0, MAX_TEXT).toWellFormed()}…` : stored;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}

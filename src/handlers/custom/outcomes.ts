/** What the end of a handler's process means for its job, for handlers that gave no result of their own. */
import { constants } from 'node:os';
import type { Json } from '../../queue/types.ts';
import { messageOf } from '../../text/describe-error.ts';
import { type AbortCause, AbortReason, type HandlerOutcome, type QueuePause } from '../handler.ts';
import { readResult, readSpawn } from './job-files.ts';
import { MAX_PAUSE_SECONDS, NO_REPORT_EXIT_CODE, REPORT_FD } from './protocol.ts';

/** How long a handler that is asked to stop may take, in milliseconds. */
export const GRACE_MS = 5_000;
/** The runner leaves 7.5 s between SIGINT and SIGTERM: the worker has to be out by then, with jobs handed back. */
export const SHUTDOWN_GRACE_MS = 2_000;
/** EX_TEMPFAIL of sysexits.h: try again later. */
const SNOOZE_EXIT_CODE = 75;
const DEFAULT_SNOOZE_MINUTES = 15;
const MAX_SNOOZE_MINUTES = 365 * 24 * 60;

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the process could not be started. */
  readonly error?: Error;
}

export interface Stop {
  readonly abortCause: AbortCause;
  readonly message: string;
  readonly graceMs: number;
}

/** What an aborted signal asks for. A reason that is no `AbortReason` counts as a shutdown, the quickest. */
export function readStop(signal: AbortSignal, graceMs: number): Stop {
  const reason: unknown = signal.reason;
  const { abortCause, message } =
    reason instanceof AbortReason ? reason : new AbortReason('shutdown', 'the worker stops');
  return {
    abortCause,
    message,
    graceMs: abortCause === 'shutdown' ? Math.min(graceMs, SHUTDOWN_GRACE_MS) : graceMs,
  };
}

/** The outcome of a handler that was stopped before it gave one. */
export function stoppedOutcome(stop: Stop, how: 'ended' | 'killed' | 'never started'): HandlerOutcome {
  const said = {
    ended: 'The handler ended when it was asked to stop',
    killed: `The handler was killed, since it did not end within ${stop.graceMs / 1000} s of being asked to stop`,
    'never started': 'The handler was not started',
  }[how];
  const kind = stop.abortCause === 'timeout' ? 'timeout' : 'error';
  return { outcome: 'failure', kind, message: `${said}: ${stop.message}` };
}

/** The outcome of a host process that died before its handler gave a result: says what killed it, if that is known. */
export function crashOutcome(name: string, end: ProcessEnd, errors: readonly string[]): HandlerOutcome {
  const details = { exit_code: end.code, signal: end.signal, stderr: [...errors.slice(-10)] };
  return { outcome: 'failure', kind: 'crashed', message: crashMessage(name, end, errors), details };
}

function crashMessage(name: string, end: ProcessEnd, errors: readonly string[]): string {
  const named = `The process of the handler "${name}"`;
  if (end.error !== undefined) return `${named} could not be started: ${end.error.message}`;
  if (errors.some((line) => /heap out of memory|FATAL ERROR: .*memory/i.test(line))) {
    return `${named} ran out of memory (JavaScript heap). Handle less at once, or raise the limit.`;
  }
  if (end.code === NO_REPORT_EXIT_CODE) {
    return `${named} could not report its result: the handler closed or replaced descriptor ${REPORT_FD}, which cloud-jobs uses. Leave descriptors alone that it did not open.`;
  }
  if (end.signal !== null) return `${named} was killed by ${describeSignal(end.signal)}.`;
  const last = errors.at(-1);
  return (
    `${named} ended with exit code ${end.code} before the handler returned. ` +
    `A handler must not call process.exit: return a result or throw.${last === undefined ? '' : ` Last line: ${last}`}`
  );
}

export interface ExecutableEnd extends ProcessEnd {
  readonly name: string;
  /** The last lines of stderr. */
  readonly errors: readonly string[];
  readonly binary: boolean;
  readonly resultPath: string;
  readonly spawnPath: string;
  readonly redact: (text: string) => string;
  pauseQueue(pause: QueuePause): void;
  /** Prints a note in the job's output about something that is not worth failing for. */
  complain(line: string): void;
}

/** The outcome of an executable that ended by itself: 0 is success, 75 snooze, anything else failure. */
export async function exitOutcome(end: ExecutableEnd): Promise<HandlerOutcome> {
  const { name, code, signal, errors } = end;
  if (code === 0) {
    let fault = 'its result cannot be taken';
    try {
      const result = await readResult(end.resultPath, end.redact);
      fault = 'the jobs that it spawns cannot be added';
      const spawn = await readSpawn(end.spawnPath);
      return { outcome: 'success', result, ...(spawn.length > 0 && { spawn }) };
    } catch (error) {
      const message = `The handler "${name}" ended well, but ${fault}. ${messageOf(error)}`;
      return { outcome: 'failure', kind: 'error', message };
    }
  }
  if (code === SNOOZE_EXIT_CODE) return snoozeOutcome(end);
  const details = { exit_code: code, signal, stderr: [...errors] };
  const said = errors.length === 0 ? 'It wrote nothing to stderr.' : errors.slice(-5).join('\n');
  const how =
    signal === null
      ? `ended with exit code ${code}${hint(code ?? 0, end.binary)}`
      : `was killed by ${describeSignal(signal)}`;
  const kind = signal === null ? 'error' : 'crashed';
  return { outcome: 'failure', kind, message: `The handler "${name}" ${how}. ${said}`, details };
}

async function snoozeOutcome(end: ExecutableEnd): Promise<HandlerOutcome> {
  let written: Json = null;
  try {
    written = await readResult(end.resultPath, end.redact);
  } catch (error) {
    end.complain(messageOf(error));
  }
  const {
    snooze_minutes: minutes,
    pause_queue_minutes: pause,
    reason,
  } = Object(written) as Record<string, unknown>;
  let asked = DEFAULT_SNOOZE_MINUTES;
  if (typeof minutes === 'number' && minutes > 0 && minutes <= MAX_SNOOZE_MINUTES) asked = minutes;
  else if (minutes !== undefined) {
    end.complain(
      `snooze_minutes must be a number above 0 and at most ${MAX_SNOOZE_MINUTES}, not ${JSON.stringify(minutes)}; ` +
        `taking ${DEFAULT_SNOOZE_MINUTES}.`,
    );
  }
  const said = typeof reason === 'string' && reason.trim() !== '' ? reason : end.errors.at(-1);
  const why = said ?? `the handler "${end.name}" ended with exit code ${SNOOZE_EXIT_CODE}`;
  if (typeof pause === 'number' && pause > 0 && pause * 60 <= MAX_PAUSE_SECONDS) {
    end.pauseQueue({ seconds: Math.max(1, Math.round(pause * 60)), reason: why });
  } else if (pause !== undefined) {
    end.complain(
      `pause_queue_minutes must be a number above 0 and at most ${MAX_PAUSE_SECONDS / 60}, not ${JSON.stringify(pause)}; ` +
        'the queue goes on.',
    );
  }
  return { outcome: 'snooze', seconds: Math.max(1, Math.round(asked * 60)), reason: why };
}

function hint(code: number, binary: boolean): string {
  if (binary && [2, 126, 127].includes(code)) {
    return ` (it is a binary: was it built for ${process.platform} ${process.arch}?)`;
  }
  if (code === 126) return ' (a command in it could not be run)';
  if (code === 127) return ' (a command in it was not found)';
  // A shell reports a signal as exit code 128 + n.
  const [signal] = Object.entries(constants.signals).find(([, number]) => number === code - 128) ?? [];
  return signal === undefined
    ? ''
    : ` (a program in it was killed by ${describeSignal(signal as NodeJS.Signals)})`;
}

/** `SIGKILL (…)` with its usual reason, if it has one. */
function describeSignal(signal: NodeJS.Signals): string {
  const usual: Partial<Record<NodeJS.Signals, string>> = {
    SIGKILL: 'most often: the machine ran out of memory',
    SIGABRT: 'it aborted itself, as Node does when it is out of memory',
    SIGSEGV: 'a fault in native code',
    SIGBUS: 'a fault in native code',
    SIGILL: 'a binary built for another processor',
  };
  const why = usual[signal];
  return why === undefined ? signal : `${signal} (${why})`;
}

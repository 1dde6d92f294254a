import { constants } from 'node:os';
import type { HandlerOutcome } from '../handler.ts';
import { NO_REPORT_EXIT_CODE, REPORT_FD } from './protocol.ts';

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the process could not be started. */
  readonly error?: Error;
}

/** A host process that died before its handler gave a result: says what killed it, as far as can be told. */
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

/** `SIGKILL (…)` with the usual reason where there is one. */
export function describeSignal(signal: NodeJS.Signals): string {
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

/** The signal that a shell reports as exit code 128 + n, or null. */
export function shellSignal(code: number): NodeJS.Signals | null {
  for (const [name, number] of Object.entries(constants.signals)) {
    if (number === code - 128) return name as NodeJS.Signals;
  }
  return null;
}

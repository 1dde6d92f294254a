import type { Json } from '../../queue/types.ts';
import type { HandlerOutcome } from '../handler.ts';
import { describeSignal, shellSignal } from './crash.ts';
import { readResult } from './job-files.ts';

/** EX_TEMPFAIL of sysexits.h: try again later. */
export const SNOOZE_EXIT_CODE = 75;
export const DEFAULT_SNOOZE_MINUTES = 15;
const MAX_SNOOZE_MINUTES = 365 * 24 * 60;

export interface ExecutableEnd {
  readonly name: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of stderr. */
  readonly errors: readonly string[];
  readonly binary: boolean;
  readonly resultPath: string;
  readonly redact: (text: string) => string;
  /** Says something in the job's output that is not worth failing for. */
  complain(line: string): void;
}

/** What the end of an executable handler means: 0 success, 75 snooze, anything else failure. */
export async function exitOutcome(end: ExecutableEnd): Promise<HandlerOutcome> {
  const { name, code, signal, errors } = end;
  const details = { exit_code: code, signal, stderr: [...errors] };
  if (code === 0) {
    try {
      return { outcome: 'success', result: await readResult(end.resultPath, end.redact) };
    } catch (error) {
      const message = `The handler "${name}" ended well, but its result cannot be taken. ${messageOf(error)}`;
      return { outcome: 'failure', kind: 'error', message };
    }
  }
  if (code === SNOOZE_EXIT_CODE) return snoozeOutcome(end);
  const said = errors.length === 0 ? ' It wrote nothing to stderr.' : ` ${errors.slice(-5).join('\n')}`;
  if (signal !== null) {
    const message = `The handler "${name}" was killed by ${describeSignal(signal)}.${said}`;
    return { outcome: 'failure', kind: 'crashed', message, details };
  }
  const message = `The handler "${name}" ended with exit code ${code}${hint(code ?? 0, end.binary)}.${said}`;
  return { outcome: 'failure', kind: 'error', message, details };
}

async function snoozeOutcome(end: ExecutableEnd): Promise<HandlerOutcome> {
  let written: Json = null;
  try {
    written = await readResult(end.resultPath, end.redact);
  } catch (error) {
    end.complain(messageOf(error));
  }
  const { snooze_minutes: minutes, reason } = Object(written) as Record<string, unknown>;
  let asked = DEFAULT_SNOOZE_MINUTES;
  if (typeof minutes === 'number' && minutes > 0 && minutes <= MAX_SNOOZE_MINUTES) asked = minutes;
  else if (minutes !== undefined) {
    end.complain(
      `snooze_minutes must be a number above 0 and at most ${MAX_SNOOZE_MINUTES}, not ${JSON.stringify(minutes)}; ` +
        `taking ${DEFAULT_SNOOZE_MINUTES}.`,
    );
  }
  const why = typeof reason === 'string' && reason.trim() !== '' ? reason : end.errors.at(-1);
  return {
    outcome: 'snooze',
    seconds: Math.max(1, Math.round(asked * 60)),
    reason: why ?? `the handler "${end.name}" ended with exit code ${SNOOZE_EXIT_CODE}`,
  };
}

function hint(code: number, binary: boolean): string {
  if (binary && (code === 126 || code === 127 || code === 2)) {
    return ` (it is a binary: was it built for ${process.platform} ${process.arch}?)`;
  }
  if (code === 126) return ' (a command in it could not be run)';
  if (code === 127) return ' (a command in it was not found)';
  const signal = code > 128 ? shellSignal(code) : null;
  return signal === null ? '' : ` (a program in it was killed by ${describeSignal(signal)})`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

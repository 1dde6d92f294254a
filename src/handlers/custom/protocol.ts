import type { ClaimedJob, Progress } from '../../queue/job.ts';
import type { Wait } from '../../queue/step-replies.ts';
import type { Json } from '../../queue/types.ts';
import type { AbortCause, HandlerOutcome, JobMemory, QueuePause, WaitAnswer } from '../handler.ts';

/**
 * What the worker and a host process send each other, over two pipes of their own: one JSON text a line. Node's IPC
 * channel is not used, since it parses what a handler writes to its descriptor and throws where it cannot be caught.
 * `run` is a random name of one job run.
 */

/** The descriptor on which the host reports to the worker. */
export const REPORT_FD = 3;
/** The descriptor on which the host reads what the worker asks for. */
export const REQUEST_FD = 4;
/** The exit code of a host that can no longer report, because a handler took its descriptor. */
export const NO_REPORT_EXIT_CODE = 76;

export interface RunRequest {
  /** `check` loads the handler and checks the config without running it; `describe` returns the JSON Schema of its config. */
  readonly type: 'run' | 'check' | 'describe';
  readonly run: string;
  /** file: URL of the module. */
  readonly url: string;
  /** The name of the handler in messages. */
  readonly name: string;
  readonly config: { readonly [key: string]: Json };
  /** null unless it runs. */
  readonly job: ClaimedJob | null;
  readonly idempotencyKey: string;
  readonly memory: Remembered;
}

/** What the handler may need of the past. */
export type Remembered = Pick<JobMemory, 'steps' | 'parents'>;

/** What a handler asks the worker about its steps. */
export type Question =
  | { readonly what: 'begin'; readonly name: string }
  | { readonly what: 'save'; readonly name: string; readonly result: Json; readonly seconds: number }
  | ({ readonly what: 'wait' } & Wait);

export interface Answer extends WaitAnswer {
  /** The answer to `begin`: end the attempt in place of beginning the step. */
  readonly pause: boolean;
}

export interface AnswerRequest {
  readonly type: 'answer';
  readonly run: string;
  readonly id: number;
  /** Null if there is an error. */
  readonly answer: Answer | null;
  readonly error: string;
}

export interface AbortRequest {
  readonly type: 'abort';
  readonly run: string;
  readonly abortCause: AbortCause;
  readonly message: string;
}

export type Request = RunRequest | AbortRequest | AnswerRequest;

export type Report =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'secret'; readonly value: string }
  | { readonly type: 'pause-queue'; readonly pause: QueuePause }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  | {
      readonly type: 'end';
      readonly outcome: HandlerOutcome;
      /** Who may use the process again. `handler`: only the same handler, whose modules changed it when they loaded. */
      readonly reuse: 'any' | 'handler' | 'none';
    };

/** What the database takes as a pause of a queue: 30 days. */
export const MAX_PAUSE_SECONDS = 2_592_000;

/** Starts every report and every mark; U+001E is the record separator, with which no sane output begins a line. */
const MARK = '\u001e';

/** What every report of a run begins with. JSON escapes U+001E, so it is nowhere else in a report. */
export const reportStart = (run: string): string => `${MARK}${run} `;

/**
 * Marks in the output say which of its bytes belong to a job: the pipes are read independently, so a report alone would
 * not. A mark begins with a line end, because the handler may have left a line open.
 */
export type OutputMark = 'begin' | 'end';

export const encodeMark = (run: string, mark: OutputMark): string => `\n${MARK}${run} ${mark}\n`;

/** The mark in a line, or null when the line is output. */
export function decodeMark(run: string, line: string): OutputMark | null {
  if (line === `${MARK}${run} begin`) return 'begin';
  return line === `${MARK}${run} end` ? 'end' : null;
}

/** The line of output that asks for a warning, in the form that the runner reads as well. */
export function warningLine(text: string): string {
  const escaped = text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return `::warning::${escaped}\n`;
}

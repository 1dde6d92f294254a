import type { ClaimedJob, Progress } from '../../queue/job.ts';
import type { Json } from '../../queue/types.ts';
import type { AbortCause, HandlerOutcome } from '../handler.ts';

/**
 * What the worker and a host process say to each other over the IPC channel. Serialised as JSON: everything that
 * crosses is JSON by contract, and JSON cannot carry anything else by accident. `run` is a random name of one job
 * run; a message of another run is dropped.
 */
export interface RunRequest {
  /** `check` loads the handler and checks the config without running it. */
  readonly type: 'run' | 'check';
  readonly run: string;
  /** file: URL of the module. */
  readonly url: string;
  /** How messages name the handler. */
  readonly name: string;
  readonly config: { readonly [key: string]: Json };
  /** null for `check`. */
  readonly job: ClaimedJob | null;
  readonly idempotencyKey: string;
}

export interface AbortRequest {
  readonly type: 'abort';
  readonly run: string;
  readonly abortCause: AbortCause;
  readonly message: string;
}

export type ToHost = RunRequest | AbortRequest;

export type FromHost =
  | { readonly type: 'progress'; readonly run: string; readonly progress: Progress }
  | { readonly type: 'secret'; readonly run: string; readonly value: string }
  /** `reusable` is false when the process must not run another job. */
  | {
      readonly type: 'end';
      readonly run: string;
      readonly outcome: HandlerOutcome;
      readonly reusable: boolean;
    };

/** Starts every mark line; U+001E is the record separator, which no sane output begins a line with. */
const MARK = '\u001e';

/**
 * Marks in the output itself tell which bytes belong to which job: the pipes and the channel are read
 * independently, so a message alone would not. `secret` travels here as well, ahead of what is printed after it.
 */
export type OutputMark =
  | { readonly kind: 'begin' }
  | { readonly kind: 'end' }
  | { readonly kind: 'secret'; readonly value: string };

/** Whole text to write: begins with a line end, because the handler may have left a line open. */
export function encodeMark(run: string, mark: OutputMark): string {
  const body = mark.kind === 'secret' ? `secret ${Buffer.from(mark.value).toString('base64')}` : mark.kind;
  return `\n${MARK}${run} ${body}\n`;
}

/** The mark in a line, or null when the line is output. */
export function decodeMark(run: string, line: string): OutputMark | null {
  const start = `${MARK}${run} `;
  if (!line.startsWith(start)) return null;
  const [kind, value = ''] = line.slice(start.length).split(' ');
  if (kind === 'begin' || kind === 'end') return { kind };
  return { kind: 'secret', value: Buffer.from(value, 'base64').toString('utf8') };
}

import type { AbortCause, HandlerOutcome } from '../handlers/handler.ts';
import type { Progress } from '../queue/job.ts';
import type { FinishItem } from '../queue/queue.ts';
import type { Json } from '../queue/types.ts';
import { byteLength, keepStart, keepStarts, storableJson, storableText } from '../text/storable.ts';
import {
  MAX_DETAIL_BYTES,
  MAX_DETAILS_BYTES,
  MAX_ERROR_BYTES,
  MAX_NOTE_BYTES,
  MAX_OUTPUT_BYTES,
  MAX_RESULT_BYTES,
} from './limits.ts';

/** How one attempt ended, before the database is told. */
export interface Ending {
  readonly executionId: string;
  readonly outcome: HandlerOutcome;
  /** Why the handler was stopped, where it was. */
  readonly abortCause: AbortCause | null;
  readonly abortMessage: string | null;
  readonly durationSeconds: number;
  readonly progress: Progress | null;
  /** What the handler warned of, secrets taken out. */
  readonly warnings: readonly string[];
  /** The last part of what the job printed. */
  readonly output: string;
}

export interface SettleDeps {
  /** Removes the secrets of this run from a text. */
  readonly redact: (text: string) => string;
  readonly redactJson: (value: Json) => Json;
  /** Keeps a result that is too large for its row; returns the file's absolute path. */
  readonly spill: (executionId: string, text: string) => Promise<string>;
}

export interface Settled {
  readonly item: FinishItem;
  readonly result: Json;
  /** Of the result as it is stored, about. */
  readonly resultBytes: number;
  readonly resultFile: string | null;
}

/**
 * Turns the end of a handler into what the database is told. A success counts whatever else happened: recording it
 * as a failure would do finished work again. Otherwise the reason for which the handler was stopped decides.
 */
export async function settle(ending: Ending, deps: SettleDeps): Promise<Settled> {
  const text = (value: string, bytes: number): string => keepStart(storableText(deps.redact(value)), bytes);
  const shared = {
    execution_id: ending.executionId,
    duration_seconds: ending.durationSeconds,
    ...(ending.progress ? { progress: storableProgress(ending.progress, text) } : {}),
    ...(ending.output ? { output: text(ending.output, MAX_OUTPUT_BYTES) } : {}),
  };
  const { outcome } = ending;

  if (outcome.outcome === 'success') {
    const result = storableJson(deps.redactJson(outcome.result));
    const encoded = JSON.stringify(result);
    const bytes = byteLength(encoded);
    if (bytes <= MAX_RESULT_BYTES) {
      return {
        item: { ...shared, outcome: 'success', result },
        result,
        resultBytes: bytes,
        resultFile: null,
      };
    }
    const file = await deps.spill(ending.executionId, encoded);
    const stub = {
      result_too_large: true,
      bytes,
      limit_bytes: MAX_RESULT_BYTES,
      file,
      note: 'The whole result is in this file on the runner, and named in the output result-files.',
    };
    return {
      item: { ...shared, outcome: 'success', result: stub },
      result: stub,
      resultBytes: 0,
      resultFile: file,
    };
  }

  const settled = (item: Omit<FinishItem, 'execution_id'>): Settled => ({
    item: { ...shared, ...item },
    result: null,
    resultBytes: 0,
    resultFile: null,
  });
  const details = (value: Json | undefined): { error_details?: Json } => {
    if (value === undefined) return {};
    const clean = keepStarts(storableJson(deps.redactJson(value)), MAX_DETAIL_BYTES);
    if (byteLength(JSON.stringify(clean)) <= MAX_DETAILS_BYTES) return { error_details: clean };
    return { error_details: { details_too_large: true, start: keepStart(JSON.stringify(clean), 4096) } };
  };

  switch (ending.abortCause) {
    case 'shutdown':
      return settled({
        outcome: 'release',
        error: text(ending.abortMessage ?? 'The worker shut down.', MAX_ERROR_BYTES),
      });
    case 'timeout':
      return settled({
        outcome: 'failure',
        failure_kind: 'timeout',
        error: text(ending.abortMessage ?? 'The job ran longer than its timeout.', MAX_ERROR_BYTES),
      });
    case 'cancelled':
    case 'lost':
      // The database knows that a cancel was asked for and records it; a lost lock makes it refuse this altogether.
      return settled({ outcome: 'failure', error: text(ending.abortMessage ?? 'Stopped.', MAX_ERROR_BYTES) });
    case null:
      break;
  }

  switch (outcome.outcome) {
    case 'snooze':
      return settled({
        outcome: 'snooze',
        delay_seconds: outcome.seconds,
        error: text(outcome.reason, MAX_ERROR_BYTES),
        ...details(outcome.details),
      });
    case 'discard':
      return settled({
        outcome: 'discard',
        error: text(outcome.reason, MAX_ERROR_BYTES),
        ...details(outcome.details),
      });
    case 'failure':
      return settled({
        outcome: 'failure',
        failure_kind: outcome.kind,
        error: text(outcome.message, MAX_ERROR_BYTES),
        ...details(outcome.details),
        ...(outcome.retryInSeconds === undefined ? {} : { delay_seconds: outcome.retryInSeconds }),
      });
  }
}

/** Numbers as they are, the note within its limit. */
export function storableProgress(
  progress: Progress,
  text: (value: string, bytes: number) => string,
): Progress {
  return {
    done: progress.done,
    ...(progress.total === undefined ? {} : { total: progress.total }),
    ...(progress.note === undefined ? {} : { note: text(progress.note, MAX_NOTE_BYTES) }),
  };
}

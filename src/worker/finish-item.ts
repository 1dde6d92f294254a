import type { AbortCause, HandlerOutcome, QueuePause } from '../handlers/handler.ts';
import type { Progress } from '../queue/job.ts';
import type { FinishItem, NewJob } from '../queue/requests.ts';
import type { Json } from '../queue/types.ts';
import { describeError } from '../text/describe-error.ts';
import { isTooDeep, MAX_DEPTH } from '../text/json-fault.ts';
import { jsonbBytes } from '../text/json-size.ts';
import { keepStart, keepStarts, storableJson, storableText } from '../text/storable.ts';
import {
  MAX_DETAIL_BYTES,
  MAX_DETAILS_BYTES,
  MAX_NOTE_BYTES,
  MAX_RESULT_BYTES,
  MAX_TEXT_BYTES,
} from './limits.ts';

type Success = Extract<HandlerOutcome, { outcome: 'success' }>;

/** How one attempt ended, before the database knows of it. */
export interface Ending {
  readonly executionId: string;
  readonly outcome: HandlerOutcome;
  /** Why the handler was stopped; null if it was not. */
  readonly abortCause: AbortCause | null;
  readonly abortMessage: string | null;
  readonly durationSeconds: number;
  readonly progress: Progress | null;
  /** What the handler asked for its queue. */
  readonly pauseQueue: QueuePause | null;
  /** The first warnings of the handler, without secrets. */
  readonly warnings: readonly string[];
  /** The last part of what the job printed. */
  readonly output: string;
}

export interface FinishDeps {
  /** Removes the secrets of this run from a text. */
  readonly redact: (text: string) => string;
  readonly redactJson: <Value>(value: Value) => Value;
  /** Writes a result to a file that outlives the run; returns its absolute path. */
  readonly spill: (executionId: string, text: string) => Promise<string>;
}

/** What the database is sent about an attempt, and what the report shows of it. */
export interface Finished {
  readonly item: FinishItem;
  readonly result: Json;
  /** What its result and the jobs that it spawns add to a request. */
  readonly bytes: number;
  /** Absolute path of the file with the whole result, if it is too large for its row. */
  readonly resultFile: string | null;
}

/**
 * Turns the end of a handler into what the database records. A success counts even if the job was stopped meanwhile:
 * recording it as a failure would repeat finished work. Otherwise the reason for the stop decides. Never rejects: a
 * result that cannot be kept makes this one job fail.
 */
export async function finishItem(ending: Ending, deps: FinishDeps): Promise<Finished> {
  try {
    return ending.outcome.outcome === 'success'
      ? await success(ending, ending.outcome, deps)
      : notSuccess(ending, ending.outcome, deps);
  } catch (error) {
    const what =
      ending.outcome.outcome === 'success'
        ? 'The job succeeded, but its result could not be kept'
        : 'The end of the job could not be read';
    const outcome = {
      outcome: 'failure',
      kind: 'error',
      message: `${what}: ${describeError(error)}`,
    } as const;
    return notSuccess({ ...ending, abortCause: null, progress: null }, outcome, deps);
  }
}

/** A result that the database refused although it is within the limits: the same success with its result in a file. */
export async function withoutResult(finished: Finished, reason: string, deps: FinishDeps): Promise<Finished> {
  const { item, result } = finished;
  const { result: _result, error_details: _details, output: _output, progress: _progress, ...bare } = item;
  if (item.outcome !== 'success') return { ...finished, item: bare };
  if (finished.resultFile !== null) return { ...finished, item: { ...bare, result } };
  return await spilled(bare, result, { result_refused: reason }, deps);
}

async function success(ending: Ending, outcome: Success, deps: FinishDeps): Promise<Finished> {
  const { result: given, spawn = [] } = outcome;
  if (isTooDeep(given)) throw new Error(`It is nested more than ${MAX_DEPTH} levels deep.`);
  const secret = spawn.find((job) => JSON.stringify(job) !== JSON.stringify(deps.redactJson(job)));
  if (secret !== undefined) return notSuccess(ending, holdsSecret(secret), deps);
  const result = storableJson(deps.redactJson(given));
  const item = {
    ...sharedPart(ending, deps),
    outcome: 'success',
    ...(spawn.length > 0 && { spawn }),
  } as const;
  const bytes = jsonbBytes(result);
  const spawnBytes = spawn.length === 0 ? 0 : JSON.stringify(spawn).length;
  if (bytes <= MAX_RESULT_BYTES)
    return { item: { ...item, result }, result, bytes: bytes + spawnBytes, resultFile: null };
  return await spilled(item, result, { result_too_large: true, bytes, limit_bytes: MAX_RESULT_BYTES }, deps);
}

/** A job is stored as it is, and one without its secret would do something else. */
const holdsSecret = ({ name }: NewJob) =>
  ({
    outcome: 'failure',
    kind: 'error',
    message: `The handler succeeded, but the job ${JSON.stringify(name)} that it spawns holds a secret, which would be stored. Let the handler of that job read it from its environment. Nothing was spawned.`,
  }) as const;

/** A success whose row holds a note about the result in place of the result. */
async function spilled(
  item: Omit<FinishItem, 'result'>,
  result: Json,
  why: { readonly [key: string]: Json },
  deps: FinishDeps,
): Promise<Finished> {
  const file = await deps.spill(item.execution_id, JSON.stringify(result));
  const note = 'The whole result is in this file on the runner, and named in the output result-files.';
  const stub = { ...why, file, note };
  return { item: { ...item, result: stub }, result: stub, bytes: 0, resultFile: file };
}

function notSuccess(ending: Ending, outcome: Exclude<HandlerOutcome, Success>, deps: FinishDeps): Finished {
  const item = { ...sharedPart(ending, deps), ...outcomePart(ending, outcome, deps) };
  return { item, result: null, bytes: 0, resultFile: null };
}

/** What every ending has. */
function sharedPart(ending: Ending, deps: FinishDeps): Omit<FinishItem, 'outcome'> {
  return {
    execution_id: ending.executionId,
    duration_seconds: ending.durationSeconds,
    ...(ending.progress ? { progress: storableProgress(ending.progress, deps.redact) } : {}),
    ...(ending.pauseQueue
      ? {
          pause_queue: {
            seconds: ending.pauseQueue.seconds,
            reason: storable(ending.pauseQueue.reason, MAX_NOTE_BYTES, deps.redact),
          },
        }
      : {}),
    ...(ending.output ? { output: storable(ending.output, MAX_TEXT_BYTES, deps.redact) } : {}),
  };
}

function outcomePart(
  { abortCause, abortMessage }: Ending,
  outcome: Exclude<HandlerOutcome, Success>,
  deps: FinishDeps,
): Omit<FinishItem, 'execution_id'> {
  const text = (value: string): string => storable(value, MAX_TEXT_BYTES, deps.redact);
  switch (abortCause) {
    case 'shutdown':
      return { outcome: 'release', error: text(abortMessage ?? 'The worker shut down.') };
    case 'timeout':
      return {
        outcome: 'failure',
        failure_kind: 'timeout',
        error: text(abortMessage ?? 'The job ran longer than its timeout.'),
      };
    case 'cancelled':
    case 'lost':
      // The database records a cancel as such, and refuses everything about a lock that is lost.
      return { outcome: 'failure', error: text(abortMessage ?? 'Stopped.') };
    case null:
      break;
  }
  if (outcome.outcome === 'pause')
    return { outcome: 'release', delay_seconds: outcome.seconds, error: text(outcome.reason) };
  const details = detailsPart(outcome.details, deps);
  switch (outcome.outcome) {
    case 'snooze':
      return { outcome: 'snooze', delay_seconds: outcome.seconds, error: text(outcome.reason), ...details };
    case 'discard':
      return { outcome: 'discard', error: text(outcome.reason), ...details };
    case 'failure':
      return {
        outcome: 'failure',
        failure_kind: outcome.kind,
        error: text(outcome.message),
        ...details,
        ...(outcome.retryInSeconds === undefined ? {} : { delay_seconds: outcome.retryInSeconds }),
      };
  }
}

function detailsPart(details: Json | undefined, deps: FinishDeps): { error_details?: Json } {
  if (details === undefined) return {};
  if (isTooDeep(details)) return { error_details: { details_too_deep: true, limit: MAX_DEPTH } };
  const clean = keepStarts(storableJson(deps.redactJson(details)), MAX_DETAIL_BYTES);
  if (jsonbBytes(clean) <= MAX_DETAILS_BYTES) return { error_details: clean };
  return { error_details: { details_too_large: true, start: keepStart(JSON.stringify(clean), 4096) } };
}

/** Progress as it can be stored: its note without secrets and within its limit. */
export function storableProgress(
  { done, total, note }: Progress,
  redact: (text: string) => string,
): Progress {
  return {
    done,
    ...(total === undefined ? {} : { total }),
    ...(note === undefined ? {} : { note: storable(note, MAX_NOTE_BYTES, redact) }),
  };
}

const storable = (text: string, bytes: number, redact: (text: string) => string): string =>
  keepStart(storableText(redact(text)), bytes);

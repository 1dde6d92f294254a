import { QueueError } from '../queue/errors.ts';
import type { Queue } from '../queue/queue.ts';
import type { ClaimReply, FinishedItem } from '../queue/replies.ts';
import type { ClaimRequest, FinishItem } from '../queue/requests.ts';
import type { Patience } from '../queue/rpc.ts';
import { type FinishDeps, type Finished, withoutResult } from './finish-item.ts';

/** One attempt to record; `finished` is null for a job that is handed back. */
export interface Outgoing {
  readonly item: FinishItem;
  readonly finished: Finished | null;
}

/** What was recorded, by execution. */
export interface Recorded {
  readonly answers: ReadonlyMap<string, FinishedItem>;
  /** What was sent in the place of endings that the database refused. */
  readonly replaced: ReadonlyMap<string, Finished>;
  readonly claim: ClaimReply | null;
}

export interface RecordDeps extends FinishDeps {
  readonly queue: Queue;
  readonly instanceId: string;
  readonly warn: (message: string) => void;
}

/**
 * Records how attempts ended, and claims the next jobs in the same call. If the database refuses one of the endings,
 * each is sent alone, so that the others are recorded.
 * @throws QueueError if the queue cannot be reached; what was recorded may then be sent again
 */
export async function record(
  outgoing: readonly Outgoing[],
  claim: ClaimRequest | null,
  patience: Patience,
  deps: RecordDeps,
): Promise<Recorded> {
  const { queue, instanceId } = deps;
  if (outgoing.length === 0) {
    const reply = claim && (await queue.claim(instanceId, claim, patience));
    return { answers: new Map(), replaced: new Map(), claim: reply };
  }
  const items = outgoing.map(({ item }) => item);
  const reply = await unlessRefused(queue.finish(instanceId, items, claim, patience));
  if (!(reply instanceof QueueError)) {
    const answers = new Map(reply.finished.map((answer) => [answer.execution_id, answer]));
    return { answers, replaced: new Map(), claim: reply.claim };
  }
  const answers = new Map<string, FinishedItem>();
  const replaced = new Map<string, Finished>();
  for (const one of outgoing) {
    const { answer, instead } = await recordOne(one, patience, deps);
    if (answer) answers.set(one.item.execution_id, answer);
    if (instead) replaced.set(one.item.execution_id, instead);
  }
  return { answers, replaced, claim: claim && (await queue.claim(instanceId, claim, patience)) };
}

/**
 * Records one ending. If it is refused, the same ending is sent without its data; if that is refused as well, an ending
 * without success becomes a failure that says why. A success becomes one only if the jobs that it spawns are refused.
 */
async function recordOne(
  { item, finished }: Outgoing,
  patience: Patience,
  deps: RecordDeps,
): Promise<{ answer: FinishedItem | null; instead: Finished | null }> {
  const send = async (one: FinishItem): Promise<FinishedItem | QueueError | null> => {
    const reply = await unlessRefused(deps.queue.finish(deps.instanceId, [one], null, patience));
    return reply instanceof QueueError ? reply : (reply.finished[0] ?? null);
  };
  const first = await send(item);
  if (!(first instanceof QueueError)) return { answer: first, instead: null };

  const bare = await withoutResult(
    finished ?? { item, result: null, bytes: 0, resultFile: null },
    first.message,
    deps,
  );
  const second = await send(bare.item);
  if (!(second instanceof QueueError)) return { answer: second, instead: bare };
  // A success without the jobs that it spawns would forget them.
  const refused = item.spawn === undefined ? null : withoutSpawn(item, second.message);
  if (item.outcome === 'success' && refused === null) {
    deps.warn(
      `The success of execution ${item.execution_id} could not be recorded: ${second.message} Its lock expires, and the job is then tried again.`,
    );
    return { answer: null, instead: null };
  }
  const error = `The job ended (${item.outcome}), but the database refused to store how: ${second.message}`;
  const plain: FinishItem = refused ?? { execution_id: item.execution_id, outcome: 'discard', error };
  const third = await send(plain);
  if (third instanceof QueueError) throw third;
  return { answer: third, instead: { ...bare, item: plain } };
}

/** The end of an attempt whose jobs the database refused: a failure, since they are added with its success or not at all. */
const withoutSpawn = ({ execution_id, duration_seconds = 0 }: FinishItem, reason: string): FinishItem => ({
  execution_id,
  duration_seconds,
  outcome: 'failure',
  error: `The handler succeeded, but the jobs that it spawns were refused: ${reason}`,
});

/** The reply, or the error if the database refused what it was sent. Other errors are thrown. */
async function unlessRefused<T>(call: Promise<T>): Promise<T | QueueError> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof QueueError && error.code === 'refused') return error;
    throw error;
  }
}

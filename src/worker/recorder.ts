import { QueueError } from '../queue/errors.ts';
import type { ClaimRequest, FinishItem, Queue } from '../queue/queue.ts';
import type { ClaimReply, FinishedItem } from '../queue/replies.ts';
import type { Patience } from '../queue/rpc.ts';

/**
 * Tells the database how attempts ended, and claims the next in the same call.
 *
 * One item that the database refuses must not keep the others from being recorded: the batch is then sent one by
 * one, and the refused item becomes a failure that says why.
 */
export async function record(
  queue: Queue,
  instanceId: string,
  items: readonly FinishItem[],
  claim: ClaimRequest | null,
  patience: Patience,
): Promise<{ answers: Map<string, FinishedItem>; claim: ClaimReply | null }> {
  if (items.length === 0) {
    return { answers: new Map(), claim: claim && (await queue.claim(instanceId, claim, patience)) };
  }
  try {
    const reply = await queue.finish(instanceId, items, claim, patience);
    return { answers: byExecution(reply.finished), claim: reply.claim };
  } catch (error) {
    if (!(error instanceof QueueError) || error.code !== 'refused') throw error;
    const answers = new Map<string, FinishedItem>();
    for (const item of items) {
      const answer = await recordOne(queue, instanceId, item, patience);
      answers.set(item.execution_id, answer);
    }
    return { answers, claim: claim && (await queue.claim(instanceId, claim, patience)) };
  }
}

async function recordOne(
  queue: Queue,
  instanceId: string,
  item: FinishItem,
  patience: Patience,
): Promise<FinishedItem> {
  try {
    const reply = await queue.finish(instanceId, [item], null, patience);
    return reply.finished[0] ?? { execution_id: item.execution_id, applied: false };
  } catch (error) {
    if (!(error instanceof QueueError) || error.code !== 'refused') throw error;
    const plain: FinishItem = {
      execution_id: item.execution_id,
      outcome: 'discard',
      error: `The job ended (${item.outcome}), but the database refused to store how: ${error.message}`,
    };
    const reply = await queue.finish(instanceId, [plain], null, patience);
    return reply.finished[0] ?? { execution_id: item.execution_id, applied: false };
  }
}

const byExecution = (finished: readonly FinishedItem[]): Map<string, FinishedItem> =>
  new Map(finished.map((item) => [item.execution_id, item]));

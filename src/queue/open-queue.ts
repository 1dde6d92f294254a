import { v7 as uuid7 } from 'uuid';
import { z } from 'zod';
import { QueueError } from './errors.ts';
import { createQueue, type Queue } from './queue.ts';
import { createRpc } from './rpc.ts';

export interface OpenQueue {
  readonly queue: Queue;
  /** Calls a SQL function that is not the queue's own, for a handler with tables of its own. */
  readonly callFunction: (fn: string, args: Record<string, unknown>) => Promise<unknown>;
  /** Requests sent so far. */
  readonly requests: () => number;
}

/**
 * The queue of a Supabase project. Nothing is sent before the first call.
 * @throws QueueError on a Node that the client of Supabase does not work on
 */
export function openQueue(
  connection: { url: string; key: string; publishableKey?: string | null },
  version: string,
): OpenQueue {
  // supabase-js throws on such a Node, with a message about a WebSocket that nothing here uses.
  if (typeof WebSocket === 'undefined') {
    throw new QueueError(
      'unavailable',
      `cloud-jobs needs Node.js 22 or newer, and this is ${process.version}. GitHub's runner brings Node 24 for the action; act and the command line take the first "node" on the path.`,
    );
  }
  let sent = 0;
  const rpc = createRpc({
    ...connection,
    clientInfo: `cloud-jobs/${version}`,
    onRequest: () => {
      sent += 1;
    },
  });
  return {
    queue: createQueue(rpc, () => uuid7()),
    callFunction: (fn, args) => rpc(fn, args, z.unknown()),
    requests: () => sent,
  };
}

import { v7 as uuid7 } from 'uuid';
import { z } from 'zod';
import type { PaperRpc } from '../handlers/paper-fetch/supabase-store.ts';
import { QueueError } from './errors.ts';
import { createQueue, type Queue } from './queue.ts';
import { createRpc } from './rpc.ts';

export interface OpenQueue {
  readonly queue: Queue;
  readonly paperRpc: PaperRpc;
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
  // Where a tool runs the action with a Node of its own choice (act takes the one on the path), the client's own words
  // would be about a WebSocket that nobody here uses. It is not touched: the first look at it loads all of Node's fetch.
  if (!('WebSocket' in globalThis)) {
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
    paperRpc: (fn, args) => rpc(fn, args, z.unknown()),
    requests: () => sent,
  };
}

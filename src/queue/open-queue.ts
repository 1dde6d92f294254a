import { v7 as uuid7 } from 'uuid';
import { z } from 'zod';
import type { PaperRpc } from './papers.ts';
import { createQueue, type Queue } from './queue.ts';
import { createRpc } from './rpc.ts';

export interface OpenQueue {
  readonly queue: Queue;
  readonly paperRpc: PaperRpc;
  /** Requests sent so far. */
  readonly requests: () => number;
}

/** The queue of a Supabase project. Nothing is sent before the first call. */
export function openQueue(
  connection: { url: string; key: string; publishableKey?: string | null },
  version: string,
): OpenQueue {
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

import { z } from 'zod';
import type { QueuesReply } from '../queue/control-replies.ts';
import { defineCommand } from './command.ts';
import { queueTable } from './queue-table.ts';

/** Queues with their depth and settings: all of them, or the one that a command has changed. */
export interface QueuesResult {
  readonly command: 'queues';
  readonly reply: QueuesReply;
}

export const queues = defineCommand({
  name: 'queues',
  about: 'List the queues that have unfinished jobs or settings, with depth, limits and pauses.',
  input: z.object({}),
  run: async (_, { queue }): Promise<QueuesResult> => ({ command: 'queues', reply: await queue.queues() }),
  json: ({ reply }) => reply,
  text: ({ reply }, now, width) =>
    reply.queues.length === 0
      ? 'No queue has unfinished jobs or settings.'
      : queueTable(reply.queues, now, width),
});

import type { z } from 'zod';
import type { QueueChanges } from '../queue/filter.ts';
import { CommandError } from './answer.ts';
import { type Command, type CommandContext, defineCommand } from './command.ts';
import { queueName } from './fields.ts';
import { queueTable } from './queue-table.ts';
import type { QueuesResult } from './queues.ts';

/** What `pause`, `resume` and `limit` share: each changes the settings of one queue and shows the queue as it is then. */

export const queueToSet = queueName().describe('The queue; the queues command shows them.');

interface QueueCommand<Name extends string, Input extends z.ZodObject> {
  readonly name: Name;
  readonly about: string;
  readonly input: Input;
  readonly changes: (input: z.output<Input>) => QueueChanges;
  /** Runs before the change. @throws CommandError if the change makes no sense */
  readonly check?: (queue: string, context: CommandContext) => Promise<void>;
}

export const setQueue = <Name extends string, Input extends z.ZodObject<{ queue: typeof queueToSet }>>({
  name,
  about,
  input: schema,
  changes,
  check,
}: QueueCommand<Name, Input>): Command<Name, Input, QueuesResult> =>
  defineCommand({
    name,
    about,
    input: schema,
    positional: 'queue' as Command<Name, Input>['positional'] & string,
    run: async (input, context): Promise<QueuesResult> => {
      const changed = String(input.queue);
      await check?.(changed, context);
      await context.queue.setQueue(changed, changes(input));
      const reply = await context.queue.queues();
      return {
        command: 'queues',
        reply: { ...reply, queues: reply.queues.filter(({ queue }) => queue === changed) },
      };
    },
    json: ({ reply }) => reply.queues[0],
    text: ({ reply }, now, width) => queueTable(reply.queues, now, width),
  });

/** Refuses a queue that has neither jobs nor settings, whose name is probably misspelt. */
export async function mustExist(name: string, { queue }: CommandContext): Promise<void> {
  const { queues } = await queue.queues();
  if (!queues.some((one) => one.queue === name))
    throw new CommandError(
      `The queue ${JSON.stringify(name)} has no unfinished jobs and no settings. The command queues shows those that have.`,
    );
}

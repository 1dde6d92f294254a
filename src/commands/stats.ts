import { z } from 'zod';
import type { StatsReply } from '../queue/replies.ts';
import { plural } from '../text/format.ts';
import { textTable } from '../text/table.ts';
import { defineCommand } from './command.ts';
import { queueName } from './fields.ts';

const statsInput = z.object({ queue: queueName().optional().describe('Only this queue.') });

export interface StatsResult {
  readonly command: 'stats';
  readonly reply: StatsReply;
}

export const stats = defineCommand({
  name: 'stats',
  about: 'Count jobs by queue and status.',
  input: statsInput,
  run: async ({ queue: name }, { queue }): Promise<StatsResult> => ({
    command: 'stats',
    reply: await queue.stats(name),
  }),
  json: ({ reply }) => reply,
  text: ({ reply }) => [countsTable(reply), ...wakeLines(reply)].join('\n'),
});

function countsTable({ queues, due, jobs }: StatsReply): string {
  const row = (name: string, counts: Readonly<Record<(typeof COLUMNS)[number], number>>): string[] => [
    name,
    ...COLUMNS.map((column) => String(counts[column])),
  ];
  return textTable(
    ['Queue', 'Due', 'Waiting', 'Locked', 'Success', 'Failed', 'Disabled'],
    [...queues.map((queue) => row(queue.queue, queue)), row('all', { ...jobs, due })],
  );
}

const COLUMNS = ['due', 'waiting', 'locked', 'success', 'failed', 'disabled'] as const;

function wakeLines({ wake }: StatsReply): string[] {
  if (wake === null) return [];
  return [
    `Wake on work: ${plural(wake.calls_24h, 'call')} in 24 hours, ${wake.errors_24h} failed.`,
    ...wake.watched
      .filter(({ errors }) => errors > 0)
      .map(
        ({ queue, repository, last_error: error }) =>
          `  ${repository} (queue ${queue}) was not woken: ${error}`,
      ),
  ];
}

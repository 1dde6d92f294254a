import { z } from 'zod';
import type { StatsReply, Unattended } from '../queue/replies.ts';
import { plural } from '../text/format.ts';
import { textTable } from '../text/table.ts';
import { defineCommand } from './command.ts';
import { queueName } from './fields.ts';
import { UNATTENDED_ADVICE, unattendedWords } from './unattended.ts';

const statsInput = z.object({ queue: queueName().optional().describe('Only this queue.') });

export interface StatsResult {
  readonly command: 'stats';
  readonly reply: StatsReply;
  /** Queues and job types that have had due jobs for hours, while no worker asked for them. */
  readonly unattended?: Unattended;
}

export const stats = defineCommand({
  name: 'stats',
  about: 'Count jobs by queue and status.',
  input: statsInput,
  run: async ({ queue: name }, { queue }): Promise<StatsResult> => ({
    command: 'stats',
    reply: await queue.stats(name),
    unattended: await queue.unattended(name),
  }),
  json: ({ reply, unattended = [] }) => ({ ...reply, unattended }),
  text: ({ reply, unattended = [] }, now, width) =>
    [
      countsTable(reply, width),
      ...unattended.map((one) => `Warning: ${unattendedWords(one, now)} ${UNATTENDED_ADVICE}`),
      ...wakeLines(reply),
    ].join('\n'),
});

function countsTable({ queues, due, jobs }: StatsReply, width: number): string {
  const row = (name: string, counts: Readonly<Record<(typeof COLUMNS)[number], number>>): string[] => [
    name,
    ...COLUMNS.map((column) => String(counts[column])),
  ];
  return textTable(
    ['Queue', 'Due', 'Waiting', 'Locked', 'Success', 'Failed', 'Disabled'],
    [...queues.map((queue) => row(queue.queue, queue)), row('all', { ...jobs, due })],
    width,
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

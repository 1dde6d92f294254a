import { z } from 'zod';
import type { StatsReply, Unattended } from '../queue/report-replies.ts';
import { duration, plural } from '../text/format.ts';
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
  about: 'Count jobs by queue and status, and the attempts of the last 24 hours by queue and type.',
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
      ...attemptTables(reply, width),
      ...unattended.map((one) => `Warning: ${unattendedWords(one, now)} ${UNATTENDED_ADVICE}`),
      ...wakeLines(reply),
    ].join('\n'),
});

function countsTable({ queues, due, jobs, oldest_due_seconds }: StatsReply, width: number): string {
  const row = (name: string, counts: Counts): string[] => [
    name,
    String(counts.due),
    counts.oldest_due_seconds === null ? '' : duration(counts.oldest_due_seconds),
    ...STATUSES.map((status) => String(counts[status])),
  ];
  return textTable(
    ['Queue', 'Due', 'Oldest due', 'Waiting', 'Locked', 'Success', 'Failed', 'Disabled'],
    [...queues.map((queue) => row(queue.queue, queue)), row('all', { ...jobs, due, oldest_due_seconds })],
    width,
  );
}

const STATUSES = ['waiting', 'locked', 'success', 'failed', 'disabled'] as const;
type Counts = Omit<StatsReply['queues'][number], 'queue'>;

/** How the attempts of the last 24 hours went, by queue and by type. */
function attemptTables({ executions_24h: day }: StatsReply, width: number): string[] {
  if (day.by_queue.length === 0) return [];
  const table = (title: string, lines: readonly (readonly [name: string, line: Attempts])[]): string =>
    textTable(
      [title, 'Succeeded', 'Failed', 'Lost', 'Expired', 'Average', '95 % within'],
      lines.map(([name, { success, failed, lost, expired, average_seconds: average, p95_seconds: p95 }]) => [
        name,
        ...[success, failed, lost, expired].map(String),
        ...[average, p95].map((seconds) => (seconds === null ? '' : duration(seconds))),
      ]),
      width,
    );
  return [
    '',
    `Attempts of the last 24 hours${day.is_partial ? ', the newest 100,000' : ''}:`,
    table(
      'Queue',
      day.by_queue.map((line) => [line.queue, line]),
    ),
    '',
    table(
      'Type',
      day.by_type.map((line) => [line.job_type, line]),
    ),
  ];
}

type Attempts = Omit<StatsReply['executions_24h']['by_queue'][number], 'queue'>;

function wakeLines({ wake }: StatsReply): string[] {
  if (wake === null) return [];
  return [
    `Wake on work: ${plural(wake.calls_24h, 'call')} in 24 hours, ${wake.errors_24h} failed.`,
    ...wake.watched
      .filter(({ errors }) => errors > 0)
      .map(({ queue, target, last_error: error }) => `  ${target} (queue ${queue}) was not woken: ${error}`),
  ];
}

import { z } from 'zod';
import type { BacklogReply } from '../queue/replies.ts';
import { plural } from '../text/format.ts';
import { textTable } from '../text/table.ts';
import { defineCommand } from './command.ts';
import { jobTypes, queues, wholeNumber } from './fields.ts';
import { SILENCE_MINUTES } from './liveness.ts';
import { runWarnings } from './run-warnings.ts';

const planInput = z.object({
  queues,
  jobTypes,
  maxWorkers: wholeNumber(1, 256).prefault('4').describe('The most workers to start, 1 to 256.'),
  jobsPerWorker: wholeNumber(1, 10_000)
    .prefault('25')
    .describe('One worker for each so many due jobs, 1 to 10000.'),
});

export interface PlanResult {
  readonly command: 'plan';
  readonly reply: BacklogReply;
  /** Workers worth starting. */
  readonly workers: number;
  /** Ticks that come late, and a long silence. */
  readonly warnings: readonly string[];
}

/** What the plan comes to: jobs may be due that no worker could start, as in a paused queue. */
export function planTitle(workers: number, { queues }: PlanResult['reply']): string {
  if (workers > 0) return `${plural(workers, 'worker')} to start`;
  return queues.some(({ due }) => due > 0)
    ? 'No worker to start: no due job may start now'
    : 'Nothing is due';
}

export const plan = defineCommand({
  name: 'plan',
  about: 'Say how many workers are worth starting.',
  input: planInput,
  run: async (input, context): Promise<PlanResult> => {
    const { planner } = context;
    const reply = await context.queue.backlog(input.queues, input.jobTypes, planner);
    // Each worker takes all the queues, so that none idles beside one that is full.
    const jobs = reply.queues.reduce((sum, { side_by_side: n }) => sum + n, 0);
    const around = { silenceMinutes: SILENCE_MINUTES, keepalive: false, githubToken: undefined };
    return {
      command: 'plan',
      reply,
      workers: Math.min(input.maxWorkers, Math.ceil(jobs / input.jobsPerWorker)),
      warnings: await runWarnings(around, planner?.trigger ?? null, reply.worker ?? null, context),
    };
  },
  json: ({ workers, reply }) => ({ workers, queues: reply.queues }),
  text: ({ workers, warnings, reply }, _now, width) =>
    [
      `${planTitle(workers, reply)}.`,
      ...warnings.map((warning) => `Warning: ${warning}`),
      textTable(
        ['Queue', 'Due', 'Side by side'],
        reply.queues.map(({ queue, due, side_by_side: n }) => [queue, String(due), String(n)]),
        width,
      ),
    ].join('\n'),
});

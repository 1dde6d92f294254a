import { z } from 'zod';
import type { ListReply } from '../queue/replies.ts';
import { JOB_STATUSES } from '../queue/types.ts';
import { defineCommand } from './command.ts';
import { jobType, oneOf, queueName, text, wholeNumber } from './fields.ts';
import { jobTable } from './job-table.ts';

const listInput = z.object({
  status: oneOf(JOB_STATUSES)
    .optional()
    .describe('Only jobs of this status: waiting, locked, success, failed or disabled.'),
  queue: queueName().optional().describe('Only this queue.'),
  jobType: jobType().optional().describe('Only jobs of this type.'),
  name: text(500).optional().describe('Only jobs of this name.'),
  limit: wholeNumber(1, 1000).prefault('50').describe('Jobs to show, newest first, 1 to 1000.'),
});

export interface ListResult {
  readonly command: 'list';
  readonly reply: ListReply;
}

export const list = defineCommand({
  name: 'list',
  about: 'List jobs, newest first.',
  input: listInput,
  run: async (input, { queue }): Promise<ListResult> => ({
    command: 'list',
    reply: await queue.list(
      Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)),
    ),
  }),
  json: ({ reply }) => reply,
  text: ({ reply }, now) =>
    reply.jobs.length === 0
      ? 'No job matches.'
      : `${jobTable(reply.jobs, now, true)}${reply.next ? '\nThere are more: raise the limit.' : ''}`,
});

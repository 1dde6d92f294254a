import { z } from 'zod';
import type { ListReply } from '../queue/replies.ts';
import { JOB_STATUSES } from '../queue/types.ts';
import { defineCommand } from './command.ts';
import { given, jobType, oneOf, queueName, text, wholeNumber, yesOrNo } from './fields.ts';
import { jobTable } from './job-table.ts';

const listInput = z.object({
  status: oneOf(JOB_STATUSES)
    .optional()
    .describe('Only jobs of this status: waiting, locked, success, failed or disabled.'),
  queue: queueName().optional().describe('Only this queue.'),
  jobType: jobType().optional().describe('Only jobs of this type.'),
  name: text(500).optional().describe('Only jobs of this name.'),
  recurring: yesOrNo().prefault('false').describe('Only jobs with a schedule.'),
  before: text(200)
    .optional()
    .describe('Continue with the next page: the value that the page before ended with.'),
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
  run: async ({ jobType: type, recurring, before, limit, ...filter }, { queue }): Promise<ListResult> => ({
    command: 'list',
    reply: await queue.search(
      given({ ...filter, job_type: type, recurring: recurring || undefined }),
      limit,
      before,
    ),
  }),
  json: ({ reply }) => reply,
  text: ({ reply: { jobs, next } }, now, width) => {
    if (jobs.length === 0) return 'No job matches.';
    const more = next === null ? '' : `\n\nThere are more. The next page: --before '${next}'`;
    return `${jobTable(jobs, now, width, true)}${more}`;
  },
});

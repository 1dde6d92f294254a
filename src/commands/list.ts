import { z } from 'zod';
import type { ListReply } from '../queue/replies.ts';
import { defineCommand } from './command.ts';
import { text, wholeNumber, yesOrNo } from './fields.ts';
import { filterFields, filterOf } from './job-filter.ts';
import { jobTable } from './job-table.ts';

const listInput = z.object({
  ...filterFields,
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
  run: async (input, { queue, now }): Promise<ListResult> => ({
    command: 'list',
    reply: await queue.search(
      { ...filterOf(input, now()), ...(input.recurring && { recurring: true }) },
      input.limit,
      input.before,
    ),
  }),
  json: ({ reply }) => reply,
  text: ({ reply: { jobs, next } }, now, width) => {
    if (jobs.length === 0) return 'No job matches.';
    const more = next === null ? '' : `\n\nThere are more. The next page: --before '${next}'`;
    return `${jobTable(jobs, now, width, true)}${more}`;
  },
});

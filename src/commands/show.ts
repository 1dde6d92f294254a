import { z } from 'zod';
import type { ShowReply } from '../queue/replies.ts';
import { comingOccurrences, lateWords, missedWords } from '../schedule/coming.ts';
import { scheduleInWords } from '../schedule/in-words.ts';
import { duration, moment } from '../text/format.ts';
import { textTable } from '../text/table.ts';
import { CommandError } from './answer.ts';
import { noJob } from './change-jobs.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { jobId, text, wholeNumber } from './fields.ts';
import { jobTable } from './job-table.ts';

const showInput = z
  .object({
    jobId: jobId().optional().describe('Id of the job; the list command shows it.'),
    name: text(500).optional().describe('Show the newest job of this name.'),
    limit: wholeNumber(1, 200).prefault('10').describe('Executions to show, newest first, 1 to 200.'),
  })
  .superRefine(({ jobId: id, name }, context) => {
    if (id === undefined && name === undefined)
      context.addIssue('show needs `job-id` or `name`; the list command shows both.');
    if (id !== undefined && name !== undefined) context.addIssue('show takes `job-id` or `name`, not both.');
  });

export interface ShowResult {
  readonly command: 'show';
  readonly reply: ShowReply;
}

export const show = defineCommand({
  name: 'show',
  about: 'Show one job with its executions.',
  input: showInput,
  positional: 'jobId',
  run: async (input, { queue }): Promise<ShowResult> => {
    const id = input.jobId ?? (await newestOfName(input.name ?? '', queue));
    const reply = await queue.show(id, input.limit);
    if (!reply.job) throw noJob(id);
    return { command: 'show', reply };
  },
  json: ({ reply }) => reply,
  text: ({ reply }, now) => showText(reply, now),
});

async function newestOfName(name: string, queue: CommandContext['queue']): Promise<string> {
  const { jobs } = await queue.list({ name, limit: 1 });
  const job = jobs[0];
  if (!job)
    throw new CommandError(
      `There is no job with the name ${JSON.stringify(name)}. The command list shows all.`,
    );
  return job.job_id;
}

function showText({ job, executions }: ShowReply, now: Date): string {
  if (!job) return 'There is no such job.';
  const history = textTable(
    ['Execution', 'Attempt', 'Started', 'Took', 'Result or error'],
    executions.map((execution) => [
      execution.failure_kind ? `failed: ${execution.failure_kind}` : execution.status,
      String(execution.attempt),
      moment(execution.started_at, now) + lateWords(execution),
      execution.duration_seconds === null ? '' : duration(execution.duration_seconds),
      (execution.error_message ?? JSON.stringify(execution.result)).slice(0, 200),
    ]),
  );
  const next = comingOccurrences(job, now);
  return [
    jobTable([job], now),
    ...(job.schedule === null
      ? []
      : [
          `Schedule: ${job.schedule}: ${scheduleInWords(job.schedule, job.timezone)}; missed occurrences: ${missedWords(job)}`,
        ]),
    ...(next.length === 0 ? [] : [`Next: ${next.map((at) => moment(at, now)).join(', ')}`]),
    `Config: ${JSON.stringify(job.config, null, 2)}`,
    executions.length > 0 ? history : 'It has not run yet.',
  ].join('\n');
}

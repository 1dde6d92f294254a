import { z } from 'zod';
import type { ExecutionRow } from '../queue/job.ts';
import type { ShowReply } from '../queue/replies.ts';
import { comingOccurrences, lateWords, missedWords } from '../schedule/coming.ts';
import { scheduleInWords } from '../schedule/in-words.ts';
import { familyLines } from '../text/family.ts';
import { clockTime, duration, moment, progressInWords } from '../text/format.ts';
import { stepLines } from '../text/steps.ts';
import { textTable } from '../text/table.ts';
import { CommandError } from './answer.ts';
import { followerNames } from './apply-words.ts';
import { noJob } from './change-jobs.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { jobId, text, wholeNumber } from './fields.ts';
import { statusWords } from './job-table.ts';

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
  text: ({ reply }, now, width) => showText(reply, now, width),
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

const RESULT_CHARS = 200;

function showText({ job, executions, family, steps }: ShowReply, now: Date, width: number): string {
  if (!job) return 'There is no such job.';
  const history = textTable(
    ['Started', 'Attempt', 'Outcome', 'Took', 'Result or error'],
    executions.map((execution) => [
      moment(execution.started_at, now, job.timezone) + lateWords(execution),
      String(execution.attempt),
      execution.failure_kind ?? execution.status,
      execution.duration_seconds === null ? '' : duration(execution.duration_seconds),
      resultOf(execution),
    ]),
    width,
  );
  return [
    ...facts(job, executions[0], now).flatMap(([label, value]) => (value ? [`${label}: ${value}`] : [])),
    ...familyLines(family),
    ...stepLines(steps, now),
    '',
    executions.length > 0 ? history : 'It has not run yet.',
  ].join('\n');
}

type Job = NonNullable<ShowReply['job']>;

/** What is known of a job, by label; an empty value is not shown. */
function facts(job: Job, newest: ExecutionRow | undefined, now: Date): [label: string, value: string][] {
  const running = newest?.status === 'running' ? newest : undefined;
  const next = comingOccurrences(job, now);
  return [
    ['Job', job.name],
    ['Id', job.job_id],
    ['Description', job.description],
    ['Status', statusWords(job, now)],
    ['After each occurrence', followerNames(job.followers ?? null).join(', ')],
    ['Due', job.status === 'waiting' ? moment(job.run_at, now, job.timezone) : ''],
    ['Progress', running ? progressInWords(running.progress) : ''],
    ['Worker', job.locked_by ?? ''],
    ['Run', running?.run_url ?? ''],
    [
      'Lock',
      job.lock_expires_at && !job.lock_expired
        ? `ends ${moment(job.lock_expires_at, now)} unless it is renewed`
        : '',
    ],
    [
      'Expires',
      job.status === 'waiting' && job.expires_at
        ? `${moment(job.expires_at, now)} unless it has started`
        : '',
    ],
    ['Cancel', job.cancel_requested_at ? `requested ${moment(job.cancel_requested_at, now)}` : ''],
    ['Attempts', `${job.current_retries} of ${job.max_retries} retries used${retryWords(job)}`],
    ['Queue', `${job.queue}, type ${job.job_type}, priority ${job.priority}`],
    ['Schedule', scheduleWords(job)],
    ['Next', next.map((at) => clockTime(at, now, job.timezone)).join('; ')],
    ['Unique key', job.unique_key ?? ''],
    ['Concurrency key', concurrencyWords(job)],
    ['Timeout', job.timeout_seconds === null ? '' : duration(job.timeout_seconds)],
    ['Source', job.source ?? ''],
    ['Created', moment(job.created_at, now)],
    ['Finished', moment(job.finished_at, now)],
    ['Error', job.error_message ?? ''],
    ['Config', JSON.stringify(job.config, null, 2)],
  ];
}

const concurrencyWords = ({ concurrency_key: key, concurrency_limit: limit }: Job): string =>
  key === null ? '' : (limit ?? 1) === 1 ? key : `${key}, up to ${limit} at a time`;

function retryWords({ retry_delay_seconds: delay, retry_factor: factor }: Job): string {
  if (delay === null || delay === undefined) return '';
  const grows = (factor ?? 1) > 1 ? `, each ${factor} times as long as the one before, up to a day` : '';
  return `; a retry waits ${duration(delay)}${grows}`;
}

const scheduleWords = (job: Job): string =>
  job.schedule === null
    ? ''
    : `${job.schedule}: ${scheduleInWords(job.schedule, job.timezone)}; missed occurrences: ${missedWords(job)}`;

function resultOf({ error_message: error, result, progress, status }: ExecutionRow): string {
  if (status === 'running') return progressInWords(progress);
  const text = error ?? (result === null ? '' : JSON.stringify(result));
  return text.length > RESULT_CHARS ? `${text.slice(0, RESULT_CHARS).toWellFormed()}…` : text;
}

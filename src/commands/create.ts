import { z } from 'zod';
import { checkConfig, JOB_TYPE_NAMES } from '../handlers/index.ts';
import type { NewJob } from '../queue/requests.ts';
import { MISSED, ON_CONFLICT, ON_PARENT_FAILURE } from '../queue/types.ts';
import { scheduleFaults } from '../schedule/schedule-fault.ts';
import { CommandError } from './answer.ts';
import { defineCommand } from './command.ts';
import { keyFromConfig } from './config-key.ts';
import {
  config,
  decimal,
  given,
  handlersToCheck,
  jobId,
  jobType,
  list,
  minutes,
  oneOf,
  queueName,
  secondsOf,
  text,
  wholeNumber,
} from './fields.ts';
import { inOneLine } from './job-table.ts';
import { instantSchema, retryDelaySchema, runAtSchema, spanSchema } from './run-at.ts';
import { UNATTENDED_ADVICE, unattendedWords } from './unattended.ts';

export const createInput = z
  .object({
    name: text(500).describe('Name of the job, such as "Nightly report".'),
    jobType: jobType().describe(`Type of the job: ${JOB_TYPE_NAMES.join(', ')}.`),
    config: config()
      .prefault('{}')
      .describe('What the job needs, as a JSON object, such as {"handler": "report"}. At most 256 KiB.'),
    description: text(10_000).prefault('').describe('A note for people.'),
    maxRetries: wholeNumber(0, 100)
      .optional()
      .describe('Attempts after the first one that fails, 0 to 100. Default: 3.'),
    retryDelay: retryDelaySchema()
      .optional()
      .describe(
        'How long the first retry waits, as a time span (30s, 5m). The handler says so unless given, else 30 s and twice as long each time, up to 6 h.',
      ),
    retryFactor: decimal(1, 10)
      .optional()
      .describe(
        'By how much longer each further retry waits, up to a day: 1 (with `retry-delay`, all wait as long; the default) to 10.',
      ),
    priority: wholeNumber(-100, 100).prefault('0').describe('-100 to 100; smaller runs first.'),
    runAt: runAtSchema()
      .optional()
      .describe(
        'When the job is due: a time with zone (2026-12-24T18:00:00Z), or a delay (90m, in 2h). Default: now.',
      ),
    queue: queueName().prefault('default').describe('Queue of the job.'),
    uniqueKey: text(500)
      .optional()
      .describe(
        'Names one unfinished job of its queue; creating the same key again adds nothing unless `on-conflict` says otherwise.',
      ),
    onConflict: oneOf(ON_CONFLICT)
      .optional()
      .describe(
        'What happens if there is such a job: keep (nothing is added; the default), replace (if it waits, it takes the new config and due time), next (nothing if it waits). With replace and next, if it runs, one more waits behind it.',
      ),
    concurrencyKey: text(500)
      .optional()
      .describe(
        'At most `concurrency-limit` jobs with the same key run at a time, over all workers and queues. May hold values of the config, such as customer:{config.customer_id}; so may `unique-key`.',
      ),
    concurrencyLimit: wholeNumber(1, 1000)
      .optional()
      .describe('Jobs with the same `concurrency-key` that run at a time, 1 to 1000. Default: 1.'),
    timeoutMinutes: minutes(0, 360)
      .optional()
      .describe('The longest that one attempt may take. Default: no limit of its own.'),
    schedule: text(500)
      .optional()
      .describe(
        'Makes the job recurring: a cron expression of five fields, such as "30 6 * * 1-5", or @hourly, @daily, @weekly, @monthly, @yearly.',
      ),
    timezone: text(100)
      .optional()
      .describe('IANA time zone of the schedule, such as Europe/Berlin. Default: UTC.'),
    missed: oneOf(MISSED)
      .optional()
      .describe(
        'What becomes of occurrences that no run started in time: once (late by one or by fifty, it runs once; the default), skip (those later than the grace are recorded as skipped), all (each, oldest first, the newest hundred at most).',
      ),
    missedGraceMinutes: minutes(0, 525_600)
      .optional()
      .describe('How late an occurrence may start with missed: skip. Default: 15.'),
    expiresAt: instantSchema()
      .optional()
      .describe(
        'If the job has not started by this time (2026-12-24T18:00:00Z), it fails as expired. Default: it waits for ever.',
      ),
    expiresIn: spanSchema()
      .optional()
      .describe(
        'The same as a time span (30m, 2h), counted from when the job is due, and for a recurring job from each occurrence.',
      ),
    dependsOn: list(jobId(), 1000)
      .optional()
      .describe('Ids of jobs, separated by commas: the new job starts when all of them have succeeded.'),
    onParentFailure: oneOf(ON_PARENT_FAILURE)
      .optional()
      .describe(
        'What becomes of the job if one that it depends on fails for good or is deleted: cancel (the default), run (it starts all the same), wait (until that one was retried and succeeds).',
      ),
    handlers: handlersToCheck,
  })
  .superRefine((input, context) => {
    const { schedule, timezone = 'UTC', missed, missedGraceMinutes: grace } = input;
    const fail = (message: string, ...path: string[]) => context.addIssue({ code: 'custom', message, path });
    if (input.expiresAt !== undefined && input.expiresIn !== undefined)
      fail('create takes `expires-at` or `expires-in`, not both.');
    if (input.expiresAt !== undefined && schedule !== undefined)
      fail('A recurring job takes `expires-in`, which counts for each occurrence, and not `expires-at`.');
    if (input.onConflict !== undefined && input.uniqueKey === undefined)
      fail('`on-conflict` is about the `unique-key`. Give that too.');
    if (schedule !== undefined && (input.onConflict ?? 'keep') !== 'keep')
      fail('A recurring job goes only with `on-conflict` keep.');
    if (input.retryFactor !== undefined && input.retryDelay === undefined)
      fail('`retry-factor` goes with `retry-delay`. Give that too.');
    if (input.concurrencyLimit !== undefined && input.concurrencyKey === undefined)
      fail('`concurrency-limit` is for jobs with a `concurrency-key`. Give that too.');
    if (input.onParentFailure !== undefined && input.dependsOn === undefined)
      fail('`on-parent-failure` is about the jobs in `depends-on`. Give that too.');
    if (schedule !== undefined && input.dependsOn !== undefined)
      fail('A recurring job cannot depend on others. Give `schedule` or `depends-on`, not both.');
    if (schedule === undefined) {
      for (const [name, value] of [
        ['timezone', input.timezone],
        ['missed', missed],
        ['missed-grace-minutes', grace],
      ] as const) {
        if (value !== undefined) fail(`\`${name}\` is for recurring jobs. Give \`schedule\` too.`);
      }
      return;
    }
    for (const { part, reason } of scheduleFaults(schedule, timezone)) fail(reason, part);
    if (grace !== undefined && missed !== 'skip') fail('`missed-grace-minutes` goes with `missed` skip.');
  });
export type CreateInput = z.output<typeof createInput>;

export interface CreateResult {
  readonly command: 'create';
  readonly jobId: string;
  readonly name: string;
  readonly created: boolean;
  /** The waiting job took the new config and due time. */
  readonly replaced?: boolean;
  /** What else the user should know, such as that no worker asks for the queue. */
  readonly warnings?: readonly string[];
}

export const create = defineCommand({
  name: 'create',
  about: 'Add a job.',
  input: createInput,
  run: async (input, { queue, checkByHandlers, now }): Promise<CreateResult> => {
    const job = newJob(input);
    const [problem] = await checkByHandlers([{ type: input.jobType, config: input.config }], input.handlers);
    if (problem) throw new CommandError(`The config does not fit its handler: ${problem}`);
    const reply = await queue.enqueue([job]);
    const added = reply.jobs[0];
    if (!added)
      throw new CommandError('The database took the job but named none. This is a defect: please report it.');
    // A key that may only enqueue cannot ask; the job is created all the same.
    const unattended = await queue.unattended(input.queue).catch(() => []);
    const warnings = unattended
      .filter(({ job_type: type }) => type === input.jobType)
      .map((one) => `${unattendedWords(one, now())} ${UNATTENDED_ADVICE}`);
    return {
      command: 'create',
      jobId: added.job_id,
      name: input.name,
      created: added.created,
      replaced: added.replaced,
      warnings,
    };
  },
  json: ({ jobId, created, replaced = false, warnings }) => ({
    job_id: jobId,
    created,
    replaced,
    warnings: warnings ?? [],
  }),
  text: ({ warnings, ...result }) =>
    [createdWords(result), ...(warnings ?? []).map((warning) => `Warning: ${warning}`)].join('\n'),
});

/** The result of creating the job, as a sentence. */
export function createdWords({
  created,
  replaced,
  name,
  jobId,
}: Pick<CreateResult, 'created' | 'replaced' | 'name' | 'jobId'>): string {
  if (created) return `Created ${inOneLine(name)}: ${jobId}`;
  if (replaced)
    return `Replaced: the waiting job ${jobId} with the same unique key took the new config and due time.`;
  return `Nothing added: the unfinished job ${jobId} has the same unique key.`;
}

/**
 * The job that the input describes.
 * @throws Error that says what is wrong with the config, so that a typo is reported before the job runs
 */
export function newJob(input: CreateInput): NewJob {
  const { runAt, schedule } = input;
  const keyOfType = checkConfig(input.jobType, input.config);
  return given({
    name: input.name,
    job_type: input.jobType,
    config: input.config,
    description: input.description,
    priority: input.priority,
    queue: input.queue,
    max_retries: input.maxRetries,
    retry_delay_seconds: input.retryDelay,
    retry_factor: input.retryFactor,
    run_at: runAt && 'instant' in runAt ? runAt.instant : undefined,
    delay_seconds: runAt && 'delaySeconds' in runAt ? runAt.delaySeconds : undefined,
    unique_key: input.uniqueKey && keyFromConfig(input.uniqueKey, input.config),
    on_conflict: input.onConflict,
    depends_on: input.dependsOn,
    on_parent_failure: input.onParentFailure,
    concurrency_key: input.concurrencyKey
      ? keyFromConfig(input.concurrencyKey, input.config)
      : (keyOfType ?? undefined),
    concurrency_limit: input.concurrencyLimit,
    expires_at: input.expiresAt,
    expires_in_seconds: input.expiresIn,
    timeout_seconds: input.timeoutMinutes === undefined ? undefined : secondsOf(input.timeoutMinutes),
    ...(schedule !== undefined && {
      schedule,
      timezone: input.timezone ?? 'UTC',
      missed: input.missed ?? 'once',
      missed_grace_seconds:
        input.missedGraceMinutes === undefined ? undefined : secondsOf(input.missedGraceMinutes),
    }),
  });
}

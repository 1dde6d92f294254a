import { z } from 'zod';
import type { JobChanges } from '../queue/filter.ts';
import { noJob } from './change-jobs.ts';
import { defineCommand } from './command.ts';
import { createInput } from './create.ts';
import { config, given, jobId, queueName, secondsOf, text, wholeNumber } from './fields.ts';
import type { RunAt } from './run-at.ts';

const { retryDelay, retryFactor, runAt, timeoutMinutes, schedule, timezone } = createInput.shape;

const updateInput = z
  .object({
    jobId: jobId().describe('Id of the job; the list command shows it.'),
    name: text(500).optional().describe('New name.'),
    config: config().optional().describe('New config, as a JSON object. It replaces the old one.'),
    description: text(10_000).optional().describe('New note for people.'),
    priority: wholeNumber(-100, 100).optional().describe('New priority, -100 to 100; smaller runs first.'),
    runAt: runAt.describe(
      'When the job is due: a time with zone (2026-12-24T18:00:00Z), or a delay (90m, in 2h).',
    ),
    queue: queueName().optional().describe('Move the job to this queue.'),
    maxRetries: wholeNumber(0, 100).optional().describe('New number of retries, 0 to 100.'),
    retryDelay: retryDelay.describe('How long the first retry waits, as a time span (30s, 5m).'),
    retryFactor: retryFactor.describe('By how much longer each further retry waits, 1 to 10.'),
    timeoutMinutes: timeoutMinutes.describe('The longest that one attempt may take.'),
    schedule: schedule.describe(
      'New schedule: a cron expression of five fields, or @hourly, @daily, @weekly, @monthly, @yearly. Moves the job to its next occurrence.',
    ),
    timezone: timezone.describe('New IANA time zone of the schedule, such as Europe/Berlin.'),
  })
  .refine(({ jobId: _, ...changes }) => Object.values(changes).some((value) => value !== undefined), {
    message: 'update needs something to change, such as `config`, `run-at` or `priority`.',
  });

export const update = defineCommand({
  name: 'update',
  about: 'Change a job that does not run: its config, priority, due time, retries or schedule.',
  input: updateInput,
  positional: 'jobId',
  run: async ({ jobId: id, ...input }, { queue }) => {
    const { job, now } = await queue.show(id, 1);
    if (!job) throw noJob(id);
    const changes: JobChanges = given({
      name: input.name,
      config: input.config,
      description: input.description,
      priority: input.priority,
      run_at: input.runAt && instantOf(input.runAt, now),
      queue: input.queue,
      max_retries: input.maxRetries,
      retry_delay_seconds: input.retryDelay,
      retry_factor: input.retryFactor,
      timeout_seconds: input.timeoutMinutes === undefined ? undefined : secondsOf(input.timeoutMinutes),
      schedule: input.schedule,
      timezone: input.timezone,
    });
    return { command: 'verb', verb: 'update', replies: [await queue.update(id, changes)] } as const;
  },
  json: ({ replies: [reply] }) => reply,
  text: ({ replies: [reply] }) =>
    reply?.applied
      ? `${reply.changed ? 'Updated' : 'Nothing to change'}: ${reply.job_id} is ${reply.status}.`
      : `Not updated: ${reply?.reason ?? 'the job is not there.'}`,
  exitCode: ({ replies: [reply] }) => (reply?.applied ? 0 : 1),
});

/** A delay counts from the database's clock. */
const instantOf = (at: RunAt, now: string): string =>
  'instant' in at ? at.instant : new Date(Date.parse(now) + at.delaySeconds * 1000).toISOString();

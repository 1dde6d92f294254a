import type { z } from 'zod';
import { JOB_TYPE_NAMES } from '../handlers/index.ts';
import type { JobFilter } from '../queue/filter.ts';
import { FAILURE_KINDS, JOB_STATUSES } from '../queue/types.ts';
import { config, given, jobType, oneOf, queueName, text } from './fields.ts';
import { type RunAt, runAtSchema } from './run-at.ts';

/** The fields by which `list` and the commands that change jobs select jobs; all that are given must match. */
export const filterFields = {
  status: oneOf(JOB_STATUSES)
    .optional()
    .describe('Only jobs of this status: waiting, locked, success, failed or disabled.'),
  queue: queueName().optional().describe('Only this queue.'),
  jobType: jobType()
    .optional()
    .describe(`Only jobs of this type: ${JOB_TYPE_NAMES.join(', ')}.`),
  name: text(500).optional().describe('Only jobs of this name.'),
  handler: text(500).optional().describe('Only custom jobs with this handler.'),
  error: text(500).optional().describe('Only jobs whose error has this text, in any case.'),
  failureKind: oneOf(FAILURE_KINDS)
    .optional()
    .describe(`Only jobs with an attempt that ended so: ${FAILURE_KINDS.join(', ')}.`),
  createdBefore: runAtSchema()
    .optional()
    .describe('Only jobs created before a time with zone (2026-12-24T18:00:00Z), or longer ago than 7d.'),
  createdAfter: runAtSchema()
    .optional()
    .describe('Only jobs created since a time with zone (2026-12-24T18:00:00Z), or within the last 90m.'),
  configContains: config()
    .refine((value) => Object.keys(value).length > 0, 'must have a field, or it matches every job')
    .optional()
    .describe('Only jobs whose config contains this JSON object, such as {"customer": 7}.'),
};

type FilterFields = z.output<z.ZodObject<typeof filterFields>>;

/** The fields that were given, as the database takes them. A time span counts back from now. */
export const filterOf = (input: FilterFields, now: Date): JobFilter =>
  given({
    status: input.status,
    queue: input.queue,
    job_type: input.jobType,
    name: input.name,
    handler: input.handler,
    error: input.error,
    failure_kind: input.failureKind,
    created_before: input.createdBefore && instantBefore(input.createdBefore, now),
    created_after: input.createdAfter && instantBefore(input.createdAfter, now),
    config_contains: input.configContains,
  });

const instantBefore = (at: RunAt, now: Date): string =>
  'instant' in at ? at.instant : new Date(now.getTime() - at.delaySeconds * 1000).toISOString();

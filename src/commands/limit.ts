import { z } from 'zod';
import type { QueueChanges } from '../queue/filter.ts';
import { given, minutes, orNone, secondsOf, wholeNumber } from './fields.ts';
import { queueToSet, setQueue } from './set-queue.ts';

const limitInput = z
  .object({
    queue: queueToSet,
    maxRunning: orNone(wholeNumber(1, 100_000))
      .optional()
      .describe('Jobs that run at the same time, on all workers together, or none for no limit.'),
    rate: orNone(wholeNumber(1, 1_000_000))
      .optional()
      .describe('Jobs that start in each period of `rate-minutes`, or none for no limit.'),
    rateMinutes: minutes(0, 10_080)
      .optional()
      .describe('The period of `rate` in minutes, up to 10080 (7 days). Default: the present one, or 1.'),
    defaultTimeoutMinutes: orNone(minutes(0, 360))
      .optional()
      .describe('The longest that an attempt may take if its job says nothing else, or none for no limit.'),
  })
  .superRefine(({ queue: _, rate, ...input }, context) => {
    if (Object.values({ rate, ...input }).every((value) => value === undefined))
      context.addIssue(
        'limit needs something to change: `max-running`, `rate` or `default-timeout-minutes`.',
      );
    if (input.rateMinutes !== undefined && typeof rate !== 'number')
      context.addIssue('`rate-minutes` is the period of a rate. Give `rate` as a number too.');
  });

export const limit = setQueue({
  name: 'limit',
  about: 'Change the limits of a queue: jobs at the same time, starts per period, default timeout.',
  input: limitInput,
  changes: ({ maxRunning, rate, rateMinutes, defaultTimeoutMinutes: timeout }): QueueChanges =>
    given({
      max_running: maxRunning,
      rate_limit: rate,
      rate_period_seconds: rateMinutes && secondsOf(rateMinutes),
      default_timeout_seconds: timeout && secondsOf(timeout),
    }),
});

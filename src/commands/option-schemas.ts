import { z } from 'zod';
import { JOB_TYPE_NAMES } from '../handlers/index.ts';
import { JOB_STATUSES, type Json, MISSED } from '../queue/types.ts';
import { jsonFault } from '../text/json-fault.ts';
import { jsonPlace } from '../text/json-place.ts';
import { keySchema, publishableKeySchema, urlSchema } from './connection.ts';
import { nearest, type OptionName } from './option-names.ts';
import { runAtSchema } from './run-at.ts';

/** When the exit code of `run` is 1. */
export const FAIL_ON = ['failed', 'any', 'never'] as const;
export type FailOn = (typeof FAIL_ON)[number];

const QUEUE = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$/;
const QUEUE_RULE = 'must be 1 to 100 letters, digits and . _ : / - and start with a letter or digit';
/** What the database takes for a job's config. */
const CONFIG_LIMIT = 262_144;

const text = (most: number) =>
  z
    .string()
    .transform((value) => value.trim())
    .pipe(
      z
        .string()
        .max(most, `must have at most ${most} characters`)
        .refine((value) => !value.includes('\0'), 'must not contain a NUL character'),
    );

const matching = (pattern: RegExp, rule: string) =>
  z
    .string()
    .transform((value) => value.trim())
    .pipe(z.string().regex(pattern, rule));

/** Numbers as people write them, and nothing that JavaScript would take for one besides (`0x10`, `1e3`). */
const number = (rule: string, min: number, max: number, whole: boolean) =>
  z
    .string()
    .transform((value) => value.trim())
    .pipe(z.string().regex(whole ? /^[+-]?\d{1,9}$/ : /^[+-]?(\d{1,9}(\.\d{1,9})?|\.\d{1,9})$/, rule))
    .transform(Number)
    .pipe(z.number().min(min, rule).max(max, rule));

const wholeNumber = (min: number, max: number) =>
  number(`must be a whole number from ${min} to ${max}`, min, max, true);

/** Minutes, fractions allowed, as whole seconds of at least one. */
const minutes = (min: number, max: number) =>
  number(
    `must be a number of minutes ${min === 0 ? 'above 0 and up' : `from ${min}`} to ${max}, such as 0.5 or 10`,
    min === 0 ? Number.MIN_VALUE : min,
    max,
    false,
  ).transform((value) => Math.max(1, Math.round(value * 60)));

const oneOf = <const Words extends readonly string[]>(words: Words) =>
  z.string().transform((value, context): Words[number] => {
    const wanted = value.trim();
    const found = words.find((word) => word === wanted.toLowerCase());
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message: unknownWord(wanted, words) });
    return z.NEVER;
  });

function unknownWord(wanted: string, words: readonly string[]): string {
  const near = nearest(wanted, words);
  return `is not one of ${words.join(', ')}${near === null ? '' : `. Did you mean ${near}?`}`;
}

/** Separated by commas or line ends; the same item twice counts once. */
const list = <Item>(item: z.ZodType<Item, string>) =>
  z
    .string()
    .transform((value) => [
      ...new Set(
        value
          .split(/[,\r\n]/)
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      ),
    ])
    .pipe(z.array(item).min(1, 'names nothing').max(100, 'must name at most 100'));

const yesOrNo = () =>
  z.string().transform((value, context): boolean => {
    const word = value.trim().toLowerCase();
    if (word === 'true' || word === 'yes') return true;
    if (word === 'false' || word === 'no') return false;
    context.addIssue({ code: 'custom', message: 'must be true or false' });
    return z.NEVER;
  });

const config = () =>
  z.string().transform((value, context): { readonly [key: string]: Json } => {
    const fail = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    let parsed: unknown;
    try {
      parsed = JSON.parse(value);
    } catch {
      return fail(`is not valid JSON: ${jsonPlace(value)}. Write an object, such as {"days_back": 7}`);
    }
    if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
      const kind = parsed === null ? 'null' : Array.isArray(parsed) ? 'an array' : `a ${typeof parsed}`;
      return fail(`must be a JSON object, such as {"days_back": 7}; it is ${kind}`);
    }
    const fault = jsonFault(parsed);
    if (fault !== null) return fail(fault);
    if (Buffer.byteLength(JSON.stringify(parsed)) > CONFIG_LIMIT) return fail('is larger than 256 KiB');
    // As it is: a copy by a schema would lose a key of the name "__proto__".
    return parsed as { readonly [key: string]: Json };
  });

/**
 * How the text of each option is read. Both doors use these. The messages are read after the option's name and its
 * value, so they begin with a verb and do not repeat the value.
 * Each is made when it is asked for: making all takes longer than the rest of an idle run's own work.
 */
export const SCHEMAS = {
  'supabase-url': urlSchema,
  'supabase-key': keySchema,
  'supabase-publishable-key': publishableKeySchema,
  name: () => text(500),
  'job-type': () => oneOf(JOB_TYPE_NAMES),
  config,
  description: () => text(10_000),
  'max-retries': () => wholeNumber(0, 100),
  priority: () => wholeNumber(-100, 100),
  'run-at': runAtSchema,
  queue: () => matching(QUEUE, QUEUE_RULE),
  'unique-key': () => text(500),
  'concurrency-key': () => text(500),
  'timeout-minutes': () => minutes(0, 360),
  schedule: () => text(500),
  timezone: () => text(100),
  missed: () => oneOf(MISSED),
  'missed-grace-minutes': () => minutes(0, 525_600),
  file: () => text(4096),
  prune: yesOrNo,
  status: () => oneOf(JOB_STATUSES),
  'job-id': () =>
    matching(
      /^[A-Za-z0-9_.:-]{1,100}$/,
      'must be 1 to 100 letters, digits and . _ : - (the `list` command shows the ids)',
    ),
  limit: () => wholeNumber(1, 1000),
  queues: () => list(matching(QUEUE, QUEUE_RULE)),
  'job-types': () => list<string>(oneOf(JOB_TYPE_NAMES)),
  'max-jobs': () => wholeNumber(1, 100_000),
  concurrency: () => wholeNumber(1, 64),
  'lock-minutes': () => minutes(0.5, 60),
  'time-budget-minutes': () => minutes(0.1, 350),
  'linger-minutes': () => minutes(0, 350),
  'instance-id': () => text(200),
  handlers: () => text(4096),
  'dry-run': yesOrNo,
  'fail-on': () => oneOf(FAIL_ON),
  'max-workers': () => wholeNumber(1, 256),
  'jobs-per-worker': () => wholeNumber(1, 10_000),
  'silence-minutes': () => minutes(1, 525_600),
  keepalive: yesOrNo,
  'github-token': () => matching(/^[\x21-\x7e]{1,500}$/, 'must be one word without spaces'),
} satisfies Record<Exclude<OptionName, 'command'>, () => z.ZodType<unknown, string>>;

export type OptionValues = { [Name in keyof typeof SCHEMAS]?: z.output<ReturnType<(typeof SCHEMAS)[Name]>> };

import { z } from 'zod';
import { JOB_TYPE_NAMES } from '../handlers/index.ts';
import type { Json } from '../queue/types.ts';
import { jsonTextFault } from '../text/json-fault.ts';
import { jsonPlace } from '../text/json-place.ts';
import { nearest } from '../text/nearest.ts';
import { SILENCE_MINUTES } from './liveness.ts';

/**
 * The fields that commands put their input together from. Every field reads text, because inputs of the action and
 * options of a terminal are text. A message continues a sentence that begins with the input and its value, so it
 * starts with a verb. Messages and descriptions name inputs in backticks.
 */

/** What kind of value a field takes, for `--help` and for action-types.yml. */
export interface FieldKind {
  readonly type: 'string' | 'integer' | 'float' | 'boolean' | 'enum' | 'list';
  /** The words that an enum takes. */
  readonly values?: readonly string[];
  /** What a list holds. */
  readonly item?: FieldKind;
}
export const fieldKinds = z.registry<FieldKind>();

const QUEUE = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$/;
/** What the database takes for a job's config. */
const CONFIG_LIMIT = 262_144;

/** Text of at most so many characters. */
export const text = (most: number) =>
  z
    .string()
    .trim()
    .max(most, `must have at most ${most} characters`)
    .refine((value) => !value.includes('\0'), 'must not contain a NUL character')
    .register(fieldKinds, { type: 'string' });

/** Text of one form. */
export const matching = (pattern: RegExp, rule: string) =>
  z.string().trim().regex(pattern, rule).register(fieldKinds, { type: 'string' });

/** A number as people write it; `0x10` and `1e3`, which JavaScript also takes for numbers, are refused. */
const number = (type: 'integer' | 'float', rule: string, min: number, max: number) =>
  z
    .string()
    .trim()
    .regex(type === 'integer' ? /^[+-]?\d{1,9}$/ : /^[+-]?(\d{1,9}(\.\d{1,9})?|\.\d{1,9})$/, rule)
    .transform(Number)
    .pipe(z.number().min(min, rule).max(max, rule))
    .register(fieldKinds, { type });

export const wholeNumber = (min: number, max: number) =>
  number('integer', `must be a whole number from ${min} to ${max}`, min, max);

/** A number with or without a fraction. */
export const decimal = (min: number, max: number) =>
  number('float', `must be a number from ${min} to ${max}`, min, max);

/** Minutes, fractions allowed. */
export const minutes = (min: number, max: number) =>
  number(
    'float',
    `must be a number of minutes ${min === 0 ? 'above 0 and up' : `from ${min}`} to ${max}, such as 0.5 or 10`,
    min === 0 ? Number.MIN_VALUE : min,
    max,
  );

/** What another field takes, or the word none, which reads as null. */
export const orNone = <Value>(field: z.ZodType<Value, string>) =>
  z
    .string()
    .transform((value, context): Value | null => {
      if (value.trim().toLowerCase() === 'none') return null;
      const result = field.safeParse(value);
      if (result.success) return result.data;
      context.addIssue(`${result.error.issues[0]?.message}, or none`);
      return z.NEVER;
    })
    .register(fieldKinds, { type: 'string' });

/** Minutes as whole seconds, of which there is at least one. */
export const secondsOf = (value: number): number => Math.max(1, Math.round(value * 60));

/** One of a few words, in any case. */
export const oneOf = <const Words extends readonly string[]>(words: Words) =>
  z
    .string()
    .transform((value, context): Words[number] => {
      const wanted = value.trim();
      const found = words.find((word) => word === wanted.toLowerCase());
      if (found !== undefined) return found;
      const near = nearest(wanted, words);
      const hint = near === null ? '' : `. Did you mean ${near}?`;
      context.addIssue({ code: 'custom', message: `is not one of ${words.join(', ')}${hint}` });
      return z.NEVER;
    })
    .register(fieldKinds, { type: 'enum', values: words });

/** Items that commas or line ends separate; an item that is there twice counts once. */
export const list = <Item>(item: z.ZodType<Item, string>, most = 100) =>
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
    .pipe(z.array(item).min(1, 'names nothing').max(most, `must name at most ${most}`))
    .register(fieldKinds, { type: 'list', item: fieldKinds.get(item) ?? { type: 'string' } });

export const yesOrNo = () =>
  z
    .string()
    .transform((value, context): boolean => {
      const word = value.trim().toLowerCase();
      if (word === 'true' || word === 'yes') return true;
      if (word === 'false' || word === 'no') return false;
      context.addIssue({ code: 'custom', message: 'must be true or false' });
      return z.NEVER;
    })
    .register(fieldKinds, { type: 'boolean' });

export const queueName = () =>
  matching(QUEUE, 'must be 1 to 100 letters, digits and . _ : / - and start with a letter or digit');

export const jobType = () => oneOf(JOB_TYPE_NAMES);

export const jobId = () =>
  matching(
    /^[A-Za-z0-9_.:-]{1,100}$/,
    'must be 1 to 100 letters, digits and . _ : - (the list command shows the ids)',
  );

/** A JSON object that the database can store as it is. */
export const config = () =>
  z
    .string()
    .transform((value, context): { readonly [key: string]: Json } => {
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
      const fault = jsonTextFault(value);
      if (fault !== null) return fail(fault);
      if (Buffer.byteLength(JSON.stringify(parsed)) > CONFIG_LIMIT) return fail('is larger than 256 KiB');
      // Returned as it is: a copy made by a schema would lose a key of the name "__proto__".
      return parsed as { readonly [key: string]: Json };
    })
    .register(fieldKinds, { type: 'string' });

type Given<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

/** What was given of some optional values: the rest is left to the defaults of the database. */
export const given = <T extends object>(values: T): Given<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;

// Fields that several commands share, each with its description.

export const queues = list(queueName())
  .prefault('default')
  .describe('Queues to take jobs from, separated by commas.');

export const jobTypes = list(jobType())
  .prefault(JOB_TYPE_NAMES.join(','))
  .describe('Job types to take, separated by commas.');

export const handlers = text(4096).optional();

/** For commands that run no job. */
export const handlersToCheck = handlers.describe(
  'Folder with handlers, to check the configs of custom jobs whose handlers are there. Default: .github/cloud-jobs.',
);

export const githubToken = matching(/^[\x21-\x7e]{1,500}$/, 'must be one word without spaces').optional();

/** An address that is itself a secret, as those of Slack are. */
export const webhookUrl = matching(
  /^https?:\/\/\S{1,2000}$/,
  'must be an address such as https://example.com/hook',
)
  .refine((value) => URL.canParse(value), 'must be an address such as https://example.com/hook')
  .optional();

export const silenceMinutes = minutes(1, 525_600)
  .prefault(String(SILENCE_MINUTES))
  .describe('Warn when no worker had been seen for this long.');

import type { NewJob, RecurringJob } from '../queue/requests.ts';
import { ON_PARENT_FAILURE, type OnParentFailure } from '../queue/types.ts';
import { describeError } from '../text/describe-error.ts';
import { jsonFault } from '../text/json-fault.ts';
import { nearest } from '../text/nearest.ts';
import { CommandError } from './answer.ts';
import { create, newJob } from './create.ts';
import { type KeyedJob, withFollowers } from './followers.ts';
import type { InputNaming } from './naming.ts';
import { inputNames, readFields } from './read-fields.ts';
import { readYaml } from './yaml-file.ts';

/** Inputs of `create` that a job in the file does not have: its key is the unique key, and all of them recur. */
const NOT_OF_A_JOB: readonly string[] = ['unique-key', 'on-conflict', 'run-at', 'expires-at', 'handlers'];
const keysOfAJob = (): string[] => inputNames(create).filter((name) => !NOT_OF_A_JOB.includes(name));
/** Inputs that contradict `after`. */
const NOT_WITH_AFTER: readonly string[] = [
  'schedule',
  'timezone',
  'missed',
  'missed-grace-minutes',
  'depends-on',
];
const MOST_JOBS = 1000;
/** jobs, the key of a job, the name of an input: inputs are text, as everywhere else. */
const INPUT_DEPTH = 3;

/** A job of the file, and where it is: `key (line 5)`. */
export interface FileJob {
  readonly place: string;
  readonly job: NewJob;
}

/**
 * Reads a jobs file: `jobs:` with one entry for each job under its key, with the inputs of the command `create`.
 * @param bytes YAML 1.2 in UTF-8
 * @param file how to call it in errors
 * @returns the jobs that can be read, those with a schedule with the jobs that come after them, and every problem of the
 * others, each with its job and its line
 * @throws CommandError if it is not a jobs file
 */
export function readJobsFile(
  bytes: Uint8Array,
  file: string,
  redact: (text: string) => string,
): {
  readonly jobs: readonly FileJob[];
  readonly recurring: readonly RecurringJob[];
  readonly problems: readonly string[];
} {
  const yaml = readYaml(bytes, INPUT_DEPTH);
  if ('problems' in yaml) throw fault(file, yaml.problems.map(redact));
  const { content } = yaml;
  if (!isRecord(content) || !isRecord(content.jobs)) {
    throw fault(file, ['it has no "jobs:" with an entry for each job under its key']);
  }
  const problems: string[] = [];
  const other = Object.keys(content).find((key) => key !== 'jobs');
  if (other !== undefined) problems.push(`"${other}" is not known here: only "jobs" is`);
  const entries = Object.entries(content.jobs);
  if (entries.length > MOST_JOBS) problems.push(`it has ${entries.length} jobs; ${MOST_JOBS} are the most`);

  const jobs: KeyedJob[] = [];
  for (const [key, value] of entries) {
    const line = yaml.lineOf('jobs', key);
    const shown = isPlainKey(key) ? key : JSON.stringify(key);
    const place = line === null ? shown : `${shown} (line ${line})`;
    const found: string[] = [];
    if (!isPlainKey(key))
      found.push('its key is empty, has blanks around it, or has a control character, such as a line break');
    const after = isRecord(value) && 'after' in value ? readAfter(value, found) : null;
    const job = readJob(key, value, redact, found);
    if (job !== null && found.length === 0) jobs.push({ key, place, job, after });
    problems.push(...found.map((problem) => `${place}: ${problem}`));
  }
  const recurring = withFollowers(
    jobs,
    entries.map(([key]) => key),
    problems,
  );
  return { jobs, recurring, problems };
}

/** The keys in `after`. Adds what is wrong to `problems`. */
function readAfter(value: Readonly<Record<string, unknown>>, problems: string[]): string[] {
  const { after } = value;
  const keys = Array.isArray(after) ? after : [after];
  if (keys.length === 0 || !keys.every((key) => typeof key === 'string' && key.trim() !== '')) {
    problems.push('its after is no list of keys, such as after: [fetch, merge]');
    return [];
  }
  const other = NOT_WITH_AFTER.find((name) => name in value);
  if (other !== undefined)
    problems.push(
      `it has both after and ${other}. It runs after the jobs named, once for each of their occurrences`,
    );
  if (value['on-parent-failure'] === 'wait')
    problems.push(
      'its on-parent-failure is wait, but nobody can retry an occurrence that is over: use cancel or run',
    );
  return keys as string[];
}

/** Adds what is wrong to `problems`; then the job must not be used. */
function readJob(
  key: string,
  value: unknown,
  redact: (text: string) => string,
  problems: string[],
): NewJob | null {
  if (!isRecord(value)) {
    problems.push('it is not a list of "name: value" pairs');
    return null;
  }
  const keys = [...keysOfAJob(), 'after'];
  const raw: Record<string, string> = {};
  for (const [name, given] of Object.entries(value)) {
    // YAML has values that JSON would change in silence (.nan, .inf), and depths that cannot be written.
    const unfit = name === 'config' ? jsonFault(given) : null;
    const text = unfit === null ? asText(name, given) : null;
    if (name === 'after') continue;
    if (!keys.includes(name)) {
      const near = nearest(name, keys);
      const hint = near === null ? `Known are: ${keys.join(', ')}` : `Did you mean ${near}?`;
      problems.push(`"${name}" is not known here. ${hint}`);
    } else if (unfit !== null) {
      problems.push(`its config ${unfit}`);
      // One problem of a config is enough: without it, the check of the job type would add others.
      if (value['job-type'] === 'custom') raw.config = '{"handler": "x"}';
    } else if (name === 'config' && typeof given === 'string') {
      problems.push('its config is a text. Write it as a map, such as config: { handler: report }');
      raw.config = '{"handler": "x"}';
    } else if (text === null) {
      problems.push(`its ${name} is not a text or a number`);
    } else {
      raw[name] = text;
    }
  }
  const policy = raw['on-parent-failure'];
  if ('after' in value) {
    for (const name of [...NOT_WITH_AFTER, 'on-parent-failure']) delete raw[name];
    if (policy !== undefined) oneOfPolicies(policy, problems);
  } else if (!('schedule' in value) || raw.schedule?.trim() === '') {
    problems.push(
      'it has no schedule, and no after. The file is for recurring jobs: one that runs once would be created again with every apply',
    );
    // Otherwise each input that goes with a schedule would be a problem of its own.
    raw.schedule = '@daily';
  }
  const given = new Map(
    Object.entries({ name: key, ...raw, ...(!('after' in value) && { 'unique-key': key }) }).filter(
      ([, text]) => text.trim() !== '',
    ),
  );
  const read = readFields(create, given, { ...NAMING, redact });
  problems.push(...read.problems.map(redact));
  if (read.problems.length > 0) return null;
  try {
    const job = newJob(read.input);
    return 'after' in value && policy ? { ...job, on_parent_failure: policy as OnParentFailure } : job;
  } catch (error) {
    problems.push(describeError(error));
    return null;
  }
}

function oneOfPolicies(policy: string, problems: string[]): void {
  if (!(ON_PARENT_FAILURE as readonly string[]).includes(policy))
    problems.push(`its on-parent-failure is ${JSON.stringify(policy)}: use cancel or run`);
}

/** Whether a key is one line that stays the same as a unique key. */
const isPlainKey = (key: string): boolean => /^[^\p{Cc}]+$/u.test(key) && key.trim() === key;

const NAMING: Omit<InputNaming, 'redact'> = { label: (name) => name, noun: 'input', missing: () => '' };

/** A value as the text that the same input of the action would have; null if it has none. */
function asText(name: string, value: unknown): string | null {
  if (value === null || value === undefined) return '';
  if (name === 'config') {
    // The check before has found no number that would be rounded.
    return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? Number(inner) : inner));
  }
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value) ? String(value) : null;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is wrong with a jobs file, one line for each problem. */
export function fault(file: string, problems: readonly string[]): CommandError {
  const list = problems.map((problem) => `- ${problem}`).join('\n');
  return new CommandError(`${file} cannot be applied; nothing was changed:\n${list}`);
}

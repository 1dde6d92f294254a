import { scheduleFault } from '../schedule/schedule-fault.ts';
import { limitedRole, looksLikeKey, mismatch } from './connection.ts';
import {
  COMMANDS,
  type CommandName,
  nearest,
  nearestCommand,
  OPTIONS,
  type OptionName,
  USED,
} from './option-names.ts';
import { type OptionValues, SCHEMAS } from './option-schemas.ts';
import type { Options, Recurrence } from './option-types.ts';

/** Options by name as text, as a door got them. Absent, empty and blank mean the same: not given. */
export type RawOptions = Readonly<Record<string, string | undefined>>;

export interface Door {
  /** How an option is written here: `run-at` for the action, `--run-at` for a terminal. */
  readonly label: (name: string) => string;
  /** What an option is called here. */
  readonly noun: 'input' | 'option';
  /** Added where the url or key is missing: where it comes from at this door. */
  readonly missing: (name: 'supabase-url' | 'supabase-key') => string;
  /** Takes secrets out of values that errors quote. */
  readonly redact: (text: string) => string;
}

export interface ReadOptions {
  readonly options: Options;
  /** Each names an option and says what is done in its place. */
  readonly warnings: readonly string[];
}

/** Something is wrong with the options of a call. `problems` has all of it, one sentence or two each. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[], noun: Door['noun']) {
    const intro = `${problems.length} ${noun}s need attention:`;
    super(problems.length === 1 ? problems[0] : [intro, ...problems.map((text) => `- ${text}`)].join('\n'));
    this.problems = problems;
  }
}

/**
 * Reads and checks the options of one call.
 * @throws OptionsError with every problem found, not only the first.
 */
export function readOptions(raw: RawOptions, door: Door): ReadOptions {
  const problems: string[] = [];
  const warnings: string[] = [];
  const given = Object.entries(raw).filter(([, value]) => value !== undefined && value.trim() !== '');

  for (const [name] of given) {
    if (!isOption(name)) problems.push(unknownOption(name, door));
  }
  const command = readCommand(raw.command, door, problems);
  const values = parse(given, command, door, problems, warnings);
  const used = command === null ? null : new Set<string>(USED[command]);
  if (command !== null && used !== null) {
    for (const [name] of given) {
      if (isOption(name) && !used.has(name) && !ALWAYS.has(name))
        ignore(name, command, values, door, problems, warnings);
    }
  }
  const options = command === null ? null : build(command, values, door, problems);
  if (options !== null && options.connection.key !== '') {
    const wrong = mismatch(options.connection);
    if (wrong !== null) problems.push(wrong);
    const role = limitedRole(options.connection.key);
    if (role !== null && options.connection.publishableKey === null) {
      warnings.push(
        `${door.label('supabase-key')} is a token of the role ${role}. Supabase takes such a token beside a public key only: give ${door.label('supabase-publishable-key')} too.`,
      );
    }
    if (wrong === null && problems.length === 0 && !looksLikeKey(options.connection.key)) {
      warnings.push(
        `${door.label('supabase-key')} looks like none of Supabase's keys (sb_secret_..., or a JWT). If it is refused: the secret (service_role) key is in Project Settings > API Keys.`,
      );
    }
  }
  if (problems.length > 0 || options === null) {
    // All of each: the advice may quote the value too (`write https://...`).
    throw new OptionsError(problems.map(door.redact), door.noun);
  }
  return { options, warnings };
}

const ALWAYS: ReadonlySet<string> = new Set<OptionName>([
  'supabase-url',
  'supabase-key',
  'supabase-publishable-key',
  'command',
]);
/** Never shown, not even where they are wrong. */
const KEYS: ReadonlySet<string> = new Set<OptionName>([
  'supabase-key',
  'supabase-publishable-key',
  'github-token',
]);
const DEFAULT_QUEUE = 'default';
/** Beside the handlers. */
const DEFAULT_JOBS_FILE = '.github/cloud-jobs/jobs.yml';
const MOST_EXECUTIONS = 200;
const SILENCE_SECONDS = 6 * 3600;

function isOption(name: string): name is OptionName {
  return (OPTIONS as readonly string[]).includes(name);
}

function unknownOption(name: string, door: Door): string {
  const near = nearest(name, OPTIONS);
  const hint =
    near === null ? `The ${door.noun}s are: ${OPTIONS.join(', ')}.` : `Did you mean ${door.label(near)}?`;
  return `There is no ${door.noun} ${door.label(name)}. ${hint}`;
}

function readCommand(raw: string | undefined, door: Door, problems: string[]): CommandName | null {
  const word = raw?.trim() ?? '';
  if (word === '') return 'run';
  const found = COMMANDS.find((command) => command === word.toLowerCase());
  if (found !== undefined) return found;
  const near = nearestCommand(word);
  problems.push(
    `${door.label('command')} is ${quote(word, door)}, which is not a command.${near === null ? '' : ` Did you mean ${near}?`} The commands are: ${COMMANDS.join(', ')}.`,
  );
  return null;
}

function parse(
  given: readonly (readonly [string, string | undefined])[],
  command: CommandName | null,
  door: Door,
  problems: string[],
  warnings: string[],
): OptionValues {
  const values: Record<string, unknown> = {};
  const texts = new Map(given);
  for (const name of ['supabase-url', 'supabase-key'] as const) {
    if (!texts.has(name)) problems.push(`${door.label(name)} is empty. ${door.missing(name)}`);
  }
  for (const name of OPTIONS) {
    const value = texts.get(name);
    if (name === 'command' || value === undefined) continue;
    // What a command does not read cannot make it fail.
    if (command !== null && !ALWAYS.has(name) && !USED[command].includes(name)) continue;
    const result = SCHEMAS[name].safeParse(value);
    if (result.success) {
      values[name] = result.data;
    } else {
      const why = [...new Set(result.error.issues.map((issue) => issue.message))].join('; ');
      const shown = KEYS.has(name) ? '' : ` is ${quote(value, door)}: it`;
      problems.push(endSentence(`${door.label(name)}${shown} ${why}`));
    }
    if (name === 'supabase-key' && value !== value.trim()) {
      warnings.push(
        `${door.label(name)} has white space or a line end around it, which was taken off. Save the secret again without it.`,
      );
    }
  }
  return values as OptionValues;
}

/** The options of `run` that do what another command's option seems to do. */
const FOR_RUN: Partial<Record<OptionName, OptionName>> = { queue: 'queues', 'job-type': 'job-types' };

function ignore(
  name: OptionName,
  command: CommandName,
  values: OptionValues,
  door: Door,
  problems: string[],
  warnings: string[],
): void {
  const instead = command === 'run' ? FOR_RUN[name] : undefined;
  const users = COMMANDS.filter((other) => USED[other].includes(name));
  if (instead !== undefined && values[instead as 'queues'] === undefined) {
    // A warning would come too late: the run would have executed jobs that it was not meant to.
    problems.push(
      `${door.label(name)} is only used by ${join(users)}. To limit what run executes, use ${door.label(instead)}.`,
    );
  } else if (command === 'create' && name === 'job-id') {
    problems.push(
      `${door.label(name)} cannot be chosen for a new job. Use ${door.label('unique-key')} so that the job is not created twice.`,
    );
  } else {
    warnings.push(`${door.label(name)} is only used by ${join(users)}; it is ignored by ${command}.`);
  }
}

function build(command: CommandName, values: OptionValues, door: Door, problems: string[]): Options {
  const key = values['supabase-key'] ?? '';
  const connection = {
    url: values['supabase-url'] ?? '',
    key,
    // Beside one of the project's own keys it would win, and let nobody in.
    publishableKey: limitedRole(key) === null ? null : (values['supabase-publishable-key'] ?? null),
  };
  switch (command) {
    case 'run':
      return {
        command,
        connection,
        queues: values.queues ?? [DEFAULT_QUEUE],
        jobTypes: values['job-types'] ?? ['paper_fetch', 'maintenance', 'custom'],
        maxJobs: values['max-jobs'] ?? null,
        concurrency: values.concurrency ?? 4,
        lockSeconds: values['lock-minutes'] ?? 300,
        timeBudgetSeconds: values['time-budget-minutes'] ?? 3000,
        lingerSeconds: values['linger-minutes'] ?? 0,
        instanceId: values['instance-id'] ?? null,
        handlers: values.handlers ?? null,
        dryRun: values['dry-run'] ?? false,
        failOn: values['fail-on'] ?? 'failed',
        silenceSeconds: values['silence-minutes'] ?? SILENCE_SECONDS,
        keepalive: keepaliveOf(values, door, problems),
        githubToken: values['github-token'] ?? null,
      };
    case 'plan':
      return {
        command,
        connection,
        queues: values.queues ?? [DEFAULT_QUEUE],
        jobTypes: values['job-types'] ?? ['paper_fetch', 'maintenance', 'custom'],
        maxWorkers: values['max-workers'] ?? 4,
        jobsPerWorker: values['jobs-per-worker'] ?? 25,
      };
    case 'create':
      return {
        command,
        connection,
        name: needed('name', values.name, '', command, door, problems),
        jobType: needed('job-type', values['job-type'], 'custom', command, door, problems),
        config: values.config ?? {},
        description: values.description ?? '',
        maxRetries: values['max-retries'] ?? null,
        priority: values.priority ?? 0,
        runAt: values['run-at'] ?? null,
        queue: values.queue ?? DEFAULT_QUEUE,
        uniqueKey: values['unique-key'] ?? null,
        concurrencyKey: values['concurrency-key'] ?? null,
        timeoutSeconds: values['timeout-minutes'] ?? null,
        recurrence: recurrenceOf(values, door, problems),
        handlers: values.handlers ?? null,
      };
    case 'apply':
      return {
        command,
        connection,
        file: values.file ?? DEFAULT_JOBS_FILE,
        prune: values.prune ?? false,
        dryRun: values['dry-run'] ?? false,
        handlers: values.handlers ?? null,
      };
    case 'list':
      return {
        command,
        connection,
        name: values.name ?? null,
        jobType: values['job-type'] ?? null,
        queue: values.queue ?? null,
        status: values.status ?? null,
        limit: values.limit ?? 50,
      };
    case 'show': {
      const jobId = values['job-id'] ?? null;
      const name = values.name ?? null;
      if ((jobId === null) === (name === null)) {
        const both = `${door.label('job-id')} or ${door.label('name')}`;
        problems.push(
          jobId === null
            ? `show needs ${both}; the list command shows both.`
            : `show takes ${both}, not both.`,
        );
      }
      return { command, connection, jobId, name, limit: Math.min(values.limit ?? 10, MOST_EXECUTIONS) };
    }
    case 'stats':
      return { command, connection, queue: values.queue ?? null };
    case 'doctor':
      return {
        command,
        connection,
        silenceSeconds: values['silence-minutes'] ?? SILENCE_SECONDS,
        githubToken: values['github-token'] ?? null,
      };
    default:
      return { command, connection, jobId: needed('job-id', values['job-id'], '', command, door, problems) };
  }
}

function keepaliveOf(values: OptionValues, door: Door, problems: string[]): boolean {
  if (values.keepalive && values['github-token'] === undefined) {
    problems.push(
      `${door.label('keepalive')} needs ${door.label('github-token')}: pass \${{ github.token }} and give the job \`permissions: actions: write\`.`,
    );
  }
  return values.keepalive ?? false;
}

function recurrenceOf(values: OptionValues, door: Door, problems: string[]): Recurrence | null {
  const { schedule, timezone = 'UTC', missed = 'once' } = values;
  const grace = values['missed-grace-minutes'] ?? null;
  if (schedule === undefined) {
    for (const name of ['timezone', 'missed', 'missed-grace-minutes'] as const) {
      if (values[name] === undefined) continue;
      problems.push(`${door.label(name)} is for recurring jobs. Give ${door.label('schedule')} too.`);
    }
    return null;
  }
  const fault = scheduleFault(schedule, timezone);
  if (fault !== null) {
    const [name, value] = fault.part === 'schedule' ? ['schedule', schedule] : ['timezone', timezone];
    problems.push(endSentence(`${door.label(name)} is ${quote(value, door)}: ${fault.reason}`));
  }
  if (grace !== null && missed !== 'skip') {
    problems.push(`${door.label('missed-grace-minutes')} goes with ${door.label('missed')} skip.`);
  }
  return { schedule, timezone, missed, missedGraceSeconds: grace };
}

const EXAMPLES: Partial<Record<OptionName, string>> = {
  name: 'Name the job, such as "Nightly report".',
  'job-type': 'Use paper_fetch, maintenance or custom.',
  'job-id': 'The list command shows the ids.',
};

/** Fills in `stand` where a needed option is missing; the problem noted keeps it from being used. */
function needed<Value>(
  name: OptionName,
  value: Value | undefined,
  stand: Value,
  command: CommandName,
  door: Door,
  problems: string[],
): Value {
  if (value !== undefined) return value;
  // A value that was given and is wrong has its own problem already.
  if (!problems.some((problem) => problem.startsWith(`${door.label(name)} is `))) {
    problems.push(`${command} needs ${door.label(name)}, which is empty. ${EXAMPLES[name] ?? ''}`.trim());
  }
  return stand;
}

function quote(value: string, door: Door): string {
  const redacted = door.redact(value.trim());
  const letters = Array.from(redacted);
  return JSON.stringify(letters.length > 80 ? `${letters.slice(0, 80).join('')}…` : redacted);
}

function join(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function endSentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

export { COMMANDS, OPTIONS, USED } from './option-names.ts';
export type * from './option-types.ts';

import { buildOptions } from './build-options.ts';
import { limitedRole, looksLikeKey, mismatch } from './connection.ts';
import { type Door, endSentence, join, quote } from './door.ts';
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
import type { Options } from './option-types.ts';

/** Options by name as text, as a door got them. Absent, empty and blank mean the same: not given. */
export type RawOptions = Readonly<Record<string, string | undefined>>;

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
  const options = command === null ? null : buildOptions(command, values, door, problems);
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
    const result = SCHEMAS[name]().safeParse(value);
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

export { COMMANDS, OPTIONS, USED } from './option-names.ts';
export type * from './option-types.ts';

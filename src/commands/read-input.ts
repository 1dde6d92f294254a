import { z } from 'zod';
import { nearest } from '../text/nearest.ts';
import type { Command } from './command.ts';
import {
  type Connection,
  keySchema,
  limitedRole,
  looksLikeKey,
  mismatch,
  publishableKeySchema,
  urlSchema,
} from './connection.ts';
import { COMMANDS, commandOf, nearestCommand } from './index.ts';
import { type InputNaming, inputName, join, quote } from './naming.ts';
import { InputError, inputNames, problem, readFields } from './read-fields.ts';

/** Inputs by name as text, as a host got them. Absent, empty and blank mean the same: not given. */
export type RawInput = Readonly<Record<string, string | undefined>>;

export interface Call {
  readonly command: Command;
  readonly input: z.output<z.ZodObject>;
  readonly connection: Connection;
  /** Each names an input and says what is done instead. */
  readonly warnings: readonly string[];
}

/** What every command takes. */
export const connectionInput = z.object({
  supabaseUrl: urlSchema().describe(
    'URL of the Supabase project, https://<project>.supabase.co. From a secret.',
  ),
  supabaseKey: keySchema().describe(
    'Secret key (sb_secret_...) or legacy service_role key of the project. From a secret. Never the publishable or anon key.',
  ),
  supabasePublishableKey: publishableKeySchema()
    .optional()
    .describe(
      'Only if `supabase-key` is a token of a role that may do less than the secret key: the publishable or anon key of the project, which Supabase asks for beside such a token.',
    ),
});

const ALWAYS: ReadonlySet<string> = new Set([
  ...Object.keys(connectionInput.shape).map(inputName),
  'command',
]);

/**
 * Reads and checks the input of one call.
 * @throws InputError with every problem found, not only the first
 */
export function readInput(raw: RawInput, naming: InputNaming): Call {
  const problems: string[] = [];
  const warnings: string[] = [];
  const given = new Map(
    Object.entries(raw).flatMap(([name, value]) => (value?.trim() ? [[name, value] as const] : [])),
  );
  const known = [...new Set([...ALWAYS, ...COMMANDS.flatMap(inputNames)])];
  for (const name of given.keys()) {
    if (!known.includes(name)) problems.push(unknownInput(name, known, naming));
  }
  const command = readCommand(given.get('command'), naming, problems);
  const connection = readConnection(given, naming, problems, warnings);
  let input: Call['input'] = {};
  if (command !== null) {
    const read = readFields(command, given, naming);
    input = read.input;
    problems.push(...read.problems);
    const used = inputNames(command);
    for (const name of given.keys()) {
      if (known.includes(name) && !used.includes(name) && !ALWAYS.has(name))
        ignore(name, command, given, naming, problems, warnings);
    }
  }
  if (problems.length > 0 || command === null) {
    // All of each problem: the advice may quote the value too (`write https://...`).
    throw new InputError(problems.map(naming.redact), naming.noun);
  }
  if (!looksLikeKey(connection.key)) {
    warnings.push(
      `${naming.label('supabase-key')} looks like none of Supabase's keys (sb_secret_..., or a JWT). If it is refused: the secret (service_role) key is in Project Settings > API Keys.`,
    );
  }
  return { command, input, connection, warnings };
}

function readConnection(
  given: ReadonlyMap<string, string>,
  naming: InputNaming,
  problems: string[],
  warnings: string[],
): Connection {
  const values: Record<string, string | undefined> = {};
  for (const [field, schema] of Object.entries(connectionInput.shape)) {
    const name = inputName(field);
    const value = given.get(name);
    if (value === undefined) {
      if (name === 'supabase-url' || name === 'supabase-key')
        problems.push(`${naming.label(name)} is empty. ${naming.missing(name)}`);
      continue;
    }
    const result = schema.safeParse(value);
    if (result.success) values[field] = result.data;
    else problems.push(problem(name, value, result.error.issues[0]?.message ?? '', naming));
    if (name === 'supabase-key' && value !== value.trim()) {
      warnings.push(
        `${naming.label(name)} has white space or a line end around it, which was taken off. Save the secret again without it.`,
      );
    }
  }
  const key = values.supabaseKey ?? '';
  const role = limitedRole(key);
  const connection = {
    url: values.supabaseUrl ?? '',
    key,
    // Beside one of the project's own keys the gateway would go by the public one.
    publishableKey: role === null ? null : (values.supabasePublishableKey ?? null),
  };
  const wrong = key === '' ? null : mismatch(connection);
  if (wrong !== null) problems.push(wrong);
  if (role !== null && connection.publishableKey === null) {
    warnings.push(
      `${naming.label('supabase-key')} is a token of the role ${role}. Supabase takes such a token only beside a public key: give ${naming.label('supabase-publishable-key')} too.`,
    );
  }
  return connection;
}

function unknownInput(name: string, known: readonly string[], naming: InputNaming): string {
  const near = nearest(name, known);
  const hint =
    near === null ? `The ${naming.noun}s are: ${known.join(', ')}.` : `Did you mean ${naming.label(near)}?`;
  return `There is no ${naming.noun} ${naming.label(name)}. ${hint}`;
}

function readCommand(given: string | undefined, naming: InputNaming, problems: string[]): Command | null {
  const word = given?.trim() ?? 'run';
  const found = commandOf(word.toLowerCase());
  if (found !== null) return found;
  const near = nearestCommand(word);
  problems.push(
    `${naming.label('command')} is ${quote(word, naming)}, which is not a command.${near === null ? '' : ` Did you mean ${near}?`} The commands are: ${COMMANDS.map(({ name }) => name).join(', ')}.`,
  );
  return null;
}

/** The inputs of `run` that do what another command's input seems to do. */
const FOR_RUN: Readonly<Record<string, string>> = { queue: 'queues', 'job-type': 'job-types' };

/** An input that the command does not read: a warning, or a problem if ignoring it would do harm. */
function ignore(
  name: string,
  command: Command,
  given: ReadonlyMap<string, string>,
  naming: InputNaming,
  problems: string[],
  warnings: string[],
): void {
  const instead = command.name === 'run' ? FOR_RUN[name] : undefined;
  const users = join(COMMANDS.filter((other) => inputNames(other).includes(name)).map((other) => other.name));
  if (instead !== undefined && !given.has(instead)) {
    // A warning would come too late: the run would have executed jobs that it was not meant to.
    problems.push(
      `${naming.label(name)} is only used by ${users}. To limit what run executes, use ${naming.label(instead)}.`,
    );
  } else if (command.name === 'create' && name === 'job-id') {
    problems.push(
      `${naming.label(name)} cannot be chosen for a new job. Use ${naming.label('unique-key')} so that the job is not created twice.`,
    );
  } else {
    warnings.push(`${naming.label(name)} is only used by ${users}; it is ignored by ${command.name}.`);
  }
}

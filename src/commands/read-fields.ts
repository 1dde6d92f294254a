import type { z } from 'zod';
import type { Command } from './command.ts';
import { endSentence, type InputNaming, inputName, labelled, quote } from './naming.ts';

/** Something is wrong with the input of a call. `problems` has all of it, one sentence or two each. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[], noun: InputNaming['noun']) {
    const intro = `${problems.length} ${noun}s need attention:`;
    super(problems.length === 1 ? problems[0] : [intro, ...problems.map((text) => `- ${text}`)].join('\n'));
    this.problems = problems;
  }
}

/** The names of the inputs of a command, without those that every command takes. */
export const inputNames = (command: Command): string[] => Object.keys(command.input.shape).map(inputName);

/** Never shown, not even if they are wrong. */
const SECRETS: ReadonlySet<string> = new Set([
  'supabase-key',
  'supabase-publishable-key',
  'github-token',
  'alert-webhook-url',
  'alert-webhook-secret',
]);
/**
 * The input of a command from the texts that were given.
 * @returns what is wrong as well; the input is then not to be used
 */
export function readFields<Input extends z.ZodObject>(
  command: Pick<Command<string, Input>, 'name' | 'input'>,
  given: ReadonlyMap<string, string>,
  naming: InputNaming,
): { readonly input: z.output<Input>; readonly problems: readonly string[] } {
  const texts = Object.fromEntries(
    Object.keys(command.input.shape).flatMap((field) => {
      const value = given.get(inputName(field));
      return value === undefined ? [] : [[field, value]];
    }),
  );
  const result = command.input.safeParse(texts);
  if (result.success) return { input: result.data, problems: [] };
  const problems = result.error.issues.map(({ path: [field], message }) => {
    if (field === undefined) return endSentence(labelled(message, naming));
    const name = inputName(String(field));
    const value = given.get(name);
    if (value === undefined) {
      const about = command.input.shape[String(field)]?.description ?? '';
      return endSentence(`${command.name} needs ${naming.label(name)}: ${labelled(about, naming)}`);
    }
    return problem(name, value, message, naming);
  });
  return { input: {} as z.output<Input>, problems: [...new Set(problems)] };
}

/** `--limit is "0": it must be a whole number from 1 to 200.` */
export function problem(name: string, value: string, message: string, naming: InputNaming): string {
  const why = labelled(message, naming);
  if (SECRETS.has(name)) return endSentence(`${naming.label(name)} ${why}`);
  return endSentence(
    `${naming.label(name)} is ${quote(value, naming)}: ${/^it/.test(why) ? '' : 'it '}${why}`,
  );
}

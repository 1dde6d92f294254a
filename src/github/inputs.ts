import type { InputNaming } from '../commands/naming.ts';
import { type Call, type RawInput, readInput } from '../commands/read-input.ts';
import { createRedactor } from '../text/redact.ts';

const SECRETS = { 'supabase-url': 'SUPABASE_URL', 'supabase-key': 'SUPABASE_SECRET_KEY' } as const;

/**
 * The action's inputs from its environment: `INPUT_` and the input's name in upper case, spaces as `_`, hyphens
 * kept. The runner passes an empty text for each input of action.yml that is not set.
 * @throws InputError that lists every problem; it never holds the key.
 */
export function readInputs(env: Readonly<Record<string, string | undefined>>): Call {
  const redactor = createRedactor();
  redactor.add(env['INPUT_SUPABASE-KEY'] ?? '');
  redactor.add(env['INPUT_GITHUB-TOKEN'] ?? '');
  redactor.add(env['INPUT_ALERT-WEBHOOK-URL'] ?? '');
  redactor.add(env['INPUT_ALERT-WEBHOOK-SECRET'] ?? '');
  const naming: InputNaming = {
    label: (name) => `\`${name}\``,
    noun: 'input',
    missing: (name) =>
      `Pass it by \`with:\`, from a secret. If the workflow does: the secret ${SECRETS[name]} is not set in this repository, or the workflow runs from a fork, which gets no secrets.`,
    redact: redactor.redact,
  };
  return readInput(rawInputs(env), naming);
}

function rawInputs(env: Readonly<Record<string, string | undefined>>): RawInput {
  return Object.fromEntries(
    Object.entries(env)
      .filter(([name]) => name.toUpperCase().startsWith('INPUT_'))
      .map(([name, value]) => [name.slice('INPUT_'.length).toLowerCase(), value]),
  );
}

/**
 * Writes what says which inputs there are, from the schemas in src/commands: the inputs of action.yml, the types in
 * action-types.yml, and docs/reference/inputs.md; and from the help of the terminal, docs/reference/command-line.md.
 * `--check` writes nothing and fails on a difference.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import type { Command } from '../src/commands/command.ts';
import { defaultOf, kindOf, withDefault } from '../src/commands/describe-input.ts';
import type { FieldKind } from '../src/commands/fields.ts';
import { COMMANDS } from '../src/commands/index.ts';
import { inputName } from '../src/commands/naming.ts';
import { connectionInput } from '../src/commands/read-input.ts';
import { createProgram } from '../src/hosts/command-line.ts';

interface Input {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly kind: FieldKind;
}

const manifestSchema = z.object({
  outputs: z.record(z.string(), z.object({ description: z.string() })),
});
const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const names = COMMANDS.map(({ name }) => name);

/** All inputs: those of every command first, then those of each command that no command before it has. */
function inputs(): Input[] {
  const connection = Object.entries(connectionInput.shape).map(([field, schema]) => ({
    name: inputName(field),
    description: schema.description ?? '',
    required: !schema.safeParse(undefined).success,
    kind: kindOf(schema),
  }));
  const command: Input = {
    name: 'command',
    description: `What to do: ${names.join(', ')}. Default: run.`,
    required: false,
    kind: { type: 'enum', values: names },
  };
  const fields = [...new Set(COMMANDS.flatMap(({ input }) => Object.keys(input.shape)))];
  return [...connection, command, ...fields.map(inputOf)];
}

/** An input as all its commands describe it: `list: ... show: ...`, and one text if they say the same. */
function inputOf(field: string): Input {
  const uses = COMMANDS.flatMap(({ name, input }) => {
    const schema = input.shape[field];
    return schema === undefined ? [] : [{ name, text: withDefault(schema), schema }];
  });
  const texts = [...new Set(uses.map(({ text }) => text))].map((text) => {
    const users = uses.filter((use) => use.text === text).map(({ name }) => name);
    return `${users.join(', ')}: ${text}`;
  });
  const kinds = uses.map(({ schema }) => kindOf(schema));
  // One command may take a list of what another takes one of.
  const kind = kinds.find(({ type }) => type !== 'list') ?? kinds[0] ?? { type: 'string' };
  return { name: inputName(field), description: texts.join(' '), required: false, kind };
}

function actionYml(text: string): string {
  const block = stringify(
    {
      inputs: Object.fromEntries(
        inputs().map(({ name, description, required }) => [
          name,
          { description, ...(required && { required }) },
        ]),
      ),
    },
    { lineWidth: 0 },
  );
  return text.replace(/^inputs:\n[\s\S]*?(?=^outputs:)/m, () => block);
}

function typeOf({ type, values, item }: FieldKind): object {
  return {
    type,
    ...(values && { 'allowed-values': values }),
    ...(item && { separator: ',', 'list-item': typeOf(item) }),
  };
}

function actionTypes(text: string): string {
  const types = Object.fromEntries(inputs().map(({ name, kind }) => [name, typeOf(kind)]));
  const block = stringify({ inputs: types }, { lineWidth: 0 });
  return text.replace(/^inputs:\n[\s\S]*?(?=^outputs:)/m, () => block);
}

const cell = (text: string): string =>
  text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s+/g, ' ').trim();
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

function commandSection({ name, about, input }: Command): string {
  const rows = Object.entries(input.shape).map(([field, schema]) => [
    `\`${inputName(field)}\``,
    cell(schema.description ?? ''),
    defaultOf(schema) ? `\`${defaultOf(schema)}\`` : '',
  ]);
  return `## ${name}\n\n${about}\n\n${table(['input', 'meaning', 'default'], rows)}\n`;
}

function reference(manifest: z.infer<typeof manifestSchema>): string {
  const connection = Object.entries(connectionInput.shape).map(([field, schema]) => [
    `\`${inputName(field)}\``,
    cell(schema.description ?? ''),
  ]);
  const outputs = Object.entries(manifest.outputs).map(([name, { description }]) => [
    `\`${name}\``,
    cell(description),
  ]);
  return `# Inputs and outputs

<!-- Written by npm run build:inputs. Change src/commands/ and action.yml instead. -->

The action takes these inputs under \`with:\`. In a terminal each is an option of its command: \`queues\` is
\`cloud-jobs run --queues\`, and \`cloud-jobs run --help\` prints the same texts. An input that is empty counts as not
given. An input that the command does not read gets a warning.

## Every command

${table(['input', 'meaning'], [...connection, ['`command`', `What to do: ${names.join(', ')}. Default: run.`]])}

${COMMANDS.map(commandSection).join('\n')}
## Outputs of the action

${table(['output', 'meaning'], outputs)}
`;
}

const block = (text: string): string => `\`\`\`text\n${text.trim()}\n\`\`\``;

/** The help of the terminal: the overview, and the options of the commands that exist only there. */
function commandLine(): string {
  const program = createProgram({}, () => {});
  for (const command of [program, ...program.commands]) command.configureHelp({ helpWidth: 80 });
  const inTerminal = program.commands.filter((command) => !names.includes(command.name()));
  return `# Command line

<!-- Written by npm run build:inputs. Change src/commands/ and src/hosts/ instead. -->

\`npx cloud-jobs\` with the package installed, \`npm run cloud-jobs --\` in a clone.

${block(program.helpInformation())}

The options of a command are the inputs of the action: [Inputs](inputs.md) has them all, and
\`cloud-jobs COMMAND --help\` prints them. \`--json\` prints the answer as JSON, with names in snake_case.

| exit code | |
| --- | --- |
| 0 | Done, or stopped by Ctrl-C or SIGTERM after the running jobs were handed back. |
| 1 | Refused or failed, with the reason on standard error. For \`run\`: a job failed, as \`--fail-on\` says. |

These commands exist only in a terminal:

${inTerminal.map((command) => `## ${command.name()}\n\n${block(command.helpInformation())}\n`).join('\n')}`;
}

const action = read('action.yml');
const wanted = {
  'action.yml': actionYml(action),
  'action-types.yml': actionTypes(read('action-types.yml')),
  'docs/reference/inputs.md': reference(manifestSchema.parse(parse(action))),
  'docs/reference/command-line.md': commandLine(),
};
const check = process.argv.includes('--check');
for (const [path, text] of Object.entries(wanted)) {
  if (!check) writeFileSync(new URL(path, root), text);
  else if (read(path) !== text) {
    console.error(`${path} is not what src/commands/ says. Run: npm run build:inputs`);
    process.exitCode = 1;
  }
}

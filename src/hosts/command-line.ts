#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { Command, Option } from 'commander';
import { dashboardCommand } from '../../dashboard/server/command.ts';
import { stackCommand } from '../../local-supabase/command.ts';
import type { Command as Verb } from '../commands/command.ts';
import { kindOf, withDefault } from '../commands/describe-input.ts';
import { COMMANDS } from '../commands/index.ts';
import { inputName, labelled } from '../commands/naming.ts';
import { readInput } from '../commands/read-input.ts';
import { initCommand } from '../commands/terminal/init.ts';
import { installCommand } from '../commands/terminal/install.ts';
import { watchCommand } from '../commands/terminal/watch.ts';
import { describeConfigs, JOB_TYPE_NAMES } from '../handlers/index.ts';
import { openQueue } from '../queue/open-queue.ts';
import { describeError } from '../text/describe-error.ts';
import { disarm } from '../text/disarm.ts';
import { jsonText } from '../text/json-text.ts';
import { openMetrics } from '../text/open-metrics.ts';
import { createRedactor } from '../text/redact.ts';
import { VERSION } from '../version.ts';
import { createContext, handlerPlace } from './create-worker.ts';
import { serveHealth } from './health.ts';
import { ORDERLY_END_SECONDS, stopSignals } from './stop-signals.ts';
import { createTerminalLog } from './terminal-log.ts';
import { tryCommand } from './try-handler.ts';

/** The command `cloud-jobs` in a terminal or from cron: options become input, the answer text or JSON. */

type Env = Readonly<Record<string, string | undefined>>;
type Given = Readonly<Record<string, string | boolean>>;

const HOST_SCRIPT = fileURLToPath(
  new URL(`../handlers/custom/host${extname(import.meta.url)}`, import.meta.url),
);
const NAMING = { label: (name: string) => `--${name}`, noun: 'option' } as const;

/** What stands for the positional argument of a command: `<id>` or `<queue>`. */
const wordOf = (field: string): string => (field === 'jobId' ? 'id' : inputName(field));

/** How to call the inputs of a command, whose positional argument is no option for people. */
const namingOf = ({ positional }: Verb) => ({
  ...NAMING,
  label: (name: string) =>
    positional !== undefined && name === inputName(positional)
      ? `<${wordOf(positional)}>`
      : NAMING.label(name),
});

const EXAMPLES = `
Examples:
  cloud-jobs create --name "Nightly report" --job-type custom --config '{"handler":"report"}'
  cloud-jobs list --status failed
  cloud-jobs run --concurrency 8
  cloud-jobs try report --config '{"city":"Bonn"}'
  cloud-jobs dev

The project comes from --supabase-url and --supabase-key, or SUPABASE_URL and SUPABASE_SECRET_KEY
(or SUPABASE_SERVICE_ROLE_KEY) in the environment or in .env.`;

/** One call of the command line. @returns the exit code */
export async function runCommandLine(argv: readonly string[], env: Env): Promise<number> {
  let lost: Error | null = null;
  process.stdout.on('error', (error) => {
    lost = error;
  });
  const code = await runProgram(argv, env);
  // What is under way shows by then whether it can be written, whichever command wrote it.
  await new Promise((resolve) => process.stdout.write('', resolve));
  if (code !== 0 || lost === null || isClosedPipe(lost)) return code;
  process.stderr.write(`Error: ${describeError(new Error(UNWRITTEN, { cause: lost }))}\n`);
  return 1;
}

async function runProgram(argv: readonly string[], env: Env): Promise<number> {
  let code = 0;
  try {
    await createProgram(env, (ended) => {
      code = ended;
    }).parseAsync([...argv]);
  } catch (error) {
    // commander has printed what was wrong; help and version are no errors.
    if (error instanceof Error && 'exitCode' in error) return Number(error.exitCode);
    throw error;
  }
  return code;
}

/** All commands with their options. `end` gets the exit code of the one that ran. */
export function createProgram(env: Env, end: (code: number) => void): Command {
  const program = new Command('cloud-jobs')
    .description('A durable job queue: jobs live in your Supabase project, GitHub Actions runs execute them.')
    .version(VERSION)
    .addHelpText('after', EXAMPLES)
    // An error quotes what was typed, or what a script put there.
    .configureOutput({ outputError: (text, write) => write(disarm(text)) })
    .exitOverride();
  for (const verb of COMMANDS) {
    addVerb(program, verb).action(async (...args: unknown[]) => {
      end(await call(verb, givenBy(verb, args), env));
    });
  }
  const host = { env: () => loadEnv(env), stop: () => stopSignals(() => {}).stop, end };
  return program
    .addCommand(initCommand(host.env, end))
    .addCommand(installCommand(host.env, end))
    .addCommand(tryCommand({ ...host, hostScript: HOST_SCRIPT, naming: NAMING }))
    .addCommand(
      dashboardCommand({
        ...host,
        describeConfigs: (folder, env, key) =>
          describeConfigs(handlerPlace(folder, { env, hostScript: HOST_SCRIPT }, key)),
      }),
    )
    .addCommand(watchCommand({ ...host, terminal: process.stdout }))
    .addCommand(stackCommand('dev', end));
}

/** Adds a command that other hosts have too; its input becomes options and one positional argument. */
function addVerb(program: Command, verb: Verb): Command {
  const command = program.command(verb.name).description(verb.about);
  for (const [field, schema] of Object.entries(verb.input.shape)) {
    const text = labelled(withDefault(schema), namingOf(verb));
    if (field === verb.positional) {
      const word = wordOf(field);
      command.argument(kindOf(schema).type === 'list' ? `[${word}...]` : `[${word}]`, text);
      command.addOption(new Option(`--${inputName(field)} <${word}>`, text).hideHelp());
    } else command.option(`--${inputName(field)}${placeholder(kindOf(schema), inputName(field))}`, text);
  }
  if (verb.name === 'run') {
    command
      .option('--watch', 'Stay, and run jobs as they become due, until stopped by SIGTERM or Ctrl-C.')
      .option('--health-port <n>', 'With --watch: answer GET /healthz and GET /metrics on this port.')
      .option(
        '--grace-seconds <n>',
        `How long after SIGTERM or Ctrl-C this process may live, 10 to 3600. Jobs may end until 10 s before, and are handed back then. Default: ${ORDERLY_END_SECONDS}.`,
      );
  }
  return command
    .option('--supabase-url <url>', 'Project URL. Default: SUPABASE_URL.')
    .option('--supabase-key <key>', 'Secret key. Default: SUPABASE_SECRET_KEY.')
    .option('--supabase-publishable-key <key>', 'Public key, beside a token of a role that may do less.')
    .option('--json', 'Print JSON.');
}

/** A longer option would leave its text no room in a terminal of 80 columns. The text names the choices too. */
const LONGEST_OPTION = 34;

function placeholder({ type, values }: ReturnType<typeof kindOf>, name: string): string {
  switch (type) {
    case 'boolean':
      return '';
    case 'integer':
    case 'float':
      return ' <n>';
    case 'list':
      return ' <a,b>';
    case 'enum': {
      const choices = ` <${values?.join('|')}>`;
      return `--${name}${choices}`.length > LONGEST_OPTION ? ' <choice>' : choices;
    }
    default:
      return ' <text>';
  }
}

/** What commander hands to an action: the positional argument, if there is one, and the options. */
function givenBy(verb: Verb, args: readonly unknown[]): Given {
  if (verb.positional === undefined) return args[0] as Given;
  const [ids, options] = args as [string | readonly string[] | undefined, Given];
  const given = typeof ids === 'string' ? ids : (ids ?? []).join(',');
  return given === '' ? options : { ...options, [verb.positional]: given };
}

async function call(verb: Verb, given: Given, own: Env): Promise<number> {
  const redactor = createRedactor(undefined, JOB_TYPE_NAMES);
  const log = createTerminalLog({
    write: (line) => process.stderr.write(line),
    redact: redactor.redact,
    colour: process.stderr.isTTY === true,
  });
  try {
    const env = loadEnv(own);
    const { json, watch, healthPort, graceSeconds, ...options } = given;
    const raw: Record<string, string | undefined> = {
      'supabase-url': env.SUPABASE_URL,
      'supabase-key': env.SUPABASE_SECRET_KEY || env.SUPABASE_SERVICE_ROLE_KEY,
      command: verb.name,
      // Only doctor asks GitHub without being told to: a run would spend the token's requests on every call.
      ...(verb.name === 'doctor' && { 'github-token': env.GITHUB_TOKEN }),
      ...(verb.name === 'run' && {
        'alert-webhook-url': env.CLOUD_JOBS_ALERT_WEBHOOK_URL,
        'alert-webhook-secret': env.CLOUD_JOBS_ALERT_WEBHOOK_SECRET,
      }),
      ...Object.fromEntries(Object.entries(options).map(([key, value]) => [inputName(key), String(value)])),
    };
    redactor.add(raw['supabase-key'] ?? '');
    for (const name of ['github-token', 'alert-webhook-url', 'alert-webhook-secret'])
      redactor.add(raw[name] ?? '');
    const { input, connection, warnings } = readInput(raw, {
      ...namingOf(verb),
      missing: (name) => `Give it, or set ${VARIABLES[name]} in the environment or in .env.`,
      redact: redactor.redact,
    });
    for (const warning of warnings) log.warning(warning);
    const grace = graceSeconds === undefined ? ORDERLY_END_SECONDS : graceOf(String(graceSeconds));
    const metrics = async () => openMetrics(await openQueue(connection, VERSION).queue.metrics());
    await using health =
      healthPort === undefined ? null : await serveHealth(portOf(String(healthPort)), { metrics });
    const host = {
      env,
      hostScript: HOST_SCRIPT,
      workspace: '.',
      log,
      redactor,
      // Ctrl-C ends any other command at once: what the database was asked to do is done whole or not at all.
      ...(verb.name === 'run' ? stopSignals(log.info, grace) : { stop: new AbortController().signal }),
      watch: watch === true,
      ...(health && { onTurn: health.onTurn }),
    };
    const answer = await verb.run(input, await createContext(host, connection));
    // Secrets are taken out of the data: in the finished text they are escaped or cut, and would not be found.
    const safe = redactor.redactJson(answer);
    await print(
      json
        ? jsonText(verb.json(safe))
        : disarm(verb.text(safe, new Date(), process.stdout.columns ?? Number.POSITIVE_INFINITY)),
    );
    return verb.exitCode?.(answer, input) ?? 0;
  } catch (error) {
    log.error(describeError(error));
    return 1;
  }
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Error(`--health-port is ${JSON.stringify(text)}, and must be a number from 0 to 65535.`);
}

function graceOf(text: string): number {
  if (/^\d{2,4}$/.test(text) && Number(text) >= ORDERLY_END_SECONDS && Number(text) <= 3_600)
    return Number(text);
  throw new Error(`--grace-seconds is ${JSON.stringify(text)}, and must be a whole number from 10 to 3600.`);
}

const VARIABLES = { 'supabase-url': 'SUPABASE_URL', 'supabase-key': 'SUPABASE_SECRET_KEY' } as const;

const UNWRITTEN = 'The answer could not be written to the standard output.';

/** The reader wanted no more: `cloud-jobs list | head`. */
const isClosedPipe = (error: Error): boolean => 'code' in error && error.code === 'EPIPE';

/** Resolves when the text is out. @throws Error if it cannot be written, as on a full disk */
async function print(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const ended = (cause?: Error | null): void => {
      if (!cause || isClosedPipe(cause)) resolve();
      else reject(new Error(UNWRITTEN, { cause }));
    };
    process.stdout.once('error', ended);
    process.stdout.write(`${text}\n`, ended);
  });
}

/** `.env` in the working folder adds what the environment lacks, or has as an empty text (a secret of CI that is not set). */
function loadEnv(env: Env): Env {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  try {
    return { ...parseEnv(decode(readFileSync('.env'))), ...given };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // A folder of this name is a virtual environment of Python.
    if (code === 'ENOENT' || code === 'EISDIR') return given;
    throw new Error(`The file .env in ${process.cwd()} cannot be read.`, { cause: error });
  }
}

/** Editors of Windows begin a file with a byte-order mark, and its shell writes UTF-16. */
function decode(bytes: Buffer): string {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? 'utf-16le'
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? 'utf-16be'
        : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

// False if a test imports this file; undefined on a Node that does not know it yet.
if (import.meta.main !== false) process.exit(await runCommandLine(process.argv, process.env));

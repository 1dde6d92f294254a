import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { Command } from 'commander';
import { answerText } from '../commands/answer-text.ts';
import { execute, exitCodeOf } from '../commands/execute.ts';
import { openGitHub } from '../commands/github-repository.ts';
import { COMMANDS, type CommandName, type OptionName, USED } from '../commands/option-names.ts';
import { readOptions } from '../commands/options.ts';
import { checkByHandlers, JOB_TYPE_NAMES } from '../handlers/index.ts';
import { openQueue } from '../queue/open-queue.ts';
import { describeError } from '../text/describe-error.ts';
import { disarm } from '../text/disarm.ts';
import { jsonText } from '../text/json-text.ts';
import { createRedactor } from '../text/redact.ts';
import { VERSION } from '../version.ts';
import { JobOutput } from '../worker/job-output.ts';
import { answerData } from './answer-data.ts';
import { withoutKey } from './handler-env.ts';
import { openWorker } from './open-worker.ts';
import { createTerminalLog } from './terminal-log.ts';

const HOST_SCRIPT = fileURLToPath(
  new URL(`../handlers/custom/host${extname(import.meta.url)}`, import.meta.url),
);

type Env = Readonly<Record<string, string | undefined>>;

const ABOUT: Readonly<Record<CommandName, string>> = {
  run: 'claim and execute what is due, until nothing is',
  plan: 'say how many workers are worth starting',
  create: 'add a job',
  apply: 'make the recurring jobs what a jobs file says',
  list: 'list jobs, newest first',
  show: 'show one job with its executions',
  stats: 'count jobs by queue and status',
  cancel: 'cancel a job; a running one is stopped at its next heartbeat',
  retry: 'run a finished job again, or a waiting one now',
  enable: 'put a disabled job back',
  disable: 'take a job out until it is enabled',
  delete: 'delete a job and its history',
  doctor: 'check url, key, schema, grants and clock, and say what to do',
};
const FLAGS: ReadonlySet<OptionName> = new Set(['dry-run', 'prune', 'keepalive']);

const EXAMPLES = `
Examples:
  cloud-jobs create --name "Nightly report" --job-type custom --config '{"handler":"report"}'
  cloud-jobs list --status failed
  cloud-jobs run --concurrency 8
  cloud-jobs dev

The project comes from --supabase-url and --supabase-key, or SUPABASE_URL and SUPABASE_SECRET_KEY
(or SUPABASE_SERVICE_ROLE_KEY) in the environment or in .env.`;

/** One call of the command line. @returns the exit code */
export async function runTerminal(argv: readonly string[], env: Env): Promise<number> {
  let code = 0;
  const program = new Command('cloud-jobs')
    .description('A durable job queue: jobs live in your Supabase project, GitHub Actions runs execute them.')
    .version(VERSION)
    .addHelpText('after', EXAMPLES)
    // It quotes what was typed, or what a script put there.
    .configureOutput({ outputError: (text, write) => write(disarm(text)) })
    .exitOverride();
  for (const name of COMMANDS) {
    const command = program
      .command(name)
      .description(ABOUT[name])
      .option('--supabase-url <url>', 'project URL; default: SUPABASE_URL')
      .option('--supabase-key <key>', 'secret key; default: SUPABASE_SECRET_KEY')
      .option('--supabase-publishable-key <key>', 'public key, beside a token of a role that may do less')
      .option('--json', 'print JSON');
    for (const option of USED[name])
      command.option(FLAGS.has(option) ? `--${option}` : `--${option} <value>`);
    command.action(async (given: Record<string, string | boolean>) => {
      code = await call(name, given, env);
    });
  }
  program
    .command('dev')
    .description('start a local stack: Postgres and PostgREST that behave as a Supabase project')
    .option('--data <dir>', 'keep the database here between starts')
    .option('--port <n>', 'port of the project URL')
    .action(async (given: { data?: string; port?: string }) => {
      if (given.port !== undefined && !/^\d{1,5}$/.test(given.port)) {
        process.stderr.write(
          `--port is ${disarm(JSON.stringify(given.port))}, and must be a number from 1 to 65535.\n`,
        );
        code = 1;
        return;
      }
      const { runStack } = await import('../../local-supabase/stack.ts');
      const stop = stopSignal();
      code = await runStack(
        { ...(given.data ? { data: given.data } : {}), ...(given.port ? { port: Number(given.port) } : {}) },
        {
          out: (line) => process.stdout.write(`${line}\n`),
          err: (line) => process.stderr.write(`${line}\n`),
          signal: stop,
        },
      );
    });
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    // commander has printed what was wrong; help and version are no errors.
    if (error instanceof Error && 'exitCode' in error) return Number(error.exitCode);
    throw error;
  }
  return code;
}

async function call(name: CommandName, given: Record<string, string | boolean>, own: Env): Promise<number> {
  const redactor = createRedactor(undefined, JOB_TYPE_NAMES);
  const log = createTerminalLog({
    write: (line) => process.stderr.write(line),
    redact: redactor.redact,
    colour: process.stderr.isTTY === true,
  });
  try {
    const env = loadEnv(own);
    const { json, ...rest } = given;
    const raw: Record<string, string | undefined> = {
      'supabase-url': env.SUPABASE_URL,
      'supabase-key': env.SUPABASE_SECRET_KEY || env.SUPABASE_SERVICE_ROLE_KEY,
      command: name,
      // Doctor alone asks GitHub unbidden: a run would spend the token's requests on every call.
      ...(name === 'doctor' ? { 'github-token': env.GITHUB_TOKEN } : {}),
    };
    for (const [key, value] of Object.entries(rest)) {
      raw[key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)] = String(value);
    }
    redactor.add(raw['supabase-key'] ?? '');
    redactor.add(raw['github-token'] ?? '');
    const { options, warnings } = readOptions(raw, {
      label: (option) => `--${option}`,
      noun: 'option',
      missing: (option) =>
        option === 'supabase-url'
          ? 'Give it, or set SUPABASE_URL in the environment or in .env.'
          : 'Give it, or set SUPABASE_SECRET_KEY in the environment or in .env.',
      redact: redactor.redact,
    });
    for (const warning of warnings) log.warning(warning);
    const forHandlers = withoutKey(env, options.connection.key);
    const opened = openQueue(options.connection, VERSION);
    const answer = await execute(options, {
      queue: opened.queue,
      readFile: (path) => readFile(path, 'utf8'),
      repository: null,
      redact: redactor.redact,
      checkByHandlers: (jobs, folder) =>
        checkByHandlers(jobs, {
          folder,
          env: forHandlers,
          hostScript: HOST_SCRIPT,
          scratchDir: join(tmpdir(), 'cloud-jobs'),
        }),
      now: () => new Date(),
      warn: log.warning,
      github: (token) => openGitHub(token, env),
      planner: async () => null,
      openWorker: (run) =>
        openWorker(
          run,
          {
            env: forHandlers,
            scratchDir: join(tmpdir(), 'cloud-jobs'),
            repository: null,
            runId: null,
            runAttempt: null,
            runUrl: null,
            trigger: null,
            hostScript: HOST_SCRIPT,
            version: VERSION,
          },
          {
            ...opened,
            openOutput: (job) => new JobOutput(job.name, log),
            secrets: redactor,
            warn: log.warning,
            stop: stopSignal(),
          },
        ),
    });
    // Secrets are taken out of the data: in the finished text they are escaped or cut, and not found any more.
    const safe = redactor.redactJson(answer);
    process.stdout.write(`${json ? jsonText(answerData(safe)) : disarm(answerText(safe, new Date()))}\n`);
    return exitCodeOf(answer, options.command === 'run' ? options.failOn : 'failed');
  } catch (error) {
    log.error(describeError(error));
    return 1;
  }
}

/** `.env` beside the caller adds what the environment lacks, or has as nothing (a secret of CI that is not set). */
function loadEnv(env: Env): Env {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  try {
    return { ...parseEnv(readFileSync('.env', 'utf8')), ...given };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // A folder of this name is somebody's virtual environment.
    if (code === 'ENOENT' || code === 'EISDIR') return given;
    throw new Error(`The file .env in ${process.cwd()} cannot be read.`, { cause: error });
  }
}

function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  return stop.signal;
}

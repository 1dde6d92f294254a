import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../commands/index.ts';
import { readInput } from '../commands/read-input.ts';
import { JOB_TYPE_NAMES } from '../handlers/index.ts';
import { describeError } from '../text/describe-error.ts';
import { createRedactor } from '../text/redact.ts';
import { createContext } from './create-worker.ts';
import { createTerminalLog } from './terminal-log.ts';

/**
 * One run of the worker inside a function that a cloud starts: AWS Lambda and Google Cloud call this. Inputs are those of
 * the command `run`, by the names of `--help`.
 */
export interface FunctionOptions {
  /** The folder of the handlers, bundled with the function. */
  readonly handlers?: string;
  /** Further inputs of `run`, such as `{ queues: 'default', concurrency: '8' }`. */
  readonly inputs?: Readonly<Record<string, string>>;
}

/** What a run did. A job that failed is a count here, not an error of the function. */
export interface FunctionResult {
  readonly claimed: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly retried: number;
  readonly cancelled: number;
  /** Due jobs that are left; null if it is not known. */
  readonly remaining: number | null;
  /** What ended the run: `empty`, `time-budget`, `max-jobs`, `signal` (the time of the function) or `error`. */
  readonly stopCause: string;
  readonly error: string | null;
}

/** Handlers that still run this long before the end are stopped, and their jobs go back to the queue. */
const GRACE_SECONDS = 8;
/** The file that child processes run, beside this one: a function is deployed with node_modules, not bundled. */
const HOST_SCRIPT = fileURLToPath(
  new URL(`../handlers/custom/host${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);

/**
 * Claims and executes jobs for up to `seconds`, of which the last 8 are kept for an orderly end.
 * @throws Error if the run cannot start: no connection, a wrong key, a wrong input
 */
export async function runFunction(
  { handlers, inputs = {} }: FunctionOptions,
  seconds: number,
  env: Readonly<Record<string, string | undefined>>,
): Promise<FunctionResult> {
  const redactor = createRedactor(undefined, JOB_TYPE_NAMES);
  const write = (text: string) => process.stdout.write(text);
  const log = createTerminalLog({ write, redact: redactor.redact, colour: false });
  const usable = Math.max(1, seconds - GRACE_SECONDS);
  const stop = AbortSignal.timeout(usable * 1000);
  const raw = {
    command: 'run',
    'supabase-url': env.SUPABASE_URL,
    'supabase-key': env.SUPABASE_SECRET_KEY || env.SUPABASE_SERVICE_ROLE_KEY,
    'time-budget-minutes': String(Math.max(0.1, Math.round(usable / 6) / 10)),
    ...(handlers !== undefined && { handlers }),
    ...inputs,
  };
  redactor.add(raw['supabase-key'] ?? '');
  redactor.add(inputs['alert-webhook-url'] ?? '');
  redactor.add(inputs['alert-webhook-secret'] ?? '');
  const naming = { label: (name: string) => name, noun: 'input' } as const;
  const missing = (name: string) =>
    `Set ${name.toUpperCase().replace('-KEY', '-SECRET-KEY').replaceAll('-', '_')}.`;
  try {
    const { input, connection, warnings } = readInput(raw, { ...naming, missing, redact: redactor.redact });
    for (const warning of warnings) log.warning(warning);
    const host = { env, hostScript: HOST_SCRIPT, workspace: '.', log, redactor, stop };
    const run = COMMANDS.find(({ name }) => name === 'run');
    const answer = await run?.run(input, await createContext(host, connection));
    if (answer?.command !== 'run') throw new Error('The command run gave no report.');
    const { claimed, succeeded, failed, retried, cancelled, remaining, stopCause, error } =
      redactor.redactJson(answer.report);
    return { claimed, succeeded, failed, retried, cancelled, remaining, stopCause, error };
  } catch (cause) {
    throw new Error(redactor.redact(describeError(cause)));
  }
}

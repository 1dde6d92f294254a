import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import type { JobRow } from '../../queue/job.ts';
import { openQueue } from '../../queue/open-queue.ts';
import type { Queue } from '../../queue/queue.ts';
import { describeError } from '../../text/describe-error.ts';
import { disarm } from '../../text/disarm.ts';
import { duration, plural } from '../../text/format.ts';
import { textTable } from '../../text/table.ts';
import { VERSION } from '../../version.ts';
import { statusWords } from '../job-table.ts';
import { queueTable } from '../queue-table.ts';
import { readInput } from '../read-input.ts';

/** `cloud-jobs watch`: queues and running jobs in a terminal, refreshed until Ctrl-C. It takes no jobs. */

type Env = Readonly<Record<string, string | undefined>>;

interface Options {
  readonly supabaseUrl?: string;
  readonly supabaseKey?: string;
  readonly supabasePublishableKey?: string;
  readonly interval: string;
}

/** What the command line gives the command. */
export interface WatchHost {
  readonly env: () => Env;
  readonly stop: () => AbortSignal;
  readonly end: (code: number) => void;
  readonly terminal: Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns' | 'rows'>;
}

/** Running jobs that are read; the screen shows as many as fit. */
const RUNNING_JOBS = 100;
/** Rows of the screen that the running jobs leave to the queues. */
const ROWS_FOR_QUEUES = 12;
/** To the upper left corner, and everything below is cleared: unlike clearing the screen, this does not flicker. */
const HOME = '\u001b[H';
const CLEAR_REST = '\u001b[J';
const CLEAR_LINE = '\u001b[K';

export function watchCommand(host: WatchHost): Command {
  return new Command('watch')
    .description(
      'Show queues and running jobs, refreshed until Ctrl-C. It runs no jobs: that is run --watch.',
    )
    .option('--interval <seconds>', 'Seconds between two looks, 1 to 3600.', '2')
    .option('--supabase-url <url>', 'Project URL. Default: SUPABASE_URL.')
    .option(
      '--supabase-key <key>',
      'Secret key, or a token of the viewer role. Default: SUPABASE_SECRET_KEY.',
    )
    .option('--supabase-publishable-key <key>', 'Public key, beside a token of a role that may do less.')
    .exitOverride()
    .action(async (options: Options) => {
      try {
        await watch(options, host);
      } catch (error) {
        process.stderr.write(`Error: ${disarm(describeError(error))}\n`);
        host.end(1);
      }
    });
}

async function watch(options: Options, { env: readEnv, stop, terminal }: WatchHost): Promise<void> {
  const env = readEnv();
  const seconds = Number(options.interval);
  if (!/^\d+(\.\d+)?$/.test(options.interval) || seconds < 1 || seconds > 3600) {
    throw new Error(
      `--interval is ${JSON.stringify(options.interval)}, and must be a number of seconds from 1 to 3600.`,
    );
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
  const { queue } = openQueue(connection, VERSION);
  const signal = stop();
  // A mistake in the connection ends the command; a fault later is shown, and the next look may be better.
  let page = await look(queue, terminal.rows);
  let fault = '';
  while (!signal.aborted) {
    draw(`${fault}${page(new Date(), terminal.columns ?? Number.POSITIVE_INFINITY)}`, terminal);
    // A pipe or a file gets one picture.
    if (!terminal.isTTY) return;
    await delay(seconds * 1000, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    try {
      page = await look(queue, terminal.rows);
      fault = '';
    } catch (error) {
      fault = `${describeError(error)}\nThe last that is known:\n\n`;
    }
  }
}

type Page = (now: Date, width: number) => string;

async function look(queue: Queue, rows: number | undefined): Promise<Page> {
  const [{ queues }, { jobs }] = await Promise.all([
    queue.queues(),
    queue.search({ status: 'locked' }, RUNNING_JOBS),
  ]);
  const fitting = Math.max(3, (rows ?? Number.POSITIVE_INFINITY) - ROWS_FOR_QUEUES);
  return (now, width) =>
    [
      `${now.toISOString().slice(11, 19)} UTC. Ctrl-C ends this.`,
      '',
      queues.length === 0 ? 'No queue has unfinished jobs or settings.' : queueTable(queues, now, width),
      '',
      ...runningLines(jobs, fitting, now, width),
    ].join('\n');
}

function runningLines(jobs: readonly JobRow[], fitting: number, now: Date, width: number): string[] {
  if (jobs.length === 0) return ['No job is running.'];
  const shown = jobs.slice(0, fitting);
  const left = jobs.length - shown.length;
  return [
    textTable(
      ['Running', 'Queue', 'Since', 'Attempt', 'Worker'],
      shown.map((job) => [
        job.name,
        job.queue,
        job.cancel_requested_at || job.lock_expired ? statusWords(job, now) : sinceWords(job, now),
        `${job.current_retries + 1} of ${job.max_retries + 1}`,
        job.locked_by ?? '',
      ]),
      width,
    ),
    ...(left > 0
      ? [
          `and ${jobs.length === RUNNING_JOBS ? 'at least ' : ''}${plural(left, 'other job')}: cloud-jobs list --status locked`,
        ]
      : []),
  ];
}

function sinceWords({ locked_at: lockedAt }: JobRow, now: Date): string {
  const since = (now.getTime() - Date.parse(lockedAt ?? '')) / 1000;
  return Number.isNaN(since) ? '' : duration(Math.max(0, since));
}

function draw(page: string, terminal: WatchHost['terminal']): void {
  const text = disarm(page);
  terminal.write(
    terminal.isTTY
      ? `${HOME}${text.replaceAll('\n', `${CLEAR_LINE}\n`)}${CLEAR_LINE}\n${CLEAR_REST}`
      : `${text}\n`,
  );
}

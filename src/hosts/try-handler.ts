import { join } from 'node:path';
import { Command } from 'commander';
import { v7 as uuid7 } from 'uuid';
import { z } from 'zod';
import { config, handlers, minutes, secondsOf, wholeNumber } from '../commands/fields.ts';
import { type InputNaming, inputName, labelled } from '../commands/naming.ts';
import { InputError, readFields } from '../commands/read-fields.ts';
import { AbortReason } from '../handlers/handler.ts';
import { LocalMemory, openHandlersFolder } from '../handlers/index.ts';
import type { ClaimedJob } from '../queue/job.ts';
import type { FinishItem } from '../queue/requests.ts';
import type { Json } from '../queue/types.ts';
import { describeError } from '../text/describe-error.ts';
import { disarm } from '../text/disarm.ts';
import { duration, progressInWords } from '../text/format.ts';
import { jsonText } from '../text/json-text.ts';
import { createRedactor } from '../text/redact.ts';
import { Attempt } from '../worker/attempt.ts';
import { finishItem } from '../worker/finish-item.ts';
import { JobOutput } from '../worker/job-output.ts';
import { type Host, handlerPlace, spill } from './create-worker.ts';
import { createTerminalLog } from './terminal-log.ts';

/** `cloud-jobs try HANDLER`: runs one handler as a worker does, without a database, and shows what would be recorded. */

const tryInput = z.object({
  config: config()
    .prefault('{}')
    .describe('Config of the job, as a JSON object. Its handler need not be named again.'),
  handlers: handlers.describe('Folder with the handlers. Default: .github/cloud-jobs.'),
  attempt: wholeNumber(1, 101).prefault('1').describe('Number of the attempt that the handler gets.'),
  timeoutMinutes: minutes(0, 360).optional().describe('The longest that the attempt may take.'),
});

export interface TryHost {
  readonly env: () => Host['env'];
  readonly hostScript: string;
  readonly naming: Pick<InputNaming, 'label' | 'noun'>;
  /** Aborts when the user stops the handler. */
  readonly stop: () => AbortSignal;
  /** Takes the exit code: 1 for an attempt that neither succeeded nor snoozed. */
  readonly end: (code: number) => void;
}

/** What a worker would send to the database about the attempt, and the handler's warnings. */
interface Tried extends Omit<FinishItem, 'execution_id'> {
  readonly handler: string;
  readonly warnings: readonly string[];
}

export function tryCommand(host: TryHost): Command {
  const command = new Command('try')
    .description('Run one handler on this machine, without a database, and show what would be recorded.')
    .argument('<handler>', 'Name of the handler, as in the config of a job.')
    .exitOverride();
  for (const [field, schema] of Object.entries(tryInput.shape))
    command.option(`--${inputName(field)} <value>`, labelled(schema.description ?? '', host.naming));
  return command
    .option('--json', 'Print JSON.')
    .action(async (handler: string, given: Readonly<Record<string, string | boolean>>) => {
      try {
        const { json, ...options } = given;
        const tried = await tryHandler(handler, options as Readonly<Record<string, string>>, host);
        process.stdout.write(`${json ? jsonText(tried) : disarm(inWords(tried))}\n`);
        if (tried.outcome !== 'success' && tried.outcome !== 'snooze') host.end(1);
      } catch (error) {
        process.stderr.write(`Error: ${disarm(describeError(error))}\n`);
        host.end(1);
      }
    });
}

async function tryHandler(
  handler: string,
  options: Readonly<Record<string, string>>,
  host: TryHost,
): Promise<Tried> {
  const env = host.env();
  const key = (env.SUPABASE_SECRET_KEY || env.SUPABASE_SERVICE_ROLE_KEY || '').trim();
  const redactor = createRedactor();
  redactor.add(key);
  const input = readOptions(options, { ...host.naming, missing: () => '', redact: redactor.redact });
  const job = jobOf(handler, input);
  const log = createTerminalLog({
    write: (line) => process.stderr.write(line),
    redact: redactor.redact,
    colour: process.stderr.isTTY === true,
  });
  const place = handlerPlace(input.handlers, { env, hostScript: host.hostScript }, key);
  const custom = openHandlersFolder(place);
  const attempt = new Attempt(job, {
    handler: custom.handler,
    output: new JobOutput(`Output of ${handler}`, log),
    secret: redactor.add,
    redact: redactor.redact,
    recall: async () => new LocalMemory(),
    now: () => performance.now(),
  });
  const stop = host.stop();
  const onStop = (): void => attempt.stop(new AbortReason('shutdown', 'You stopped the handler.'));
  stop.addEventListener('abort', onStop, { once: true });
  const ending = await attempt.ended;
  stop.removeEventListener('abort', onStop);
  await custom.close();
  const { item } = await finishItem(ending, {
    redact: redactor.redact,
    redactJson: redactor.redactJson,
    spill: (id, text) => spill(join(place.scratchDir, 'results'), id, text),
  });
  attempt.output.end(`Ended after ${duration(ending.durationSeconds)}.`);
  const { execution_id: _id, ...recorded } = item;
  return { handler, ...recorded, warnings: ending.warnings };
}

function readOptions(options: Readonly<Record<string, string>>, naming: InputNaming) {
  const given = Object.entries(options).flatMap(([field, value]) =>
    value.trim() === '' ? [] : [[inputName(field), value] as const],
  );
  const { input, problems } = readFields({ name: 'try', input: tryInput }, new Map(given), naming);
  if (problems.length > 0) throw new InputError(problems, naming.noun);
  return input;
}

/** The job as a claim would return it. */
function jobOf(handler: string, input: z.output<typeof tryInput>): ClaimedJob {
  const named = input.config.handler;
  if (named !== undefined && named !== handler)
    throw new Error(`The config names the handler ${JSON.stringify(named)}, and the command ${handler}.`);
  const now = new Date().toISOString();
  return {
    job_id: uuid7(),
    execution_id: uuid7(),
    name: `Try ${handler}`,
    job_type: 'custom',
    config: { ...input.config, handler },
    description: '',
    queue: 'default',
    priority: 0,
    attempt: input.attempt,
    current_retries: input.attempt - 1,
    max_retries: Math.max(3, input.attempt - 1),
    occurrence: 1,
    timeout_seconds: input.timeoutMinutes === undefined ? null : secondsOf(input.timeoutMinutes),
    schedule: null,
    timezone: null,
    scheduled_for: now,
    unique_key: null,
    concurrency_key: null,
    run_at: now,
    created_at: now,
  };
}

function inWords(tried: Tried): string {
  const lines: [label: string, value: string][] = [
    ['Outcome', outcomeWords(tried)],
    ['Took', duration(tried.duration_seconds ?? 0)],
    ['Result', tried.result === undefined ? '' : JSON.stringify(tried.result, null, 2)],
    [tried.outcome === 'failure' ? 'Error' : 'Reason', tried.error ?? ''],
    ['Details', detailWords(tried.error_details)],
    ['Spawns', spawnWords(tried)],
    ['Progress', progressInWords(tried.progress ?? null)],
    ...tried.warnings.map((text): [string, string] => ['Warning', text]),
  ];
  return lines.flatMap(([label, value]) => (value === '' ? [] : [`${label}: ${value}`])).join('\n');
}

function outcomeWords({ outcome, failure_kind: kind, delay_seconds: delay }: Tried): string {
  switch (outcome) {
    case 'success':
      return 'success';
    case 'snooze':
      return `snooze, due again in ${duration(delay ?? 0)}; no retry is spent`;
    case 'release':
      return delay === undefined
        ? 'release, handed back for another worker; no retry is spent'
        : `pause, goes on in ${duration(delay)} at the latest; no retry is spent`;
    case 'discard':
      return 'discard, failed for good whatever retries are left';
    case 'failure': {
      const when = delay === undefined ? '' : ` in ${duration(delay)}`;
      return `failure${kind === undefined ? '' : ` (${kind})`}, retried${when} if retries are left`;
    }
  }
}

/** The jobs that would be added, up to ten of them by name. */
function spawnWords({ spawn = [] }: Tried): string {
  const named = spawn.slice(0, 10).map(({ name }) => `\n  ${name}`);
  const more = spawn.length > named.length ? `\n  and ${spawn.length - named.length} more` : '';
  return spawn.length === 0 ? '' : `${spawn.length} jobs${named.join('')}${more}`;
}

/** What an error holds besides its message. Its place is in the message. */
function detailWords(details: Json | undefined): string {
  if (details === undefined) return '';
  if (details === null || typeof details !== 'object' || Array.isArray(details))
    return JSON.stringify(details);
  return Object.entries(details)
    .filter(([name]) => name !== 'at')
    .map(([name, value]) => `\n  ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('');
}

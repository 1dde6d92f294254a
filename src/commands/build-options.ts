import { JOB_TYPE_NAMES } from '../handlers/index.ts';
import { scheduleFaults } from '../schedule/schedule-fault.ts';
import { limitedRole } from './connection.ts';
import { type Door, endSentence, quote } from './door.ts';
import { SILENCE_SECONDS } from './liveness.ts';
import type { CommandName, OptionName } from './option-names.ts';
import type { OptionValues } from './option-schemas.ts';
import type { Options, Recurrence } from './option-types.ts';

const DEFAULT_QUEUE = 'default';
/** Beside the handlers. */
const DEFAULT_JOBS_FILE = '.github/cloud-jobs/jobs.yml';
const MOST_EXECUTIONS = 200;

/**
 * The options of a command from the values that were given: defaults filled in, and what must be given or go together
 * checked.
 * @param problems what is wrong is added to it; the options are then not to be used
 */
export function buildOptions(
  command: CommandName,
  values: OptionValues,
  door: Door,
  problems: string[],
): Options {
  const key = values['supabase-key'] ?? '';
  const connection = {
    url: values['supabase-url'] ?? '',
    key,
    // Beside one of the project's own keys it would win, and let nobody in.
    publishableKey: limitedRole(key) === null ? null : (values['supabase-publishable-key'] ?? null),
  };
  switch (command) {
    case 'run':
      return {
        command,
        connection,
        queues: values.queues ?? [DEFAULT_QUEUE],
        jobTypes: values['job-types'] ?? JOB_TYPE_NAMES,
        maxJobs: values['max-jobs'] ?? null,
        concurrency: values.concurrency ?? 4,
        lockSeconds: values['lock-minutes'] ?? 300,
        timeBudgetSeconds: values['time-budget-minutes'] ?? 3000,
        lingerSeconds: values['linger-minutes'] ?? 0,
        instanceId: values['instance-id'] ?? null,
        handlers: values.handlers ?? null,
        dryRun: values['dry-run'] ?? false,
        failOn: values['fail-on'] ?? 'failed',
        silenceSeconds: values['silence-minutes'] ?? SILENCE_SECONDS,
        keepalive: keepaliveOf(values, door, problems),
        githubToken: values['github-token'] ?? null,
      };
    case 'plan':
      return {
        command,
        connection,
        queues: values.queues ?? [DEFAULT_QUEUE],
        jobTypes: values['job-types'] ?? JOB_TYPE_NAMES,
        maxWorkers: values['max-workers'] ?? 4,
        jobsPerWorker: values['jobs-per-worker'] ?? 25,
      };
    case 'create':
      return {
        command,
        connection,
        name: needed('name', values.name, '', command, door, problems),
        jobType: needed('job-type', values['job-type'], 'custom', command, door, problems),
        config: values.config ?? {},
        description: values.description ?? '',
        maxRetries: values['max-retries'] ?? null,
        priority: values.priority ?? 0,
        runAt: values['run-at'] ?? null,
        queue: values.queue ?? DEFAULT_QUEUE,
        uniqueKey: values['unique-key'] ?? null,
        concurrencyKey: values['concurrency-key'] ?? null,
        timeoutSeconds: values['timeout-minutes'] ?? null,
        recurrence: recurrenceOf(values, door, problems),
        handlers: values.handlers ?? null,
      };
    case 'apply':
      return {
        command,
        connection,
        file: values.file ?? DEFAULT_JOBS_FILE,
        prune: values.prune ?? false,
        dryRun: values['dry-run'] ?? false,
        handlers: values.handlers ?? null,
      };
    case 'list':
      return {
        command,
        connection,
        name: values.name ?? null,
        jobType: values['job-type'] ?? null,
        queue: values.queue ?? null,
        status: values.status ?? null,
        limit: values.limit ?? 50,
      };
    case 'show': {
      const jobId = values['job-id'] ?? null;
      const name = values.name ?? null;
      if ((jobId === null) === (name === null)) {
        const both = `${door.label('job-id')} or ${door.label('name')}`;
        problems.push(
          jobId === null
            ? `show needs ${both}; the list command shows both.`
            : `show takes ${both}, not both.`,
        );
      }
      const limit = values.limit ?? 10;
      if (limit > MOST_EXECUTIONS) {
        problems.push(`${door.label('limit')} is ${limit}, but show takes 1 to ${MOST_EXECUTIONS}.`);
      }
      return { command, connection, jobId, name, limit };
    }
    case 'stats':
      return { command, connection, queue: values.queue ?? null };
    case 'doctor':
      return {
        command,
        connection,
        silenceSeconds: values['silence-minutes'] ?? SILENCE_SECONDS,
        githubToken: values['github-token'] ?? null,
      };
    default:
      return { command, connection, jobId: needed('job-id', values['job-id'], '', command, door, problems) };
  }
}

function keepaliveOf(values: OptionValues, door: Door, problems: string[]): boolean {
  if (values.keepalive && values['github-token'] === undefined) {
    problems.push(
      `${door.label('keepalive')} needs ${door.label('github-token')}: pass \${{ github.token }} and give the job \`permissions: actions: write\`.`,
    );
  }
  return values.keepalive ?? false;
}

function recurrenceOf(values: OptionValues, door: Door, problems: string[]): Recurrence | null {
  const { schedule, timezone = 'UTC', missed = 'once' } = values;
  const grace = values['missed-grace-minutes'] ?? null;
  if (schedule === undefined) {
    for (const name of ['timezone', 'missed', 'missed-grace-minutes'] as const) {
      if (values[name] === undefined) continue;
      problems.push(`${door.label(name)} is for recurring jobs. Give ${door.label('schedule')} too.`);
    }
    return null;
  }
  for (const { part, reason } of scheduleFaults(schedule, timezone)) {
    const value = part === 'schedule' ? schedule : timezone;
    problems.push(endSentence(`${door.label(part)} is ${quote(value, door)}: ${reason}`));
  }
  if (grace !== null && missed !== 'skip') {
    problems.push(`${door.label('missed-grace-minutes')} goes with ${door.label('missed')} skip.`);
  }
  return { schedule, timezone, missed, missedGraceSeconds: grace };
}

const EXAMPLES: Partial<Record<OptionName, string>> = {
  name: 'Name the job, such as "Nightly report".',
  'job-type': `Use ${new Intl.ListFormat('en', { type: 'disjunction' }).format(JOB_TYPE_NAMES)}.`,
  'job-id': 'The list command shows the ids.',
};

/** Fills in `stand` where a needed option is missing; the problem noted keeps it from being used. */
function needed<Value>(
  name: OptionName,
  value: Value | undefined,
  stand: Value,
  command: CommandName,
  door: Door,
  problems: string[],
): Value {
  if (value !== undefined) return value;
  // A value that was given and is wrong has its own problem already.
  if (!problems.some((problem) => problem.startsWith(`${door.label(name)} is `))) {
    problems.push(`${command} needs ${door.label(name)}, which is empty. ${EXAMPLES[name] ?? ''}`.trim());
  }
  return stand;
}

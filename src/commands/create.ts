import { checkConfig } from '../handlers/index.ts';
import type { NewJob, Queue } from '../queue/queue.ts';
import type { Json } from '../queue/types.ts';
import { type Answer, CommandError } from './answer.ts';
import type { CreateOptions, Recurrence } from './option-types.ts';

/**
 * Adds a job. Its config is checked for what its type needs, so that a typo is told now and not by a failed run.
 * @throws CommandError when the config does not fit the job type
 */
export async function create(
  options: CreateOptions,
  queue: Queue,
  checkByHandlers: CheckByHandlers,
): Promise<Answer> {
  const job = newJob(options);
  const [problem] = await checkByHandlers(
    [{ type: options.jobType, config: options.config }],
    options.handlers,
  );
  if (problem) throw new CommandError(`The config does not fit its handler: ${problem}`);
  const reply = await queue.enqueue([job]);
  const added = reply.jobs[0];
  if (!added)
    throw new CommandError('The database took the job but named none. This is a defect: please report it.');
  return { command: 'create', jobId: added.job_id, name: options.name, created: added.created };
}

/**
 * The job that the options describe.
 * @throws Error that says what is wrong with the config
 */
export function newJob(options: CreateOptions): NewJob {
  const keyOfType = checkConfig(options.jobType, options.config);
  const concurrencyKey = options.concurrencyKey ?? keyOfType;
  return {
    name: options.name,
    job_type: options.jobType,
    config: options.config,
    description: options.description,
    priority: options.priority,
    queue: options.queue,
    ...(options.maxRetries === null ? {} : { max_retries: options.maxRetries }),
    ...(options.runAt === null
      ? {}
      : 'instant' in options.runAt
        ? { run_at: options.runAt.instant }
        : { delay_seconds: options.runAt.delaySeconds }),
    ...(options.uniqueKey === null ? {} : { unique_key: options.uniqueKey }),
    ...(concurrencyKey === null ? {} : { concurrency_key: concurrencyKey }),
    ...recurrenceColumns(options.recurrence),
    ...(options.timeoutSeconds === null
      ? {}
      : { timeout_seconds: Math.max(1, Math.round(options.timeoutSeconds)) }),
  };
}

/**
 * Checks the configs of jobs by the schemas of their handlers, if those are on this machine.
 * @returns for each what is wrong with it, or null
 */
export type CheckByHandlers = (
  jobs: readonly { readonly type: string; readonly config: Json }[],
  handlers: string | null,
) => Promise<readonly (string | null)[]>;

/** The columns of a job that say when it recurs. */
function recurrenceColumns(
  recurrence: Recurrence | null,
): Pick<NewJob, 'schedule' | 'timezone' | 'missed' | 'missed_grace_seconds'> {
  if (recurrence === null) return {};
  const { schedule, timezone, missed, missedGraceSeconds } = recurrence;
  return {
    schedule,
    timezone,
    missed,
    ...(missedGraceSeconds === null ? {} : { missed_grace_seconds: missedGraceSeconds }),
  };
}

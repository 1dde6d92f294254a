import type { Planner, Queue } from '../queue/queue.ts';
import { runWorker, type WorkerDeps } from '../worker/worker.ts';
import { type Answer, CommandError } from './answer.ts';
import type { ApplyDeps } from './apply.ts';
import type { GitHub } from './github-repository.ts';
import { SILENCE_SECONDS } from './liveness.ts';
import type { Options, PlanOptions, RunOptions } from './option-types.ts';
import { runWarnings } from './run-warnings.ts';

/** What the commands take from the door. */
export interface CommandDeps extends ApplyDeps {
  readonly now: () => Date;
  /** The way to GitHub's API; null where no token was given, or no repository is known. */
  readonly github: (token: string | null) => GitHub | null;
  readonly warn: (message: string) => void;
  /** The run that calls, where a workflow does; null for a person at a terminal. */
  readonly planner: () => Promise<Planner | null>;
  /** Makes what a run needs; closed when the run is over. Called for `run` alone. */
  readonly openWorker: (options: RunOptions) => Promise<OpenedWorker>;
}

export interface OpenedWorker extends AsyncDisposable {
  readonly deps: WorkerDeps;
  readonly instanceId: string;
  readonly runUrl: string | null;
  readonly trigger: string | null;
}

const DRY_RUN_JOBS = 100;

/**
 * Does what the options ask for. What only some commands need is loaded by these: a run starts with every tick.
 * @throws CommandError, OptionsError or QueueError, with a message for people
 */
export async function execute(options: Options, deps: CommandDeps): Promise<Answer> {
  const { queue } = deps;
  switch (options.command) {
    case 'run':
      return await run(options, deps);
    case 'plan':
      return await plan(options, deps);
    case 'create': {
      const { create } = await import('./create.ts');
      return await create(options, queue, deps.checkByHandlers);
    }
    case 'apply': {
      const { apply } = await import('./apply.ts');
      return await apply(options, deps);
    }
    case 'list':
      return {
        command: 'list',
        reply: await queue.list({
          limit: options.limit,
          ...(options.status ? { status: options.status } : {}),
          ...(options.jobType ? { jobType: options.jobType } : {}),
          ...(options.queue ? { queue: options.queue } : {}),
          ...(options.name ? { name: options.name } : {}),
        }),
      };
    case 'show': {
      const jobId = options.jobId ?? (await newestOfName(options.name ?? '', queue));
      const reply = await queue.show(jobId, options.limit);
      if (!reply.job) throw noJob(jobId);
      return { command: 'show', reply };
    }
    case 'stats':
      return { command: 'stats', reply: await queue.stats(options.queue ?? undefined) };
    case 'doctor': {
      const { doctor } = await import('./doctor.ts');
      return {
        command: 'doctor',
        checks: await doctor(queue, deps.now, options.silenceSeconds, deps.github(options.githubToken)),
      };
    }
    default: {
      // To delete is safe to repeat, so the database has no objection to an id that it does not know. A person has.
      if (options.command === 'delete' && !(await queue.show(options.jobId, 1)).job)
        throw noJob(options.jobId);
      const reply = await queue.verb(options.command, options.jobId);
      if (reply.status === null && options.command !== 'delete') throw noJob(options.jobId);
      return { command: 'verb', verb: options.command, reply };
    }
  }
}

async function run(options: RunOptions, deps: CommandDeps): Promise<Answer> {
  if (options.dryRun) {
    return {
      command: 'dry-run',
      peek: await deps.queue.peek(options.queues, options.jobTypes, DRY_RUN_JOBS),
    };
  }
  await using worker = await deps.openWorker(options);
  const report = await runWorker(
    {
      instanceId: worker.instanceId,
      queues: options.queues,
      jobTypes: options.jobTypes,
      concurrency: options.concurrency,
      maxJobs: options.maxJobs,
      lockSeconds: options.lockSeconds,
      timeBudgetSeconds: options.timeBudgetSeconds,
      lingerSeconds: options.lingerSeconds,
      runUrl: worker.runUrl,
      trigger: worker.trigger,
    },
    worker.deps,
  );
  return {
    command: 'run',
    report,
    warnings: await runWarnings(options, worker.trigger, report.arrival, deps),
  };
}

async function plan(options: PlanOptions, deps: CommandDeps): Promise<Answer> {
  const planner = await deps.planner();
  const reply = await deps.queue.backlog(options.queues, options.jobTypes, planner);
  // Each worker takes all the queues, so that none idles beside one that is full.
  const jobs = reply.queues.reduce((sum, { side_by_side: n }) => sum + n, 0);
  return {
    command: 'plan',
    reply,
    workers: Math.min(options.maxWorkers, Math.ceil(jobs / options.jobsPerWorker)),
    warnings: await runWarnings(
      { silenceSeconds: SILENCE_SECONDS, keepalive: false, githubToken: null },
      planner?.trigger ?? null,
      reply.worker ?? null,
      deps,
    ),
  };
}

async function newestOfName(name: string, queue: Queue): Promise<string> {
  const { jobs } = await queue.list({ name, limit: 1 });
  const job = jobs[0];
  if (!job)
    throw new CommandError(
      `There is no job with the name ${JSON.stringify(name)}. The command list shows all.`,
    );
  return job.job_id;
}

const noJob = (jobId: string): CommandError =>
  new CommandError(`There is no job with the id ${JSON.stringify(jobId)}. The command list shows all.`);

/** The exit code that an answer stands for. */
export function exitCodeOf(answer: Answer, failOn: RunOptions['failOn']): number {
  switch (answer.command) {
    case 'run':
      if (answer.report.stopCause === 'error') return 1;
      if (failOn === 'never') return 0;
      if (answer.report.failed > 0) return 1;
      return failOn === 'any' &&
        answer.report.executions.some(
          (e) => e.failureKind && e.failureKind !== 'released' && e.failureKind !== 'snoozed',
        )
        ? 1
        : 0;
    case 'verb':
      return answer.reply.applied ? 0 : 1;
    case 'doctor':
      return answer.checks.some((check) => check.state === 'bad') ? 1 : 0;
    default:
      return 0;
  }
}

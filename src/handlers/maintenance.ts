import { z } from 'zod';
import type { Json } from '../queue/types.ts';
import { messageOf } from '../text/describe-error.ts';
import type { Handler } from './handler.ts';
import { type JobType, writtenSchema } from './job-type.ts';

/** What maintenance needs of the queue. Each call does one bounded batch. */
export interface MaintenanceStore {
  prune(days: {
    executions?: number;
    jobs?: number;
  }): Promise<{ executions: number; jobs: number; more: boolean }>;
  /** Returns how many attempts of dead workers it ended. */
  releaseExpiredLocks(): Promise<number>;
  /** Sizes of tables and indexes, with a statement for those that are bloated. Changes nothing. */
  bloat(): Promise<{ relations: readonly Relation[] }>;
}

interface Relation {
  readonly name: string;
  readonly kind: string;
  readonly bytes: number;
  readonly rows: number;
  readonly dead_rows: number | null;
  readonly expected_bytes: number | null;
  readonly advice: string | null;
}

// Clients of the seed schema stored numbers and booleans as text.
const days = z
  .union(
    [
      z.number(),
      z
        .string()
        .trim()
        .regex(/^\d+(\.\d+)?$/)
        .transform(Number),
    ],
    { error: 'must be a number of days' },
  )
  .pipe(z.number().min(0).max(36_500));
const flag = z.union([z.boolean(), z.stringbool()]);

const schema = z.strictObject({
  /** Age in days at which executions go. */
  cleanup_days: days.default(30),
  cleanup_executions: flag.default(true),
  /** Age in days at which finished one-off jobs go, with their executions. Left out: they stay. */
  cleanup_jobs_days: days.optional(),
  release_locks: flag.default(true),
  /** Reports the size and bloat of tables and indexes, and what to do. */
  reindex_advice: flag.default(false),
});

type Config = z.infer<typeof schema>;

/** Jobs that delete old history and release the locks of dead workers. */
export const maintenance: JobType<Config> = {
  name: 'maintenance',
  readConfig,
  describe: async () => [{ handler: null, schema: writtenSchema(schema) }],
  open: ({ queue }) => ({ run: createMaintenanceHandler(queue) }),
};

function readConfig(config: Json): Config {
  const parsed = schema.safeParse(config ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`,
  );
  throw new Error(
    `The config does not fit a maintenance job: ${problems.join('; ')}. Its keys are cleanup_days, cleanup_executions, cleanup_jobs_days, release_locks and reindex_advice.`,
  );
}

/**
 * Prunes history in bounded batches and ends the attempts of dead workers. Never touches running executions. A part
 * that fails fails the job and is named; what was done stays done, and the next attempt goes on from there.
 */
export function createMaintenanceHandler(store: MaintenanceStore): Handler {
  return async (context) => {
    let config: Config;
    try {
      config = readConfig(context.config);
    } catch (error) {
      return { outcome: 'discard', reason: messageOf(error) };
    }
    const done: Record<string, number> = {};
    let advice: Relation[] = [];
    const part = async (task: string, work: () => Promise<void>): Promise<void> => {
      done[task] = 0;
      try {
        await work();
      } catch (error) {
        throw new Error(`${task} failed after ${done[task]}.`, { cause: error });
      }
    };
    const prune = async (task: string, limits: { executions?: number; jobs?: number }): Promise<void> => {
      for (let more = true; more; ) {
        context.signal.throwIfAborted();
        const batch = await store.prune(limits);
        done[task] = (done[task] ?? 0) + batch.executions + batch.jobs;
        more = batch.more;
        context.progress({ done: done[task] ?? 0, note: task });
      }
    };
    if (config.release_locks) {
      await part('released_locks', async () => {
        done.released_locks = await store.releaseExpiredLocks();
      });
    }
    if (config.cleanup_executions) {
      await part('deleted_executions', () =>
        prune('deleted_executions', { executions: config.cleanup_days }),
      );
    }
    const jobsDays = config.cleanup_jobs_days;
    if (jobsDays !== undefined) await part('deleted_jobs', () => prune('deleted_jobs', { jobs: jobsDays }));
    if (config.reindex_advice) {
      await part('relations_measured', async () => {
        advice = [...(await store.bloat()).relations];
        done.relations_measured = advice.length;
      });
    }
    for (const [task, count] of Object.entries(done)) context.log.line(`${task}: ${count}`);
    for (const { name, bytes, advice: statement } of advice) {
      if (statement !== null)
        context.log.line(`${name} has ${Math.round(bytes / 1048576)} MiB: ${statement}`);
    }
    const result = config.reindex_advice
      ? { ...done, reindex_advice: advice.map((one) => ({ ...one })) }
      : done;
    return { outcome: 'success', result };
  };
}

import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuid7 } from 'uuid';
import type { OpenedWorker } from '../commands/execute.ts';
import { lazy } from '../commands/lazy.ts';
import type { RunOptions } from '../commands/option-types.ts';
import type { Handler } from '../handlers/handler.ts';
import type { PaperEndpoints } from '../handlers/paper-fetch/deps.ts';
import type { PaperRpc } from '../handlers/paper-fetch/supabase-store.ts';
import type { ClaimedJob } from '../queue/job.ts';
import type { Queue } from '../queue/queue.ts';
import type { Json } from '../queue/types.ts';
import type { JobOutput } from '../worker/attempt.ts';

/** The place where a run happens, as its door found it. */
export interface Place {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder for files that outlive the run, and for those that do not. */
  readonly scratchDir: string;
  /** `owner/name`, where there is one. */
  readonly repository: string | null;
  readonly runId: string | null;
  readonly runAttempt: string | null;
  readonly runUrl: string | null;
  /** What started the run; null where nothing is known. */
  readonly trigger: string | null;
  /** What the host processes of JavaScript handlers run. */
  readonly hostScript: string;
  readonly endpoints: PaperEndpoints;
  readonly openAlexKey: string | null;
  readonly version: string;
}

/** What is secret in this process, and how it is hidden. */
export interface Secrets {
  /** Hides `value` from now on. */
  add(value: string): void;
  redact(text: string): string;
  redactJson<T>(value: T): T;
}

export interface OpenWorkerDeps {
  readonly queue: Queue;
  readonly callFunction: PaperRpc;
  readonly requests: () => number;
  readonly openOutput: (job: ClaimedJob) => JobOutput;
  readonly secrets: Secrets;
  readonly warn: (message: string) => void;
  readonly stop: AbortSignal;
}

/** Where the handlers of custom jobs are unless the option `handlers` says otherwise. */
export const DEFAULT_HANDLERS = '.github/cloud-jobs';

/** Makes what the worker needs, and the handlers of a run when their first job comes: most runs have none. */
export async function openWorker(
  options: RunOptions,
  place: Place,
  deps: OpenWorkerDeps,
): Promise<OpenedWorker> {
  const custom = lazy(async () => {
    const { createCustomHandlers } = await import('../handlers/custom/custom-handlers.ts');
    return createCustomHandlers({
      folder: options.handlers ?? DEFAULT_HANDLERS,
      hostScript: place.hostScript,
      env: place.env,
      scratchDir: join(place.scratchDir, 'jobs'),
    });
  });
  const maintenance = lazy(async () => {
    const { createMaintenanceHandler } = await import('../handlers/maintenance.ts');
    return createMaintenanceHandler(deps.queue);
  });
  // One for the whole run: it keeps requests to arXiv apart.
  const paperFetch = lazy(() => openPaperFetch(place, deps.callFunction));
  const results = join(place.scratchDir, 'results');
  return {
    instanceId: options.instanceId ?? instanceId(place),
    runUrl: place.runUrl,
    trigger: place.trigger,
    deps: {
      ...deps,
      redact: deps.secrets.redact,
      redactJson: deps.secrets.redactJson,
      secret: deps.secrets.add,
      handlers: {
        custom: async (context) => await (await custom()).handler(context),
        maintenance: async (context) => await (await maintenance())(context),
        paper_fetch: async (context) => await (await paperFetch())(context),
      },
      spill: async (executionId, text) => {
        // For this user alone, as the row is for those who hold the key alone.
        await mkdir(results, { recursive: true, mode: 0o700 });
        const file = join(results, `${executionId}.json`);
        try {
          await writeFile(file, text, { mode: 0o600 });
        } catch (error) {
          // On a full disk: half a result would pass for a whole one, and keep the disk full.
          await rm(file, { force: true }).catch(() => {});
          throw error;
        }
        return file;
      },
      newId: () => uuid7(),
      now: () => performance.now(),
    },
    [Symbol.asyncDispose]: async () => await (await custom.made())?.close(),
  };
}

async function openPaperFetch(place: Place, rpc: PaperRpc): Promise<Handler> {
  const [{ createPaperFetchHandler }, { createPaperStore }] = await Promise.all([
    import('../handlers/paper-fetch/handler.ts'),
    import('../handlers/paper-fetch/supabase-store.ts'),
  ]);
  return createPaperFetchHandler({
    store: createPaperStore(rpc),
    fetch,
    now: () => new Date(),
    monotonic: () => performance.now(),
    sleep: (ms, signal) => delay(ms, undefined, { signal }),
    random: Math.random,
    userAgentVersion: place.version,
    endpoints: place.endpoints,
    ...(place.openAlexKey ? { openAlexKey: place.openAlexKey } : {}),
  });
}

/**
 * Checks the configs of custom jobs by their handlers. A handler that is not here, or cannot be loaded here, may be
 * in the repository that runs the job: only a config that can never be right is a problem.
 */
export async function checkCustom(
  configs: readonly Json[],
  folder: string | null,
  place: Pick<Place, 'env' | 'hostScript' | 'scratchDir'>,
): Promise<(string | null)[]> {
  if (configs.length === 0) return [];
  const [{ createCustomHandlers }, { CustomHandlerError }] = await Promise.all([
    import('../handlers/custom/custom-handlers.ts'),
    import('../handlers/custom/errors.ts'),
  ]);
  const custom = createCustomHandlers({
    folder: folder ?? DEFAULT_HANDLERS,
    hostScript: place.hostScript,
    env: place.env,
    scratchDir: join(place.scratchDir, 'jobs'),
  });
  try {
    const problems: (string | null)[] = [];
    for (const config of configs) {
      const error = await custom.validate(config).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error !== null && !(error instanceof CustomHandlerError)) throw error;
      problems.push(error?.final ? error.message : null);
    }
    return problems;
  } finally {
    await custom.close();
  }
}

/** Names this worker and no other: a name that is used again would vouch for jobs that it no longer runs. */
export function instanceId(place: Pick<Place, 'repository' | 'runId' | 'runAttempt'>): string {
  const parts = [place.repository ?? 'local', place.runId, place.runAttempt, randomBytes(6).toString('hex')];
  return parts.filter((part) => part !== null).join('/');
}

import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuid7 } from 'uuid';
import type { OpenedWorker } from '../commands/execute.ts';
import type { RunOptions } from '../commands/option-types.ts';
import { openHandlers } from '../handlers/index.ts';
import type { HandlerDeps } from '../handlers/job-type.ts';
import type { ClaimedJob } from '../queue/job.ts';
import type { Queue } from '../queue/queue.ts';
import type { JobOutput } from '../worker/job-output.ts';

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
  readonly version: string;
}

/** What is secret in this process, and how it is hidden. */
export interface Secrets {
  /** Hides `value` from now on. Returns false if it is too long to be hidden. */
  add(value: string): boolean;
  redact(text: string): string;
  redactJson<T>(value: T): T;
}

export interface OpenWorkerDeps {
  readonly queue: Queue;
  readonly callFunction: HandlerDeps['callFunction'];
  readonly requests: () => number;
  readonly openOutput: (job: ClaimedJob) => JobOutput;
  readonly secrets: Secrets;
  readonly warn: (message: string) => void;
  readonly stop: AbortSignal;
}

/** Makes what the worker needs. */
export async function openWorker(
  options: RunOptions,
  place: Place,
  deps: OpenWorkerDeps,
): Promise<OpenedWorker> {
  const handlers = openHandlers({
    folder: options.handlers,
    hostScript: place.hostScript,
    env: place.env,
    scratchDir: place.scratchDir,
    version: place.version,
    queue: deps.queue,
    callFunction: deps.callFunction,
  });
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
      handlers: handlers.byType,
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
    [Symbol.asyncDispose]: () => handlers[Symbol.asyncDispose](),
  };
}

/** Names this worker and no other: a name that is used again would vouch for jobs that it no longer runs. */
export function instanceId(place: Pick<Place, 'repository' | 'runId' | 'runAttempt'>): string {
  const parts = [place.repository ?? 'local', place.runId, place.runAttempt, randomBytes(6).toString('hex')];
  return parts.filter((part) => part !== null).join('/');
}

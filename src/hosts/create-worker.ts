import { randomBytes } from 'node:crypto';
import { accessSync, constants, lstatSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { v7 as uuid7 } from 'uuid';
import type { CommandContext, OpenedWorker } from '../commands/command.ts';
import type { Connection } from '../commands/connection.ts';
import { openGitHub } from '../commands/github-repository.ts';
import type { WorkflowFile } from '../commands/keepalive.ts';
import type { RunInput } from '../commands/run.ts';
import { checkByHandlers, openHandlers } from '../handlers/index.ts';
import type { HandlerPlace } from '../handlers/job-type.ts';
import { type OpenQueue, openQueue } from '../queue/open-queue.ts';
import type { Log } from '../text/log.ts';
import type { Redactor } from '../text/redact.ts';
import { VERSION } from '../version.ts';
import { JobOutput } from '../worker/job-output.ts';
import { guardAgainstCrash } from './crash-guard.ts';
import { triggerOf } from './github-trigger.ts';
import { sourceOf } from './jobs-source.ts';

/**
 * What a command and a worker need, made in one place for every host. A host brings its environment, its log and its
 * signal to stop, and writes what the command answers where its users look.
 */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The file that child processes of JavaScript handlers run. */
  readonly hostScript: string;
  /** Relative paths of users start here. */
  readonly workspace: string;
  readonly log: Log;
  readonly redactor: Redactor;
  /** Aborts when the host wants the worker to end. */
  readonly stop: AbortSignal;
  /** Aborts when the host wants the worker to claim nothing more, and to end with the jobs that run. */
  readonly drain?: AbortSignal;
  /** The worker stays until it is stopped. */
  readonly watch?: boolean;
  /** Called whenever the worker looks after its work. */
  readonly onTurn?: () => void;
  /** Who stopped the worker, for the log and the rows; the runner unless given. */
  readonly stopMessage?: () => string;
}

/** Where a run happens, as GitHub's variables say; nulls outside of GitHub. */
interface RunPlace {
  readonly repository: string | null;
  readonly runUrl: string | null;
  readonly trigger: string | null;
  readonly instanceId: string;
}

export async function createContext(host: Host, connection: Connection): Promise<CommandContext> {
  const { env, log, redactor } = host;
  const opened = openQueue(connection, VERSION);
  const place = await runPlace(env);
  const placeOf = (folder: string | undefined): HandlerPlace => ({
    ...handlerPlace(folder, host, connection.key),
    reload: host.watch ?? false,
  });
  return {
    queue: opened.queue,
    readFile: (path) => readFile(resolve(host.workspace, path)),
    sourceOf: (path) => sourceOf(path, host.workspace, place.repository),
    workflowFiles: () => readWorkflows(join(host.workspace, '.github', 'workflows')),
    repository: place.repository,
    redact: redactor.redact,
    checkByHandlers: (jobs, folder) => checkByHandlers(jobs, placeOf(folder)),
    now: () => new Date(),
    warn: (message) => log.warning(message),
    progress: (message) => log.info(message),
    github: (token) => openGitHub(token ?? null, env),
    person: env.GITHUB_ACTOR || env.USER || env.USERNAME || null,
    planner: place.runUrl === null ? null : place,
    openWorker: (input) => createWorker(input, host, place, opened, placeOf(input.handlers)),
  };
}

function createWorker(
  input: RunInput,
  host: Host,
  place: RunPlace,
  opened: OpenQueue,
  handlerPlace: HandlerPlace,
): OpenedWorker {
  const { log, redactor } = host;
  const guard = guardAgainstCrash();
  const handlers = openHandlers({
    ...handlerPlace,
    version: VERSION,
    queue: opened.queue,
    callFunction: opened.callFunction,
  });
  return {
    instanceId: input.instanceId ?? place.instanceId,
    runUrl: place.runUrl,
    trigger: place.trigger,
    watch: host.watch ?? false,
    deps: {
      ...(host.onTurn && { onTurn: host.onTurn }),
      queue: opened.queue,
      requests: opened.requests,
      handlers: handlers.byType,
      openOutput: (job) =>
        new JobOutput(`${job.name} (attempt ${job.attempt} of ${job.max_retries + 1})`, log),
      redact: redactor.redact,
      redactJson: redactor.redactJson,
      secret: redactor.add,
      spill: (executionId, text) => spill(join(handlerPlace.scratchDir, 'results'), executionId, text),
      warn: (message) => log.warning(message),
      newId: () => uuid7(),
      now: () => performance.now(),
      stop: AbortSignal.any([host.stop, guard.signal]),
      ...(host.drain && { drain: host.drain }),
      ...(host.stopMessage && { stopMessage: host.stopMessage }),
    },
    [Symbol.asyncDispose]: async () => {
      await handlers[Symbol.asyncDispose]();
      guard[Symbol.dispose]();
    },
  };
}

async function readWorkflows(folder: string): Promise<WorkflowFile[]> {
  // A workflow without a checkout has no such folder.
  const names = await readdir(folder).catch(() => []);
  return await Promise.all(
    names
      .filter((name) => /\.ya?ml$/.test(name))
      .map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })),
  );
}

async function runPlace(env: Host['env']): Promise<RunPlace> {
  const repository = env.GITHUB_REPOSITORY || null;
  const run = env.GITHUB_RUN_ID || null;
  const attempt = env.GITHUB_RUN_ATTEMPT || null;
  const server = env.GITHUB_SERVER_URL || 'https://github.com';
  const page = `${server}/${repository}/actions/runs/${run}${attempt ? `/attempts/${attempt}` : ''}`;
  // A name that is used again would renew the locks of jobs that its first worker no longer runs.
  const id = [repository ?? hostName(env), run, attempt, randomBytes(6).toString('hex')];
  return {
    repository,
    runUrl: repository && run ? page : null,
    trigger: await triggerOf(env),
    instanceId: id.filter((part) => part !== null).join('/'),
  };
}

/** Where a worker outside of GitHub runs: the function, or the machine, container or pod by its name. */
export function hostName(env: Host['env']): string {
  if (env.AWS_LAMBDA_FUNCTION_NAME) return `aws-lambda/${env.AWS_LAMBDA_FUNCTION_NAME}`;
  const google = env.K_SERVICE || env.CLOUD_RUN_JOB;
  return google ? `google-cloud/${google}` : hostname();
}

/** Keeps a result that is too large for its row in a file that only this user can read. */
export async function spill(folder: string, executionId: string, text: string): Promise<string> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${executionId}.json`);
  try {
    await writeFile(file, text, { mode: 0o600 });
  } catch (error) {
    // On a full disk: half a result would pass for a whole one, and keep the disk full.
    await rm(file, { force: true }).catch(() => {});
    throw error;
  }
  return file;
}

/** The folder for files of jobs. It belongs to one user: others could put files into it, or be locked out of it. */
export function openScratch(parent: string): string {
  const user = process.getuid?.();
  const folder = join(parent, user === undefined ? 'cloud-jobs' : `cloud-jobs-${user}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    accessSync(folder, constants.W_OK | constants.X_OK);
    if (found.isDirectory() && (user === undefined || found.uid === user)) return folder;
  } catch {
    // Another user's file or link of this name, or a folder that cannot be written to.
  }
  return mkdtempSync(join(parent, 'cloud-jobs-'));
}

/** Where handlers run on this machine. */
export const handlerPlace = (
  folder: string | undefined,
  { env, hostScript }: Pick<Host, 'env' | 'hostScript'>,
  key: string,
): HandlerPlace => ({
  folder: folder ?? null,
  env: withoutKey(env, key),
  hostScript,
  scratchDir: openScratch(env.RUNNER_TEMP || tmpdir()),
});

/** Where people keep the secrets of the worker. */
const KEY_NAMES: ReadonlySet<string> = new Set([
  'SUPABASE_SECRET_KEY',
  'SUPABASE_SERVICE_ROLE_KEY',
  'CLOUD_JOBS_ALERT_WEBHOOK_URL',
  'CLOUD_JOBS_ALERT_WEBHOOK_SECRET',
]);

/** The environment without the worker's secrets, and without the key of the project whatever the variable is called. */
function withoutKey(env: Host['env'], key: string): Host['env'] {
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name, value]) => !KEY_NAMES.has(name.toUpperCase()) && (key === '' || value?.trim() !== key),
    ),
  );
}

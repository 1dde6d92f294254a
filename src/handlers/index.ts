/**
 * The registry of job types: the worker, the commands and the summary ask it, and name no type themselves. To add a
 * type, write a `JobType`, list it here, and add its name to the check constraint of `cloud_jobs.job_type`.
 */
import type { Json } from '../queue/types.ts';
import { custom } from './custom/job-type.ts';
import type { Handler } from './handler.ts';
import type { HandlerDeps, HandlerPlace, Highlights, JobType, TypeSchemas } from './job-type.ts';
import { maintenance } from './maintenance.ts';
import { paperFetch } from './paper-fetch/job-type.ts';

const JOB_TYPES: readonly JobType[] = [paperFetch, maintenance, custom];

export { openHandlersFolder } from './custom/job-type.ts';

export const JOB_TYPE_NAMES: readonly string[] = JOB_TYPES.map(({ name }) => name);

/**
 * Checks the config of a new job by its type.
 * @returns the concurrency key that the job gets unless it is given one, or null
 * @throws Error that says what is wrong with the config
 */
export function checkConfig(type: string, config: Json): string | null {
  const found = typeNamed(type);
  const read = found.readConfig(config);
  return found.concurrencyKey?.(read) ?? null;
}

/**
 * Checks configs by the handlers that they name, if those are on this machine.
 * @returns for each job what is wrong with its config, or null
 */
export async function checkByHandlers(
  jobs: readonly { readonly type: string; readonly config: Json }[],
  place: HandlerPlace,
): Promise<readonly (string | null)[]> {
  const problems: (string | null)[] = jobs.map(() => null);
  for (const type of JOB_TYPES) {
    const indexes = [...jobs.keys()].filter((index) => jobs[index]?.type === type.name);
    if (indexes.length === 0 || type.checkByHandler === undefined) continue;
    const configs = indexes.map((index) => jobs[index]?.config ?? null);
    const found = await type.checkByHandler(configs, place);
    for (const [at, index] of indexes.entries()) problems[index] = found[at] ?? null;
  }
  return problems;
}

/** The schemas of configs, by job type, as far as they are known on this machine. */
export async function describeConfigs(place: HandlerPlace): Promise<readonly TypeSchemas[]> {
  return await Promise.all(
    JOB_TYPES.map(async ({ name, describe }) => ({ type: name, configs: await describe(place) })),
  );
}

/** What the summary of a run shows of a result besides its plain fields, or null. */
export function highlightsOf(type: string, result: Json): Highlights | null {
  return JOB_TYPES.find(({ name }) => name === type)?.highlights?.(result) ?? null;
}

/** The handlers of a run, by job type. Disposing ends what they started. */
export interface OpenHandlers extends AsyncDisposable {
  readonly byType: Readonly<Record<string, Handler>>;
}

export function openHandlers(deps: HandlerDeps): OpenHandlers {
  const opened = JOB_TYPES.map(({ name, open }) => ({ name, ...open(deps) }));
  return {
    byType: Object.fromEntries(opened.map(({ name, run }) => [name, run])),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map(({ close }) => close?.()));
    },
  };
}

function typeNamed(type: string): JobType {
  const found = JOB_TYPES.find(({ name }) => name === type);
  if (found === undefined)
    throw new Error(`There is no job type ${JSON.stringify(type)}. Use ${JOB_TYPE_NAMES.join(', ')}.`);
  return found;
}

export { LocalMemory } from './local-memory.ts';

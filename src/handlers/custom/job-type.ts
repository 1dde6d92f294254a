import { join } from 'node:path';
import type { HandlerPlace, JobType } from '../job-type.ts';
import { type CustomConfig, CustomHandlerError, readCustomConfig } from './config.ts';
import { CustomHandlers } from './custom-handlers.ts';

/** The handlers folder unless the option `handlers` names another. */
const DEFAULT_FOLDER = '.github/cloud-jobs';

/** Jobs whose handlers are files of the user's own repository. */
export const custom: JobType<CustomConfig> = {
  name: 'custom',
  readConfig: readCustomConfig,
  open(deps) {
    const handlers = openHandlersFolder(deps);
    return { run: handlers.handler, close: () => handlers.close() };
  },
  async checkByHandler(configs, place) {
    const handlers = openHandlersFolder(place);
    try {
      const problems: (string | null)[] = [];
      for (const config of configs) problems.push(await problemOf(handlers.validate(config)));
      return problems;
    } finally {
      await handlers.close();
    }
  },
  async describe(place) {
    const handlers = openHandlersFolder(place);
    try {
      return (await handlers.describe()).map(({ name, schema }) => ({ handler: name, schema }));
    } finally {
      await handlers.close();
    }
  },
};

/**
 * A handler that is not here, or does not load here, may be in the repository that runs the job, so only a config
 * that can never be right is a problem.
 */
async function problemOf(validated: Promise<void>): Promise<string | null> {
  try {
    await validated;
    return null;
  } catch (error) {
    if (!(error instanceof CustomHandlerError)) throw error;
    return error.final ? error.message : null;
  }
}

/** The handlers of a folder. Starts no process until the first job. */
export function openHandlersFolder(place: HandlerPlace): CustomHandlers {
  const { folder, hostScript, env, scratchDir, reload = false } = place;
  return new CustomHandlers({
    folder: folder ?? DEFAULT_FOLDER,
    hostScript,
    env,
    scratchDir: join(scratchDir, 'jobs'),
    reload,
  });
}

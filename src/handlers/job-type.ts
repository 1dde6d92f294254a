import { z } from 'zod';
import type { Json } from '../queue/types.ts';
import type { Handler } from './handler.ts';
import type { MaintenanceStore } from './maintenance.ts';

/** All that is known of one type of job. The registry (`index.ts`) lists every type. */
export interface JobType<Config = unknown> {
  /** The value of the column `job_type`. */
  readonly name: string;
  /**
   * Checks a config by the schema of the type and fills in its defaults.
   * @throws Error that names every key that is wrong and what to write instead.
   */
  readConfig(config: Json): Config;
  /** The concurrency key of a new job that is given none, or null. */
  concurrencyKey?(config: Config): string | null;
  /** Makes what runs jobs of this type. Nothing is started before the first job. */
  open(deps: HandlerDeps): OpenHandler;
  /**
   * Checks configs by the handlers that they name, if those are on this machine.
   * @returns For each config what is wrong with it, or null.
   */
  checkByHandler?(configs: readonly Json[], place: HandlerPlace): Promise<readonly (string | null)[]>;
  /** The JSON Schema of a config, or one for each handler that is on this machine. */
  describe(place: HandlerPlace): Promise<readonly ConfigSchema[]>;
  /** What the summary of a run shows of a result besides its plain fields, or null. */
  highlights?(result: Json): Highlights | null;
}

/** What the configs of a job type may hold. */
export interface TypeSchemas {
  readonly type: string;
  /** One, or one for each handler that is on this machine. */
  readonly configs: readonly ConfigSchema[];
}

/** What a config may hold. */
export interface ConfigSchema {
  /** The value of the key `handler`; null for a job type whose configs have none. */
  readonly handler: string | null;
  /** A JSON Schema of the rest of the config; null if it is not known. */
  readonly schema: Json;
}

/** A schema of a built-in job type as JSON Schema. It shows what the worker reads, so that old forms of a value are left out. */
export const writtenSchema = (schema: z.ZodType): Json =>
  JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' })));

/** A list of links that the summary of a run shows under a heading. */
export interface Highlights {
  readonly heading: string;
  readonly links: readonly { readonly text: string; readonly url: string }[];
}

/** Where handlers run. */
export interface HandlerPlace {
  /** The handlers folder, absolute or relative to the working directory; null for `.github/cloud-jobs`. */
  readonly folder: string | null;
  /** What the processes of JavaScript handlers run: `custom/host.ts`, or its bundle. */
  readonly hostScript: string | URL;
  /** The environment of this process, without the key of the project. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A folder for files that do not outlive the run. */
  readonly scratchDir: string;
  /** Load handlers again once their files have changed. */
  readonly reload?: boolean;
}

/** What handlers may use of the rest of the worker. */
export interface HandlerDeps extends HandlerPlace {
  readonly queue: MaintenanceStore;
  /** Calls one SQL function with named arguments, with retries, and returns its reply unchecked. */
  readonly callFunction: (fn: string, args: Record<string, unknown>) => Promise<unknown>;
  readonly version: string;
}

export interface OpenHandler {
  readonly run: Handler;
  /** Ends every process that was started for jobs of this type. */
  close?(): Promise<void>;
}

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { runSql } from './database.ts';
import type { FaultRule } from './faults.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { createKeys, type ProjectKeys } from './keys.ts';
import type { PostgresHandle } from './postgres.ts';
import { type Postgrest, type PostgrestOptions, startPostgrest } from './postgrest.ts';
import { reloadSchema } from './reload-schema.ts';
import { ADMIN_ROLE, databaseSql, type GrantRegime, urlAs } from './roles.ts';
import { startWatchdog } from './watchdog.ts';

export interface ProjectOptions {
  /** Applies `sql/install.sql` when there is one. Default: true. */
  readonly install?: boolean;
  /** Default privileges in `public`. Default: `current`. */
  readonly grants?: GrantRegime;
  /** Port of the gateway. Default: any free one. */
  readonly port?: number;
  /** Name of the database. An existing one is used as it is and stays; without a name, a new one that `stop()` drops. */
  readonly database?: string;
  /** Copies this database, which `prepareDatabase` has made ready; `install` and `grants` are then not looked at. */
  readonly template?: string;
  /** Keys to go on with. Default: new ones. */
  readonly keys?: ProjectKeys;
  /** Of PostgREST's connections. Default: as on a hosted project. */
  readonly postgrest?: Pick<PostgrestOptions, 'pool' | 'poolTimeoutSeconds'>;
}

/** A running stand-in for one hosted project. */
export interface Project extends ProjectKeys {
  /** What a client takes as the project's URL: the gateway. */
  readonly url: string;
  /** PostgREST itself, behind the gateway: no prefix, JWTs only. */
  readonly postgrestUrl: string;
  readonly database: string;
  /** Connection URL of role `postgres`: not a superuser, as on a hosted project. */
  readonly databaseUrl: string;
  /** Connection URL of the superuser. */
  readonly adminUrl: string;
  /** Settles when PostgREST has ended without being asked to, with how. */
  readonly failed: Promise<string>;
  /** Stops PostgREST and starts another; in between the gateway answers 503. */
  restartPostgrest(): Promise<void>;
  /** Stops PostgREST until `restartPostgrest()`; the gateway answers 503. */
  stopPostgrest(): Promise<void>;
  /** Reloads the schema cache and waits until it knows everything that was committed before the call. */
  reloadSchema(): Promise<void>;
  /** Makes the gateway fail on purpose; `undefined` stops that. */
  setFaults(rule: FaultRule | undefined): void;
  /** Stops everything of this project and drops its database if it made it. Can be called twice. */
  stop(): Promise<void>;
}

/** Returns the text of `sql/install.sql`, or `undefined` if there is no such file. */
export async function readInstallSql(): Promise<string | undefined> {
  // Below the root of the repository; this file is one folder deeper in the package, in lib/.
  for (const path of ['../sql/install.sql', '../../sql/install.sql']) {
    try {
      return await readFile(new URL(path, import.meta.url), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

/** Makes an existing database look like a hosted project's and installs our schema if asked to. Safe to run again. */
export async function prepareDatabase(
  adminUrl: string,
  database: string,
  { grants = 'current', install = true }: Pick<ProjectOptions, 'grants' | 'install'>,
): Promise<void> {
  await runSql(urlAs(adminUrl, ADMIN_ROLE, database), databaseSql(grants));
  const text = install ? await readInstallSql() : undefined;
  if (text === undefined) return;
  try {
    await runSql(urlAs(adminUrl, 'postgres', database), text);
  } catch (cause) {
    throw new Error(`sql/install.sql could not be applied: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Starts a project of its own in a running cluster: a database, a PostgREST, a gateway.
 * @throws Error when a part does not start; the parts that did are stopped again.
 */
export async function createProject(
  postgres: PostgresHandle,
  options: ProjectOptions = {},
): Promise<Project> {
  const keys = options.keys ?? createKeys(new Date());
  const { adminUrl } = postgres;
  const database = options.database ?? `project_${randomBytes(6).toString('hex')}`;
  const ownAdminUrl = urlAs(adminUrl, ADMIN_ROLE, database);
  const undo: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      const problems: unknown[] = [];
      for (const step of undo.reverse()) await step().catch((problem: unknown) => problems.push(problem));
      if (problems.length > 0)
        throw new AggregateError(problems, 'The project could not be stopped in good order.');
    })();
    return stopping;
  };
  try {
    const watchdog = startWatchdog();
    undo.push(() => watchdog.close());
    // First of all: a port that is taken is the likeliest fault, and the cheapest to find.
    const gateway = await startGateway(keys, options.port);
    undo.push(() => gateway.stop());
    if (options.database === undefined || !(await databaseExists(adminUrl, database))) {
      await postgres.createDatabase(
        database,
        options.template === undefined ? {} : { template: options.template },
      );
      if (options.database === undefined) undo.push(() => postgres.dropDatabase(database));
    }
    if (options.template === undefined) await prepareDatabase(adminUrl, database, options);

    const failure = Promise.withResolvers<string>();
    const start = () =>
      startPostgrest({
        databaseUrl: urlAs(adminUrl, 'authenticator', database),
        jwtSecret: keys.jwtSecret,
        serviceKey: keys.serviceKey,
        watchdog,
        ...options.postgrest,
      });
    const upstream = superviseUpstream(start, gateway, failure.resolve);
    await upstream.restart();
    undo.push(upstream.stop);

    return {
      ...keys,
      url: gateway.url,
      get postgrestUrl() {
        return `http://127.0.0.1:${upstream.port()}`;
      },
      database,
      databaseUrl: urlAs(adminUrl, 'postgres', database),
      adminUrl: ownAdminUrl,
      failed: failure.promise,
      restartPostgrest: upstream.restart,
      stopPostgrest: upstream.stop,
      reloadSchema: () => reloadSchema(ownAdminUrl, gateway.url, keys.serviceKey),
      setFaults: gateway.setFaults,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function superviseUpstream(start: () => Promise<Postgrest>, gateway: Gateway, failed: (how: string) => void) {
  let current: Postgrest | undefined;
  const stop = async () => {
    gateway.setUpstream(undefined);
    const old = current;
    current = undefined;
    await old?.stop();
  };
  const restart = async () => {
    await stop();
    const next = await start();
    current = next;
    gateway.setUpstream(next.port);
    void next.exited.then((how) => {
      if (current === next) failed(`PostgREST ${how}.\n${next.tail()}`);
    });
  };
  return { stop, restart, port: () => current?.port };
}

async function databaseExists(adminUrl: string, name: string): Promise<boolean> {
  const rows = await runSql(adminUrl, `select datname from pg_catalog.pg_database`);
  return rows.some((row) => row.datname === name);
}

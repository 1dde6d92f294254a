import { chown, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { PostgresPrograms } from './binaries.ts';
import { startChild } from './child.ts';
import { closedFolder, type SystemUser } from './places.ts';
import { ADMIN_ROLE } from './roles.ts';
import type { Watchdog } from './watchdog.ts';

/** Nothing of ours: PGDATA or PGPORT in the caller's environment would change what starts. */
export const SERVER_ENVIRONMENT = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' };

/** What a cluster's folder is called until it is whole, with some letters of chance behind it. */
const PARTIAL = '.partial-';

/** Whether a whole cluster is in this folder. */
export async function hasCluster(dataDir: string): Promise<boolean> {
  return readFile(join(dataDir, 'PG_VERSION'), 'utf8').then(
    () => true,
    () => false,
  );
}

export interface InitialiseContext {
  readonly programs: PostgresPrograms;
  readonly user: SystemUser | undefined;
  readonly password: string;
  readonly scratch: string;
  readonly watchdog: Watchdog;
}

/**
 * Makes the files of a new cluster, owned by the user that the server runs as.
 * @throws Error with the last words of initdb; nothing is left behind then.
 */
export async function initialiseCluster(
  dataDir: string,
  { programs, user, password, scratch, watchdog }: InitialiseContext,
) {
  // Made beside its place and moved there when whole: so an interrupted first start leaves no incomplete cluster.
  await removeLeftovers(dataDir);
  await mkdir(dirname(dataDir), { recursive: true });
  // Under a name of its own: the initdb of a stack that was killed a moment ago goes on until its watchdog ends it, and
  // then takes away the folder that it was making.
  const partial = await mkdtemp(`${dataDir}${PARTIAL}`);
  const passwordFile = join(scratch, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user) for (const path of [partial, passwordFile]) await chown(path, user.uid, user.gid);
  const closed = await closedFolder(partial, user);
  if (closed !== undefined) {
    await rm(partial, { recursive: true, force: true });
    throw new Error(
      `Postgres runs as user "${user?.name}" because it refuses to run as root, and that user may not pass through ` +
        `${closed} to reach ${dataDir}. Choose a data folder outside of it.`,
    );
  }
  const child = await startChild({
    name: 'initdb',
    command: programs.initdb,
    args: [
      `--pgdata=${partial}`,
      `--username=${ADMIN_ROLE}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Built into Postgres 17: the same order of text on every machine, and the same as hosted C.UTF-8.
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--no-sync',
      '--no-instructions',
    ],
    env: SERVER_ENVIRONMENT,
    user,
    stopSignal: 'SIGINT',
    watchdog,
  });
  const ending = await child.exited;
  await rm(passwordFile, { force: true });
  if (!(await hasCluster(partial)) || !ending.endsWith('code 0')) {
    await rm(partial, { recursive: true, force: true });
    throw new Error(`The database files could not be made in ${dataDir}: initdb ${ending}.\n${child.tail()}`);
  }
  // An empty folder in the way is replaced; one that holds anything is not ours to touch.
  await rename(partial, dataDir);
  await removeLeftovers(dataDir);
}

/** What interrupted first starts have left. One that is still being written goes with the next start at the latest. */
async function removeLeftovers(dataDir: string): Promise<void> {
  const folder = dirname(dataDir);
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((name) => name.startsWith(`${basename(dataDir)}${PARTIAL}`))) {
    await rm(join(folder, name), { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }).catch(
      () => {},
    );
  }
}

/**
 * Removes a `postmaster.pid` whose number now belongs to a program that is not Postgres, or to a server that is a zombie.
 * Postgres itself handles a number without a process, but takes any process of its own user for a server.
 */
export async function forgetDeadServer(dataDir: string): Promise<void> {
  const file = join(dataDir, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  const pid = Number(text?.split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  // "PID (name) STATE ...", on Linux only; elsewhere Postgres' own check has to do.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const [, name, state] = /^\d+ \((.*)\) (\w)/s.exec(stat ?? '') ?? [];
  if (name !== undefined && (name !== 'postgres' || state === 'Z')) await rm(file, { force: true });
}

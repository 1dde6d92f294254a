import { chmod, mkdtemp, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { messageOf } from './message-of.ts';

/** A user of this machine that Postgres runs as. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user that Postgres must run as: `undefined` when that is the present user, another one when that is root,
 * since Postgres refuses to run as root. No user is created: one that every Linux has will do.
 * @throws Error when this is root and the machine has neither `postgres` nor `nobody`.
 */
export async function serverUser(uid: number | undefined): Promise<SystemUser | undefined> {
  if (uid !== 0) return undefined;
  const users = await readFile('/etc/passwd', 'utf8');
  for (const wanted of ['postgres', 'nobody']) {
    for (const line of users.split('\n')) {
      const [name, , id, group] = line.split(':');
      if (name === wanted && id && group) return { name, uid: Number(id), gid: Number(group) };
    }
  }
  throw new Error(
    'Postgres does not run as root, and there is no user "postgres" or "nobody" to run it as. Start this as another user.',
  );
}

/**
 * The first folder on the way to `path` that `user` may not pass through, or `undefined` when the way is open.
 * Looks at mode bits only.
 */
export async function closedFolder(path: string, user: SystemUser | undefined): Promise<string | undefined> {
  if (!user) return undefined;
  const way: string[] = [];
  for (let at = resolve(path); ; at = dirname(at)) {
    way.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const folder of way) {
    const { mode, uid, gid } = await stat(folder);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return folder;
  }
  return undefined;
}

/**
 * Makes a folder for the time of one run, in a place that `user` can reach (a temporary folder of root's own
 * may be closed to others). The caller removes it.
 */
export async function temporaryFolder(user: SystemUser | undefined): Promise<string> {
  const tried: string[] = [];
  for (const base of new Set([tmpdir(), '/tmp', '/var/tmp'])) {
    try {
      const closed = await closedFolder(base, user);
      if (closed === undefined) {
        const folder = await mkdtemp(join(base, 'cloud-jobs-stack-'));
        // Others may pass through, not look: what is inside has its own owner and mode.
        if (user) await chmod(folder, 0o711);
        return folder;
      }
      tried.push(`${base} (closed to user ${user?.name} at ${closed})`);
    } catch (cause) {
      tried.push(`${base} (${messageOf(cause)})`);
    }
  }
  throw new Error(
    `No folder for temporary data. Tried: ${tried.join(', ')}. Set TMPDIR to one that can be used.`,
  );
}

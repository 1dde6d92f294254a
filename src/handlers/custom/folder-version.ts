import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

/** How old what is known of the folder may be, in milliseconds. */
const EVERY_MS = 1_000;
/** Bounds the cost of a look. */
const MAX_FILES = 2_000;
const MAX_DEPTH = 8;
/** What Node loads from a file. Handlers in other languages start anew for every job. */
const LOADED = new Set(['.mjs', '.js', '.cjs', '.mts', '.ts', '.cts', '.json']);

/** Tells whether the code in a folder has changed, so that a worker that stays runs the newest. */
export class FolderVersion {
  readonly #folder: string;
  #readAt = Number.NEGATIVE_INFINITY;
  #version: Promise<string> = Promise.resolve('');

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Returns a text that is another one after a file was added, changed or removed. Never rejects. */
  current(): Promise<string> {
    const now = performance.now();
    if (now - this.#readAt >= EVERY_MS) {
      this.#readAt = now;
      this.#version = readVersion(this.#folder);
    }
    return this.#version;
  }
}

/** Names, times and sizes of the first 2,000 files of code, without those of packages and hidden folders. */
async function readVersion(folder: string): Promise<string> {
  const found: string[] = [];
  await walk(folder, 0, found);
  return found.join('\n');
}

async function walk(folder: string, depth: number, found: string[]): Promise<void> {
  // A folder that a deploy replaces at this moment is read again a second later.
  const names = (await readdir(folder).catch((): string[] => [])).sort();
  for (const name of names) {
    if (found.length >= MAX_FILES) return;
    if (name.startsWith('.') || name === 'node_modules') continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => null);
    if (info?.isDirectory() && depth < MAX_DEPTH) await walk(path, depth + 1, found);
    else if (info?.isFile() && LOADED.has(extname(name)))
      found.push(`${path} ${info.mtimeMs} ${info.size} ${info.ino}`);
  }
}

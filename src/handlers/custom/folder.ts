import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { nearest } from '../../text/nearest.ts';

/** Bounds the cost of a look at the folder. */
const MAX_FILES = 2_000;
const MAX_DEPTH = 8;
/** How old a reading of the folder's version may be, in milliseconds. */
const VERSION_MS = 1_000;
/** Run in a reused Node process. */
const MODULES: readonly string[] = ['.mjs', '.js', '.cjs', '.ts', '.mts', '.cts'];
/** Run as a process of their own by an interpreter, even without a run bit. */
const SCRIPTS: readonly string[] = ['.sh', '.py'];
const WINDOWS_PROGRAMS: readonly string[] = ['.exe', '.com'];

export type FileKind = 'module' | 'executable';

/**
 * How a file in the handlers folder is run, or null if it cannot be run.
 * @param mode The `mode` of its stat. Windows has no run bit: there the extension decides.
 */
export function fileKind(path: string, mode: number): FileKind | null {
  if (/\.d\.[cm]?ts$/.test(path)) return null;
  const extension = extname(path).toLowerCase();
  if (MODULES.includes(extension)) return 'module';
  if (SCRIPTS.includes(extension)) return 'executable';
  if (process.platform === 'win32') return WINDOWS_PROGRAMS.includes(extension) ? 'executable' : null;
  return (mode & 0o111) === 0 ? null : 'executable';
}

/** The files that can be run in the folder and below, relative and sorted. */
export async function listHandlers(folder: string): Promise<readonly string[]> {
  const files = await filesIn(folder);
  return files.filter(({ name, info }) => fileKind(name, info.mode) !== null).map(({ name }) => name);
}

/** The name in the list that a mistyped name most likely means, or null when none is near. */
export function nearestName(wanted: string, names: readonly string[]): string | null {
  const stem = (name: string) => name.replace(/\.[^./]+$/, '');
  // The right file in another sub-folder is near as well.
  const byWord = new Map(
    names.flatMap((name) => [stem(name), basename(stem(name))].map((word) => [word, name])),
  );
  const words = [...byWord.keys()];
  const found = nearest(stem(wanted), words) ?? nearest(basename(stem(wanted)), words);
  return byWord.get(found ?? '') ?? null;
}

/** Detects whether the code in a folder has changed, so that a long-running worker runs the newest. */
export class FolderVersion {
  readonly #folder: string;
  #readAt = Number.NEGATIVE_INFINITY;
  #version: Promise<string> = Promise.resolve('');

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Returns a text that differs once a file was added, changed or removed. Never rejects. */
  current(): Promise<string> {
    const now = performance.now();
    if (now - this.#readAt >= VERSION_MS) {
      this.#readAt = now;
      this.#version = readVersion(this.#folder);
    }
    return this.#version;
  }
}

/** Names, times and sizes of what Node loads. Handlers in other languages start a new process for every job. */
async function readVersion(folder: string): Promise<string> {
  const files = await filesIn(folder);
  const loaded = files.filter(({ name }) => [...MODULES, '.json'].includes(extname(name)));
  return loaded.map(({ name, info }) => `${name} ${info.mtimeMs} ${info.size} ${info.ino}`).join('\n');
}

interface FoundFile {
  /** Relative to the folder, parts joined with `/`. */
  readonly name: string;
  readonly info: Stats;
}

/** The first 2,000 files in the folder and below, sorted, without packages, hidden and unreadable files. */
async function filesIn(folder: string): Promise<readonly FoundFile[]> {
  const found: FoundFile[] = [];
  const walk = async (prefix: string, depth: number): Promise<void> => {
    for (const entry of (await readdir(join(folder, prefix)).catch((): string[] => [])).sort()) {
      if (found.length >= MAX_FILES) return;
      if (entry.startsWith('.') || entry === 'node_modules') continue;
      const name = prefix === '' ? entry : `${prefix}/${entry}`;
      const info = await stat(join(folder, name)).catch(() => null);
      if (info?.isDirectory() && depth < MAX_DEPTH) await walk(name, depth + 1);
      else if (info?.isFile()) found.push({ name, info });
    }
  };
  await walk('', 0);
  return found;
}

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A repository as a workflow has checked it out: its folder and what is in it. */
export interface Workspace {
  readonly folder: string;
  path(name: string): string;
  /** The text of a file, or undefined while it is not there or empty. */
  read(name: string): string | undefined;
  write(name: string, text: string): void;
  remove(): void;
}

/** @param files texts by name; a name with a `*` in front gets a run bit */
export function makeWorkspace(files: Readonly<Record<string, string>> = {}): Workspace {
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-workspace-'));
  const path = (name: string): string => join(folder, name);
  const write = (given: string, text: string): void => {
    const file = path(given.replace(/^\*/, ''));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (given.startsWith('*')) chmodSync(file, 0o755);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  return {
    folder,
    path,
    write,
    read(name) {
      try {
        return readFileSync(path(name), 'utf8').trim() || undefined;
      } catch {
        return undefined;
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

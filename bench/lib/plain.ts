import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let made: string | undefined;
const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Our worker as plain JavaScript, as the bundle has it: what Node needs to take types out of a file stays in the
 * memory of the process for good, 40 MiB and more.
 * @returns the path of the worker's module
 */
export function plainWorker(): string {
  made ??= make();
  return made;
}

function make(): string {
  const built = join(root, 'bench', 'built');
  rmSync(built, { recursive: true, force: true });
  for (const folder of ['src', 'bench/lib', 'bench/workers']) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
      const from = join(entry.parentPath, entry.name);
      const to = join(built, from.slice(root.length)).replace(/\.ts$/, '.js');
      mkdirSync(dirname(to), { recursive: true });
      const text = stripTypeScriptTypes(readFileSync(from, 'utf8'));
      writeFileSync(to, text.replace(/((?:from|import|import\(|new URL\()\s*'\.[^']*)\.ts'/g, "$1.js'"));
    }
  }
  cpSync(join(root, 'bench/handlers'), join(built, 'bench/handlers'), { recursive: true });
  return join(built, 'bench/workers/ours.js');
}

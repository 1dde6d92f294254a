import { extname } from 'node:path';

/** Run in a reused Node process. */
export const MODULE_EXTENSIONS: readonly string[] = ['.mjs', '.js', '.cjs', '.ts', '.mts', '.cts'];
/** Run as a process of their own by an interpreter, even without a run bit. */
export const SCRIPT_EXTENSIONS: readonly string[] = ['.sh', '.py'];
const WINDOWS_EXTENSIONS: readonly string[] = ['.exe', '.com'];

export type FileKind = 'module' | 'executable';

/**
 * How a file in the handlers folder is run, or null when it is nothing that can be run.
 * @param mode The `mode` of its stat. Windows has no run bit: there the extension decides.
 */
export function fileKind(path: string, mode: number, platform: NodeJS.Platform): FileKind | null {
  if (/\.d\.[cm]?ts$/.test(path)) return null;
  const extension = extname(path).toLowerCase();
  if (MODULE_EXTENSIONS.includes(extension)) return 'module';
  if (SCRIPT_EXTENSIONS.includes(extension)) return 'executable';
  if (platform === 'win32') return WINDOWS_EXTENSIONS.includes(extension) ? 'executable' : null;
  return (mode & 0o111) === 0 ? null : 'executable';
}

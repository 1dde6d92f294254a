import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXTENSIONS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json'] as const;

/** An import that Node did not find. */
export interface MissingImport {
  readonly specifier: string;
  /** URL of the module that imports it. */
  readonly from: string | undefined;
}

/** What the author can do about an import that was not found, as a sentence without its full stop. */
export function missingAdvice({ specifier, from }: MissingImport): string {
  const folder = from?.startsWith('file:') ? dirname(fileURLToPath(from)) : process.cwd();
  if (/^\.{0,2}[/\\]|^\.{1,2}$|^file:/.test(specifier)) return fileAdvice(specifier, folder);
  if (isAlias(specifier, folder)) {
    return (
      `"${specifier}" is an alias of a bundler or of tsconfig.json, which Node does not read. Import the file by its ` +
      'relative path, such as "./lib/x.ts", or declare an alias that begins with # under "imports" in package.json'
    );
  }
  return 'Install it in the workflow ("npm ci") before the cloud-jobs step, or do without it';
}

function fileAdvice(specifier: string, folder: string): string {
  const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : resolve(folder, specifier);
  // TypeScript files are often imported by the name of the file that a compiler would make of them.
  const bare = path.replace(/\.([cm]?)jsx?$/, '');
  const candidates = [
    ...EXTENSIONS.map((extension) => path + extension),
    ...EXTENSIONS.map((extension) => join(path, `index${extension}`)),
    ...(bare === path ? [] : EXTENSIONS.map((extension) => bare + extension)),
  ];
  const found = candidates.find((candidate) => isFile(candidate));
  if (found === undefined) return 'Check the path: Node takes it as it is written, extension included';
  const near = relative(folder, found).replaceAll('\\', '/');
  return `Node takes the path as it is written: import "${near.startsWith('.') ? near : `./${near}`}"`;
}

function isAlias(specifier: string, folder: string): boolean {
  if (/^(?:@\/|~|#|\$)/.test(specifier)) return true;
  const [first = ''] = specifier.split('/');
  // No package is installed under the name of a folder of the repository ("src/x" with a baseUrl).
  if (!first.startsWith('@') && specifier.includes('/') && existsSync(join(process.cwd(), first)))
    return true;
  return tsconfigs(folder).some((text) => text.includes(`"${first}/*"`) || text.includes(`"${specifier}"`));
}

/** The texts of the `tsconfig.json` files from a folder up to the working directory. */
function tsconfigs(folder: string): readonly string[] {
  const texts: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, 'tsconfig.json');
    if (isFile(path)) texts.push(readFileSync(path, 'utf8'));
    if (at === process.cwd() || at === dirname(at)) return texts;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

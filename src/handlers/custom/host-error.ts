import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, types } from 'node:util';
import type { Json } from '../../queue/types.ts';
import { storableText } from '../../text/storable.ts';
import type { HandlerOutcome } from '../handler.ts';
import { errorProperties } from './json.ts';

type Failure = Extract<HandlerOutcome, { outcome: 'failure' }>;

/**
 * Bounds the message to the worker, which keeps far less: what is kept is cut there, after secrets are taken out, since
 * half a secret would not be found any more.
 */
const MAX_TEXT = 262_144;
/** Codes of an import that Node does not resolve. */
const NOT_FOUND = new Set([
  'ERR_MODULE_NOT_FOUND',
  'MODULE_NOT_FOUND',
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_PACKAGE_IMPORT_NOT_DEFINED',
]);
/** What a missing import of a file may have meant. */
const EXTENSIONS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json'] as const;
/** Where this code lies, taken at the start: a handler may change `process.argv`. */
const HERE = dirname(process.argv[1] ?? '');
const HOME = process.cwd();

/**
 * Whatever a handler threw, as a failure: its message with its causes and the place in the handler's own files, and as
 * details its stack and its properties.
 */
export function failureOf(thrown: unknown, kind: Failure['kind'], prefix = ''): Failure {
  const place = firstOwnFrame(thrown);
  const [first = '', ...more] = (prefix + messageOf(thrown)).split('\n');
  const message = [place === null ? first : `${first} (${place})`, ...more].join('\n');
  const details: Record<string, Json> = place === null ? {} : { at: place };
  if (types.isNativeError(thrown)) {
    const stack = read(() => thrown.stack);
    if (typeof stack === 'string') details.stack = clip(ownFrames(stack));
    Object.assign(details, errorProperties(thrown));
  }
  const hasDetails = Object.keys(details).length > 0;
  return { outcome: 'failure', kind, message: clip(message), ...(hasDetails ? { details } : {}) };
}

/**
 * One line about an error and its causes (`fetch failed` alone says too little); at most three levels deep, without a cause
 * that the message holds already.
 */
function messageOf(thrown: unknown, depth = 0): string {
  if (!(thrown instanceof Error))
    return `a thrown value that is no Error: ${read(() => inspect(thrown, { depth: 2 }))}`;
  const { name, message } = namesOf(thrown);
  const named = name === 'Error' || name === '' ? message : `${name}: ${message}`;
  const parts = [message === '' ? name : named];
  if (depth < 3 && thrown instanceof AggregateError) {
    parts.push(...thrown.errors.slice(0, 5).map((error) => messageOf(error, depth + 1)));
  }
  const cause = unsaidCause(thrown, message);
  if (depth < 3 && cause !== undefined) parts.push(`caused by: ${messageOf(cause, depth + 1)}`);
  return parts.join('; ');
}

/** The nearest cause of an error that says more than its message. */
function unsaidCause(error: Error, message: string): unknown {
  let cause: unknown = read(() => error.cause);
  for (let hops = 0; cause instanceof Error && hops < 3; hops += 1) {
    const said = namesOf(cause).message;
    if (said === '' || !message.includes(said)) return cause;
    const known = cause;
    cause = read(() => known.cause);
  }
  return cause instanceof Error ? undefined : cause;
}

function namesOf(error: Error): { readonly name: string; readonly message: string } {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return { name: text(read(() => error.name)), message: text(read(() => error.message)) };
}

/** The value of a property that may be a getter of the handler's, which may throw. */
function read<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/**
 * Why a module did not load, with the place when it is a syntax error.
 * @param lastUrl The module that Node loaded last: for an ES module's syntax error, the one at fault, since V8's
 *   error then carries no place.
 * @param missing The import that was not found last.
 */
export function loadFailure(
  thrown: unknown,
  name: string,
  lastUrl: string | null,
  missing: MissingImport | null,
): Failure {
  const failure = failureOf(thrown, 'error');
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  const place = thrown instanceof Error ? syntaxPlace(thrown, lastUrl) : null;
  const at = place === null ? '' : ` (${place})`;
  let why = `${failure.message}${at}`;
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    why =
      `it uses TypeScript that Node cannot strip${at}: ${(thrown as Error).message}. Only types are taken out, so ` +
      'enums, namespaces with code and parameter properties do not work; use a const object in place of an enum.';
  } else if (missing !== null && typeof code === 'string' && NOT_FOUND.has(code)) {
    why += `. ${missingAdvice(missing)}`;
  } else if (place !== null && isModuleTakenForCommonJs(thrown)) {
    why += `. ${commonJsAdvice(place)}`;
  }
  return { ...failure, message: clip(`The handler "${name}" cannot be loaded: ${why}`) };
}

/** Whether an ES module was read as CommonJS. */
function isModuleTakenForCommonJs(thrown: unknown): boolean {
  return (
    thrown instanceof SyntaxError && /outside a module$|^Unexpected token 'export'$/.test(thrown.message)
  );
}

/** @param place `file:line` of the import or export */
function commonJsAdvice(place: string): string {
  const file = place.replace(/:\d+$/, '');
  const renamed = basename(file).replace(/\.c?([jt]s)x?$/, '.m$1');
  const set = /\.c[jt]s$/.test(file) ? '' : ', or set "type": "module" in package.json';
  return `Node reads this file as CommonJS. Rename it to ${renamed}${set}`;
}

/** `file:line` of a syntax error, relative to the working directory when below it. */
function syntaxPlace(error: Error, lastUrl: string | null): string | null {
  const header = /^(\S.*):(\d+)\n/;
  let found = header.exec(error.stack ?? '');
  if (found === null && error.stack?.includes('compileSourceTextModule') && lastUrl?.startsWith('file:')) {
    const check = spawnSync(process.execPath, ['--check', fileURLToPath(lastUrl)], {
      encoding: 'utf8',
      timeout: 10_000,
    });
    found = header.exec(check.stderr);
  }
  return found === null ? null : `${near(found[1] ?? '')}:${found[2]}`;
}

/** `file:line` of the first frame of the stack in a file of the user's own, or null. */
function firstOwnFrame(thrown: unknown): string | null {
  const stack = types.isNativeError(thrown) ? read(() => thrown.stack) : undefined;
  if (typeof stack !== 'string') return null;
  for (const line of stack.split('\n')) {
    const [, file, row] =
      /^\s+at (?:.*\()?(file:\/\/[^)]*|\/[^)]*|[A-Za-z]:[\\/][^)]*):(\d+):\d+\)?$/.exec(line) ?? [];
    if (file === undefined || isOurs(line) || line.includes('/node_modules/')) continue;
    return `${near(file)}:${row}`;
  }
  return null;
}

function ownFrames(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => !/^\s+at /.test(line) || !isOurs(line))
    .join('\n');
}

const isOurs = (line: string): boolean => line.includes('node:internal') || line.includes(HERE);

/** A path or file: URL, relative to the working directory when below it. */
function near(file: string): string {
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  const fromHome = relative(HOME, path);
  return fromHome === '' || fromHome.startsWith('..') ? path : fromHome;
}

function clip(text: string): string {
  const stored = storableText(text);
  return stored.length > MAX_TEXT ? `${stored.slice(0, MAX_TEXT).toWellFormed()}… [cut]` : stored;
}

/** An import that Node did not find. */
export interface MissingImport {
  readonly specifier: string;
  /** URL of the module that imports it. */
  readonly from: string | undefined;
}

/** What the author can do about an import that was not found, as a sentence without its full stop. */
function missingAdvice({ specifier, from }: MissingImport): string {
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

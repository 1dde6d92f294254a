import { spawnSync } from 'node:child_process';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import type { Json } from '../../queue/types.ts';
import { storableText } from '../../text/storable.ts';
import type { HandlerOutcome } from '../handler.ts';

type Failure = Extract<HandlerOutcome, { outcome: 'failure' }>;

/**
 * Bounds the message to the worker, which keeps far less: what is kept is cut there, after secrets are taken out, since
 * half a secret would not be found any more.
 */
const MAX_TEXT = 262_144;
/** Where this code lies, taken at the start: a handler may change `process.argv`. */
const HERE = dirname(process.argv[1] ?? '');

/** Whatever a handler threw, as a failure: message with its causes, stack without the frames of Node and of us. */
export function failureOf(thrown: unknown, kind: Failure['kind'], prefix = ''): Failure {
  const message = clip(storableText(prefix + messageOf(thrown)));
  const details: Record<string, Json> = {};
  if (thrown instanceof Error) {
    if (typeof thrown.stack === 'string') details.stack = clip(storableText(ownFrames(thrown.stack)));
    if ('code' in thrown && typeof thrown.code === 'string') details.code = clip(storableText(thrown.code));
  }
  const more = Object.keys(details).length === 0 ? {} : { details };
  return { outcome: 'failure', kind, message, ...more };
}

/** One line about an error and its causes (`fetch failed` alone helps nobody); at most three levels deep. */
export function messageOf(thrown: unknown, depth = 0): string {
  if (!(thrown instanceof Error)) return `a thrown value that is no Error: ${inspect(thrown, { depth: 2 })}`;
  const named =
    thrown.name === 'Error' || thrown.name === '' ? thrown.message : `${thrown.name}: ${thrown.message}`;
  const parts = [named === '' ? thrown.name : named];
  if (depth < 3 && thrown instanceof AggregateError) {
    parts.push(...thrown.errors.slice(0, 5).map((error) => messageOf(error, depth + 1)));
  }
  if (depth < 3 && thrown.cause !== undefined) parts.push(`caused by: ${messageOf(thrown.cause, depth + 1)}`);
  return parts.join('; ');
}

/**
 * Why a module did not load, with the place when it is a syntax error.
 * @param lastUrl The module that Node loaded last: for an ES module's syntax error, the one at fault, since V8's
 *   error then carries no place.
 */
export function loadFailure(thrown: unknown, name: string, lastUrl: string | null): Failure {
  const failure = failureOf(thrown, 'error');
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  const place = thrown instanceof Error ? placeOf(thrown, lastUrl) : null;
  const at = place === null ? '' : ` (${place})`;
  let why = `${failure.message}${at}`;
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    why =
      `it uses TypeScript that Node cannot strip${at}: ${(thrown as Error).message}. Only types are taken out, so ` +
      'enums, namespaces with code and parameter properties do not work; use a const object in place of an enum.';
  } else if (code === 'ERR_MODULE_NOT_FOUND' && /Cannot find package/.test(failure.message)) {
    why += '. Install it in the workflow ("npm ci") before the cloud-jobs step, or do without it';
  }
  return { ...failure, message: clip(`The handler "${name}" cannot be loaded: ${why}`) };
}

/** `file:line` of a syntax error, relative to the working directory when below it. */
function placeOf(error: Error, lastUrl: string | null): string | null {
  const header = /^(\S.*):(\d+)\n/;
  let found = header.exec(error.stack ?? '');
  if (found === null && error.stack?.includes('compileSourceTextModule') && lastUrl?.startsWith('file:')) {
    const check = spawnSync(process.execPath, ['--check', fileURLToPath(lastUrl)], {
      encoding: 'utf8',
      timeout: 10_000,
    });
    found = header.exec(check.stderr);
  }
  if (found === null) return null;
  const [, file = '', line = ''] = found;
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  const near = relative(process.cwd(), path);
  return `${near === '' || near.startsWith('..') ? path : near}:${line}`;
}

function ownFrames(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => !/^\s+at /.test(line) || !(line.includes('node:internal') || line.includes(HERE)))
    .join('\n');
}

function clip(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT).toWellFormed()}… [cut]` : text;
}

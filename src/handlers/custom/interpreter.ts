import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { delimiter, extname, isAbsolute, join } from 'node:path';
import { CustomHandlerError } from './config.ts';
import type { LocatedHandler } from './locate.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** True for machine code, which may have been built for another machine. */
  readonly binary: boolean;
}

const INTERPRETERS: Readonly<Record<string, readonly string[]>> = {
  '.sh': ['bash', 'sh'],
  '.py': ['python3', 'python'],
};

/**
 * How to start an executable handler: directly when it has a run bit and a `#!` line (or is machine code),
 * otherwise by the interpreter of its extension.
 * @throws CustomHandlerError (not final) when there is no way to start it; says what to do.
 */
export async function commandFor(
  handler: LocatedHandler,
  env: Readonly<Record<string, string>>,
): Promise<Command> {
  const start = await readStart(handler.path);
  const hasRunBit = process.platform === 'win32' || ((await stat(handler.path)).mode & 0o111) !== 0;
  const extension = extname(handler.name).toLowerCase();
  const interpreters = INTERPRETERS[extension];
  const binary = isBinary(start);
  const direct = hasRunBit && (binary || (start.startsWith('#!') && process.platform !== 'win32'));
  if (direct) {
    if (!binary) await checkShebang(handler.name, start);
    return { program: handler.path, args: [], binary };
  }
  if (interpreters === undefined) {
    // The C library would hand such a file to /bin/sh, which is a surprise when it is written in something else.
    throw unusable(
      handler.name,
      'has a run bit, but its first line does not say what runs it. Add one, such as "#!/usr/bin/env bash"',
    );
  }
  for (const name of interpreters) {
    const program = await findProgram(name, env);
    if (program !== null) return { program, args: [handler.path], binary: false };
  }
  throw unusable(
    handler.name,
    `needs ${interpreters.join(' or ')}, which is not on the PATH of this machine. ` +
      'Install it in the workflow before the cloud-jobs step',
  );
}

async function checkShebang(name: string, start: string): Promise<void> {
  const line = start.slice(2).split('\n', 1)[0] ?? '';
  if (line.endsWith('\r')) {
    throw unusable(
      name,
      'has Windows line ends (CRLF), so its interpreter cannot be found. Save it with LF and add ' +
        '"*.sh text eol=lf" (or its like) to .gitattributes',
    );
  }
  const interpreter = line.trim().split(/\s+/, 1)[0] ?? '';
  if (isAbsolute(interpreter) && (await isRunnable(interpreter))) return;
  throw unusable(
    name,
    `is run by ${JSON.stringify(interpreter)} (its first line), which is not on this machine. ` +
      'Install it in the workflow, or change the line',
  );
}

async function readStart(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function isBinary(start: string): boolean {
  return (
    !start.startsWith('#!') && (start.startsWith('\x7fELF') || start.startsWith('MZ') || start.includes('\0'))
  );
}

/**
 * The full path of a program on the PATH of `env`, or null. Windows has programs of these names that are none:
 * `System32\\bash.exe` starts Linux, which knows neither the files nor the environment of this machine, and the empty
 * `python3.exe` of WindowsApps opens the store.
 */
export async function findProgram(
  name: string,
  env: Readonly<Record<string, string>>,
  platform: NodeJS.Platform = process.platform,
): Promise<string | null> {
  const windows = platform === 'win32';
  const path = Object.entries(env).find(([key]) => (windows ? key.toUpperCase() : key) === 'PATH')?.[1] ?? '';
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue;
    const candidate = join(folder, windows ? `${name}.exe` : name);
    if (windows && /[\\/]system32[\\/]bash\.exe$/i.test(candidate)) continue;
    if (await isRunnable(candidate)) return candidate;
  }
  return null;
}

async function isRunnable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    const info = await stat(path);
    return info.isFile() && info.size > 0;
  } catch {
    return false;
  }
}

function unusable(name: string, why: string): CustomHandlerError {
  return new CustomHandlerError(`The handler "${name}" ${why}.`, { final: false });
}

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { openDataDirectory } from './data-dir.ts';
import { serverUser } from './places.ts';
import { assertPortFree } from './ports.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { createProject, type Project, readInstallSql } from './project.ts';
import type { GrantRegime } from './roles.ts';

export interface StackOptions {
  /** Keeps database and keys in this folder between starts. Default: thrown away at the end. */
  readonly data?: string;
  /** Port of the gateway. Default: any free one. */
  readonly port?: number;
  /** Applies `sql/install.sql`. Default: true. */
  readonly install?: boolean;
  /** Default: `current`. */
  readonly grants?: GrantRegime;
  /** Writes url and secret key into this file, as the secrets that the workflows ask for. Default: no file. */
  readonly secrets?: string;
  /** Prints one JSON line instead of lines for people. Default: false. */
  readonly json?: boolean;
}

export interface StackIo {
  /** Gets what describes the stack when it is ready. */
  out(line: string): void;
  /** Gets everything for people. */
  err(line: string): void;
  /** Asks the stack to stop. */
  readonly signal: AbortSignal;
}

/** The line of `npm run stack -- --json`. */
export interface StackLine {
  readonly url: string;
  readonly serviceKey: string;
  readonly secretKey: string;
  readonly anonKey: string;
  readonly publishableKey: string;
  readonly databaseUrl: string;
}

/**
 * Runs a stack in the foreground until `io.signal` asks it to stop or a part of it dies.
 * @returns exit code: 0 when it was asked to stop, 1 when it could not start or broke; `io.err` then has been told why.
 */
export async function runStack(options: StackOptions, io: StackIo): Promise<number> {
  const started = performance.now();
  let postgres: Postgres | undefined;
  let project: Project | undefined;
  let code = 0;
  try {
    const stopAsked = asked(io.signal);
    if (options.port !== undefined) await assertPortFree(options.port);
    const kept = options.data === undefined ? undefined : await openKept(options.data);
    postgres = await startPostgres(kept ? { dataDir: kept.postgresDir, password: kept.password } : {});
    if (!io.signal.aborted) {
      project = await createProject(postgres, {
        database: 'postgres',
        ...(options.port === undefined ? {} : { port: options.port }),
        ...(options.install === undefined ? {} : { install: options.install }),
        ...(options.grants === undefined ? {} : { grants: options.grants }),
        ...(kept ? { keys: kept.keys } : {}),
      });
    }
    if (project && !io.signal.aborted) {
      if (options.secrets !== undefined) await writeSecrets(options.secrets, project);
      await announce(project, options, io, performance.now() - started);
      const broken = await Promise.race([
        stopAsked,
        project.failed,
        postgres.exited.then((how) => `Postgres ${how}.\n${postgres?.tail()}`),
      ]);
      if (broken !== undefined) throw new Error(`The stack broke: ${broken}`);
    }
  } catch (error) {
    code = 1;
    io.err(`Error: ${(error as Error).message}`);
  }
  try {
    await project?.stop();
    await postgres?.stop();
    if (code === 0) io.err('The stack has stopped.');
  } catch (error) {
    code = 1;
    io.err(`Error: ${(error as Error).message}`);
  }
  return code;
}

/** For `act --secret-file` and `set -a; . ./.secrets`; readable by the owner only. */
async function writeSecrets(file: string, { url, secretKey }: Project): Promise<void> {
  // Absolute, which fails if the working folder is gone. With a relative path, Node's mkdir then never ends.
  const target = resolve(file);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, `SUPABASE_URL=${url}\nSUPABASE_SECRET_KEY=${secretKey}\n`, { mode: 0o600 });
}

async function openKept(data: string) {
  return openDataDirectory(data, await serverUser(process.getuid?.()));
}

function asked(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}

async function announce(project: Project, options: StackOptions, io: StackIo, tookMs: number): Promise<void> {
  if (options.install === false) io.err('sql/install.sql was not applied (--no-install).');
  else if ((await readInstallSql()) === undefined)
    io.err('There is no sql/install.sql: the database is empty.');
  const { url, serviceKey, secretKey, anonKey, publishableKey, databaseUrl } = project;
  const line: StackLine = { url, serviceKey, secretKey, anonKey, publishableKey, databaseUrl };
  io.out(options.json ? JSON.stringify(line) : describe(line, tookMs));
}

function describe({ url, secretKey, publishableKey, databaseUrl }: StackLine, tookMs: number): string {
  return [
    `Ready in ${(tookMs / 1000).toFixed(1)} s. Ctrl-C stops it; --json prints all keys.`,
    `  SUPABASE_URL         ${url}`,
    `  SUPABASE_SECRET_KEY  ${secretKey}`,
    `  publishable key      ${publishableKey}`,
    `  database             ${databaseUrl}`,
  ].join('\n');
}

import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { describeError } from '../../text/describe-error.ts';
import { disarm } from '../../text/disarm.ts';
import { packageFile } from './package-file.ts';

/** `cloud-jobs install`: runs sql/install.sql over a connection to the database, in place of the SQL Editor. */

const OPTIONAL = ['wake', 'worker-role', 'enqueue-role', 'viewer-role', 'anon-access'] as const;

export interface InstallOptions {
  readonly databaseUrl: string;
  /** Names of files in sql/optional, without their ending. */
  readonly with: readonly string[];
}

/** @param end takes the exit code */
export function installCommand(
  env: () => Readonly<Record<string, string | undefined>>,
  end: (code: number) => void,
): Command {
  return new Command('install')
    .description('Install or upgrade the schema: runs sql/install.sql over a connection to the database.')
    .option(
      '--database-url <url>',
      'Connection string of the role postgres (dashboard: Connect). Default: DATABASE_URL.',
    )
    .option('--with <a,b>', `Also run these files of sql/optional: ${OPTIONAL.join(', ')}.`)
    .exitOverride()
    .action(async (given: { databaseUrl?: string; with?: string }) => {
      try {
        const url = given.databaseUrl ?? env().DATABASE_URL ?? '';
        const names = (given.with ?? '').split(',').map((name) => name.trim());
        const lines = await install({ databaseUrl: url, with: names.filter((name) => name !== '') });
        process.stdout.write(`${disarm(lines.join('\n'))}\n`);
      } catch (error) {
        process.stderr.write(`Error: ${disarm(describeError(error))}\n`);
        end(1);
      }
    });
}

/** @returns what was done, as lines for people. @throws Error with a message for people, without the password */
export async function install({ databaseUrl, with: names }: InstallOptions): Promise<string[]> {
  const unknown = names.find((name) => !(OPTIONAL as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new Error(`--with names ${JSON.stringify(unknown)}. It takes: ${OPTIONAL.join(', ')}.`);
  if (!/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw new Error(
      'Give --database-url, or set DATABASE_URL: the connection string that starts with postgresql://. The Supabase dashboard shows it under Connect.',
    );
  }
  const { Client } = await loadPg();
  const client = new Client({ connectionString: databaseUrl, ...encryption(databaseUrl) });
  const notices: string[] = [];
  client.on('notice', ({ severity, message }) => {
    if (severity === 'WARNING') notices.push(`Warning: ${message ?? ''}`);
  });
  try {
    await client.connect();
  } catch (error) {
    const host = URL.canParse(databaseUrl) ? new URL(databaseUrl).host : 'the database';
    throw new Error(
      `Cannot connect to ${host}: ${describeError(error)}. Check the connection string and its password; from a network without IPv6, take that of the session pooler.`,
    );
  }
  try {
    const before = await version(client);
    await client.query(await readFile(packageFile('sql/install.sql'), 'utf8'));
    const after = await version(client);
    const lines = [
      before === null
        ? `Installed version ${after} of the schema.`
        : before === after
          ? `Version ${after} of the schema was there already; everything in it was made anew.`
          : `Upgraded the schema from version ${before} to ${after}.`,
    ];
    for (const name of names) {
      await client.query(await readFile(packageFile(`sql/optional/${name}.sql`), 'utf8'));
      lines.push(`Ran sql/optional/${name}.sql.`);
    }
    return [...lines, ...notices, 'Next: cloud-jobs doctor'];
  } finally {
    await client.end();
  }
}

type Client = InstanceType<Awaited<ReturnType<typeof loadPg>>['Client']>;

/** Postgres's client is an optional dependency: only this command and the local stack need it. */
async function loadPg() {
  try {
    return (await import('pg')).default;
  } catch {
    throw new Error('The package pg is needed to connect. Run npm install pg, and this command again.');
  }
}

async function version(client: Client): Promise<number | null> {
  const { rows: tables } = await client.query(
    `select to_regclass('public.cloud_jobs_schema') is not null as there`,
  );
  if (tables[0]?.there !== true) return null;
  const { rows } = await client.query('select max(version) as version from public.cloud_jobs_schema');
  return rows[0]?.version ?? null;
}

/** Connections to other machines are encrypted, unless the connection string says otherwise. */
function encryption(url: string): { ssl?: { rejectUnauthorized: false } } {
  if (/[?&]ssl(mode)?=/.test(url) || !URL.canParse(url)) return {};
  const { hostname } = new URL(url);
  return /^(localhost|127\.|\[::1\]$)/.test(hostname) || hostname === ''
    ? {}
    : { ssl: { rejectUnauthorized: false } };
}

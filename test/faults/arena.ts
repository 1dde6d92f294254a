import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { serverUser, temporaryFolder } from '../../local-supabase/places.ts';
import { type Postgres, startPostgres } from '../../local-supabase/postgres.ts';
import { createProject, type Project } from '../../local-supabase/project.ts';
import {
  AUDIT_ROWS_SQL,
  AUDIT_SQL,
  type AuditRow,
  EXECUTIONS_SQL,
  type ExecutionRow,
  JOBS_SQL,
  type JobRow,
} from './audit.ts';
import type { LedgerLine } from './evidence.ts';
import { makeSmallDisk, type SmallDisk } from './small-disk.ts';

/** A stack of its own that may be broken in every way, with the audit in its database. */
export interface Arena {
  readonly project: Project;
  readonly gatewayPort: number;
  /** A folder for results with no room for any. */
  readonly disk: SmallDisk;
  /** Folder of the one handler. */
  readonly handlers: string;
  readonly ledgerFile: string;
  readonly compileCache: string;
  /** As superuser, on a fresh connection. */
  sql<Row = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<Row[]>;
  /** Kills the server as `pg_ctl stop -m immediate` does, and starts it again on the same files. */
  crashPostgres(): Promise<void>;
  evidence(): Promise<{
    jobs: JobRow[];
    executions: ExecutionRow[];
    audit: AuditRow[];
    ledger: LedgerLine[];
  }>;
  stop(): Promise<void>;
}

/** Few, so that they can be used up. */
const MAX_CONNECTIONS = 24;
/** Connections of PostgREST to the database: the same. */
export const POOL = 8;
/** How long a request waits for one of them, in seconds. */
const POOL_TIMEOUT = 1;

const HOLD_SQL = `
create function public.faults_hold(seconds float8) returns void language sql set search_path = '' as 'select pg_sleep(seconds)';
revoke all on function public.faults_hold from public;
grant execute on function public.faults_hold to service_role;`;

export async function startArena(): Promise<Arena> {
  const folder = await mkdtemp(join(tmpdir(), 'cloud-jobs-faults-'));
  const handlers = join(folder, 'handlers');
  const ledgerFile = join(folder, 'ledger.jsonl');
  await mkdir(handlers);
  await copyFile(fileURLToPath(new URL('./chaos.mjs', import.meta.url)), join(handlers, 'chaos.mjs'));
  await writeFile(ledgerFile, '');
  const data = await temporaryFolder(await serverUser(process.getuid?.()));
  const settings = {
    dataDir: join(data, 'data'),
    password: 'only-for-this-run',
    persistent: true,
    maxConnections: MAX_CONNECTIONS,
  };
  let postgres: Postgres = await startPostgres(settings);
  const project = await createProject(postgres, {
    postgrest: { pool: POOL, poolTimeoutSeconds: POOL_TIMEOUT },
  });
  const disk = makeSmallDisk();

  const sql = async <Row>(text: string, params: readonly unknown[] = []): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: project.adminUrl });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(text, [...params])).rows as Row[];
    } finally {
      await client.end();
    }
  };
  await sql(AUDIT_SQL);
  await sql(HOLD_SQL);
  await project.reloadSchema();

  return {
    project,
    gatewayPort: Number(new URL(project.url).port),
    disk,
    handlers,
    ledgerFile,
    compileCache: join(folder, 'compiled'),
    sql,
    async crashPostgres() {
      process.kill(postgres.pid, 'SIGQUIT');
      await postgres.exited;
      const { port } = postgres;
      await postgres.stop();
      postgres = await startPostgres({ ...settings, port });
    },
    async evidence() {
      return {
        jobs: await sql<JobRow>(JOBS_SQL),
        executions: await sql<ExecutionRow>(EXECUTIONS_SQL),
        audit: await sql<AuditRow>(AUDIT_ROWS_SQL),
        ledger: parseLedger(await readFile(ledgerFile, 'utf8')),
      };
    },
    async stop() {
      disk.remove();
      await project.stop();
      await postgres.stop();
      await rm(data, { recursive: true, force: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function parseLedger(text: string): LedgerLine[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [event, job, execution, at] = JSON.parse(line) as [LedgerLine['event'], string, string, number];
      return { event, job, execution, at };
    });
}

import pg from 'pg';
import { withConnection } from '../../local-supabase/database.ts';
import { startPostgres } from '../../local-supabase/postgres.ts';
import { createProject, type Project } from '../../local-supabase/project.ts';
import { type CpuUse, cpuUse } from './cpu.ts';

/** A local project, and databases for the peers on the same Postgres. */
export interface BenchStack {
  readonly project: Project;
  /** One statement, or several without parameters, as superuser in the project's database. */
  sql(text: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Empties the queue and writes a checkpoint. */
  reset(): Promise<void>;
  /** Adds `count` jobs like `job`. */
  fill(count: number, job?: Readonly<Record<string, unknown>>): Promise<void>;
  /** Connection URL of the database of a peer, created at the first call. */
  peerUrl(name: string): Promise<string>;
  cpu(): CpuUse;
  stop(): Promise<void>;
}

/** Most jobs of one enqueue call. */
const CHUNK = 20_000;

/** Starts Postgres with durable commits, as on a hosted project, PostgREST and a gateway. */
export async function startBenchStack(): Promise<BenchStack> {
  const postgres = await startPostgres({ durable: true });
  const peers = new Set<string>();
  try {
    const project = await createProject(postgres);
    const pool = new pg.Pool({ connectionString: project.adminUrl, max: 4 });
    pool.on('error', () => {});
    const sql: BenchStack['sql'] = async (text, params) => {
      const result = params ? await pool.query(text, [...params]) : await pool.query(text);
      return (Array.isArray(result) ? result.at(-1) : result).rows;
    };
    return {
      project,
      sql,
      reset: async () => {
        await sql('truncate public.cloud_jobs, public.cloud_job_executions cascade');
        await sql('checkpoint');
      },
      fill: async (count, job = {}) => {
        for (let from = 0; from < count; from += CHUNK) {
          await sql(
            `select public.cloud_jobs_enqueue(jsonb_agg($1::jsonb || jsonb_build_object('name', 'No ' || n)))
             from generate_series($2::integer, $3::integer) as n`,
            [JSON.stringify({ job_type: 'custom', ...job }), from + 1, Math.min(from + CHUNK, count)],
          );
        }
      },
      peerUrl: async (name) => {
        if (!peers.has(name)) await postgres.createDatabase(name);
        peers.add(name);
        const url = new URL(postgres.adminUrl);
        url.pathname = `/${name}`;
        return url.href;
      },
      cpu: () => cpuUse(postgres.pid),
      stop: async () => {
        await pool.end();
        await project.stop();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/** Runs one statement on another database. */
export async function sqlOn(url: string, text: string): Promise<void> {
  await withConnection(url, (client) => client.query(text));
}

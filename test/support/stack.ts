import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import pg from 'pg';
import { inject } from 'vitest';
import { runSql } from '../../local-supabase/database.ts';
import { attachPostgres, type PostgresHandle } from '../../local-supabase/postgres.ts';
import { createProject, type Project } from '../../local-supabase/project.ts';
import type { GrantRegime } from '../../local-supabase/roles.ts';
import { templateName } from './global-setup.ts';

export interface TestProjectOptions {
  /** With `sql/install.sql` applied, if there is one. Default: true. */
  readonly install?: boolean;
  /** Default: `current`. */
  readonly grants?: GrantRegime;
}

/** A project for one test file, with what tests need beside it. */
export interface TestProject extends Project {
  /** One statement as superuser, with parameters; returns its rows. */
  sql<Row extends Record<string, unknown> = Record<string, unknown>>(
    text: string,
    params?: readonly unknown[],
  ): Promise<Row[]>;
  /** One or more statements as role `postgres`, as the SQL Editor runs them; returns the rows of the last. */
  asPostgres(text: string): Promise<Record<string, unknown>[]>;
  /**
   * A supabase-js client. Default key: the legacy service key. A token that is not one of the project's keys goes
   * into Authorization beside the anon key, as that of a signed-in user.
   */
  client(key?: string): SupabaseClient;
}

/** The one Postgres of the run, for tests that want databases without a project. */
export function testPostgres(): PostgresHandle {
  return attachPostgres(inject('testStack').adminUrl);
}

/**
 * Starts a project on a database of its own, copied from a template (about half a second). For `beforeAll`; call
 * `stop()` in `afterAll`.
 */
export async function startTestProject({
  install = true,
  grants = 'current',
}: TestProjectOptions = {}): Promise<TestProject> {
  const { installError } = inject('testStack');
  if (install && installError !== undefined) throw new Error(installError);
  const project = await createProject(testPostgres(), { template: templateName(grants, install) });
  const pool = new pg.Pool({ connectionString: project.adminUrl, max: 4 });
  // Dropping the database cuts idle connections.
  pool.on('error', () => {});
  return Object.defineProperties({} as TestProject, {
    ...Object.getOwnPropertyDescriptors(project),
    ...Object.getOwnPropertyDescriptors({
      async sql(text: string, params: readonly unknown[] = []) {
        return (await pool.query(text, [...params])).rows;
      },
      asPostgres: (text: string) => runSql(project.databaseUrl, text),
      client: (key: string = project.serviceKey) => testClient(project, key),
      async stop() {
        if (!pool.ended) await pool.end();
        await project.stop();
      },
    }),
  });
}

function testClient(project: Project, key: string): SupabaseClient {
  const keys = [project.anonKey, project.serviceKey, project.publishableKey, project.secretKey];
  const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };
  if (keys.includes(key)) return createClient(project.url, key, { auth });
  return createClient(project.url, project.anonKey, {
    auth,
    global: { headers: { Authorization: `Bearer ${key}` } },
  });
}

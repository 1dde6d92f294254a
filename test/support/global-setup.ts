import type { TestProject } from 'vitest/node';
import { type Postgres, startPostgres } from '../../local-supabase/postgres.ts';
import { prepareDatabase, readInstallSql } from '../../local-supabase/project.ts';
import type { GrantRegime } from '../../local-supabase/roles.ts';

/** What the test files get to know about the one Postgres of the run. */
export interface TestStack {
  readonly adminUrl: string;
  /** Why `sql/install.sql` could not be applied; only tests that need it fail by that. */
  readonly installError?: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    testStack: TestStack;
  }
}

/** Name of the database that tests of this kind start from as a copy. */
export function templateName(grants: GrantRegime, install: boolean): string {
  return `template_${install ? 'installed' : 'empty'}_${grants}`;
}

async function makeTemplates(postgres: Postgres, grants: GrantRegime): Promise<void> {
  const empty = templateName(grants, false);
  await postgres.createDatabase(empty);
  await prepareDatabase(postgres.adminUrl, empty, { grants, install: false });
  const installed = templateName(grants, true);
  await postgres.createDatabase(installed, { template: empty });
  await prepareDatabase(postgres.adminUrl, installed, { grants, install: true });
}

/**
 * Starts one Postgres for the whole run. If the run is killed, the server's watchdog ends it and removes its files.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Several files run at once and some start several projects, each with a pool of 10.
  const postgres = await startPostgres({ durable: false, maxConnections: 300 });
  let installError: string | undefined;
  try {
    for (const grants of ['current', 'legacy'] as const) {
      await makeTemplates(postgres, grants).catch(async (error: Error) => {
        if ((await readInstallSql()) === undefined) throw error;
        installError = error.message;
      });
    }
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  project.provide('testStack', {
    adminUrl: postgres.adminUrl,
    ...(installError === undefined ? {} : { installError }),
  });
  return () => postgres.stop();
}

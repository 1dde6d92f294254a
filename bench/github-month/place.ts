import { readFileSync } from 'node:fs';
import type { Project } from '../../local-supabase/project.ts';
import { onClock } from '../../test/support/clock-sql.ts';
import { installExtensions } from '../../test/support/extensions.ts';
import { type GitHubServer, startGitHubServer } from '../../test/support/github-server.ts';

/** A database on a clock that is set by hand. */
export interface ClockedDatabase {
  sql<Row extends Record<string, unknown> = Record<string, unknown>>(
    text: string,
    params?: readonly unknown[],
  ): Promise<Row[]>;
  /** Statements as the SQL Editor runs them. */
  asPostgres(text: string): Promise<unknown>;
}

/** What a simulation runs on: a project, and the stand-in for GitHub that its database calls. */
export interface Place extends Pick<Project, 'url' | 'secretKey'> {
  readonly db: ClockedDatabase;
  readonly github: GitHubServer;
}

/**
 * Minutes go by in the database as pg_cron would have it, until sql/optional/wake.sql calls GitHub or the time is over.
 * Returns when it called.
 */
const PASS_MINUTES = `
  create function clock.pass_minutes(until_param timestamptz) returns timestamptz language plpgsql as $$
  declare
    command text := (select command from cron.job where jobname = 'cloud-jobs-wake' and schedule = '* * * * *');
    minute timestamptz := date_trunc('minute', clock.now());
  begin
    loop
      minute := minute + interval '1 minute';
      exit when minute > until_param;
      update clock.hand set at = minute;
      execute command;
      if exists (select from net.http_request_queue) then
        return minute;
      end if;
    end loop;
    update clock.hand set at = until_param;
    return null;
  end $$;`;

/** Puts sql/optional/wake.sql into the database, with stand-ins of its extensions, and a GitHub that it calls. */
export async function openPlace(
  project: Pick<Project, 'url' | 'secretKey'>,
  db: ClockedDatabase,
): Promise<Place> {
  const github = await startGitHubServer();
  await installExtensions(db);
  const wake = readFileSync(new URL('../../sql/optional/wake.sql', import.meta.url), 'utf8');
  await db.asPostgres(onClock(wake));
  await db.sql(PASS_MINUTES);
  await db.sql(`select vault.create_secret($1, 'cloud_jobs_github_token')`, [github.token]);
  return { url: project.url, secretKey: project.secretKey, db, github };
}

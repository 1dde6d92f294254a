import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { POOL } from './arena.ts';
import { descendants, send } from './processes.ts';
import { ask, type Faults, outage, type Scene } from './scene.ts';

/** The faults of Postgres and PostgREST, which everybody meets: one at a time. */
export const DATABASE_FAULTS: Faults = {
  'Postgres killed and restarted': outage('Postgres killed and restarted', async ({ arena }) => {
    await arena.crashPostgres();
  }),

  'all database connections ended': outage('all database connections ended', async ({ arena }) => {
    await arena.sql(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
  }),

  'database connections used up': outage('database connections used up', async ({ arena, random }) => {
    const held: pg.Client[] = [];
    const open = async (): Promise<boolean> => {
      const client = new pg.Client({ connectionString: arena.project.adminUrl });
      client.on('error', () => {});
      try {
        await client.connect();
      } catch {
        return false;
      }
      held.push(client);
      return true;
    };
    while (await open());
    // Only new connections fail, so those that are there have to go, and the room they leave is taken as well.
    await held[0]
      ?.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'authenticator'`,
      )
      .catch(() => {});
    const until = Date.now() + random.between(500, 2_000);
    while (Date.now() < until) if (!(await open())) await sleep(20);
    await Promise.all(held.map((client) => client.end().catch(() => {})));
  }),

  'tables locked by somebody': outage('tables locked by somebody', async ({ arena, random, hurry }) => {
    const client = new pg.Client({ connectionString: arena.project.adminUrl });
    client.on('error', () => {});
    await client.connect();
    await client.query('begin');
    await client.query('lock table public.cloud_jobs in access exclusive mode');
    // Statements end at 8 s.
    await sleep(random.pick(hurry ? [300, 1_500] : [300, 1_500, 1_500, 1_500, 9_000]));
    await client.query('rollback');
    await client.end();
  }),

  "PostgREST's pool used up": outage("PostgREST's pool used up", usePoolUp),

  'PostgREST killed and restarted': outage('PostgREST killed and restarted', async ({ arena }) => {
    const [postgrest] = descendants(process.pid).filter(({ name }) => name.startsWith('postgrest'));
    if (postgrest) send(postgrest.pid, 'SIGKILL');
    await arena.project.restartPostgrest();
  }),

  'schema cache reloaded': outage('schema cache reloaded', async ({ arena }) => {
    await arena.sql(`notify pgrst, 'reload schema'`);
  }),
};

/** Other faults may end the holders' connections, and workers may come before them: so often it is tried. */
const TRIES = 5;

/**
 * Every connection of PostgREST's pool is held by a request that takes long, no table is locked: whoever comes waits
 * for a connection in vain and gets 504 with code PGRST003.
 * @throws Error when that is never what is answered: the fault was not made
 */
async function usePoolUp({ arena, random, hurry }: Scene): Promise<void> {
  const seen: string[] = [];
  for (let left = TRIES; left > 0; left -= 1) {
    const seconds = random.between(2, hurry ? 2 : 4);
    let held = true;
    const holding = Promise.all(
      Array.from({ length: POOL }, () => ask(arena, 'faults_hold', { seconds })),
    ).finally(() => {
      held = false;
    });
    while (held) {
      // The workers fight for the same connections, so the holders get theirs one by one.
      await sleep(300);
      const answer = await ask(arena, 'cloud_jobs_version');
      if (answer.status === 504 && answer.text.includes('PGRST003')) {
        await holding;
        return;
      }
      seen.push(`${answer.status} ${answer.text}`.slice(0, 120));
    }
    await holding;
  }
  throw new Error(`The pool was not used up: ${[...new Set(seen)].join('; ')}`);
}

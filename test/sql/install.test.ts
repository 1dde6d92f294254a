import type pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { withConnection } from '../../local-supabase/database.ts';
import { startTestProject, type TestProject, type TestProjectOptions } from '../support/stack.ts';
import { catalog, rowsOf } from './catalog.ts';
import { INSTALL, onConnections, onTwo, SCHEMA_VERSION, until, untilBlocked, value } from './support.ts';

const projects: TestProject[] = [];
async function start(options?: TestProjectOptions): Promise<TestProject> {
  const project = await startTestProject(options);
  projects.push(project);
  return project;
}
afterEach(async () => {
  await Promise.all(projects.splice(0).map((project) => project.stop()));
});

/** The file with another patience for locks. */
function withPatience(patience: string): string {
  const text = INSTALL.replace("set local lock_timeout = '10s';", `set local lock_timeout = '${patience}';`);
  expect(text).not.toBe(INSTALL);
  return text;
}

const SOME_ROWS = `
  select cloud_jobs_enqueue('[{"name":"a","job_type":"custom","unique_key":"u","concurrency_key":"k"},
    {"name":"b","job_type":"custom","concurrency_key":"k"},{"name":"c","job_type":"maintenance"}]');
  select cloud_jobs_claim('w', 2);
  select cloud_jobs_finish('w', (select jsonb_agg(jsonb_build_object('execution_id', locked_execution_id, 'outcome', 'success'))
    from cloud_jobs where status = 'locked' and job_type = 'maintenance'))`;

describe.each(['current', 'legacy'] as const)('under %s default grants', (grants) => {
  it('a second run changes nothing: no definition, no grant, no row', async () => {
    const project = await start({ grants, install: false });
    await project.asPostgres(INSTALL);
    await project.asPostgres(SOME_ROWS);
    const before = { catalog: await catalog(project), rows: await rowsOf(project) };
    expect(before.catalog.length).toBeGreaterThan(150);
    expect(before.rows.cloud_jobs).toHaveLength(3);
    await project.asPostgres(INSTALL);
    expect(await catalog(project)).toEqual(before.catalog);
    expect(await rowsOf(project)).toEqual(before.rows);
  });
});

it.each(['table', 'view'])(
  'refuses a %s papers of another application, and changes nothing',
  async (kind) => {
    const project = await start({ install: false });
    await project.asPostgres(`create table notes (id bigint, title text); insert into notes values (1, 'mine');
    ${kind === 'view' ? 'create view papers as select * from notes' : 'alter table notes rename to papers'}`);
    await expect(project.asPostgres(INSTALL)).rejects.toThrow(
      /public\.papers is not a table of cloud-jobs\. It lacks: abstract text, arxiv_id text/,
    );
    expect(await project.asPostgres('select * from papers')).toMatchObject([{ id: '1', title: 'mine' }]);
    expect(await project.asPostgres(`select to_regclass('public.cloud_jobs') as jobs`)).toEqual([
      { jobs: null },
    ]);
    await project.asPostgres(`alter ${kind} papers rename to my_papers`);
    await project.asPostgres(INSTALL);
  },
);

it('the same schema comes out whatever the default grants were', async () => {
  const who = `
    select coalesce(grantee::regrole::text, 'public') as grantee, what, privilege from (
      select a.grantee, 'function ' || p.proname as what, a.privilege_type as privilege
      from pg_proc p cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
      where p.pronamespace = 'public'::regnamespace
      union all
      select a.grantee, 'relation ' || c.relname, a.privilege_type
      from pg_class c cross join aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
    ) g where grantee::regrole::text in ('-', 'anon', 'authenticated') order by 1, 2, 3`;
  for (const grants of ['current', 'legacy'] as const) {
    expect(await (await start({ grants })).sql(who), grants).toEqual([]);
  }
});

it('refuses a database with a newer schema and changes nothing', async () => {
  const project = await start();
  await project.sql(`insert into cloud_jobs_schema (version, name) values (${SCHEMA_VERSION + 1}, 'next')`);
  await project.sql('drop view job_statistics');
  const before = [await catalog(project), await rowsOf(project)];
  await expect(project.asPostgres(INSTALL)).rejects.toThrow(
    `this database has schema version ${SCHEMA_VERSION + 1}, this file would bring version ${SCHEMA_VERSION}`,
  );
  expect([await catalog(project), await rowsOf(project)]).toEqual(before);
});

it("refuses a Postgres without Supabase's roles, and says why", async () => {
  const project = await start({ install: false });
  // Roles belong to the whole cluster, which other tests use: the change is never committed.
  await withConnection(project.adminUrl, async (client) => {
    await client.query('begin');
    await client.query('alter role anon rename to anon_gone');
    const refused = await client
      .query(INSTALL.replace(/^begin;$/m, ''))
      .catch((error: pg.DatabaseError) => error);
    await client.query('rollback');
    expect(refused).toMatchObject({
      message: 'cloud-jobs: the roles anon, authenticated and service_role do not exist here.',
      hint: 'This file is for a Supabase project, or for the local stack (npm run stack).',
    });
  });
  expect(await catalog(project)).toEqual([]);
});

it('gives up when a table stays locked, and changes nothing', async () => {
  const project = await start();
  await project.sql('drop view job_statistics');
  const before = await catalog(project);
  await withConnection(project.adminUrl, async (holder) => {
    await holder.query('begin; lock table cloud_job_executions in access share mode');
    await expect(project.asPostgres(withPatience('700ms'))).rejects.toMatchObject({ code: '55P03' });
    await holder.query('rollback');
  });
  expect(await catalog(project)).toEqual(before);
  await project.asPostgres(withPatience('700ms'));
  expect(await catalog(project)).not.toEqual(before);
});

it('steps back for a worker that holds the one table and wants the other', async () => {
  const project = await start();
  await withConnection(project.adminUrl, async (worker) => {
    await worker.query('begin; select count(*) from cloud_job_executions');
    const installed = project.asPostgres(INSTALL);
    await until(async () => {
      const waiting = `select from pg_locks where not granted and relation = 'cloud_job_executions'::regclass`;
      return (await project.sql(waiting)).length > 0;
    }, 'the installation to wait for the second table');
    // If the installation sat on the first table until it got the second, this would be a deadlock.
    await worker.query(`select cloud_jobs_create('a', 'custom')`);
    await worker.query('commit');
    await installed;
  });
  expect(await project.sql('select name from cloud_jobs')).toEqual([{ name: 'a' }]);
});

it('goes in under working workers without an error for them', async () => {
  const project = await start();
  await project.asPostgres(
    `select cloud_jobs_enqueue((select jsonb_agg('{"name":"a","job_type":"custom"}'::jsonb) from generate_series(1, 3000)))`,
  );
  let installing = true;
  const work = async (client: pg.Client, index: number) => {
    let done = 0;
    while (installing) {
      const reply = await value<{ jobs: { execution_id: string }[] }>(
        client,
        `select cloud_jobs_claim($1, 5)`,
        [`w${index}`],
      );
      const items = reply.jobs.map(({ execution_id }) => ({ execution_id, outcome: 'snooze' }));
      await client.query('select cloud_jobs_renew($1, $2)', [`w${index}`, JSON.stringify(items)]);
      await client.query('select cloud_jobs_finish($1, $2)', [`w${index}`, JSON.stringify(items)]);
      done += items.length;
    }
    return done;
  };
  const done = await onConnections(project.adminUrl, 4, async (clients) => {
    const working = Promise.all(clients.map(work));
    try {
      for (let run = 0; run < 3; run += 1) await project.asPostgres(INSTALL);
    } finally {
      installing = false;
    }
    return working;
  });
  expect(Math.min(...done)).toBeGreaterThan(0);
  expect(await project.sql(`select from cloud_jobs where status <> 'waiting'`)).toEqual([]);
});

it('lets two people install at once: one waits, both succeed', async () => {
  const project = await start({ install: false });
  await onTwo(project, async (one, two) => {
    await one.query('set role postgres');
    await two.query('set role postgres');
    await one.query(INSTALL.replace(/^commit;$/m, ''));
    const second = two.query(INSTALL);
    await untilBlocked(project, two);
    await one.query('commit');
    await second;
  });
  expect(await project.sql('select version from cloud_jobs_schema')).toEqual([{ version: SCHEMA_VERSION }]);
});

it('runs as role postgres, and the secret key works at once', async () => {
  const project = await start({ install: false });
  expect(await project.asPostgres('select rolsuper from pg_roles where rolname = current_user')).toEqual([
    { rolsuper: false },
  ]);
  await project.asPostgres(INSTALL);
  await project.reloadSchema();
  const version = await project.client(project.secretKey).rpc('cloud_jobs_version');
  expect(version.data).toEqual({ v: 1, schema: SCHEMA_VERSION, requires: 1 });
});

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';

const file = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const install = file('sql/install.sql');
const seed = file('test/fixtures/seed-schema.sql');

/** All of the schema that a second run could change. */
const CATALOG = `
  select string_agg(line, E'\\n' order by line) as text from (
    select 'function ' || pg_get_functiondef(p.oid) || coalesce(p.proacl::text, '') as line
      from pg_proc p where p.pronamespace = 'public'::regnamespace
    union all select 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
      from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped
    union all select 'index ' || indexdef from pg_indexes where schemaname = 'public'
    union all select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace
    union all select 'trigger ' || pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'public'::regnamespace and not tgisinternal
    union all select 'acl ' || relname || coalesce(relacl::text, '') || coalesce(reloptions::text, '') || relrowsecurity from pg_class where relnamespace = 'public'::regnamespace
    union all select 'policy ' || tablename || policyname from pg_policies where schemaname = 'public'
  ) lines`;

describe('install.sql', () => {
  it('run a second time changes nothing, not even a row', async () => {
    const project = await startTestProject();
    try {
      await project.sql(`select cloud_jobs_create('a', 'maintenance')`);
      const state = async () => [
        (await project.sql(CATALOG))[0]?.text,
        await project.sql('select xmin::text, * from cloud_jobs'),
        await project.sql('select xmin::text, * from cloud_jobs_schema order by version'),
      ];
      const before = await state();
      expect(String(before[0]).length).toBeGreaterThan(20_000);
      await project.asPostgres(install);
      expect(await state()).toEqual(before);
    } finally {
      await project.stop();
    }
  });

  it('refuses a database with a newer schema, and changes nothing', async () => {
    const project = await startTestProject();
    try {
      await project.sql(`insert into cloud_jobs_schema values (999, 'from the future')`);
      await expect(project.asPostgres(install)).rejects.toThrow(/has schema version 999/);
    } finally {
      await project.stop();
    }
  });
});

describe.each(['current', 'legacy'] as const)('the seed schema with live rows (%s grants)', (grants) => {
  let old: TestProject;
  let upgraded: TestProject;
  const ROWS = `
    insert into cloud_jobs (job_id, name, job_type, config, status, max_retries, current_retries, created_at, locked_by, locked_at, lock_expires_at) values
      ('w2', 'waiting 2', 'custom', '{"a": 1}', 'waiting', 3, 0, now() - interval '2 h', null, null, null),
      ('w1', 'waiting 1', 'paper_fetch', '"{\\"encoded\\": \\"twice\\"}"', 'waiting', 3, 1, now() - interval '3 h', null, null, null),
      ('w3', 'waiting 3', 'maintenance', '{}', 'waiting', 0, 0, now() - interval '1 h', null, null, null),
      ('l1', 'locked', 'custom', '{}', 'locked', 3, 0, now() - interval '9 h', 'old', now(), now() + interval '1 h'),
      ('l2', 'expired', 'custom', '{}', 'locked', 3, 0, now() - interval '9 h', 'old', now() - interval '2 h', now() - interval '1 h'),
      ('s1', 'success', 'custom', '{}', 'success', 3, 0, now() - interval '5 h', null, null, null),
      ('f2', 'failed, left 2', 'custom', '{}', 'failed', 3, 1, now() - interval '6 h', null, null, null),
      ('f1', 'failed, left 1', 'custom', '{}', 'failed', 3, 2, now() - interval '7 h', null, null, null),
      ('f3', 'failed, none left', 'custom', '{}', 'failed', 3, 3, now() - interval '8 h', null, null, null),
      ('d1', 'disabled', 'custom', '{}', 'disabled', 3, 0, now() - interval '5 h', null, null, null);
    insert into cloud_job_executions (execution_id, job_id, status, started_at, instance_id, result) values
      ('e1', 's1', 'success', now() - interval '5 h', 'old', '{"x": 1}'), ('e2', 'l2', 'running', now() - interval '2 h', 'old', '{}');`;
  const COLUMNS =
    'job_id, name, job_type, config, status, description, max_retries, current_retries, created_at, last_execution, locked_at, locked_by, lock_expires_at';

  beforeAll(async () => {
    old = await startTestProject({ install: false, grants });
    upgraded = await startTestProject({ install: false, grants });
    await old.asPostgres(seed + ROWS);
    await upgraded.asPostgres(seed + ROWS);
  });
  afterAll(async () => {
    await old?.stop();
    await upgraded?.stop();
  });

  it('is upgraded in place, loses nothing, and goes on for its clients', async () => {
    const read = () => upgraded.sql(`select ${COLUMNS} from cloud_jobs order by job_id`);
    const before = await read();
    const executions = await upgraded.sql(
      'select execution_id, job_id, status, started_at, result, instance_id from cloud_job_executions order by 1',
    );
    await upgraded.asPostgres(install);
    expect(await read()).toEqual(before);
    expect(
      await upgraded.sql(
        'select execution_id, job_id, status, started_at, result, instance_id from cloud_job_executions order by 1',
      ),
    ).toEqual(executions);

    const drain = async (project: TestProject) => {
      const order: unknown[] = [];
      for (;;) {
        const rows = await project.sql(`select * from get_next_available_job('client', 30)`);
        if (rows.length === 0) return order;
        order.push(rows[0]);
      }
    };
    const expected = await drain(old);
    expect(expected).toHaveLength(5);
    expect(await drain(upgraded)).toEqual(expected);
    expect(await upgraded.sql('select release_expired_locks() as n')).toEqual([{ n: 1 }]);
    expect(await upgraded.sql(`select status, current_retries from cloud_jobs where job_id = 'l2'`)).toEqual([
      { status: 'waiting', current_retries: 1 },
    ]);
    expect(
      await upgraded.sql(`select status, failure_kind from cloud_job_executions where execution_id = 'e2'`),
    ).toEqual([{ status: 'failed', failure_kind: 'lost' }]);
    const statistics = async (project: TestProject) =>
      Object.keys((await project.sql('select * from job_statistics'))[0] ?? {});
    expect(await statistics(upgraded)).toEqual(await statistics(old));
  });

  it('is closed to anon and authenticated: every table, view and function', async () => {
    await upgraded.reloadSchema();
    await expectClosed(upgraded);
    await upgraded.asPostgres(install);
    await expectClosed(upgraded);
  });
});

describe.each(['current', 'legacy'] as const)('a fresh install (%s grants)', (grants) => {
  it('gives anon nothing; the optional file opens it, install closes it', async () => {
    const project = await startTestProject({ grants });
    try {
      await expectClosed(project);
      await project.asPostgres(file('sql/optional/anon-access.sql'));
      await project.reloadSchema();
      const open = await project
        .client(project.anonKey)
        .from('cloud_jobs')
        .insert({ name: 'x', job_type: 'custom' })
        .select();
      expect(open.error).toBeNull();
      const closed = await project
        .client(project.anonKey)
        .rpc('cloud_jobs_claim', { instance_id_param: 'thief' });
      expect(closed.error).not.toBeNull();
      await project.asPostgres(install);
      await project.reloadSchema();
      await expectClosed(project);
    } finally {
      await project.stop();
    }
  });
});

/** Asks over HTTP, for all that the catalog has, so that a new table or function cannot be forgotten. */
async function expectClosed(project: TestProject): Promise<void> {
  const relations = await project.sql<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')`,
  );
  const functions = await project.sql<{ name: string; args: string[] | null }>(
    `select proname as name, proargnames as args from pg_proc where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype`,
  );
  expect(relations.length).toBeGreaterThanOrEqual(5);
  expect(functions.length).toBeGreaterThanOrEqual(20);
  for (const key of [project.anonKey, project.publishableKey, project.authenticatedKey]) {
    const client = project.client(key);
    for (const { name } of relations) {
      const read = await client.from(name).select('*').limit(1);
      expect(read.data?.length ?? 0, `${name} read`).toBe(0);
      expect(read.error, `${name} read`).not.toBeNull();
      expect((await client.from(name).insert({}).select()).error, `${name} insert`).not.toBeNull();
    }
  }
  for (const role of ['anon', 'authenticated']) {
    const open = await project.sql(
      `select p.oid::regprocedure::text as name from pg_proc p where pronamespace = 'public'::regnamespace and has_function_privilege($1, p.oid, 'execute')`,
      [role],
    );
    expect(open, role).toEqual([]);
  }
  const call = await project
    .client(project.anonKey)
    .rpc('get_next_available_job', { instance_id_param: 'thief' });
  expect(call.error?.code).toBe('42501');
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { asPostgresAlone } from './other-roles.ts';
import { ANON_ACCESS, ENQUEUE_ROLE, INSTALL, SEED, WORKER_ROLE } from './support.ts';

const PUBLIC = `'public'::regnamespace`;
const OURS = `from pg_proc p where p.pronamespace = ${PUBLIC}`;
const TABLES = `from pg_class c where c.relnamespace = ${PUBLIC} and c.relkind = 'r'`;
const API_ROLES = `unnest(array['anon', 'authenticated']) as role`;

/**
 * What Supabase's database advisors look for (the number is theirs: database-linter in its docs), and rules of our own.
 * Each query gives the offenders. Left out are those about other things than a schema: 0012 (sign-ins), 0022 (versions of
 * extensions), 0025 (storage); and 0005 (unused index) and 0020 (bloat), which need a history: test/sql/flat-cost.test.ts
 * shows which index serves the claim. 0008 hints that a table without a policy lets nobody in, which is intended
 * here: a test of its own says which tables.
 */
const RULES: readonly (readonly [rule: string, offenders: string])[] = [
  [
    '0013: every table has row level security',
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity`,
  ],
  [
    '0004: every table has a primary key',
    `select relname from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r' and not exists (select from pg_constraint where conrelid = c.oid and contype = 'p')`,
  ],
  ['no policy lets anybody in', `select policyname from pg_policies where schemaname = 'public'`],
  [
    '0011: every function has a fixed, empty search_path',
    `select proname ${OURS} and not coalesce(proconfig, '{}') @> array['search_path=""']`,
  ],
  ['no function runs with the rights of its owner', `select proname ${OURS} and prosecdef`],
  [
    'no function has an overload, which PostgREST cannot tell apart',
    `select proname ${OURS} group by 1 having count(*) > 1`,
  ],
  [
    'every argument of a function has a name',
    `select proname ${OURS} and pronargs > coalesce(cardinality(array_remove(proargnames[1:pronargs], '')), 0)`,
  ],
  [
    '0010: every view uses the rights of its reader',
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm') and not coalesce(reloptions, '{}') && array['security_invoker=on', 'security_invoker=true']`,
  ],
  [
    '0001: every foreign key has an index',
    `select conname from pg_constraint c where contype = 'f' and connamespace = 'public'::regnamespace and not exists (
      select from pg_index i where i.indrelid = c.conrelid and i.indpred is null and (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey)`,
  ],
  [
    '0009: no two indexes are the same',
    `select min(indexrelid::regclass::text) from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = 'public'::regnamespace
      group by indrelid, indkey, indclass, coalesce(pg_get_expr(indexprs, indrelid), ''), coalesce(pg_get_expr(indpred, indrelid), '') having count(*) > 1`,
  ],
  [
    'no function can raise a serialization failure, which PostgREST repeats without end',
    `select proname ${OURS} and prosrc ~* '40001|serializ|repeatable read'`,
  ],
  [
    'no function gives back one composite, which is an object of nulls where there is none',
    `select proname ${OURS} and not proretset and (select typtype from pg_type t where t.oid = prorettype) = 'c'`,
  ],
  [
    'every constraint has been checked',
    `select conname from pg_constraint where connamespace = 'public'::regnamespace and not convalidated`,
  ],
  [
    '0002: no view shows the users of the project',
    `select c.relname from pg_class c join pg_rewrite r on r.ev_class = c.oid
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refobjid = to_regclass('auth.users')
      where c.relnamespace = ${PUBLIC} group by 1`,
  ],
  [
    '0021: no foreign key leads to the users of the project',
    `select conname from pg_constraint where connamespace = ${PUBLIC} and contype = 'f' and confrelid = to_regclass('auth.users')`,
  ],
  [
    '0003: no policy asks for the user again for each row',
    `select policyname from pg_policies where schemaname = 'public'
      and (coalesce(qual, '') || coalesce(with_check, '')) ~ '(auth\\.(uid|jwt|role)|current_setting)\\(' and (coalesce(qual, '') || coalesce(with_check, '')) !~* 'select (auth\\.|current_setting)'`,
  ],
  [
    '0006: no table has two policies for one role and verb',
    `select p.tablename from pg_policies p cross join unnest(p.roles) role
      cross join unnest(case p.cmd when 'ALL' then array['SELECT', 'INSERT', 'UPDATE', 'DELETE'] else array[p.cmd] end) verb
      where p.schemaname = 'public' and p.permissive = 'PERMISSIVE' group by p.tablename, role, verb having count(*) > 1`,
  ],
  [
    '0007: no policy is without effect because row level security is off',
    `select c.relname ${TABLES} and not c.relrowsecurity and exists (select from pg_policy where polrelid = c.oid)`,
  ],
  [
    '0014: no extension is in the schema of the API',
    `select extname from pg_extension where extnamespace = ${PUBLIC}`,
  ],
  [
    '0015, 0024: no policy goes by what users write about themselves, or lets everything through',
    `select policyname from pg_policies where schemaname = 'public'
      and ((coalesce(qual, '') || coalesce(with_check, '')) ~ 'user_metadata' or (cmd <> 'SELECT' and 'true' in (qual, with_check)))`,
  ],
  [
    '0016, 0017: no materialized view and no foreign table, which know no row level security',
    `select relname from pg_class where relnamespace = ${PUBLIC} and relkind in ('m', 'f')`,
  ],
  [
    '0018: no column has a type that an upgrade of Postgres cannot carry over',
    `select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relnamespace = ${PUBLIC} and c.relkind = 'r'
      and a.atttypid in ('regcollation'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype, 'regnamespace'::regtype,
        'regoper'::regtype, 'regoperator'::regtype, 'regproc'::regtype, 'regprocedure'::regtype)`,
  ],
  [
    '0019, 0023, 0026, 0027: no table or view can be read, written or seen in the API by the public roles',
    `select c.relname from pg_class c cross join ${API_ROLES} where c.relnamespace = ${PUBLIC} and c.relkind in ('r', 'v', 'm', 'p', 'f')
      and (has_table_privilege(role, c.oid, 'select, insert, update, delete, truncate') or has_any_column_privilege(role, c.oid, 'select, insert, update'))`,
  ],
  [
    '0028, 0029: no function that runs with the rights of its owner can be called by the public roles',
    `select p.proname from pg_proc p cross join ${API_ROLES} where p.pronamespace = ${PUBLIC} and p.prosecdef and has_function_privilege(role, p.oid, 'execute')`,
  ],
  [
    'no function at all can be called by the public roles',
    `select p.proname from pg_proc p cross join ${API_ROLES} where p.pronamespace = ${PUBLIC} and has_function_privilege(role, p.oid, 'execute')`,
  ],
  [
    'no sequence can be used by the public roles',
    `select c.relname from pg_class c cross join ${API_ROLES} where c.relnamespace = ${PUBLIC} and c.relkind = 'S'
      and has_sequence_privilege(role, c.oid, 'usage, select, update')`,
  ],
  [
    'no index is the beginning of another on the same rows',
    `select a.indexrelid::regclass::text from pg_index a join pg_index b on a.indrelid = b.indrelid and a.indexrelid <> b.indexrelid
      join pg_class c on c.oid = a.indrelid
      where c.relnamespace = ${PUBLIC} and not a.indisunique and a.indexprs is null and b.indexprs is null
        and coalesce(pg_get_expr(a.indpred, a.indrelid), '') = coalesce(pg_get_expr(b.indpred, b.indrelid), '')
        and b.indkey::text like a.indkey::text || ' %'`,
  ],
  [
    'everything belongs to the role that installed it',
    `select relname from pg_class where relnamespace = ${PUBLIC} and relowner <> 'postgres'::regrole
      union all select proname ${OURS} and p.proowner <> 'postgres'::regrole`,
  ],
];
/** A new one is written down here and in the docs, with who may read it. */
const TABLE_NAMES = [
  'cloud_job_dependencies',
  'cloud_job_executions',
  'cloud_job_signals',
  'cloud_job_steps',
  'cloud_job_workers',
  'cloud_jobs',
  'cloud_jobs_alert_channels',
  'cloud_jobs_alert_outbox',
  'cloud_jobs_alert_subjects',
  'cloud_jobs_paper_queries',
  'cloud_jobs_queues',
  'cloud_jobs_schema',
  'papers',
];
/** What the optional files allow in so many words. */
const NEEDS_DEFINER = 'no function runs with the rights of its owner';

async function offenders(
  project: TestProject,
  except: readonly string[] = [],
): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [rule, query] of RULES) {
    const rows = await project.sql(query);
    if (rows.length > 0 && !except.includes(rule)) found[rule] = rows;
  }
  return found;
}

describe('a fresh project', () => {
  let project: TestProject;
  beforeAll(async () => {
    project = await startTestProject();
  });
  afterAll(() => project?.stop());

  it.each(RULES)('%s', async (_, query) => {
    expect(await project.sql(query)).toEqual([]);
  });

  it('0008: every table has row level security and no policy', async () => {
    const silent = await project.sql(
      `select relname ${TABLES} and relrowsecurity and not exists (select from pg_policy where polrelid = c.oid) order by 1`,
    );
    expect(silent.map(({ relname }) => relname)).toEqual(TABLE_NAMES);
    expect(await project.sql(`select relname ${TABLES} order by 1`)).toEqual(silent);
  });

  it('with the roles of least privilege', async () => {
    for (const file of [WORKER_ROLE, ENQUEUE_ROLE]) await asPostgresAlone(project, file);
    expect(await offenders(project, [NEEDS_DEFINER])).toEqual({});
  });
});

it('a project that had the first schema and open to everybody', async () => {
  const project = await startTestProject({ install: false, grants: 'legacy' });
  try {
    await project.asPostgres(SEED);
    expect(Object.keys(await offenders(project)).length).toBeGreaterThan(3);
    await project.asPostgres(INSTALL);
    await project.asPostgres(ANON_ACCESS);
    await project.asPostgres(INSTALL);
    expect(await offenders(project)).toEqual({});
  } finally {
    await project.stop();
  }
});

it('each rule notices what it is for', async () => {
  const project = await startTestProject({ grants: 'legacy' });
  try {
    await project.asPostgres(`
      create table public.bad (a integer, job text references public.cloud_jobs, n serial, kind regproc);
      create index on public.bad (a);
      create index on public.bad (a);
      create index on public.bad (a, job);
      alter table public.bad add constraint later check (a > 0) not valid;
      create policy open on public.bad using (true);
      create policy twice on public.bad using (current_setting('x') = 'user_metadata');
      create view public.bad_view as select 1 as one;
      create materialized view public.bad_store as select 1 as one;
      create function public.bad(integer) returns public.bad language plpgsql security definer
        as 'begin raise sqlstate ''40001''; end';
      create function public.bad(b text) returns integer language sql as 'select 1';`);
    await project.sql(`create table public.foreign_owner (a integer);
      create schema if not exists auth; create table if not exists auth.users (id uuid primary key);
      create view public.people as select id from auth.users;
      alter table public.bad add column person uuid references auth.users`);
    await project.sql(
      `update pg_extension set extnamespace = 'public'::regnamespace where extname = 'plpgsql'`,
    );
    expect(Object.keys(await offenders(project))).toEqual(RULES.map(([rule]) => rule));
  } finally {
    await project.stop();
  }
});

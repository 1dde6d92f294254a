import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GrantRegime } from '../../local-supabase/roles.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

const projects = {} as Record<GrantRegime, TestProject>;

beforeAll(async () => {
  for (const grants of ['current', 'legacy'] as const) {
    const project = await startTestProject({ install: false, grants });
    projects[grants] = project;
    await project.asPostgres(`
      create table t (id int generated always as identity primary key);
      create sequence s;
      create function f() returns int language sql as 'select 1';
      create function settings() returns json language sql stable as $$
        select json_build_object('statement', current_setting('statement_timeout'), 'lock', current_setting('lock_timeout'))
      $$;
      create function slow(seconds float) returns void language sql as 'select pg_sleep(seconds)';
      grant execute on function settings(), slow(float) to anon, authenticated, service_role;
    `);
    await project.reloadSchema();
  }
});
afterAll(async () => {
  for (const project of Object.values(projects)) await project.stop();
});

/** A fresh object of `postgres` in `public`: what each role may do with it, nothing granted by name. */
const MATRIX: Record<GrantRegime, Record<string, readonly boolean[]>> = {
  //          execute f, select t, insert t, truncate t, usage s
  current: {
    anon: [true, false, false, true, false],
    authenticated: [true, false, false, true, false],
    service_role: [true, false, false, true, false],
  },
  legacy: {
    anon: [true, true, true, true, true],
    authenticated: [true, true, true, true, true],
    service_role: [true, true, true, true, true],
  },
};

describe.each(['current', 'legacy'] as const)('%s default grants', (grants) => {
  it.each(['anon', 'authenticated', 'service_role'])('%s', async (role) => {
    const [row] = await projects[grants].sql(
      `select has_function_privilege($1, 'public.f()', 'execute') f, has_table_privilege($1, 'public.t', 'select') sel,
              has_table_privilege($1, 'public.t', 'insert') ins, has_table_privilege($1, 'public.t', 'truncate') tru,
              has_sequence_privilege($1, 'public.s', 'usage') seq`,
      [role],
    );
    expect(Object.values(row ?? {})).toEqual(MATRIX[grants][role]);
  });

  it('after `revoke execute from public`, only legacy grants let anon in', async () => {
    await projects[grants].asPostgres(`
      create function closed() returns int language sql as 'select 1';
      revoke execute on function closed() from public;
    `);
    const [row] = await projects[grants].sql(
      `select has_function_privilege('anon', 'public.closed()', 'execute') may`,
    );
    expect(row).toEqual({ may: grants === 'legacy' });
  });

  it('the Data API says the same', async () => {
    const { error, status } = await projects[grants].client().from('t').select();
    if (grants === 'legacy') expect(error).toBeNull();
    else expect([error?.code, status]).toEqual(['42501', 403]);
  });
});

describe('roles', () => {
  it('have the attributes of a hosted project', async () => {
    const rows = await projects.current.sql(
      `select rolname, rolsuper, rolbypassrls, rolcanlogin, rolinherit, rolcreaterole, rolcreatedb from pg_roles
       where rolname in ('anon', 'authenticated', 'service_role', 'authenticator', 'postgres', 'supabase_admin')`,
    );
    const flags = Object.fromEntries(
      rows.map(({ rolname, ...is }) => [rolname, Object.keys(is).filter((key) => is[key] === true)]),
    );
    expect(flags).toEqual({
      anon: [],
      authenticated: [],
      service_role: ['rolbypassrls'],
      authenticator: ['rolcanlogin'],
      postgres: ['rolbypassrls', 'rolcanlogin', 'rolinherit', 'rolcreaterole', 'rolcreatedb'],
      supabase_admin: [
        'rolsuper',
        'rolbypassrls',
        'rolcanlogin',
        'rolinherit',
        'rolcreaterole',
        'rolcreatedb',
      ],
    });
  });

  it('the SQL Editor user is no superuser and has 2 minutes', async () => {
    const [row] = await projects.current.asPostgres(
      `select current_user::text who, current_setting('is_superuser') super, current_setting('statement_timeout') timeout,
              current_setting('server_version_num')::int / 10000 version, current_setting('timezone') zone,
              (select tableowner from pg_tables where tablename = 't') as owner`,
    );
    expect(row).toEqual({
      who: 'postgres',
      super: 'off',
      timeout: '2min',
      version: 17,
      zone: 'UTC',
      owner: 'postgres',
    });
  });
});

describe('timeouts through PostgREST', () => {
  it.each([
    ['service_role', 'serviceKey', '8s'],
    ['authenticated', 'authenticatedKey', '8s'],
    ['anon', 'anonKey', '3s'],
  ] as const)('%s', async (_, key, statement) => {
    const { data } = await projects.current.client(projects.current[key]).rpc('settings');
    expect(data).toEqual({ statement, lock: '8s' });
  });

  it('end a statement: 57014 with status 500', async () => {
    const { error, status } = await projects.current
      .client(projects.current.anonKey)
      .rpc('slow', { seconds: 10 });
    expect([error?.code, status]).toEqual(['57014', 500]);
  });
});

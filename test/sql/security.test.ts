import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject, type TestProjectOptions } from '../support/stack.ts';
import { ANON_ACCESS, call, INSTALL, queueOf, SEED } from './support.ts';

const projects: TestProject[] = [];
async function start(options: TestProjectOptions): Promise<TestProject> {
  const project = await startTestProject(options);
  projects.push(project);
  return project;
}
afterEach(async () => {
  await Promise.all(projects.splice(0).map((project) => project.stop()));
});

interface Routine extends Record<string, unknown> {
  readonly name: string;
  readonly args: string[];
}

/** What the catalog has, so that a new table or function cannot be forgotten. Trigger functions are no RPC. */
async function inventory(project: TestProject): Promise<{ relations: string[]; routines: Routine[] }> {
  const relations = await project.sql<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'p', 'f') order by 1`,
  );
  const routines = await project.sql<Routine>(
    `select proname as name, coalesce(proargnames[1:pronargs], '{}') as args from pg_proc
     where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype order by 1`,
  );
  return { relations: relations.map(({ name }) => name), routines };
}

type Answers = Record<string, string>;

/** Asks for everything over HTTP, by every verb, and notes the error code of each answer, or its HTTP status. */
async function knock(project: TestProject, key: string): Promise<Answers> {
  const { relations, routines } = await inventory(project);
  const signedIn = key === project.authenticatedKey;
  const headers = {
    apikey: signedIn ? project.anonKey : key,
    ...(signedIn ? { authorization: `Bearer ${key}` } : {}),
    'content-type': 'application/json',
  };
  const answers: Answers = {};
  const ask = async (what: string, method: string, path: string, body?: unknown) => {
    const reply = await fetch(`${project.url}/rest/v1/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    const code = reply.ok ? undefined : /"code":"(\w+)"/.exec(text)?.[1];
    answers[what] = code ?? String(reply.status);
  };
  const columns = await project.sql<{ name: string; column: string }>(
    `select c.relname as name, min(a.attname) as column from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = 'public'::regnamespace and a.attnum = 1 group by 1`,
  );
  for (const relation of relations) {
    const column = columns.find(({ name }) => name === relation)?.column ?? '';
    await ask(`read ${relation}`, 'GET', relation);
    await ask(`insert ${relation}`, 'POST', relation, {});
    await ask(`update ${relation}`, 'PATCH', `${relation}?${column}=is.null`, { [column]: null });
    await ask(`delete ${relation}`, 'DELETE', `${relation}?${column}=is.null`);
  }
  for (const { name, args } of routines) {
    await ask(`call ${name}`, 'POST', `rpc/${name}`, Object.fromEntries(args.map((arg) => [arg, null])));
  }
  return answers;
}

const strangers = (project: TestProject) => [
  project.anonKey,
  project.publishableKey,
  project.authenticatedKey,
];

/** A view that cannot be written to says so before it looks at rights. */
const NOT_WRITABLE = /^(insert|update|delete) job_statistics$/;

async function expectClosed(project: TestProject, exceptFor: RegExp = /^$/): Promise<void> {
  for (const key of strangers(project)) {
    const answers = await knock(project, key);
    expect(Object.keys(answers).length).toBeGreaterThan(5 * 4 + 25);
    const open = Object.entries(answers).filter(
      ([what, code]) =>
        code !== '42501' && !exceptFor.test(what) && !(NOT_WRITABLE.test(what) && code === '55000'),
    );
    expect(open).toEqual([]);
  }
  // Column rights and TRUNCATE cannot be asked for over HTTP.
  const rights = await project.sql<{ right: string }>(
    `select role || ' ' || verb || ' ' || c.relname as right
     from pg_class c cross join unnest(array['anon', 'authenticated']) role
     cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) verb
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
       and (has_table_privilege(role, c.oid, verb)
         or (verb in ('select', 'insert', 'update', 'references') and has_any_column_privilege(role, c.oid, verb)))`,
  );
  expect(rights.map(({ right }) => right).filter((right) => !exceptFor.test(right))).toEqual([]);
}

describe.each(['current', 'legacy'] as const)(
  'with %s default grants strangers can read and call nothing',
  (grants) => {
    it('after a fresh install, and after a second one', async () => {
      const project = await start({ grants });
      await expectClosed(project);
      await project.asPostgres(INSTALL);
      await expectClosed(project);
    });

    it('after an upgrade of the first schema, whose policies and grants were open', async () => {
      const project = await start({ grants, install: false });
      await project.asPostgres(SEED);
      // What people did to make the open policies work, before 2026 by default, later by hand.
      await project.asPostgres(
        'grant all on cloud_jobs, cloud_job_executions, job_statistics to anon, authenticated; grant select (name) on cloud_jobs to anon',
      );
      await project.reloadSchema();
      expect(await knock(project, project.anonKey)).toMatchObject({
        'read cloud_jobs': '200',
        'call release_expired_locks': '200',
      });
      await project.asPostgres(INSTALL);
      await project.reloadSchema();
      await expectClosed(project);
    });
  },
);

describe('service_role', () => {
  it.each(['current', 'legacy'] as const)(
    'can read every table and call every function (%s grants)',
    async (grants) => {
      const project = await start({ grants });
      for (const key of [project.serviceKey, project.secretKey]) {
        const answers = await knock(project, key);
        expect(Object.entries(answers).filter(([, code]) => code === '42501')).toEqual([]);
        const { relations } = await inventory(project);
        expect(relations.filter((name) => answers[`read ${name}`] !== '200')).toEqual([]);
      }
    },
  );
});

describe('sql/optional/anon-access.sql', () => {
  const ALLOWED =
    /(read|insert|update|delete|select) (cloud_jobs|cloud_job_executions)$|(read|select) job_statistics$|^call (get_next_available_job|release_expired_locks|cloud_jobs_new_id)$/;
  let project: TestProject;
  beforeAll(async () => {
    project = await startTestProject();
    return () => project.stop();
  });

  it('says at its top what it makes possible', () => {
    expect(ANON_ACCESS.slice(0, 900)).toMatch(
      /DANGER[\s\S]*anon[\s\S]*runner that holds your repository's secrets/,
    );
  });

  it('opens what the first schema had open and nothing else', async () => {
    await project.asPostgres(ANON_ACCESS);
    await project.reloadSchema();
    await expectClosed(project, ALLOWED);
    for (const key of strangers(project)) {
      const answers = await knock(project, key);
      const refused = Object.entries(answers).filter(
        ([what, code]) => ALLOWED.test(what) && code === '42501',
      );
      expect(refused).toEqual([]);
    }
  });

  it('lets a client of the first schema live on the anon key alone: add, claim, record, finish, free a key', async () => {
    const anon = project.client(project.anonKey);
    const rows = [1, 2].map((n) => ({
      name: `job ${n}`,
      job_type: 'custom',
      config: { n },
      concurrency_key: 'k',
    }));
    expect((await anon.from('cloud_jobs').insert(rows).select('job_id')).error).toBeNull();
    const next = async () =>
      (await call(project, 'get_next_available_job', { instance_id_param: 'old' }, project.anonKey)) as {
        job_id: string;
      }[];
    const [first] = await next();
    expect(await next()).toEqual([]);
    expect(await project.sql('select from cloud_jobs where blocked')).toHaveLength(1);
    const execution = { job_id: first?.job_id, instance_id: 'old', status: 'success', result: { ok: true } };
    expect((await anon.from('cloud_job_executions').insert(execution)).error).toBeNull();
    const done = { status: 'success', locked_by: null, locked_at: null, lock_expires_at: null };
    expect(
      (
        await anon
          .from('cloud_jobs')
          .update(done)
          .eq('job_id', first?.job_id ?? '')
      ).error,
    ).toBeNull();
    const [second] = await next();
    expect(second?.job_id).toBeDefined();
    expect((await anon.from('job_statistics').select('locked_jobs, success_jobs').single()).data).toEqual({
      locked_jobs: 1,
      success_jobs: 1,
    });
    await project.sql(
      `update cloud_jobs set lock_expires_at = now() - interval '1 s' where status = 'locked'`,
    );
    expect(await call(project, 'release_expired_locks', {}, project.anonKey)).toBe(1);
    expect((await anon.from('cloud_jobs').delete().neq('name', '').select('name')).data).toHaveLength(2);
  });

  it('can be run twice, and install.sql closes all of it again', async () => {
    await project.asPostgres(ANON_ACCESS);
    await project.asPostgres(INSTALL);
    await project.reloadSchema();
    await expectClosed(project);
    expect(
      await project.sql('select proname from pg_proc where prosecdef and pronamespace = $1::regnamespace', [
        'public',
      ]),
    ).toEqual([]);
    const queue = queueOf(project);
    await queue.addOne();
    expect((await queue.take('w')).attempt).toBe(1);
  });
});

const OURS = `from pg_proc p where p.pronamespace = 'public'::regnamespace`;
const LINTS: readonly (readonly [rule: string, offenders: string])[] = [
  [
    'every table has row level security',
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity`,
  ],
  [
    'every table has a primary key',
    `select relname from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r' and not exists (select from pg_constraint where conrelid = c.oid and contype = 'p')`,
  ],
  ['no policy lets anybody in', `select policyname from pg_policies where schemaname = 'public'`],
  [
    'every function has a fixed, empty search_path',
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
    'every view uses the rights of its reader',
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm') and not coalesce(reloptions, '{}') && array['security_invoker=on', 'security_invoker=true']`,
  ],
  [
    'every foreign key has an index',
    `select conname from pg_constraint c where contype = 'f' and connamespace = 'public'::regnamespace and not exists (
      select from pg_index i where i.indrelid = c.conrelid and i.indpred is null and (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey)`,
  ],
  [
    'no two indexes are the same',
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
];

describe('lints', () => {
  let project: TestProject;
  beforeAll(async () => {
    project = await startTestProject();
    return () => project.stop();
  });

  it.each(LINTS)('%s', async (_, offenders) => {
    expect(await project.sql(offenders)).toEqual([]);
  });

  it('each notices what it is for', async () => {
    await project.sql(`
      begin;
      create table public.bad (a integer, job text references public.cloud_jobs);
      create index on public.bad (a);
      create index on public.bad (a);
      alter table public.bad add constraint later check (a > 0) not valid;
      create policy open on public.bad using (true);
      create view public.bad_view as select 1 as one;
      create function public.bad(integer) returns public.bad language plpgsql security definer
        as 'begin raise sqlstate ''40001''; end';
      create function public.bad(b text) returns integer language sql as 'select 1';
      commit`);
    for (const [rule, offenders] of LINTS) expect(await project.sql(offenders), rule).not.toEqual([]);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { signJwt } from '../../local-supabase/keys.ts';
import { ADMIN_ROLE } from '../../local-supabase/roles.ts';
import { startTestProject, type TestProject, type TestProjectOptions } from '../support/stack.ts';
import {
  callEverything,
  callersWithoutRights,
  expectClosed,
  headersOf,
  inventory,
  roleToken,
} from './other-roles.ts';
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

let one: Promise<TestProject> | undefined;
/** A project for tests that change nothing. */
const shared = (): Promise<TestProject> => {
  one ??= startTestProject();
  return one;
};
afterAll(async () => (await one)?.stop());

describe.each(['current', 'legacy'] as const)(
  'gives anon and other roles nothing with %s default grants',
  { timeout: 180_000 },
  (grants) => {
    it('after a fresh install, and after a second one', async () => {
      const project = await start({ grants });
      await expectClosed(project);
      await project.asPostgres(INSTALL);
      await project.reloadSchema();
      await expectClosed(project);
    });

    it('after an upgrade of the first schema, which was open to anon', async () => {
      const project = await start({ grants, install: false });
      await project.asPostgres(SEED);
      // What people did to make the open policies work, before 2026 by default, later by hand.
      await project.asPostgres(
        'grant all on cloud_jobs, cloud_job_executions, job_statistics to anon, authenticated; grant select (name) on cloud_jobs to anon',
      );
      await project.reloadSchema();
      expect(await callEverything(project, project.anonKey)).toMatchObject({
        'read cloud_jobs': '200',
        'call release_expired_locks': '200',
      });
      await project.asPostgres(INSTALL);
      await project.reloadSchema();
      await expectClosed(project);
    });
  },
);

describe('a token that this project has not signed for one of its roles', () => {
  const soon = Math.floor(Date.now() / 1000) + 3600;
  it.each([
    ['of another project', () => signJwt({ role: 'service_role', exp: soon }, 'x'.repeat(40))],
    ['that has expired', (p: TestProject) => roleToken(p, 'service_role', { exp: soon - 7200 })],
    [
      'without a signature',
      () => `${btoa('{"alg":"none"}')}.${btoa('{"role":"service_role"}')}.`.replaceAll('=', ''),
    ],
    ['of the owner', (p: TestProject) => roleToken(p, 'postgres')],
    ['of the superuser', (p: TestProject) => roleToken(p, ADMIN_ROLE)],
    ['of a role that does not exist', (p: TestProject) => roleToken(p, 'nobody_here')],
    ['of a role with a quote in it', (p: TestProject) => roleToken(p, `service_role'; reset role; --`)],
    ['without a role', (p: TestProject) => signJwt({ exp: soon }, p.jwtSecret)],
  ])('%s opens nothing', async (_, token) => {
    const project = await shared();
    for (const path of ['cloud_jobs?select=*', 'rpc/cloud_jobs_stats']) {
      const reply = await fetch(`${project.url}/rest/v1/${path}`, {
        headers: headersOf(project, token(project)),
      });
      expect([400, 401, 403]).toContain(reply.status);
      expect(await reply.text()).not.toContain('"v"');
    }
  });
});

describe('service_role', () => {
  it.each(['current', 'legacy'] as const)(
    'can read every table and call every function (%s grants)',
    async (grants) => {
      const project = await start({ grants });
      for (const key of [project.serviceKey, project.secretKey]) {
        const answers = await callEverything(project, key);
        expect(Object.entries(answers).filter(([, code]) => code === '42501')).toEqual([]);
        const { relations } = await inventory(project);
        expect(relations.filter((name) => answers[`read ${name}`] !== '200')).toEqual([]);
      }
    },
  );
});

describe('sql/optional/anon-access.sql', () => {
  const ALLOWED =
    /(read|insert|upsert|update|delete|select) (cloud_jobs|cloud_job_executions)$|(read|select) job_statistics$|^call (get_next_available_job|release_expired_locks|cloud_jobs_new_id)$/;
  let project: TestProject;
  beforeAll(async () => {
    project = await startTestProject();
    return () => project.stop();
  });

  it('says at its top what it makes possible', () => {
    expect(ANON_ACCESS.slice(0, 900)).toMatch(
      /DANGER[\s\S]*anon[\s\S]*runner with your repository's secrets/,
    );
  });

  it('opens what the first schema had open and nothing else', { timeout: 90_000 }, async () => {
    await project.asPostgres(ANON_ACCESS);
    await project.reloadSchema();
    await expectClosed(project, ALLOWED);
    for (const { role, key } of await callersWithoutRights(project)) {
      if (role !== 'anon' && role !== 'authenticated') continue;
      const answers = await callEverything(project, key);
      const refused = Object.entries(answers).filter(
        ([what, code]) => ALLOWED.test(what) && code === '42501',
      );
      expect(refused).toEqual([]);
    }
  });

  it('lets a first-schema client do all its work with the anon key', async () => {
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

it('doctor names every table that is open to anon or authenticated', async () => {
  const project = await start({});
  const tables = (
    await project.sql<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
         and relname <> 'cloud_jobs_schema' order by 1`,
    )
  ).map(({ name }) => name);
  for (const name of tables) {
    await project.asPostgres(
      `grant select on ${name} to anon; create policy open on ${name} for select to anon using (true)`,
    );
  }
  const facts = async () =>
    (await call(project, 'cloud_jobs_doctor')) as { policies: string[]; open_tables: string[] };
  expect((await facts()).policies).toEqual(tables.map((name) => `${name}: open`));
  expect((await facts()).open_tables).toEqual(tables.map((name) => `anon may select ${name}`));
  await project.asPostgres(`revoke select on ${tables.join(', ')} from anon;
    grant update (priority) on cloud_jobs to authenticated; grant delete on papers to anon`);
  expect((await facts()).open_tables).toEqual([
    'authenticated may update cloud_jobs',
    'anon may delete papers',
  ]);
});

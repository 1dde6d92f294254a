import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examine } from '../../src/commands/doctor.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { INSTALL } from '../sql/support.ts';
import { projectVariables, runCommandLine } from '../support/command-line.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const cli = (of: TestProject, ...args: string[]) => runCommandLine(args, { env: projectVariables(of) });

async function all(key = project.secretKey) {
  const { queue } = openQueue({ url: project.url, key, publishableKey: null }, 'test');
  return await examine(queue, () => new Date(), 3600, null);
}
const checked = async (name: string, key = project.secretKey) =>
  (await all(key)).find((check) => check.name === name);

describe('doctor sees what opens the tables, and install.sql closes it', () => {
  it.each([
    ['a grant on a table', 'grant select on cloud_jobs to anon', 'warning', 'cloud_jobs'],
    [
      'a policy for everybody',
      'create policy open_door on cloud_jobs for all using (true); grant all on cloud_jobs to anon',
      'bad',
      'open_door',
    ],
    [
      'row level security that is off',
      'alter table cloud_jobs disable row level security; grant select on cloud_jobs to authenticated',
      'bad',
      'cloud_jobs without row level security',
    ],
    [
      'a function for anon',
      'grant execute on function cloud_jobs_create to anon',
      'bad',
      'cloud_jobs_create',
    ],
    ['a function for all', 'grant execute on function cloud_jobs_claim to public', 'bad', 'cloud_jobs_claim'],
  ])('%s', async (_, opening, state, found) => {
    expect(await checked('Public access')).toMatchObject({ state: 'good' });
    await project.asPostgres(opening);
    expect(await checked('Public access')).toMatchObject({
      state,
      found: expect.stringContaining(found),
      advice: expect.stringContaining('Run sql/install.sql again'),
    });
    await project.asPostgres(INSTALL);
    expect(await checked('Public access')).toMatchObject({ state: 'good' });
  });

  it('and what keeps the worker out', async () => {
    await project.asPostgres('revoke execute on function cloud_jobs_finish from service_role');
    expect(await checked('Grants')).toMatchObject({
      state: 'bad',
      found: expect.stringContaining('cloud_jobs_finish'),
    });
    await project.asPostgres(INSTALL);
    expect(await checked('Grants')).toMatchObject({ state: 'good' });
  });

  it('a database that is read-only, after its disk was full', async () => {
    const [row] = await project.sql<{ name: string }>('select current_database() as name');
    // Of this database alone: other tests share the role.
    const role = `alter role authenticator in database "${row?.name}"`;
    const reconnect = () =>
      project.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'authenticator'",
      );
    await project.sql(`${role} set default_transaction_read_only = on`);
    try {
      await reconnect();
      await expect.poll(() => checked('Writing'), { timeout: 20_000 }).toMatchObject({ state: 'bad' });
    } finally {
      await project.sql(`${role} reset default_transaction_read_only`);
      await reconnect();
    }
    await expect.poll(() => checked('Schema'), { timeout: 20_000 }).toMatchObject({ state: 'good' });
    expect(await checked('Writing')).toBeUndefined();
  });

  it('says that a key may do nothing', async () => {
    expect(await checked('Connection', project.anonKey)).toMatchObject({ state: 'bad' });
  });
});

describe('doctor names what differs from the installation', () => {
  it.each<[change: string, thing: string, repair?: string]>([
    ['drop function cloud_jobs_finish', 'function cloud_jobs_finish(text,jsonb,jsonb) is missing'],
    ['drop table cloud_job_executions cascade', 'table cloud_job_executions is missing'],
    ['drop view job_statistics', 'view job_statistics is missing'],
    [
      'drop trigger cloud_jobs_clear_blocked on cloud_jobs',
      'trigger cloud_jobs_clear_blocked of cloud_jobs is missing',
    ],
    [
      'alter table cloud_jobs disable trigger cloud_jobs_clear_blocked',
      'trigger cloud_jobs_clear_blocked of cloud_jobs is changed',
    ],
    ['drop index cloud_jobs_claim', 'index cloud_jobs_claim of cloud_jobs is missing'],
    ['alter table cloud_jobs drop column source cascade', 'column cloud_jobs.source is missing'],
    [
      'revoke insert on cloud_jobs from service_role',
      'grant of insert on cloud_jobs to service_role is missing',
    ],
    [
      'create or replace function cloud_jobs_new_id() returns text language sql as $$ select gen_random_uuid()::text $$',
      'function cloud_jobs_new_id() is changed',
    ],
    [
      'drop index cloud_jobs_source; create index cloud_jobs_source on cloud_jobs (name)',
      'index cloud_jobs_source of cloud_jobs is changed',
      'CREATE INDEX cloud_jobs_source ON public.cloud_jobs USING btree (source)',
    ],
    [
      'alter table cloud_jobs drop constraint cloud_jobs_job_type_check',
      'constraint cloud_jobs_job_type_check of cloud_jobs is missing',
      'add constraint cloud_jobs_job_type_check CHECK',
    ],
    [
      'alter table cloud_jobs drop constraint cloud_jobs_pkey cascade',
      'constraint cloud_jobs_pkey of cloud_jobs is missing',
      'add constraint cloud_jobs_pkey PRIMARY KEY (job_id)',
    ],
    [
      'alter table cloud_jobs alter column priority drop default',
      'default of cloud_jobs.priority is missing',
      'alter column priority set default 0',
    ],
    [
      'alter table cloud_jobs alter column priority set default 5',
      'default of cloud_jobs.priority is changed',
      'alter column priority set default 0',
    ],
  ])('%s', async (change, thing, repair) => {
    await project.asPostgres(change);
    await project.reloadSchema();
    const found = await checked('What is installed');
    expect(found).toMatchObject({ state: 'bad', found: expect.stringContaining(thing) });
    if (repair === undefined) expect(found?.advice).toContain('Run sql/install.sql again.');
    else expect(found?.advice).toContain(repair);
    expect(JSON.stringify(await all())).not.toContain('project URL');
    // Doing what it says puts it right, also if the file is run first and changes nothing about it.
    await project.asPostgres(INSTALL);
    await project.reloadSchema();
    const left = await checked('What is installed');
    if (repair !== undefined) expect(left?.state).toBe('bad');
    await project.asPostgres(left?.advice.replace(/^.*Run in the SQL Editor: /, '') ?? '');
    expect(await checked('What is installed')).toMatchObject({ state: 'good' });
  });

  it('says so if nothing was recorded', async () => {
    await project.asPostgres('drop function cloud_jobs_installed');
    expect(await checked('What is installed')).toMatchObject({ state: 'warning' });
    await project.asPostgres(INSTALL);
    expect(await checked('What is installed')).toMatchObject({ state: 'good' });
  });

  it('is silent about what a user added', async () => {
    await project.asPostgres(`
      alter table cloud_jobs add column team text default 'a';
      create index my_index on cloud_jobs (team);
      create function my_trigger() returns trigger language plpgsql as 'begin return new; end';
      create trigger my_trigger before insert on cloud_jobs for each row execute function my_trigger()`);
    expect(await checked('What is installed')).toMatchObject({ state: 'good' });
    await project.asPostgres(
      'drop trigger my_trigger on cloud_jobs; drop function my_trigger; alter table cloud_jobs drop column team',
    );
  });
});

describe('list and stats do not blame the address', () => {
  it.each([
    ['drop table cloud_job_executions cascade', 'stats', /cloud_jobs_stats .*"public\.cloud_job_executions"/],
    ['drop function cloud_jobs_list', 'list', /The function cloud_jobs_list is not in the database/],
  ] as const)('%s', async (drop, failing, missing) => {
    await project.asPostgres(drop);
    await project.reloadSchema();
    try {
      const [list, stats] = await Promise.all([cli(project, 'list'), cli(project, 'stats')]);
      for (const { out, err } of [list, stats]) expect(out + err).not.toContain('project URL');
      const { err } = { list, stats }[failing];
      expect(err).toMatch(missing);
      expect(err).toContain(
        'The schema is there, but a part of it is missing or was changed. Run sql/install',
      );
    } finally {
      await project.asPostgres(INSTALL);
      await project.reloadSchema();
    }
  });
});

describe('doctor names views and functions that lead to the tables', () => {
  it.each([
    [
      'a view that anon may write to',
      'create view my_jobs as select * from cloud_jobs; grant select, insert on my_jobs to anon',
      'bad',
      'anon may insert, select through the view public.my_jobs',
      'drop view my_jobs',
    ],
    [
      'a view of a view',
      'create view inner_view as select job_id from cloud_jobs; revoke all on inner_view from anon, authenticated; create view outer_view as select * from inner_view; revoke all on outer_view from anon, authenticated; grant select on outer_view to authenticated',
      'warning',
      'authenticated may select through the view public.outer_view',
      'drop view inner_view cascade',
    ],
    [
      'a view of a view with the rights of its reader',
      'create view counts as select * from job_statistics; grant select on counts to anon',
      'warning',
      'anon may select through the view public.counts',
      'drop view counts',
    ],
    [
      'a function that runs as its owner',
      `create function add_job() returns void language plpgsql security definer as $$ begin perform cloud_jobs_create('x', 'custom'); end $$`,
      'warning',
      'anon may call public.add_job()',
      'drop function add_job',
    ],
  ])('%s', async (_, opening, state, found, closing) => {
    expect(await checked('Ways around')).toBeUndefined();
    await project.asPostgres(opening);
    expect(await checked('Ways around')).toMatchObject({ state, found: expect.stringContaining(found) });
    await project.asPostgres(closing);
  });

  it.each([
    [
      'a view with the rights of its reader',
      'create view v with (security_invoker = true) as select * from cloud_jobs; grant all on v to anon',
      'drop view v',
    ],
    [
      'a trigger function',
      `create function t() returns trigger language plpgsql security definer as $$ begin perform cloud_jobs_create('x', 'custom'); return new; end $$`,
      'drop function t',
    ],
  ])('but not %s', async (_, opening, closing) => {
    await project.asPostgres(opening);
    expect(await checked('Ways around')).toBeUndefined();
    await project.asPostgres(closing);
  });
});

describe('jobs that no worker asks for', () => {
  const ago = (hours: number) => `now() - interval '${hours} hours'`;

  it('are named by doctor, stats and create', async () => {
    await project.sql('truncate cloud_jobs, cloud_job_workers cascade');
    await project.sql(
      `insert into cloud_jobs (name, job_type, queue, run_at) values
         ('typo', 'custom', 'mial', ${ago(5)}), ('other type', 'maintenance', 'default', ${ago(4)}),
         ('asked for', 'custom', 'default', ${ago(5)}), ('just due', 'custom', 'new', ${ago(1)})`,
    );
    const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
    // Nobody came at all: that is another finding.
    expect(await queue.unattended()).toEqual([]);
    await project.sql(
      `insert into cloud_job_workers (instance_id, queues, job_types, seen_at) values
         ('a', '{default}', '{custom}', now()), ('b', '{mial}', '{maintenance}', now())`,
    );
    expect(await queue.unattended()).toMatchObject([
      { queue: 'mial', job_type: 'custom', due: 1, last_asked_at: null },
      { queue: 'default', job_type: 'maintenance', due: 1, last_asked_at: null },
    ]);
    expect(await queue.unattended('mial')).toHaveLength(1);
    expect(await checked('Unattended jobs')).toMatchObject({
      state: 'warning',
      found: expect.stringMatching(/^1 job of the type custom in the queue "mial": due for 5 h/),
    });
    const words =
      /Warning: 1 job of the type custom in the queue "mial": due for 5 h.* Check that the `queues` and `job-types`/;
    expect((await cli(project, 'stats')).out).toMatch(words);
    // One that is due later, so that still one is due.
    const input = ['--name', 'next', '--job-type', 'custom', '--config', '{"handler": "report"}'];
    const created = await cli(project, 'create', ...input, '--queue', 'mial', '--run-at', '1d');
    expect(created.out, created.err).toMatch(/^Created next: /);
    expect(created.out).toMatch(words);
    await project.sql(
      `insert into cloud_job_workers (instance_id, queues, job_types, seen_at) values ('c', '{mial}', null, ${ago(3)})`,
    );
    expect((await queue.unattended('mial'))[0]?.seconds).toBeCloseTo(3 * 3600, -2);
    await project.sql(`insert into cloud_jobs_queues (queue, paused) values ('mial', true)`);
    expect(await queue.unattended('mial')).toEqual([]);
  });

  it('are known by the queues and types of a claim', async () => {
    await project.sql('truncate cloud_jobs, cloud_job_workers cascade');
    await project.sql(`select cloud_jobs_claim('w', 1, '{a,b}', '{custom}')`);
    expect(await project.sql('select queues, job_types from cloud_job_workers')).toEqual([
      { queues: ['a', 'b'], job_types: ['custom'] },
    ]);
  });
});

describe('a job that has snoozed for a day', () => {
  it('is named by doctor and by the summary of a run that snoozes it again', async () => {
    await project.sql('truncate cloud_jobs, cloud_job_workers cascade');
    await project.sql(
      `insert into cloud_jobs (job_id, name, job_type, config, snoozes, snoozed_since)
       values ('late', 'Report', 'custom', '{"handler": "later"}', 30, now() - interval '26 hours')`,
    );
    expect(await checked('Snoozed jobs')).toMatchObject({
      state: 'warning',
      found: expect.stringMatching(/^Report \(queue default\) has snoozed 30 times in a row, first 26 h ago/),
      advice: 'See why: show late.',
    });
    const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-snooze-'));
    writeFileSync(
      join(folder, 'later.mjs'),
      'export default (config, context) => context.snooze({ minutes: 30 });',
    );
    try {
      // Others have snoozed for longer; doctor names only the first 20 of all.
      await project.sql(
        `insert into cloud_jobs (name, job_type, run_at, snoozes, snoozed_since)
         select 'other', 'custom', now() + interval '1 hour', 50, now() - interval '9 days' from generate_series(1, 30)`,
      );
      const { out } = await cli(project, 'run', '--handlers', folder);
      expect(out).not.toContain('other');
      expect(out).toMatch(/Warning: Report \(queue default\) has snoozed 31 times in a row, first 26 h ago/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

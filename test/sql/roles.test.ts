import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import {
  asPostgresAlone,
  callersWithoutRights,
  expectClosed,
  openTo,
  rightsOf,
  roleToken,
} from './other-roles.ts';
import { ANON_ACCESS, call, ENQUEUE_ROLE, INSTALL, queueOf, WORKER_ROLE } from './support.ts';

const WORKER = 'cloud_jobs_worker';
const ENQUEUE = 'cloud_jobs_enqueue';
const calls = (...names: string[]) => names.map((name) => `call cloud_jobs_${name}`);
const WORKER_CALLS = calls(
  'aftermath',
  'alert_done',
  'alert_take',
  'claim',
  'finish',
  'peek',
  'recall',
  'release',
  'renew',
  'step',
  'version',
  'wait',
);
const ENQUEUE_CALLS = calls('create', 'enqueue', 'version');

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
  for (const file of [WORKER_ROLE, ENQUEUE_ROLE]) await asPostgresAlone(project, file);
  await project.reloadSchema();
});
afterAll(() => project?.stop());

const worker = (...queues: unknown[]) => roleToken(project, WORKER, { cloud_jobs_queues: queues });
const enqueuer = (...queues: unknown[]) => roleToken(project, ENQUEUE, { cloud_jobs_queues: queues });
const named = (queue: string) => ({ name: 'a job', job_type: 'custom', queue });
const claim = (key: string, queues: readonly (string | null)[] | null, more = {}) =>
  call(
    project,
    'cloud_jobs_claim',
    { instance_id_param: 'w', limit_param: 5, queues_param: queues, ...more },
    key,
  ) as Promise<{
    jobs: { job_id: string; execution_id: string }[];
    expired: number;
  }>;
const add = (key: string, ...items: object[]) =>
  call(project, 'cloud_jobs_enqueue', { items_param: items }, key) as Promise<{
    jobs: { created: boolean }[];
  }>;
const REFUSED = expect.objectContaining({ code: 'PT403', status: 403 });

describe('what the roles may do', () => {
  it.each([
    [WORKER, worker, WORKER_CALLS],
    [ENQUEUE, enqueuer, ENQUEUE_CALLS],
  ] as const)('%s: these functions, no table, no view', async (role, key, allowed) => {
    expect((await openTo(project, key('default'))).sort()).toEqual([...allowed].sort());
    expect(await rightsOf(project, role)).toEqual([]);
    const granted = await project.sql<{ name: string }>(
      `select proname as name from pg_proc p
       where p.pronamespace = 'public'::regnamespace and has_function_privilege($1, p.oid, 'execute') order by 1`,
      [role],
    );
    expect(granted.map(({ name }) => `call ${name}`)).toEqual([...allowed].sort());
  });

  it('the files give other roles nothing', () => expectClosed(project));

  it('only the functions that check the queue run as their owner', async () => {
    const definers = await project.sql<{ name: string }>(
      `select proname as name from pg_proc where prosecdef and pronamespace = 'public'::regnamespace order by 1`,
    );
    expect(definers.map(({ name }) => `call ${name}`)).toEqual(
      calls(
        'aftermath',
        'alert_done',
        'alert_take',
        'claim',
        'enqueue',
        'finish',
        'peek',
        'recall',
        'renew',
        'step',
        'wait',
      ),
    );
    const open = await project.sql(
      `select p.proname from pg_proc p cross join unnest(array['anon', 'authenticated', 'public']) role
       where p.prosecdef and p.pronamespace = 'public'::regnamespace and has_function_privilege(role, p.oid, 'execute')`,
    );
    expect(open).toEqual([]);
  });

  it('the two files agree on which queues a key may use', () => {
    const rule = (text: string) =>
      /create or replace function public\.cloud_jobs_allowed_queues[\s\S]*?\$\$;/.exec(text)?.[0];
    expect(rule(WORKER_ROLE)).toBeDefined();
    expect(rule(WORKER_ROLE)).toBe(rule(ENQUEUE_ROLE));
  });
});

describe('a worker key', () => {
  it('claims, renews, finishes and releases in its queue as any worker', async () => {
    const mine = queueOf(project);
    const ids = await mine.add({}, {}, {});
    const key = worker(mine.queue, 'another');
    const { jobs } = await claim(key, [mine.queue]);
    expect(jobs.map((job) => job.job_id)).toEqual(ids);
    const [first, second, third] = jobs.map((job) => job.execution_id);
    expect(
      await call(
        project,
        'cloud_jobs_renew',
        { instance_id_param: 'w', items_param: [{ execution_id: first, progress: { done: 1 } }] },
        key,
      ),
    ).toMatchObject({ renewed: [{ held: true }] });
    expect(
      await call(
        project,
        'cloud_jobs_finish',
        {
          instance_id_param: 'w',
          items_param: [
            { execution_id: first, outcome: 'success', result: { n: 1 } },
            { execution_id: second, outcome: 'failure', error: 'no' },
          ],
          claim_param: { limit: 1, queues: [mine.queue] },
        },
        key,
      ),
    ).toMatchObject({
      finished: [{ applied: true }, { applied: true, status: 'waiting' }],
      claim: { jobs: [] },
    });
    await call(project, 'cloud_jobs_release', { instance_id_param: 'w', execution_ids_param: [third] }, key);
    const states = await Promise.all(ids.map((id) => mine.job(id)));
    expect(states.map((job) => job.status)).toEqual(['success', 'waiting', 'waiting']);
    expect(
      await call(project, 'cloud_jobs_peek', { queues_param: [mine.queue], limit_param: 9 }, key),
    ).toMatchObject({ due: 1 });
  });

  it('adds what its jobs spawn to its queues, and to no other', async () => {
    const [mine, other] = [queueOf(project), queueOf(project)];
    await mine.addOne();
    const foreign = await other.addOne();
    const key = worker(mine.queue);
    const [job] = (await claim(key, [mine.queue])).jobs;
    const end = (...spawn: object[]) => {
      const item = { execution_id: job?.execution_id, outcome: 'success', spawn };
      return call(project, 'cloud_jobs_finish', { instance_id_param: 'w', items_param: [item] }, key);
    };
    const child = { name: 'child', job_type: 'custom' };
    await expect(end({ ...child, queue: other.queue })).rejects.toEqual(REFUSED);
    await expect(end({ ...child, depends_on: [foreign] })).rejects.toEqual(REFUSED);
    await expect(end({ name: 'm', job_type: 'maintenance' })).rejects.toEqual(REFUSED);
    await end(child);
    expect(await project.sql(`select queue from cloud_jobs where name = 'child'`)).toEqual([
      { queue: mine.queue },
    ]);
  });

  it('ends the attempts of dead workers of its queue, and of no other', async () => {
    const [mine, other] = [queueOf(project), queueOf(project)];
    const ids = [await mine.addOne(), await other.addOne()];
    await Promise.all([mine.take('dead'), other.take('dead')]);
    await mine.expire(...ids);
    expect(await claim(worker(mine.queue), [mine.queue])).toMatchObject({ expired: 1 });
    expect((await other.job(ids[1] ?? '')).status).toBe('locked');
  });

  it('sees and takes nothing of another queue, by any function', async () => {
    const [mine, other] = [queueOf(project), queueOf(project)];
    await other.addOne();
    const key = worker(mine.queue);
    for (const queues of [[other.queue], [mine.queue, other.queue], [null], ['default'], ['*'], ['%']]) {
      await expect(claim(key, queues), String(queues)).rejects.toEqual(REFUSED);
      await expect(
        call(project, 'cloud_jobs_peek', { queues_param: queues, limit_param: 10 }, key),
      ).rejects.toEqual(REFUSED);
      const next = { instance_id_param: 'w', items_param: [], claim_param: { limit: 1, queues } };
      await expect(call(project, 'cloud_jobs_finish', next, key)).rejects.toEqual(REFUSED);
    }
    await expect(call(project, 'cloud_jobs_peek', { queues_param: null }, key)).rejects.toEqual(REFUSED);
    await expect(claim(key, null)).rejects.toThrow('must each name at least one');
    expect((await other.claim('w')).jobs).toHaveLength(1);
  });

  it('cannot fill rows with what it says about itself', async () => {
    const mine = queueOf(project);
    await mine.addOne();
    const key = worker(mine.queue);
    const huge = 'x'.repeat(1_000_000);
    await expect(claim(key, [mine.queue], { instance_id_param: huge })).rejects.toMatchObject({
      status: 400,
    });
    await claim(key, [mine.queue], { run_url_param: `https://${huge}`, trigger_param: huge });
    const rows = await project.sql<{ size: number }>(
      `select max(octet_length(t::text)) as size from (
         select to_jsonb(e) as t from cloud_job_executions e union all select to_jsonb(w) from cloud_job_workers w
         union all select to_jsonb(j) from cloud_jobs j) as rows`,
    );
    expect(rows[0]?.size).toBeLessThan(10_000);
  });

  it("cannot end or renew another worker's job, even by its name", async () => {
    const other = queueOf(project);
    const id = await other.addOne();
    const { execution_id } = await other.take('victim');
    const key = worker('mine');
    const guess = `${execution_id.slice(0, -1)}f`;
    for (const execution of [id, guess, '', '%']) {
      const items = [{ execution_id: execution, outcome: 'success', job_id: id, instance_id: 'victim' }];
      expect(
        await call(project, 'cloud_jobs_finish', { instance_id_param: 'victim', items_param: items }, key),
      ).toMatchObject({ finished: [{ applied: false }] });
      expect(
        await call(project, 'cloud_jobs_renew', { instance_id_param: 'victim', items_param: items }, key),
      ).toMatchObject({ renewed: [{ held: false }] });
    }
    // Without an execution id, an item cannot be meant for the lock of a client that has none.
    await expect(
      call(
        project,
        'cloud_jobs_finish',
        { instance_id_param: 'victim', items_param: [{ job_id: id, outcome: 'success' }] },
        key,
      ),
    ).rejects.toThrow('cannot be used');
    expect(await other.job(id)).toMatchObject({ status: 'locked', locked_execution_id: execution_id });
  });

  it.each([
    ['no claim', () => roleToken(project, WORKER)],
    ['an empty list', () => worker()],
    ['a text', () => roleToken(project, WORKER, { cloud_jobs_queues: 'default' })],
    ['null', () => roleToken(project, WORKER, { cloud_jobs_queues: null })],
    ['a list with null', () => worker(null)],
  ])('that names its queues by %s is for no queue', async (_, key) => {
    await expect(claim(key(), ['default'])).rejects.toEqual(REFUSED);
    await expect(claim(key(), [null])).rejects.toEqual(REFUSED);
  });
});

describe('an enqueue key', () => {
  it('adds jobs to its queues and to no other, one by one and in a batch', async () => {
    const mine = queueOf(project);
    const key = enqueuer(mine.queue, 'default');
    expect(await add(key, named(mine.queue), { name: 'b', job_type: 'custom' })).toMatchObject({
      jobs: [{ created: true }, { created: true }],
    });
    expect(
      await call(
        project,
        'cloud_jobs_create',
        { name_param: 'c', job_type_param: 'custom', queue_param: mine.queue },
        key,
      ),
    ).toMatch(/^[0-9a-f-]{36}$/);
    expect((await mine.claim('w', 9)).jobs).toHaveLength(2);
    await expect(add(key, named(mine.queue), named('other'))).rejects.toEqual(REFUSED);
    await expect(add(enqueuer(mine.queue), { name: 'b', job_type: 'custom' })).rejects.toEqual(REFUSED);
    await expect(
      call(
        project,
        'cloud_jobs_create',
        { name_param: 'c', job_type_param: 'custom', queue_param: 'other' },
        key,
      ),
    ).rejects.toEqual(REFUSED);
    expect(await project.sql(`select from cloud_jobs where queue = 'other'`)).toEqual([]);
  });

  it('cannot change a job that is there, by its id or by its unique key', async () => {
    const mine = queueOf(project);
    const id = await mine.addOne({ config: { right: true }, unique_key: 'k' });
    await add(enqueuer(mine.queue), { ...named(mine.queue), job_id: id, config: { wrong: true } });
    await add(enqueuer(mine.queue), { ...named(mine.queue), unique_key: 'k', config: { wrong: true } });
    expect(await mine.job(id)).toMatchObject({ config: { right: true } });
  });

  it('cannot order what prunes the history of all queues', async () => {
    const mine = queueOf(project);
    const key = enqueuer(mine.queue);
    const maintenance = {
      name: 'm',
      job_type: 'maintenance',
      queue: mine.queue,
      config: { cleanup_days: 0 },
    };
    await expect(add(key, maintenance)).rejects.toEqual(REFUSED);
    await expect(add(key, named(mine.queue), maintenance)).rejects.toEqual(REFUSED);
    await expect(
      call(
        project,
        'cloud_jobs_create',
        { name_param: 'm', job_type_param: 'maintenance', queue_param: mine.queue },
        key,
      ),
    ).rejects.toEqual(REFUSED);
    expect(await add(project.serviceKey, maintenance)).toMatchObject({ jobs: [{ created: true }] });
    expect(await add(key, { ...named(mine.queue), job_type: 'paper_fetch' })).toMatchObject({
      jobs: [{ created: true }],
    });
  });

  it('gets the same messages about a wrong job as any caller', async () => {
    await expect(add(enqueuer('default'), { name: '', job_type: 'custom' })).rejects.toThrow('has no name');
  });
});

describe('the full keys', () => {
  it('go on as before: all queues, all functions', async () => {
    const mine = queueOf(project);
    for (const key of [project.serviceKey, project.secretKey]) {
      await add(key, named(mine.queue));
      expect((await claim(key, [mine.queue])).jobs).toHaveLength(1);
    }
    expect(
      await project.asPostgres(`select cloud_jobs_create('by hand', 'custom') is not null as made`),
    ).toEqual([{ made: true }]);
  });
});

it('a trigger of the project adds jobs for a signed-in user as before', async () => {
  await project.asPostgres(`
    create table public.orders (id integer);
    grant insert on public.orders to authenticated;
    create function public.on_order() returns trigger language plpgsql security definer set search_path = '' as $$
      begin perform public.cloud_jobs_create('Mail', 'custom', queue_param => 'orders'); return null; end $$;
    create trigger on_order after insert on public.orders for each row execute function public.on_order()`);
  await project.reloadSchema();
  const { error } = await project
    .client(roleToken(project, 'authenticated', {}))
    .from('orders')
    .insert({ id: 1 });
  expect(error).toBeNull();
  expect(await project.sql(`select name from cloud_jobs where queue = 'orders'`)).toEqual([{ name: 'Mail' }]);
  await project.asPostgres('drop table public.orders; drop function public.on_order()');
});

it('a role that was given the rights of one of these is bound as they are', async () => {
  await project.asPostgres(`create role my_app nologin; grant cloud_jobs_enqueue to my_app;
    grant my_app to authenticator; grant usage on schema public to my_app`);
  await project.reloadSchema();
  const mine = roleToken(project, 'my_app', { cloud_jobs_queues: ['mine'] });
  expect(await add(mine, named('mine'))).toMatchObject({ jobs: [{ created: true }] });
  await expect(add(mine, named('other'))).rejects.toEqual(REFUSED);
  await expect(add(roleToken(project, 'my_app', {}), named('mine'))).rejects.toEqual(REFUSED);
});

describe('install.sql again', () => {
  it('shuts the keys out until the file is run again', { timeout: 180_000 }, async () => {
    const upgraded = await startTestProject({ grants: 'legacy' });
    try {
      for (const file of [WORKER_ROLE, ENQUEUE_ROLE]) await asPostgresAlone(upgraded, file);
      await upgraded.asPostgres(INSTALL);
      await upgraded.reloadSchema();
      const keys = [WORKER, ENQUEUE].map((role) =>
        roleToken(upgraded, role, { cloud_jobs_queues: ['default'] }),
      );
      const [workerKey = '', enqueueKey = ''] = keys;
      await expect(
        call(upgraded, 'cloud_jobs_claim', { instance_id_param: 'w' }, workerKey),
      ).rejects.toMatchObject({ code: '42501' });
      await expect(
        call(upgraded, 'cloud_jobs_enqueue', { items_param: [named('default')] }, enqueueKey),
      ).rejects.toMatchObject({ code: '42501' });
      await expectClosed(upgraded);

      await asPostgresAlone(upgraded, WORKER_ROLE);
      await upgraded.asPostgres(ANON_ACCESS);
      await upgraded.reloadSchema();
      expect(await call(upgraded, 'cloud_jobs_claim', { instance_id_param: 'w' }, workerKey)).toMatchObject({
        jobs: [],
      });
      const [anon] = await callersWithoutRights(upgraded);
      const open = await openTo(upgraded, anon?.key ?? '');
      expect(
        open.filter((what) => /cloud_jobs_(claim|renew|finish|release|peek|enqueue|create)/.test(what)),
      ).toEqual([]);
      // As the file's head says.
      await asPostgresAlone(upgraded, `grant ${WORKER} to postgres; drop owned by ${WORKER};`);
      await upgraded.asPostgres(INSTALL);
      await upgraded.reloadSchema();
      expect(await openTo(upgraded, workerKey)).toEqual([]);
    } finally {
      await upgraded.stop();
    }
  });
});

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enqueueReply } from '../../src/queue/replies.ts';
import { codeBlocks } from '../support/code-blocks.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { CallError, call, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
const newQueue = () => queueOf(project);
const big = (bytes: number) => 'x'.repeat(bytes);
/** An object nested so many levels deep. */
const nested = (levels: number): object =>
  JSON.parse(`${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`);

describe('enqueue', () => {
  it('refuses the whole batch and names the job and its fault', async () => {
    const q = newQueue();
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ name: undefined }, /Job 2 of the batch \(no name\) has no name/],
      [{ name: '  ' }, /\(" {2}"\) has no name/],
      [{ name: '\t\n\u00a0' }, /has no name/],
      [{ run_at: '2030-01-01T00:00:00+99:00' }, /has a run_at that is not a time/],
      [{ expires_at: '2030-01-01T00:00:00+1660' }, /has an expires_at that is not a time/],
      [{ name: 5 }, /has no name/],
      [{ name: big(501) }, /has a name longer than 500 characters/],
      [{ job_type: undefined }, /\("a job"\) has the job_type null: use paper_fetch, maintenance or custom/],
      [{ job_type: 'email' }, /has the job_type email/],
      [{ jobtype: 'custom' }, /has the unknown key "jobtype"/],
      [{ status: 'success' }, /has the unknown key "status"/],
      [{ config: { a: big(262_143) } }, /has a config of more than 256 KiB/],
      [{ config: big(5) }, /has a config that is not an object/],
      [{ config: 5 }, /has a config that is not an object/],
      [{ config: [1] }, /has a config that is not an object/],
      [{ config: nested(201) }, /has a config that is nested more than 200 levels deep/],
      [{ run_at: '2030-02-30T00:00:00Z' }, /has a run_at that is not a time with its zone/],
      [{ run_at: '2030-01-01T25:00:00Z' }, /has a run_at/],
      [{ run_at: '0000-01-01T00:00:00Z' }, /has a run_at/],
      [{ timezone: 'UTC+3', schedule: '@daily' }, /"UTC\+3", which is not an IANA name/],
      [{ description: big(10_001) }, /has a description longer than 10000 characters/],
      [{ max_retries: -1 }, /has a max_retries that is not a number from 0 to 9999/],
      [{ max_retries: 1.5 }, /has a max_retries/],
      [{ max_retries: '3' }, /has a max_retries/],
      [{ max_retries: 10_000 }, /has a max_retries/],
      [{ priority: 101 }, /has a priority that is not a whole number from -100 to 100/],
      [{ priority: -101 }, /has a priority/],
      [{ priority: 'high' }, /has a priority/],
      [{ priority: 99_999_999_999 }, /has a priority/],
      [{ timeout_seconds: 0 }, /has a timeout_seconds that is not a whole number from 1 to 9999999/],
      [{ timeout_seconds: 0.5 }, /has a timeout_seconds/],
      [{ timeout_seconds: 10_000_000 }, /has a timeout_seconds/],
      [{ run_at: '2030-01-01T00:00:00Z', delay_seconds: 5 }, /has both run_at and delay_seconds/],
      [{ run_at: 'tomorrow' }, /has a run_at that is not a time with its zone/],
      [{ run_at: 'infinity' }, /has a run_at/],
      [{ run_at: '2030-01-01T00:00:00' }, /has a run_at/],
      [{ run_at: 1_700_000_000 }, /has a run_at/],
      [{ delay_seconds: -1 }, /has a delay_seconds that is not a number from 0 to ten years/],
      [{ delay_seconds: '5' }, /has a delay_seconds/],
      [{ delay_seconds: 315_576_001 }, /has a delay_seconds/],
      [{ queue: '' }, /has a queue that is not 1 to 100 letters/],
      [{ queue: 'a b' }, /has a queue/],
      [{ queue: big(101) }, /has a queue/],
      [{ unique_key: '' }, /has a unique_key that is empty or longer than 500/],
      [{ unique_key: big(501) }, /has a unique_key/],
      [{ concurrency_key: '' }, /has a concurrency_key that is empty or longer than 500/],
      [{ concurrency_key: big(501) }, /has a concurrency_key/],
      [{ schedule: '', delay_seconds: 1 }, /has a schedule that is empty/],
      [{ schedule: 5 }, /has a schedule that is not valid: it has 1 field and not 5/],
      [{ schedule: '61 * * * *' }, /its minute, "61", is outside of 0 to 59/],
      [{ schedule: '0 0 31 2 *' }, /has a schedule that is never due/],
      [
        { schedule: '* * * * *', timezone: 'Mars/Olympus' },
        /time zone "Mars\/Olympus", which this database does not know/,
      ],
      [{ timezone: 'UTC' }, /has a timezone without a schedule/],
      [{ missed: 'never' }, /has a missed that is not once, skip or all/],
      [{ missed_grace_seconds: -1 }, /has a missed_grace_seconds that is not a whole number/],
      [{ missed_grace_seconds: 40_000_000 }, /has a missed_grace_seconds/],
      [{ concurrency_limit: 2 }, /has a concurrency_limit without a concurrency_key/],
      [{ concurrency_key: 'a', concurrency_limit: 0 }, /has a concurrency_limit that is not a whole number/],
      [{ concurrency_key: 'a', concurrency_limit: 1001 }, /has a concurrency_limit/],
      [{ unique_key: 'a', on_conflict: 'fail' }, /has an on_conflict that is not keep, replace or next/],
      [{ on_conflict: 'next' }, /has an on_conflict without a unique_key/],
      [
        { unique_key: 'a', on_conflict: 'next', schedule: '@daily' },
        /has a schedule, which goes only with on_conflict keep/,
      ],
      [{ expires_at: 'soon' }, /has an expires_at that is not a time/],
      [{ expires_at: '2030-02-30T09:30:00Z' }, /has an expires_at that is not a time/],
      [{ expires_in_seconds: 0 }, /has an expires_in_seconds that is not a whole number/],
      [{ expires_in_seconds: 1.5 }, /has an expires_in_seconds/],
      [{ expires_in_seconds: 60, expires_at: '2030-01-31T09:30:00Z' }, /has both expires_at and/],
      [
        { run_at: '2030-01-31T09:30:00Z', expires_at: '2030-01-31T09:30:00Z' },
        /has an expires_at that is not after its run_at/,
      ],
      [{ schedule: '@daily', expires_at: '2030-01-31T09:30:00Z' }, /has an expires_at and a schedule/],
      [{ timezone: big(101) }, /has a timezone/],
      [{ job_id: 'a b' }, /has a job_id that is not 1 to 100 letters/],
      [{ job_id: big(101) }, /has a job_id/],
    ];
    for (const [job, message] of wrong) {
      const error = await q.add({}, job, {}).catch((caught: unknown) => caught);
      expect(error, JSON.stringify(job).slice(0, 80)).toBeInstanceOf(CallError);
      expect(error).toMatchObject({
        status: 400,
        code: 'PT400',
        message: expect.stringMatching(message),
        hint: 'Nothing was enqueued. Correct the job and send the batch again.',
      });
    }
    expect(await project.sql('select from cloud_jobs where queue = $1', [q.queue])).toEqual([]);
  });

  it('refuses a wrong shape, a repeated id, a bad time, and 50001 jobs', async () => {
    const q = newQueue();
    const send = (items: unknown) => call(project, 'cloud_jobs_enqueue', { items_param: items });
    await expect(send({})).rejects.toMatchObject({ status: 400, message: 'items_param is not an array.' });
    for (const item of [1, 'job', null, ['a']]) {
      await expect(send([item])).rejects.toMatchObject({
        status: 400,
        message: 'The job (no name) is not an object.',
        hint: 'Nothing was changed. Correct it and try again.',
      });
    }
    await expect(q.add({ job_id: 'a', name: 'A' }, { job_id: 'a', name: 'B' })).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/has the job_id of another job of the batch/),
    });
    await expect(send(Array.from({ length: 50_001 }, () => 0))).rejects.toMatchObject({
      status: 413,
      code: 'PT413',
    });
    expect(await project.sql('select from cloud_jobs where queue = $1', [q.queue])).toEqual([]);
    expect(await q.add()).toEqual([]);
  });

  it('takes every key at its limits, and null as left out', async () => {
    const q = newQueue();
    const full = {
      name: big(500),
      job_type: 'paper_fetch',
      config: { a: [1] },
      description: big(10_000),
      max_retries: 9999,
      priority: -100,
      run_at: '2030-01-31T09:30:00.5+02:00',
      timeout_seconds: 9_999_999,
      unique_key: big(500),
      concurrency_key: big(500),
      schedule: '0 6 * * 1',
      timezone: 'Europe/Berlin',
      job_id: `A_.:-${big(95)}`,
      delay_seconds: null,
    };
    const empty = Object.fromEntries(
      [
        'config',
        'description',
        'max_retries',
        'priority',
        'run_at',
        'delay_seconds',
        'timeout_seconds',
        'unique_key',
        'concurrency_key',
        'schedule',
        'timezone',
        'job_id',
      ].map((key) => [key, null]),
    );
    const [one, two] = await q.add(full, empty);
    const { run_at, delay_seconds, ...same } = full;
    expect(await q.job(one ?? '')).toMatchObject({
      ...same,
      run_at: new Date(run_at),
      status: 'waiting',
      queue: q.queue,
    });
    expect(await q.job(two ?? '')).toMatchObject({
      config: {},
      description: '',
      max_retries: 3,
      current_retries: 0,
      priority: 0,
      timeout_seconds: null,
      unique_key: null,
      concurrency_key: null,
      schedule: null,
      timezone: null,
      blocked: false,
      occurrence: 1,
    });
    const [bare] = (
      (await call(project, 'cloud_jobs_enqueue', {
        items_param: [{ name: 'n', job_type: 'custom', queue: null, schedule: '@hourly', delay_seconds: 0 }],
      })) as { jobs: { job_id: string }[] }
    ).jobs;
    expect(await q.job(bare?.job_id ?? '')).toMatchObject({ queue: 'default', timezone: 'UTC' });
  });

  it('keeps one unfinished job of a unique key in each queue', async () => {
    const q = newQueue();
    const key = { unique_key: 'u' };
    const id = await q.addOne(key);
    expect(await q.add(key, key)).toEqual([id, id]);
    expect(await queueOf(project, `${q.queue}-2`).add(key)).not.toEqual([id]);
    const { execution_id } = await q.take('w');
    expect(await q.add(key)).toEqual([id]);
    await q.end('w', execution_id, 'failure');
    expect(await q.add(key)).toEqual([id]);
    await q.verb('disable', id);
    expect(await q.add(key)).toEqual([id]);
    await q.verb('enable', id);
    await q.due(id);
    await q.end('w', (await q.take('w')).execution_id, 'success');
    const next = await q.addOne(key);
    expect(next).not.toBe(id);
    await q.verb('cancel', next);
    expect(await q.add(key)).not.toEqual([next]);
  });

  it('adds the first of two jobs with one unique key, and says so', async () => {
    const q = newQueue();
    const items = [
      { name: 'first', unique_key: 'z' },
      { name: 'second', unique_key: 'z' },
      { name: 'third', unique_key: 'a' },
      { name: 'plain' },
    ].map((item) => ({ ...item, job_type: 'custom', queue: q.queue }));
    const reply = (await call(project, 'cloud_jobs_enqueue', { items_param: items })) as {
      jobs: { job_id: string; created: boolean }[];
    };
    expect(reply.jobs.map((job) => job.created)).toEqual([true, false, true, true]);
    expect(reply.jobs[1]?.job_id).toBe(reply.jobs[0]?.job_id);
    expect((await q.claim('w', 9)).jobs.map((job) => job.name)).toEqual(['first', 'third', 'plain']);
  });

  it('takes null as an empty list', async () => {
    for (const items of [null, []]) {
      expect(await call(project, 'cloud_jobs_enqueue', { items_param: items })).toMatchObject({ jobs: [] });
    }
    // A statement trigger on a table of the user's whose statement changed no rows.
    await project.sql(`create table orders (id integer);
      create function remind() returns trigger language plpgsql as $$
      begin
        perform cloud_jobs_enqueue((select jsonb_agg(jsonb_build_object('name', 'n', 'job_type', 'custom')) from added));
        return null;
      end $$;
      create trigger remind after insert on orders referencing new table as added for each statement execute function remind()`);
    await project.sql('insert into orders select n from generate_series(1, 0) n');
    await project.sql('drop table orders; drop function remind');
  });

  it('names the key of a number that JavaScript rounds', async () => {
    const q = newQueue();
    const send = (config: string) =>
      project.sql(`select cloud_jobs_enqueue($1)`, [
        `[{"name": "n", "job_type": "custom", "queue": "${q.queue}", "config": ${config}}]`,
      ]);
    for (const [config, where] of [
      ['{"id": 9007199254740993}', '"id" is 9007199254740993'],
      ['{"id": 9007199254740992}', '"id" is 9007199254740992'],
      ['{"user": {"ids": [1, 12345678901234567890]}}', '"user.ids[1]" is 12345678901234567890'],
      ['{"user": {"ids": [{"a": -9007199254740993}]}}', '"user.ids[0].a" is -9007199254740993'],
      ['{"id": 1234567890123456789012345}', '"id" is 1234567890123456789012345'],
    ]) {
      await expect(send(config ?? '')).rejects.toThrow(
        `has a config whose ${where}, which JavaScript cannot keep`,
      );
    }
    await send('{"id": 9007199254740991, "far": 1e300, "half": 0.5, "text": "12345678901234567890"}');
    await q.add({ config: nested(200) });
  });

  it('says whether a job_id is that of another job', async () => {
    const q = newQueue();
    const job = { job_id: `id-${q.queue}`, name: 'n', job_type: 'custom', config: { a: 1 }, queue: q.queue };
    const created = async (...items: object[]) => {
      const reply = (await call(project, 'cloud_jobs_enqueue', { items_param: items })) as {
        jobs: { job_id: string; created: boolean }[];
      };
      expect(reply.jobs.map(({ job_id }) => job_id)).toEqual(items.map(() => job.job_id));
      return reply.jobs.map((one) => one.created);
    };
    expect(await created(job)).toEqual([true]);
    expect(await created(job)).toEqual([true]);
    for (const other of [
      { config: { a: 2 } },
      { name: 'm' },
      { job_type: 'maintenance' },
      { queue: `${q.queue}-2` },
      { description: 'd' },
      { max_retries: 1 },
      { priority: 1 },
      { timeout_seconds: 1 },
      { unique_key: 'u' },
      { concurrency_key: 'c' },
      { schedule: '@daily' },
    ]) {
      expect(await created({ ...job, ...other })).toEqual([false]);
    }
    expect(await q.job(job.job_id)).toMatchObject({ name: 'n', config: { a: 1 } });
  });

  it.each([
    ['now', {}],
    ['at a time that has passed', { run_at: '2026-01-01T00:00:00Z' }],
    ['later', { delay_seconds: 3600 }],
  ])('keeps the order of a batch that is due %s', async (_, when) => {
    const q = newQueue();
    const ids = Array.from({ length: 50 }, (_, n) => `${q.queue}-${(n * 37) % 50}`);
    await q.add(...ids.map((job_id) => ({ job_id, ...when })));
    await project.sql(`update cloud_jobs set run_at = run_at - interval '2 hours' where queue = $1`, [
      q.queue,
    ]);
    expect((await q.claim('w', 50)).jobs.map(({ job_id }) => job_id)).toEqual(ids);
  });

  it('can be called by a trigger of a table that signed-in users write to', async () => {
    await project.asPostgres(`
      create table orders (id integer, owner uuid default gen_random_uuid());
      alter table orders enable row level security;
      create policy "signed in" on orders for insert to authenticated with check (true);
      grant insert on orders to authenticated;
      ${codeBlocks(readFileSync('docs/faq.md', 'utf8'), 'sql').find((code) => code.includes('enqueue_receipt'))}`);
    await project.sql(`begin; set local role authenticated; insert into orders (id) values (7); commit`);
    expect(await project.sql(`select config from cloud_jobs where name = 'Receipt 7'`)).toEqual([
      { config: { handler: 'receipt', order: 7 } },
    ]);
    const [right] = await project.sql<{ may: boolean }>(
      `select has_function_privilege('authenticated', oid, 'execute') as may from pg_proc where proname = 'cloud_jobs_create'`,
    );
    expect(right?.may).toBe(false);
    await project.asPostgres('drop table orders; drop function enqueue_receipt');
  });

  it('cloud_jobs_create does the same for one job, in SQL', async () => {
    const q = newQueue();
    const create = `select cloud_jobs_create('Nightly report', 'custom', '{"handler": "report"}', queue_param => $1,
      unique_key_param => 'u', run_at_param => now() + interval '1 h') as id`;
    const [one] = await project.sql<{ id: string }>(create, [q.queue]);
    expect(await project.sql(create, [q.queue])).toEqual([one]);
    const job = await q.job(one?.id ?? '');
    expect(job).toMatchObject({ name: 'Nightly report', config: { handler: 'report' } });
    expect(job.due_in).toBeGreaterThan(3500);
    await expect(project.sql(`select cloud_jobs_create('x', 'email')`)).rejects.toThrow(
      /has the job_type email/,
    );
  });
});

describe('a job_id that exists', () => {
  const schedule = { schedule: '@daily' };

  it.each<[object, object]>([
    [{}, { name: 'other' }],
    [{}, { config: { a: 1 } }],
    [{}, { queue: 'other' }],
    [{}, { description: 'other' }],
    [{}, { max_retries: 4 }],
    [{}, { priority: 1 }],
    [{}, { timeout_seconds: 5 }],
    [{}, { unique_key: 'other' }],
    [{}, { concurrency_key: 'other' }],
    [{ concurrency_key: 'k' }, { concurrency_limit: 2 }],
    [{}, { retry_delay_seconds: 5 }],
    [{ retry_delay_seconds: 5 }, { retry_factor: 2 }],
    [{}, { expires_in_seconds: 60 }],
    [{ run_at: '2031-01-01T00:00:00Z' }, { run_at: '2032-01-01T00:00:00Z' }],
    [{}, { run_at: '2032-01-01T00:00:00Z' }],
    [schedule, { schedule: '@hourly' }],
    [schedule, { timezone: 'Europe/Berlin' }],
    [schedule, { missed: 'all' }],
    [schedule, { missed_grace_seconds: 5 }],
  ])('is created again with the same content, %j, and not with %j', async (same, other) => {
    const item = { name: 'a job', job_type: 'custom', job_id: randomUUID(), queue: 'ids', ...same };
    const created = async (one: object) => {
      const reply = await call(project, 'cloud_jobs_enqueue', { items_param: [one] });
      return enqueueReply.parse(reply).jobs.map((job) => job.created);
    };
    expect(await created(item)).toEqual([true]);
    expect(await created(item)).toEqual([true]);
    expect(await created({ ...item, ...other })).toEqual([false]);
  });
});

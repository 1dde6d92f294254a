import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { CallError, call, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
const newQueue = () => queueOf(project);

describe('fence', () => {
  it('a zombie changes nothing, by any verb, after its job was given away', async () => {
    const q = newQueue();
    const id = await q.addOne();
    const old = await q.take('zombie');
    await q.expire(id);
    await q.reap();
    const lost = (await q.executions(id))[0];
    for (const taken of [false, true]) {
      if (taken) {
        await q.due(id);
        await q.take('heir');
      }
      const before = [await q.job(id).then(({ due_in, ...rest }) => rest), await q.executions(id)];
      for (const outcome of ['success', 'failure', 'discard', 'snooze', 'release']) {
        expect(await q.end('zombie', old.execution_id, outcome, { result: 1 })).toMatchObject({
          applied: false,
        });
      }
      expect(await q.renew('zombie', [{ execution_id: old.execution_id, progress: { done: 9 } }])).toEqual([
        { execution_id: old.execution_id, held: false, cancel_requested: false },
      ]);
      const after = [await q.job(id).then(({ due_in, ...rest }) => rest), await q.executions(id)];
      expect(after).toEqual(before);
    }
    expect((await q.executions(id))[0]).toEqual(lost);
  });

  it('refuses a wrong instance, a wrong execution, and made-up ones', async () => {
    const q = newQueue();
    const [id] = await q.add({}, {});
    const [one, two] = (await q.claim('w', 2)).jobs;
    if (!one || !two) throw new Error('no jobs');
    await q.end('w', two.execution_id, 'release');
    expect(await q.end('thief', one.execution_id, 'success')).toMatchObject({ applied: false });
    expect(await q.end('w', randomUUID(), 'success')).toMatchObject({ applied: false });
    expect(await q.end('', one.execution_id, 'success')).toMatchObject({ applied: false });
    expect((await q.renew('thief', [{ execution_id: one.execution_id }]))[0]?.held).toBe(false);
    const forged = { execution_id: two.execution_id, outcome: 'success', job_id: id, instance_id: 'w' };
    await q.take('x');
    expect((await q.finish('thief', [forged])).finished[0]?.applied).toBe(false);
    expect(await q.job(id ?? '')).toMatchObject({ status: 'locked', locked_by: 'w' });
  });

  it("a worker cannot end another's attempt, nor an old one of its own", async () => {
    const q = newQueue();
    const id = await q.addOne();
    const first = await q.take('w');
    const named = { execution_id: first.execution_id, outcome: 'success', instance_id: 'w' };
    expect((await q.finish('thief', [named])).finished).toEqual([
      expect.objectContaining({ execution_id: first.execution_id, applied: false }),
    ]);
    await q.expire(id);
    await q.reap();
    await q.due(id);
    const second = await q.take('w');
    expect(await q.end('w', first.execution_id, 'success')).toMatchObject({ applied: false });
    expect((await q.renew('w', [{ execution_id: first.execution_id }]))[0]).toMatchObject({ held: false });
    expect(await q.job(id)).toMatchObject({ status: 'locked', locked_execution_id: second.execution_id });
  });

  it('of a job disabled by hand while it ran: ignores its lock', async () => {
    const q = newQueue();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    await project.sql(`update cloud_jobs set status = 'disabled' where job_id = $1`, [id]);
    expect(await q.end('w', execution_id, 'success')).toMatchObject({ applied: false });
    expect((await q.renew('w', [{ execution_id }]))[0]).toMatchObject({ held: false });
    expect((await q.job(id)).status).toBe('disabled');
  });

  it('an end after the lock was removed by hand reports no change', async () => {
    const q = newQueue();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    await project.sql(
      `update cloud_jobs set status = 'waiting', locked_by = null, locked_execution_id = null, lock_expires_at = null where job_id = $1`,
      [id],
    );
    expect(await q.end('w', execution_id, 'success')).toMatchObject({ applied: false });
    expect((await q.job(id)).status).toBe('waiting');
  });

  it('a worker cannot call an attempt lost', async () => {
    const q = newQueue();
    await q.addOne();
    const { execution_id } = await q.take('w');
    await expect(q.end('w', execution_id, 'lost')).rejects.toMatchObject({ status: 400 });
    await expect(q.end('w', execution_id, 'failure', { failure_kind: 'lost' })).rejects.toMatchObject({
      status: 400,
    });
  });

  it('a renewed lock is not ended', async () => {
    const q = newQueue();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    await q.expire(id);
    expect((await q.renew('w', [{ execution_id, progress: { done: 1, total: 2 } }], 60))[0]?.held).toBe(true);
    expect((await q.claim('v')).expired).toBe(0);
    expect(await q.executions(id)).toMatchObject([{ status: 'running', progress: { done: 1, total: 2 } }]);
    const [left] = await project.sql(
      `select extract(epoch from lock_expires_at - now()) between 50 and 60 as right from cloud_jobs where job_id = $1`,
      [id],
    );
    expect(left).toEqual({ right: true });
  });
});

describe('a request that is sent again', () => {
  /** Sends a request whose reply gets lost on the way, as it happens to a worker behind HTTP. */
  async function losingTheReply(path: string, send: () => Promise<unknown>): Promise<void> {
    let lost = 0;
    project.setFaults((request) => {
      if (!request.path.includes(path)) return undefined;
      lost += 1;
      return { kind: 'lose-reply' };
    });
    await expect(send()).rejects.toThrow();
    project.setFaults(undefined);
    expect(lost).toBeGreaterThan(0);
  }

  it('claim: returns the jobs it holds, takes no others, renews the lock', async () => {
    const q = newQueue();
    const ids = await q.add({}, {}, {});
    const request = { request_id_param: randomUUID() };
    await losingTheReply('cloud_jobs_claim', () => q.claim('w', 2, request));
    await q.expire(...ids);
    const again = await q.claim('w', 2, request);
    expect(again.jobs.map((job) => job.job_id)).toEqual(ids.slice(0, 2));
    expect(again.expired).toBe(0);
    expect(await q.claim('w', 2, request)).toMatchObject({ jobs: again.jobs });
    expect(await q.executions(ids[0] ?? '')).toHaveLength(1);
    expect(await q.claim('v', 5)).toMatchObject({ jobs: [{ job_id: ids[2] }], expired: 0 });
  });

  it('claim: after a part was finished or lost, only what is still held', async () => {
    const q = newQueue();
    const ids = await q.add({}, {}, {}, {});
    const request = { request_id_param: randomUUID() };
    const { jobs } = await q.claim('w', 3, request);
    await q.end('w', jobs[0]?.execution_id ?? '', 'success');
    await q.expire(ids[1] ?? '');
    await q.claim('v', 1);
    expect((await q.claim('w', 3, request)).jobs.map((job) => job.job_id)).toEqual([ids[2]]);
    expect((await q.claim('thief', 3, request)).jobs).toEqual([]);
  });

  it.each(['success', 'failure', 'release'])(
    'claim: after all ended with %s, nothing at all',
    async (outcome) => {
      const q = newQueue();
      const ids = await q.add({}, {}, {});
      const request = { request_id_param: randomUUID() };
      const { jobs } = await q.claim('w', 2, request);
      await q.finish(
        'w',
        jobs.map(({ execution_id }) => ({ execution_id, outcome, delay_seconds: 0 })),
      );
      const before = await Promise.all(ids.map((id) => q.executions(id)));
      expect(await q.claim('w', 2, request)).toMatchObject({ jobs: [], more: true });
      expect(await Promise.all(ids.map((id) => q.executions(id)))).toEqual(before);
      expect((await q.claim('w', 3)).jobs).toHaveLength(outcome === 'success' ? 1 : 3);
    },
  );

  it('claim: one that found nothing may find something the next time', async () => {
    const q = newQueue();
    const request = { request_id_param: randomUUID() };
    expect((await q.claim('w', 1, request)).jobs).toEqual([]);
    const id = await q.addOne();
    expect((await q.claim('w', 1, request)).jobs.map((job) => job.job_id)).toEqual([id]);
  });

  it.each(['success', 'failure', 'discard', 'snooze', 'release'])(
    'finish with %s: the same answer, and nothing twice',
    async (outcome) => {
      const q = newQueue();
      const id = await q.addOne();
      const { execution_id } = await q.take('w');
      const item = { execution_id, outcome, error: 'e', delay_seconds: 60, result: { n: 1 } };
      await losingTheReply('cloud_jobs_finish', () => q.finish('w', [item]));
      const before = [await q.job(id).then(({ due_in, ...rest }) => rest), await q.executions(id)];
      const again = await q.finish('w', [item]);
      expect(again.finished).toMatchObject([
        { execution_id, applied: true, status: (before[0] as { status: string }).status },
      ]);
      expect(await q.finish('w', [item])).toEqual(again);
      // A change of mind comes too late.
      expect((await q.finish('w', [{ ...item, outcome: 'success' }])).finished).toEqual(again.finished);
      expect([await q.job(id).then(({ due_in, ...rest }) => rest), await q.executions(id)]).toEqual(before);
    },
  );

  it('finish and claim in one call: both answers again', async () => {
    const q = newQueue();
    await q.add({}, {}, {});
    const { execution_id } = await q.take('w');
    const send = () =>
      q.finish('w', [{ execution_id, outcome: 'success' }], { limit: 1, request_id: request });
    const request = randomUUID();
    await losingTheReply('cloud_jobs_finish', send);
    const again = await send();
    expect(again).toMatchObject({
      finished: [{ applied: true, status: 'success' }],
      claim: { jobs: [{ attempt: 1 }], more: true },
    });
    expect((await send()).claim?.jobs).toEqual(again.claim?.jobs);
    expect((await q.claim('v', 5)).jobs).toHaveLength(1);
  });

  it('enqueue: by a job id of the caller’s, by a unique key, and by both', async () => {
    const q = newQueue();
    const ids = [randomUUID(), randomUUID()];
    const batch = [{ job_id: ids[0] }, { job_id: ids[1], unique_key: 'u' }];
    await losingTheReply('cloud_jobs_enqueue', () => q.add(...batch));
    expect(await q.add(...batch)).toEqual(ids);
    expect(
      await q.add({ unique_key: 'u' }, { unique_key: 'v' }, { job_id: randomUUID(), unique_key: 'u' }),
    ).toEqual([ids[1], expect.any(String), ids[1]]);
    const [count] = await project.sql(`select count(*)::int as n from cloud_jobs where queue = $1`, [
      q.queue,
    ]);
    expect(count).toEqual({ n: 3 });
  });
});

describe('finish and claim in one call', () => {
  it('ends a batch, in its order, and takes the next', async () => {
    const q = newQueue();
    const ids = await q.add({}, {}, {}, { concurrency_key: 'k' }, { concurrency_key: 'k' });
    const first = (await q.claim('w', 4)).jobs;
    const items = [...first].reverse().map(({ execution_id }) => ({ execution_id, outcome: 'success' }));
    const reply = await q.finish('w', [...items, { execution_id: randomUUID(), outcome: 'success' }], {
      limit: 5,
      lock_seconds: 60,
      run_url: 'u',
    });
    expect(reply.finished.map((item) => [item.execution_id, item.applied])).toEqual([
      ...items.map((item) => [item.execution_id, true]),
      [expect.any(String), false],
    ]);
    expect(reply.claim).toMatchObject({ jobs: [{ job_id: ids[4] }], more: false });
  });

  it('claims nothing when not asked to', async () => {
    const q = newQueue();
    await q.add({}, {});
    const { execution_id } = await q.take('w');
    expect((await q.finish('w', [{ execution_id, outcome: 'success' }])).claim).toBeNull();
    expect((await q.finish('w', [])).finished).toEqual([]);
    expect(
      await call(project, 'cloud_jobs_finish', { instance_id_param: 'w', items_param: [] }),
    ).toMatchObject({ claim: null });
  });

  it('with a claim that cannot be met ends nothing either', async () => {
    const q = newQueue();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    await expect(q.finish('w', [{ execution_id, outcome: 'success' }], { limit: 0 })).rejects.toMatchObject({
      status: 400,
    });
    expect(await q.job(id)).toMatchObject({ status: 'locked' });
    expect(await q.executions(id)).toMatchObject([{ status: 'running' }]);
  });

  it('takes the first of two items about one execution', async () => {
    const q = newQueue();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    const { finished } = await q.finish('w', [
      { execution_id, outcome: 'discard', error: 'first' },
      { execution_id, outcome: 'success', result: 'second' },
    ]);
    expect(finished).toMatchObject([
      { applied: true, status: 'failed' },
      { applied: true, status: 'failed' },
    ]);
    expect(await q.job(id)).toMatchObject({ status: 'failed', error_message: 'first' });
    expect(await q.executions(id)).toMatchObject([
      { status: 'failed', failure_kind: 'discarded', result: null },
    ]);
  });
});

describe('refuses an unusable request with status, reason and hint', () => {
  const claim = (args: object) => () =>
    call(project, 'cloud_jobs_claim', { instance_id_param: 'w', ...args });
  const finish = (items: unknown) => () =>
    call(project, 'cloud_jobs_finish', { instance_id_param: 'w', items_param: items });
  const big = (bytes: number) => 'x'.repeat(bytes);
  it.each<[string, () => Promise<unknown>, number, RegExp]>([
    ['no instance', claim({ instance_id_param: '' }), 400, /instance_id_param is empty/],
    ['a long instance', claim({ instance_id_param: big(201) }), 400, /longer than 200 characters/],
    ['a limit of 0', claim({ limit_param: 0 }), 400, /limit_param is 0/],
    ['a limit of 1001', claim({ limit_param: 1001 }), 400, /limit_param is 1001/],
    ['no limit', claim({ limit_param: null }), 400, /limit_param is null/],
    ['no queue', claim({ queues_param: [] }), 400, /queues_param and job_types_param/],
    ['no type', claim({ job_types_param: [] }), 400, /queues_param and job_types_param/],
    ['a lock of 0 s', claim({ lock_seconds_param: 0 }), 400, /lock_seconds_param is 0/],
    ['a lock of two days', claim({ lock_seconds_param: 172_800 }), 400, /lock_seconds_param is 172800/],
    [
      'a client that is too new',
      claim({ client_schema_param: 999 }),
      426,
      /database is version \d+, the client needs version 999/,
    ],
    [
      'a client that is too old',
      claim({ client_schema_param: 0 }),
      426,
      /newer than the client \(0\) can use/,
    ],
    ['items that are no array', finish({}), 400, /items_param is not an array/],
    ['no items', finish(null), 400, /items_param is not an array/],
    ['an item that is no object', finish([1]), 400, /cannot be used: 1/],
    ['an item without execution', finish([{ outcome: 'success' }]), 400, /cannot be used/],
    ['an unknown outcome', finish([{ execution_id: 'e', outcome: 'fine' }]), 400, /cannot be used/],
    [
      'an unknown kind',
      finish([{ execution_id: 'e', outcome: 'failure', failure_kind: 'bad' }]),
      400,
      /cannot be used/,
    ],
    [
      'a delay below zero',
      finish([{ execution_id: 'e', outcome: 'snooze', delay_seconds: -1 }]),
      400,
      /cannot be used/,
    ],
    [
      'a result over 256 KiB',
      finish([{ execution_id: 'e1', outcome: 'success', result: big(262_143) }]),
      413,
      /execution e1 returned is too large/,
    ],
    [
      'an error over 64 KiB',
      finish([{ execution_id: 'e2', outcome: 'failure', error: big(65_537) }]),
      413,
      /execution e2/,
    ],
    [
      'an output over 64 KiB',
      finish([{ execution_id: 'e3', outcome: 'failure', output: big(65_537) }]),
      413,
      /execution e3/,
    ],
    [
      'details over 64 KiB',
      finish([{ execution_id: 'e4', outcome: 'failure', error_details: big(65_535) }]),
      413,
      /execution e4/,
    ],
    [
      'progress over 16 KiB',
      finish([{ execution_id: 'e5', outcome: 'success', progress: big(16_384) }]),
      413,
      /execution e5/,
    ],
    [
      'progress over 16 KiB with a heartbeat',
      () =>
        call(project, 'cloud_jobs_renew', {
          instance_id_param: 'w',
          items_param: [{ execution_id: 'e', progress: big(16_384) }],
        }),
      413,
      /progress of an execution is too large/,
    ],
    [
      'a heartbeat for 0 s',
      () =>
        call(project, 'cloud_jobs_renew', { instance_id_param: 'w', items_param: [], lock_seconds_param: 0 }),
      400,
      /lock_seconds_param is 0/,
    ],
  ])('%s', async (_, send, status, message) => {
    const error = await send().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CallError);
    expect(error).toMatchObject({ status, code: `PT${status}`, message: expect.stringMatching(message) });
    expect((error as CallError).hint).not.toBe('');
  });

  it('what is just within the limits is kept whole', async () => {
    const q = newQueue();
    const id = await q.addOne();
    const { execution_id } = await q.take('w');
    const result = big(262_142);
    await q.end('w', execution_id, 'failure', { result, error: big(65_536), output: big(65_536) });
    expect(await q.executions(id)).toMatchObject([
      { result, error_message: big(65_536), output: big(65_536) },
    ]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, onTwo, queueOf, untilBlocked } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

/** Adds a large batch of jobs, with no limit of time, and returns their ids. */
async function enqueue(queue: string, items: readonly object[]): Promise<string[]> {
  const named = items.map((item) => ({ name: 'a job', job_type: 'custom', queue, ...item }));
  const rows = await project.sql<{ id: string }>(
    `select j.job->>'job_id' as id from json_array_elements(cloud_jobs_enqueue($1)->'jobs') with ordinality j (job, n) order by n`,
    [JSON.stringify(named)],
  );
  return rows.map(({ id }) => id);
}

/** A queue, and the calls that these tests make on it. */
function graph() {
  const q = queueOf(project);
  return {
    ...q,
    /** Claims and ends the only job that is due, and returns its id. */
    async run(outcome = 'success', more: Readonly<Record<string, unknown>> = {}): Promise<string> {
      const job = await q.take('w');
      await q.end('w', job.execution_id, outcome, more);
      return job.job_id;
    },
    async due(): Promise<string[]> {
      const rows = await project.sql<{ job_id: string }>(
        `select job_id from cloud_jobs where queue = $1 and status = 'waiting' and not blocked order by run_at, job_id`,
        [q.queue],
      );
      return rows.map((row) => row.job_id);
    },
    async ids(...names: string[]): Promise<Record<string, string>> {
      const rows = await project.sql<{ name: string; job_id: string }>(
        'select name, job_id from cloud_jobs where queue = $1',
        [q.queue],
      );
      return Object.fromEntries(
        rows.filter(({ name }) => names.includes(name)).map(({ name, job_id }) => [name, job_id]),
      );
    },
    /** Adds jobs as {name: names of its parents}; each has its name as its ref. */
    async chart(parents: Readonly<Record<string, readonly string[]>>, policy?: string) {
      const names = Object.keys(parents);
      const ids = await q.add(
        ...names.map((name) => ({
          name,
          ref: name,
          max_retries: 0,
          ...(parents[name]?.length && { depends_on: parents[name], on_parent_failure: policy }),
        })),
      );
      return Object.fromEntries(names.map((name, index) => [name, ids[index] ?? '']));
    },
  };
}

describe('enqueue > depends_on', () => {
  it('starts a job when the last of its parents has succeeded', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: [], c: ['a', 'b'], d: ['c'] });
    expect(await g.run()).toBe(job.a);
    expect(await g.due()).toEqual([job.b]);
    expect(await g.run()).toBe(job.b);
    expect(await g.run()).toBe(job.c);
    expect(await g.run()).toBe(job.d);
  });

  it('hands a child to the very call that ends its parent', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'] });
    const parent = await g.take('w');
    const { claim } = await g.finish('w', [{ execution_id: parent.execution_id, outcome: 'success' }], {
      limit: 5,
    });
    expect(claim?.jobs.map(({ job_id }) => job_id)).toEqual([job.b]);
  });

  it('releases children in the order of their ids, at their own time', async () => {
    const g = graph();
    const [, ...children] = await g.add(
      { ref: 'a' },
      ...Array.from({ length: 5 }, () => ({ depends_on: ['a'] })),
      { depends_on: ['a'], delay_seconds: 3600 },
    );
    await g.run();
    expect((await g.claim('w', 10)).jobs.map(({ job_id }) => job_id)).toEqual(children.slice(0, 5).sort());
    expect((await g.job(children[5] ?? '')).due_in).toBeGreaterThan(3500);
  });

  it('takes ids of jobs that exist, finished ones too', async () => {
    const g = graph();
    const parent = await g.addOne();
    const child = await g.addOne({ depends_on: [parent] });
    expect(await g.due()).toEqual([parent]);
    await g.run();
    expect(await g.due()).toEqual([child]);
    const late = await g.addOne({ depends_on: [parent] });
    expect(await g.due()).toEqual([child, late]);
  });

  it('adds nothing twice when the request is sent again', async () => {
    const g = graph();
    const id = () => crypto.randomUUID();
    const items = [
      { job_id: id(), ref: 'a' },
      { job_id: id(), depends_on: ['a'] },
    ];
    await g.add(...items);
    await g.run();
    await g.add(...items);
    expect(await g.due()).toEqual([items[1]?.job_id]);
    const [row] = await project.sql(
      'select count(*)::integer as n from cloud_job_dependencies where job_id = $1',
      [items[1]?.job_id],
    );
    expect(row).toEqual({ n: 1 });
  });

  it('gives a ref of a unique key to the job that has it already', async () => {
    const g = graph();
    const parent = await g.addOne({ unique_key: 'k' });
    const [same, child] = await g.add({ ref: 'a', unique_key: 'k' }, { depends_on: ['a'] });
    expect(same).toBe(parent);
    await g.run();
    expect(await g.due()).toEqual([child]);
  });

  const own = crypto.randomUUID();
  const wrong: [string, Record<string, unknown>[], RegExp][] = [
    [
      'a later entry',
      [{ depends_on: ['b'] }, { ref: 'b' }],
      /Job 1 of the batch .* depends on "b", which is not an earlier job/,
    ],
    ['itself by ref', [{ ref: 'a', depends_on: ['a'] }], /depends on "a", which is not an earlier job/],
    ['itself by id', [{ job_id: own, depends_on: [own] }], /which is not an earlier job of the batch/],
    [
      'nothing that exists',
      [{ depends_on: ['nobody'] }],
      /neither the ref of an earlier job of the batch nor the id of a job/,
    ],
    ['one job twice', [{ ref: 'a' }, { depends_on: ['a', 'a'] }], /names a job twice in depends_on/],
    ['what is no list', [{ depends_on: 'a' }], /depends_on that is not a list of refs and job ids/],
    ['what is no text', [{ depends_on: [1] }], /depends_on that is not a list of refs and job ids/],
    [
      'a recurring job',
      [{ ref: 'a', schedule: '0 3 * * *' }, { depends_on: ['a'] }],
      /recurring and so never ends/,
    ],
    [
      'others though it recurs',
      [{ ref: 'a' }, { depends_on: ['a'], schedule: '0 3 * * *' }],
      /both schedule and depends_on/,
    ],
    [
      'an unknown policy',
      [{ ref: 'a' }, { depends_on: ['a'], on_parent_failure: 'retry' }],
      /on_parent_failure that is not/,
    ],
    ['a policy without dependencies', [{ on_parent_failure: 'run' }], /on_parent_failure without depends_on/],
    [
      'two jobs of one ref',
      [{ ref: 'a' }, { ref: 'a' }, { depends_on: ['a'] }],
      /has the ref "a" of an earlier job/,
    ],
    ['a ref with a space', [{ ref: 'a b' }], /has a ref that is not/],
  ];
  it.each(wrong)('refuses a job that depends on %s', async (_, items, message) => {
    const g = graph();
    await expect(g.add(...items)).rejects.toThrow(message);
    expect(await project.sql('select from cloud_jobs where queue = $1', [g.queue])).toEqual([]);
  });

  it('is what cloud_jobs_create takes as depends_on_param', async () => {
    const g = graph();
    const parent = await g.addOne();
    const child = await call(project, 'cloud_jobs_create', {
      name_param: 'child',
      job_type_param: 'custom',
      queue_param: g.queue,
      depends_on_param: [parent],
    });
    expect(await g.due()).toEqual([parent]);
    await g.run();
    expect(await g.due()).toEqual([child]);
  });
});

describe('a parent that fails', () => {
  it('cancels what depends on it, and names the root cause all the way down', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'], c: ['b'], d: ['c', 'a'] });
    await g.run('failure', { error: 'HTTP 500' });
    for (const id of [job.b, job.c, job.d]) {
      const row = await g.job(id ?? '');
      expect(row).toMatchObject({ status: 'failed', finished: true, blocked: false });
      expect(row.error_message).toBe(`Not run: it depends on the job "a" (${job.a}), which failed: HTTP 500`);
    }
  });

  it('does nothing while it has retries left', async () => {
    const g = graph();
    const [parent, child] = await g.add({ ref: 'a', max_retries: 1 }, { depends_on: ['a'] });
    await g.run('failure', { error: 'HTTP 500', delay_seconds: 0 });
    expect(await g.job(child ?? '')).toMatchObject({ status: 'waiting', blocked: null });
    expect(await g.run()).toBe(parent);
    expect(await g.due()).toEqual([child]);
  });

  it('lets a child with the policy run start all the same', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: [], c: ['a', 'b'] }, 'run');
    await g.run('failure', { error: 'HTTP 500' });
    expect(await g.due()).toEqual([job.b]);
    await g.run();
    expect(await g.due()).toEqual([job.c]);
  });

  it('lets a child with the policy wait go on waiting until it succeeds', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'] }, 'wait');
    await g.run('failure', { error: 'HTTP 500' });
    expect(await g.due()).toEqual([]);
    await g.verb('retry', job.a ?? '');
    await g.run();
    expect(await g.due()).toEqual([job.b]);
  });

  it.each([
    ['cancelled', 'cancel', 'which failed: Cancelled before it ran.'],
    ['deleted', 'delete', 'which was deleted.'],
  ] as const)('counts as failed if it is %s', async (_, verb, words) => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'], c: ['b'] });
    await g.verb(verb, job.a ?? '');
    for (const id of [job.b, job.c]) expect((await g.job(id ?? '')).error_message).toContain(words);
  });

  it('cancels a child that was disabled meanwhile', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'] });
    await g.verb('disable', job.b ?? '');
    await g.run('failure', { error: 'no' });
    expect((await g.job(job.b ?? '')).status).toBe('failed');
  });

  it('cancels a child that is added after it failed', async () => {
    const g = graph();
    const parent = await g.addOne({ max_retries: 0, name: 'a' });
    await g.run('failure', { error: 'no' });
    const child = await g.addOne({ depends_on: [parent] });
    expect(await g.job(child)).toMatchObject({ status: 'failed' });
  });

  it('is overruled by a person who retries the child', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'], c: ['b'] });
    await g.run('failure', { error: 'no' });
    await g.verb('retry', job.b ?? '');
    expect(await g.run()).toBe(job.b);
  });

  it('cancels a thousand generations in a call, the rest with a claim', async () => {
    const g = graph();
    const names = Array.from({ length: 1200 }, (_, n) => `n${n}`);
    const items = names.map((name, n) => ({
      name,
      ref: name,
      max_retries: 0,
      ...(n > 0 && { depends_on: [`n${n - 1}`] }),
    }));
    await enqueue(g.queue, items);
    const failed = async () => {
      const rows = await project.sql<{ n: number }>(
        `select count(*)::integer as n from cloud_jobs where queue = $1 and status = 'failed'`,
        [g.queue],
      );
      return rows[0]?.n;
    };
    await project.sql(
      `update cloud_jobs set status = 'failed', finished_at = now() where queue = $1 and name = 'n0'`,
      [g.queue],
    );
    expect(await failed()).toBe(1001);
    expect((await g.claim('w', 5)).jobs).toEqual([]);
    expect(await failed()).toBe(1200);
  }, 60_000);
});

describe('a job that waits for parents', () => {
  it('is released by a plain update of its parent too', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'] });
    await project.sql(`update cloud_jobs set status = 'success' where job_id = $1`, [job.a]);
    expect(await g.due()).toEqual([job.b]);
  });

  it('still waits for its parents after it was disabled and enabled', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'] });
    await g.verb('disable', job.b ?? '');
    await g.verb('enable', job.b ?? '');
    expect(await g.due()).toEqual([job.a]);
    await g.verb('disable', job.b ?? '');
    await g.run();
    expect(await g.due()).toEqual([]);
    await g.verb('enable', job.b ?? '');
    expect(await g.due()).toEqual([job.b]);
  });

  it('takes its turn with the other jobs of its concurrency key', async () => {
    const g = graph();
    const [a, b, child] = await g.add(
      { ref: 'a' },
      { concurrency_key: g.queue },
      { depends_on: ['a'], concurrency_key: g.queue },
    );
    const held = (await g.claim('w', 5)).jobs;
    expect(held.map(({ job_id }) => job_id)).toEqual([a, b]);
    await g.end('w', held[0]?.execution_id ?? '', 'success');
    expect((await g.claim('w', 5)).jobs).toEqual([]);
    await g.end('w', held[1]?.execution_id ?? '', 'success');
    expect((await g.claim('w', 5)).jobs.map(({ job_id }) => job_id)).toEqual([child]);
  });

  it('is not counted as due, and says what it waits for', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'] });
    const reply = await call(project, 'cloud_jobs_show', { job_id_param: job.b });
    expect(reply).toMatchObject({
      job: { waits_for_parents: true, blocked: false },
      family: {
        parent_count: 1,
        parents: [{ ref: 'a', name: 'a', status: 'waiting', outcome: null }],
        children: [],
      },
    });
    expect(await g.verb('retry', job.b ?? '')).toMatchObject({
      changed: false,
      reason: 'It waits for the jobs that it depends on.',
    });
    const held = await g.claim('w', 5);
    expect(held).toMatchObject({ more: false, behind: false, next_due_seconds: null });
  });
});

describe('cloud_jobs_retry_with_dependents', () => {
  const again = (job: string | undefined) =>
    call(project, 'cloud_jobs_retry_with_dependents', { job_id_param: job });

  it('puts back all that was cancelled because of the job', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'], c: ['b'], d: ['c', 'a'] });
    await g.run('failure', { error: 'no' });
    expect(await again(job.a)).toMatchObject({ applied: true, dependents: 3 });
    for (const id of [job.a, job.b, job.c, job.d]) expect(await g.run()).toBe(id);
    expect(await again(job.c)).toMatchObject({ applied: true, dependents: 0 });
  });

  it('leaves cancelled what another parent spoils, or a person cancelled', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: [], c: ['a', 'b'], d: ['a'] });
    await g.verb('cancel', job.d ?? '');
    const both = (await g.claim('w', 2)).jobs;
    await g.finish(
      'w',
      both.map(({ execution_id }) => ({ execution_id, outcome: 'failure', error: 'no' })),
    );
    expect(await again(job.a)).toMatchObject({ dependents: 0 });
    expect((await g.job(job.c ?? '')).error_message).toContain('"b"');
    expect((await g.job(job.d ?? '')).error_message).toBe('Cancelled before it ran.');
  });

  it('says why a job cannot be retried', async () => {
    expect(await again('nobody')).toMatchObject({ applied: false, dependents: 0 });
  });
});

describe('prune', () => {
  it('keeps a finished parent and its result while a child has not finished', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: ['a'] });
    await g.run('success', { result: { pages: 3 } });
    await project.sql(`update cloud_jobs set finished_at = now() - interval '9 days' where job_id = $1`, [
      job.a,
    ]);
    await project.sql(
      `update cloud_job_executions set started_at = now() - interval '9 days', finished_at = now() - interval '9 days' where job_id = $1`,
      [job.a],
    );
    const prune = () => call(project, 'cloud_jobs_prune', { executions_days_param: 5, jobs_days_param: 5 });
    await prune();
    expect(await g.executions(job.a ?? '')).toHaveLength(1);
    const [row] = await project.sql('select cloud_jobs_parent_results($1) as parents', [job.b]);
    expect(row?.parents).toEqual([
      { ref: 'a', job_id: job.a, name: 'a', status: 'success', result: { pages: 3 } },
    ]);
    await g.run();
    await prune();
    await expect(g.job(job.a ?? '')).rejects.toThrow('There is no job');
  });
});

describe('two parents that end at the same moment', () => {
  it('leave the child to the next claim, and neither waits for the other', async () => {
    const g = graph();
    const job = await g.chart({ a: [], b: [], c: ['a', 'b'] });
    const [first, second] = (await g.claim('w', 2)).jobs;
    await onTwo(project, async (one, two) => {
      await one.query('begin');
      await one.query(`update cloud_jobs set status = 'success' where job_id = $1`, [first?.job_id]);
      await two.query('begin');
      await two.query(`update cloud_jobs set status = 'success' where job_id = $1`, [second?.job_id]);
      await two.query('commit');
      await one.query('commit');
    });
    expect(await g.due()).toEqual([]);
    const seen = await g.claim('w', 5);
    expect(seen.jobs.map(({ job_id }) => job_id)).toEqual([job.c]);
  });

  it('and a claim before the first has committed says that more may come', async () => {
    const g = graph();
    await g.chart({ a: [], b: [], c: ['a', 'b'] });
    const [first, second] = (await g.claim('w', 2)).jobs;
    await onTwo(project, async (one) => {
      await one.query('begin');
      await one.query(`update cloud_jobs set status = 'success' where job_id = $1`, [first?.job_id]);
      const { claim } = await g.finish('w', [{ execution_id: second?.execution_id, outcome: 'success' }], {
        limit: 5,
      });
      expect(claim).toMatchObject({ jobs: [], more: true });
      await one.query('commit');
    });
    expect((await g.claim('w', 5)).jobs).toHaveLength(1);
  });

  it('or one that ends while a child is added to it, in either order', async () => {
    const g = graph();
    const parent = await g.addOne();
    const held = await g.take('w');
    await onTwo(project, async (one, two) => {
      await one.query('begin');
      await one.query('select cloud_jobs_enqueue($1)', [
        JSON.stringify([{ name: 'child', job_type: 'custom', queue: g.queue, depends_on: [parent] }]),
      ]);
      const ends = two.query('select cloud_jobs_finish($1, $2)', [
        'w',
        JSON.stringify([{ execution_id: held.execution_id, outcome: 'success' }]),
      ]);
      await untilBlocked(project, two);
      await one.query('commit');
      await ends;
    });
    expect(await g.due()).toHaveLength(1);
  });
});

describe('a wide graph', () => {
  it('releases 10,000 children of one job in one call', async () => {
    const g = graph();
    const [parent] = await enqueue(g.queue, [
      { ref: 'a' },
      ...Array.from({ length: 10_000 }, () => ({ depends_on: ['a'] })),
    ]);
    await project.sql(`update cloud_jobs set status = 'success' where job_id = $1`, [parent]);
    expect(await g.due()).toHaveLength(10_000);
  }, 120_000);

  it('starts one child of 10,000 jobs when the last of them has ended', async () => {
    const g = graph();
    const refs = Array.from({ length: 10_000 }, (_, n) => `p${n}`);
    const ids = await enqueue(g.queue, [...refs.map((ref) => ({ ref })), { depends_on: refs }]);
    let claimed = (await g.claim('w', 500)).jobs;
    let ended = 0;
    while (claimed.length > 0 && ended < 10_000) {
      const items = claimed.map(({ execution_id }) => ({ execution_id, outcome: 'success' }));
      ended += items.length;
      claimed = (await g.finish('w', items, { limit: 500 })).claim?.jobs ?? [];
    }
    expect(claimed.map(({ job_id }) => job_id)).toEqual([ids.at(-1)]);
  }, 120_000);
});

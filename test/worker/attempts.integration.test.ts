import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Handler } from '../../src/handlers/handler.ts';
import { QueueError } from '../../src/queue/errors.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import type { Json } from '../../src/queue/types.ts';
import type { JobOutput } from '../../src/worker/job-output.ts';
import type { WorkerDeps, WorkerOptions } from '../../src/worker/options.ts';
import { queueOf, until } from '../sql/support.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { done, noted, startWorker, untilStopped } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const workerOn = (
  queue: string,
  handler: Handler,
  options?: Partial<WorkerOptions>,
  deps?: Partial<WorkerDeps>,
) => startWorker(project, queue, handler, options, deps);

function nested(levels: number): Json {
  let value: Json = [];
  for (let level = 1; level < levels; level += 1) value = [value];
  return value;
}

describe('a handler that pauses its queue', () => {
  const settings = async (queue: string) => {
    const [row] = await project.sql<{ seconds: number; reason: string }>(
      `select extract(epoch from cool_down_until - now())::float8 as seconds, reason from cloud_jobs_queues where queue = $1`,
      [queue],
    );
    return row;
  };

  it('stops what is not started yet, for the longest time asked for', async () => {
    const q = queueOf(project);
    await q.add(...Array.from({ length: 12 }, () => ({})));
    const { handler, contexts } = noted(async (context) => {
      context.pauseQueue({ seconds: 60, reason: 'short' });
      context.pauseQueue({ seconds: 600, reason: 'HTTP 429 hunter2' });
      context.pauseQueue({ seconds: 5, reason: 'shorter' });
      // Of jobs that take this long a worker holds five at most, so it has not claimed all of them yet.
      await setTimeout(100);
      return done;
    });
    await workerOn(q.queue, handler, { concurrency: 1 }).report;
    expect(contexts.length).toBeLessThan(12);
    const row = await settings(q.queue);
    expect(row?.reason).toBe('HTTP 429 ***');
    expect(row?.seconds).toBeGreaterThan(500);
    expect((await q.claim('other', 5)).jobs).toEqual([]);
  });

  it('does so however the attempt ends', async () => {
    const q = queueOf(project);
    await q.addOne();
    await workerOn(q.queue, async (context) => {
      context.pauseQueue({ seconds: 600, reason: 'down' });
      throw new Error('boom');
    }).report;
    expect((await settings(q.queue))?.reason).toBe('down');
  });
});

describe('the end of an attempt', () => {
  it.each<[string, Handler, object]>([
    ['success', async () => done, { status: 'success' }],
    [
      'an error that it throws',
      async () => {
        throw new Error('boom', { cause: new Error('deep') });
      },
      { status: 'waiting', error_message: 'boom Caused by: deep', current_retries: 1 },
    ],
    [
      'a delay that it asks for',
      async () => ({ outcome: 'failure', kind: 'error', message: 'm', retryInSeconds: 7200 }),
      { status: 'waiting', current_retries: 1, due_in: expect.closeTo(7200, -2) },
    ],
    [
      'snooze',
      async () => ({ outcome: 'snooze', seconds: 3600, reason: 'busy' }),
      { status: 'waiting', current_retries: 0, due_in: expect.closeTo(3600, -2) },
    ],
    [
      'discard',
      async () => ({ outcome: 'discard', reason: 'never' }),
      { status: 'failed', error_message: 'never' },
    ],
    [
      'a text with a secret and what cannot be stored',
      async () => ({ outcome: 'discard', reason: 'a\0b hunter2 \ud800' }),
      { error_message: 'a\ufffdb *** \ufffd' },
    ],
    [
      'an error of a megabyte',
      async () => ({ outcome: 'discard', reason: 'x'.repeat(1_000_000) }),
      { error_message: expect.stringMatching(/cut: 1000000 bytes in all$/) },
    ],
  ])('is recorded: %s', async (_, handler, state) => {
    const q = queueOf(project);
    const id = await q.addOne();
    await workerOn(q.queue, handler).report;
    expect(await q.job(id)).toMatchObject(state);
  });

  it('keeps a result whole, in its row or in a file', async () => {
    const q = queueOf(project);
    const results = ['x'.repeat(262_142), 'x'.repeat(262_143)];
    const ids = await q.add({}, {});
    const handler: Handler = async ({ job }) => ({
      outcome: 'success',
      result: results[ids.indexOf(job.job_id)] ?? '',
    });
    const spilled: string[] = [];
    const { report } = workerOn(
      q.queue,
      handler,
      {},
      { spill: async (_, text) => `/results/${spilled.push(text)}` },
    );
    expect((await report).executions.map((one) => one.resultFile).sort()).toEqual(['/results/1', null]);
    expect(spilled).toEqual([JSON.stringify(results[1])]);
    expect((await q.executions(ids[0] ?? ''))[0]).toMatchObject({ result: results[0] });
    expect((await q.executions(ids[1] ?? ''))[0]).toMatchObject({
      result: { result_too_large: true, bytes: 262_145, file: '/results/1' },
    });

    const third = await q.addOne();
    const full = async () => {
      throw new Error('no space left on device');
    };
    await workerOn(
      q.queue,
      async () => ({ outcome: 'success', result: results[1] ?? '' }),
      {},
      { spill: full },
    ).report;
    expect(await q.job(third)).toMatchObject({
      status: 'waiting',
      error_message: expect.stringMatching(/could not be kept: no space left/),
    });
  });

  it('spills a result that is too large only as the database writes it', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    // 253,501 bytes as JSON, and 279,500 in jsonb, which puts a space after each comma and colon.
    const rows = Array.from({ length: 6_500 }, (_, index) => ({
      id: 10_000 + index,
      name: 'somewhat named',
    }));
    expect(JSON.stringify(rows).length).toBeLessThan(262_144);
    const spilled: string[] = [];
    const report = await workerOn(
      q.queue,
      async () => ({ outcome: 'success', result: rows }),
      {},
      { spill: async (_, text) => `/results/${spilled.push(text)}` },
    ).report;
    expect(report).toMatchObject({ succeeded: 1, failed: 0, executions: [{ resultFile: '/results/1' }] });
    expect(spilled).toEqual([JSON.stringify(rows)]);
    expect(await q.job(id)).toMatchObject({ status: 'success' });
    expect((await q.executions(id))[0]).toMatchObject({ result: { result_too_large: true } });
  });

  it('spills a result that the database refuses', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
    const finish: typeof queue.finish = async (instance, items, ...rest) => {
      if (items.some(({ result }) => result === 'odd')) throw new QueueError('refused', 'Too odd.');
      return await queue.finish(instance, items, ...rest);
    };
    const report = await workerOn(
      q.queue,
      async () => ({ outcome: 'success', result: 'odd' }),
      {},
      { queue: { ...queue, finish } },
    ).report;
    expect(report).toMatchObject({ succeeded: 1, failed: 0 });
    expect((await q.executions(id))[0]).toMatchObject({
      status: 'success',
      result: { result_refused: 'Too odd.' },
    });
  });

  it.each<[string, Json]>([
    ['5,000 levels deep', nested(5_000)],
    ['100,000 levels deep', nested(100_000)],
    ['with a number beyond 2^53', { user: { id: 2 ** 60 } }],
  ])('fails one job alone if its config is %s', async (_, config) => {
    const q = queueOf(project);
    const [bad, ...good] = await q.add({}, {}, {});
    const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
    const claim: typeof queue.claim = async (...args) => {
      const reply = await queue.claim(...args);
      return { ...reply, jobs: reply.jobs.map((job) => (job.job_id === bad ? { ...job, config } : job)) };
    };
    const report = await workerOn(q.queue, async () => done, {}, { queue: { ...queue, claim } }).report;
    expect(report).toMatchObject({ succeeded: 2, failed: 1, stopCause: 'empty' });
    expect(await q.job(bad ?? '')).toMatchObject({
      status: 'failed',
      error_message: expect.stringMatching(/more than 200 levels deep|at user\.id/),
    });
    for (const id of good) expect(await q.job(id)).toMatchObject({ status: 'success' });
  });

  it('fails one job alone if its result is nested too deeply', async () => {
    const q = queueOf(project);
    const [bad] = await q.add({}, {});
    const report = await workerOn(q.queue, async ({ job }) =>
      job.job_id === bad ? { outcome: 'success', result: nested(50_000) } : done,
    ).report;
    expect(report).toMatchObject({ succeeded: 1, retried: 1 });
    expect(await q.job(bad ?? '')).toMatchObject({ error_message: expect.stringMatching(/levels deep/) });
  });

  it('is recorded although its output cannot be printed', async () => {
    const q = queueOf(project);
    await q.add({}, {});
    const broken = {
      line() {},
      tail(): string {
        throw new Error('no tail');
      },
      end() {
        throw new Error('no end');
      },
    } as unknown as JobOutput;
    const worker = workerOn(q.queue, async () => done, {}, { openOutput: () => broken });
    expect(await worker.report).toMatchObject({ succeeded: 2 });
    expect(worker.warnings).toEqual([expect.stringMatching(/no end/), expect.stringMatching(/no end/)]);
  });

  it('records the others when one is refused', async () => {
    const q = queueOf(project);
    const ids = await q.add({}, {}, {});
    const handler: Handler = async ({ job }) =>
      job.job_id === ids[1] ? { outcome: 'snooze', seconds: 1e9, reason: 'long' } : done;
    const report = await workerOn(q.queue, handler).report;
    expect(report).toMatchObject({ succeeded: 2, failed: 1 });
    expect(await q.job(ids[1] ?? '')).toMatchObject({
      status: 'failed',
      error_message: expect.stringMatching(/the database refused to store how/),
    });
  });

  it('is a success even if the job was stopped meanwhile', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ timeout_seconds: 1 });
    const handler: Handler = ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(done)));
    await workerOn(q.queue, handler).report;
    expect((await q.job(id)).status).toBe('success');
  });
});

describe('locks', () => {
  it('are renewed for jobs that run, wait or have ended', async () => {
    const q = queueOf(project);
    const ids = await q.add({}, {});
    // The second waits for the only slot for longer than its lock, unless that is renewed.
    const handler: Handler = async () => {
      await setTimeout(2_500);
      return done;
    };
    const { report } = workerOn(q.queue, handler, { concurrency: 1, lockSeconds: 1 });
    const seen: number[] = [];
    const watch = setInterval(async () => {
      seen.push((await q.claim('thief')).jobs.length);
    }, 200);
    await report;
    clearInterval(watch);
    // While the one ran, the other was due: the thief gets that, if anything, and never one that is locked.
    const executions = (await Promise.all(ids.map((id) => q.executions(id)))).flat();
    expect(executions.filter((one) => one.failure_kind === 'lost')).toEqual([]);
    expect(seen.length).toBeGreaterThan(5);
  });

  it('of a cancelled job stop its handler', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    const { handler, contexts, begun } = noted(untilStopped);
    const { report } = workerOn(q.queue, handler, { lockSeconds: 1 });
    await begun();
    await q.verb('cancel', id);
    expect(await report).toMatchObject({
      executions: [{ outcome: 'cancelled' }],
      cancelled: 1,
      failed: 0,
      succeeded: 0,
    });
    expect(contexts[0]?.signal.reason).toMatchObject({ abortCause: 'cancelled' });
    expect(await q.job(id)).toMatchObject({ status: 'failed' });
  });

  it('that are gone stop the handler and record nothing', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    const { handler, contexts, begun } = noted(untilStopped);
    const { report } = workerOn(q.queue, handler, { lockSeconds: 1 });
    await begun();
    await project.sql(
      `update cloud_jobs set locked_by = 'heir', locked_execution_id = 'another' where job_id = $1`,
      [id],
    );
    expect((await report).executions).toMatchObject([{ outcome: 'lost', jobStatus: null }]);
    expect(contexts[0]?.signal.reason).toMatchObject({ abortCause: 'lost' });
    expect(await q.job(id)).toMatchObject({ status: 'locked', locked_by: 'heir' });
  });

  it('count as gone when the database is away for their time', async () => {
    const q = queueOf(project);
    await q.addOne();
    const { handler, contexts, begun } = noted(untilStopped);
    const { report, warnings } = workerOn(q.queue, handler, { lockSeconds: 1 });
    await begun();
    project.setFaults(() => ({ kind: 'cut' }));
    try {
      await until(async () => contexts[0]?.signal.aborted === true, 'the handler to be stopped');
      expect(contexts[0]?.signal.reason).toMatchObject({ abortCause: 'lost' });
      expect(warnings.join('\n')).toMatch(/could not be renewed[\s\S]*They have expired/);
    } finally {
      project.setFaults(undefined);
    }
    await report;
  });

  it('are extended only when a third of their time is over', async () => {
    const q = queueOf(project);
    await q.addOne();
    const { job_id, execution_id } = await q.take('w', { lock_seconds_param: 300 });
    const expiry = async () => (await q.job(job_id)).lock_expires_at;
    const claimed = await expiry();
    expect(await q.renew('w', [{ execution_id }], 300)).toMatchObject([{ held: true }]);
    expect(await expiry()).toEqual(claimed);
    await project.sql("update cloud_jobs set lock_expires_at = now() + interval '190 s' where job_id = $1", [
      job_id,
    ]);
    expect(await q.renew('w', [{ execution_id }], 300)).toMatchObject([{ held: true }]);
    expect(await expiry()).not.toEqual(claimed);
    const [row] = await project.sql<{ left: number }>(
      'select extract(epoch from lock_expires_at - now())::float8 as left from cloud_jobs where job_id = $1',
      [job_id],
    );
    expect(row?.left).toBeGreaterThan(290);
  });

  it('do not keep a job from its timeout', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ timeout_seconds: 1 });
    await workerOn(q.queue, untilStopped).report;
    expect((await q.executions(id))[0]).toMatchObject({ status: 'failed', failure_kind: 'timeout' });
  });
});

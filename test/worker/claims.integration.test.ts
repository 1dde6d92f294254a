import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Handler } from '../../src/handlers/handler.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import type { WorkerDeps, WorkerOptions } from '../../src/worker/options.ts';
import { queueOf, until } from '../sql/support.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { done, startWorker } from './support.ts';

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

describe('a worker', () => {
  it('takes no more jobs than it may, and runs no more at once', async () => {
    const q = queueOf(project);
    await q.add(...Array.from({ length: 9 }, () => ({})));
    let now = 0;
    let most = 0;
    const handler: Handler = async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 20));
      now -= 1;
      return done;
    };
    const report = await workerOn(q.queue, handler, { concurrency: 2, maxJobs: 5 }).report;
    expect(report).toMatchObject({ claimed: 5, succeeded: 5, stopCause: 'max-jobs', remaining: 4 });
    expect(most).toBe(2);
  });

  it('ends every expired lock that its queue has, in one run', async () => {
    const q = queueOf(project);
    const ids = await q.add(...Array.from({ length: 1_350 }, () => ({ max_retries: 0 })));
    await q.claim('dead', 1_000);
    await q.claim('dead', 1_000);
    await q.expire(...ids);
    const report = await workerOn(q.queue, async () => done).report;
    expect(report).toMatchObject({ claimed: 0, expired: 1_350, remaining: 0, stopCause: 'empty' });
  });

  it('counts the jobs behind a busy concurrency key as remaining', async () => {
    const q = queueOf(project);
    const key = { concurrency_key: q.queue };
    await q.add(key);
    await q.take('elsewhere');
    await q.add(...Array.from({ length: 30 }, () => key), {});
    const report = await workerOn(q.queue, async () => done).report;
    expect(report).toMatchObject({ claimed: 1, succeeded: 1, remaining: 30, stopCause: 'empty' });
  });

  it('finds the job behind a crowd in one run', async () => {
    const q = queueOf(project);
    const key = { concurrency_key: q.queue };
    await q.add(key);
    await q.take('elsewhere');
    await q.add(...Array.from({ length: 9_000 }, () => key));
    await q.add({});
    const report = await workerOn(q.queue, async () => done).report;
    expect(report).toMatchObject({ claimed: 1, succeeded: 1, remaining: 9_000 });
  });

  it.each([
    ['near', 0, 2],
    ['far', 150, 4],
  ])('has several requests under way if there is plenty, %s', async (_, milliseconds, least) => {
    const q = queueOf(project);
    await q.add(...Array.from({ length: 6_000 }, () => ({})));
    project.setFaults(() => ({ kind: 'delay', milliseconds }));
    const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
    let underWay = 0;
    let most = 0;
    const counted = async <T>(call: Promise<T>): Promise<T> => {
      underWay += 1;
      most = Math.max(most, underWay);
      try {
        return await call;
      } finally {
        underWay -= 1;
      }
    };
    const ran: string[] = [];
    const report = await workerOn(
      q.queue,
      async ({ job }) => {
        ran.push(job.job_id);
        return done;
      },
      { maxJobs: 5_000 },
      {
        queue: {
          ...queue,
          claim: (...args) => counted(queue.claim(...args)),
          finish: (...args) => counted(queue.finish(...args)),
        },
      },
    ).report.finally(() => project.setFaults(undefined));
    expect(report).toMatchObject({ claimed: 5_000, succeeded: 5_000, remaining: 1_000 });
    expect(new Set(ran).size).toBe(5_000);
    expect(ran).toHaveLength(5_000);
    expect(most).toBeGreaterThanOrEqual(least);
    // A slow machine looks like a database far away.
    expect(most).toBeLessThanOrEqual(6);
  });

  it.each([
    ['little', 1, 100, 1_000],
    // Half a megabyte in one request, with what a job is beside its config.
    ['much', 50_000, 5, 10],
  ])('claims batches by the size of the jobs: %s to carry', async (_, bytes, least, most) => {
    const q = queueOf(project);
    for (let n = 0; n < 3; n += 1)
      await q.add(...Array.from({ length: 60 }, () => ({ config: { text: 'x'.repeat(bytes) } })));
    const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
    const limits: number[] = [];
    const report = await workerOn(
      q.queue,
      async () => done,
      {},
      {
        queue: {
          ...queue,
          finish: (instance, items, claim, patience) => {
            if (claim) limits.push(claim.limit);
            return queue.finish(instance, items, claim, patience);
          },
        },
      },
    ).report;
    expect(report.succeeded).toBe(180);
    expect(Math.max(...limits)).toBeGreaterThanOrEqual(least);
    expect(Math.max(...limits)).toBeLessThanOrEqual(most);
  });

  it('hands back jobs of a claim that is answered too late', async () => {
    const q = queueOf(project);
    await q.add(...Array.from({ length: 30 }, () => ({})));
    let claims = 0;
    project.setFaults(({ path }) => {
      if (!path.includes('cloud_jobs_')) return undefined;
      claims += 1;
      return claims > 1 ? { kind: 'delay', milliseconds: 1_500 } : undefined;
    });
    let ran = 0;
    try {
      const report = await workerOn(
        q.queue,
        async () => {
          ran += 1;
          return done;
        },
        { timeBudgetSeconds: 1 },
      ).report;
      expect(report).toMatchObject({ stopCause: 'time-budget', succeeded: 4, claimed: 30 });
    } finally {
      project.setFaults(undefined);
    }
    expect(ran).toBe(4);
    expect(
      await project.sql(
        `select status, current_retries, count(*)::integer from cloud_jobs where queue = $1 group by 1, 2 order by 1`,
        [q.queue],
      ),
    ).toEqual([
      { status: 'success', current_retries: 0, count: 4 },
      { status: 'waiting', current_retries: 0, count: 26 },
    ]);
  });

  it('starts nothing after its time budget', async () => {
    const q = queueOf(project);
    await q.add(...Array.from({ length: 30 }, () => ({})));
    let ran = 0;
    // Short ones first, so that the worker holds many ahead.
    const handler: Handler = async () => {
      ran += 1;
      if (ran === 8) await new Promise((resolve) => setTimeout(resolve, 1_300));
      return done;
    };
    const report = await workerOn(q.queue, handler, { concurrency: 1, timeBudgetSeconds: 1 }).report;
    expect(report.stopCause).toBe('time-budget');
    // Fewer on a machine that is slow at this moment.
    expect(report.succeeded).toBeLessThanOrEqual(8);
    expect(report.remaining).toBe(30 - report.succeeded);
  });

  it.each([
    ['half a lock', 8, 4_000],
    ['10 s of a long lock', 3600, 10_000],
  ])('hands back what waits behind a long job: %s', async (_, lockSeconds, patienceMs) => {
    const q = queueOf(project);
    await q.add(...Array.from({ length: 30 }, () => ({})));
    let ran = 0;
    let end = () => {};
    const long = new Promise<void>((resolve) => {
      end = resolve;
    });
    // The worker's clock is slow, so that jobs are short by it on any machine: it holds all 30. Then the clock jumps.
    let jump = 0;
    const now = () => performance.now() / 20 + jump;
    const handler: Handler = async () => {
      ran += 1;
      if (ran === 8) {
        jump = patienceMs + 100;
        await long;
      }
      return done;
    };
    const { report } = workerOn(
      q.queue,
      handler,
      { concurrency: 1, lockSeconds, timeBudgetSeconds: 3600 },
      { now },
    );
    await until(async () => ran === 8, 'the long job');
    await until(async () => (await q.claim('helper', 50)).jobs.length > 0, 'jobs for others');
    end();
    await report;
    const kinds = await project.sql(
      `select distinct failure_kind from cloud_job_executions e join cloud_jobs j using (job_id) where j.queue = $1 and failure_kind is not null`,
      [q.queue],
    );
    expect(kinds).toEqual([{ failure_kind: 'released' }]);
  });

  it('fails if the first call is refused', async () => {
    const q = queueOf(project);
    for (const [status, body] of [
      [404, ''],
      [404, '[]'],
      [200, '{}'],
      [200, 'null'],
    ] as const) {
      project.setFaults(() => ({
        kind: 'answer',
        status,
        body,
        headers: { 'content-type': 'application/json' },
      }));
      try {
        await expect(workerOn(q.queue, async () => done).report).rejects.toThrow(/not a reply of cloud-jobs/);
      } finally {
        project.setFaults(undefined);
      }
    }
    // Each of the answers is repeated for 5 s before it counts.
  }, 90_000);
});

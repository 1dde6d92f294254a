import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Handler, HandlerContext, HandlerOutcome } from '../../src/handlers/handler.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { JobOutput } from '../../src/worker/job-output.ts';
import type { WorkerDeps, WorkerOptions } from '../../src/worker/options.ts';
import { runWorker } from '../../src/worker/worker.ts';
import { queueOf, until } from '../sql/support.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

/** The worker by itself, in this process, on the real queue: each of its guards alone. */
let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const done: HandlerOutcome = { outcome: 'success', result: null };
/** Runs until it is told to stop; then fails, as a handler does that listens. */
const untilStopped: Handler = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

function workerOn(
  queue: string,
  custom: Handler,
  options: Partial<WorkerOptions> = {},
  deps: Partial<WorkerDeps> = {},
) {
  const stop = new AbortController();
  const warnings: string[] = [];
  const open = openQueue({ url: project.url, key: project.secretKey }, 'test');
  const report = runWorker(
    {
      instanceId: randomUUID(),
      queues: [queue],
      jobTypes: ['custom'],
      concurrency: 4,
      maxJobs: null,
      lockSeconds: 60,
      timeBudgetSeconds: 60,
      lingerSeconds: 0,
      runUrl: null,
      trigger: null,
      ...options,
    },
    {
      queue: open.queue,
      requests: open.requests,
      handlers: { custom, maintenance: custom, paper_fetch: custom },
      openOutput: () => new JobOutput('', SILENT),
      redact: (text) => text.replaceAll('hunter2', '***'),
      redactJson: (value) => JSON.parse(JSON.stringify(value).replaceAll('hunter2', '***')),
      secret: () => true,
      spill: async (id) => `/results/${id}.json`,
      warn: (message) => warnings.push(message),
      newId: () => randomUUID(),
      now: () => performance.now(),
      stop: stop.signal,
      ...deps,
    },
  );
  return { report, warnings, stop: () => stop.abort() };
}

const SILENT = { info() {}, warning() {}, error() {}, group() {}, redact: (text: string) => text };

/** A handler that tells when it has begun, and with what. */
function noted(handler: Handler) {
  const contexts: HandlerContext[] = [];
  const wrapped: Handler = (context) => {
    contexts.push(context);
    return handler(context);
  };
  return {
    handler: wrapped,
    contexts,
    begun: () => until(async () => contexts.length > 0, 'the handler to begin'),
  };
}

describe('the end of a job', () => {
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
  ])('%s is recorded', async (_, handler, state) => {
    const q = queueOf(project);
    const id = await q.addOne();
    await workerOn(q.queue, handler).report;
    expect(await q.job(id)).toMatchObject(state);
  });

  it('a result is kept whole: in its row up to 256 KiB, in a file beyond, and a file that cannot be kept is a failure', async () => {
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

  it('one that the database refuses does not keep the others from being recorded', async () => {
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

  it('a success counts, even where the job was cancelled or ran out of time meanwhile', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ timeout_seconds: 1 });
    const handler: Handler = ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(done)));
    await workerOn(q.queue, handler).report;
    expect((await q.job(id)).status).toBe('success');
  });
});

describe('locks', () => {
  it('of what runs, what waits behind it and what has ended are renewed: no other worker takes them', async () => {
    const q = queueOf(project);
    const ids = await q.add({}, {});
    // The second waits for the only slot for longer than its lock, unless that is renewed.
    const handler: Handler = async () => {
      await new Promise((resolve) => setTimeout(resolve, 2_500));
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

  it('a cancel reaches the handler, and the job is cancelled', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    const { handler, contexts, begun } = noted(untilStopped);
    const { report } = workerOn(q.queue, handler, { lockSeconds: 1 });
    await begun();
    await q.verb('cancel', id);
    expect((await report).executions).toMatchObject([{ outcome: 'cancelled' }]);
    expect(contexts[0]?.signal.reason).toMatchObject({ abortCause: 'cancelled' });
    expect(await q.job(id)).toMatchObject({ status: 'failed' });
  });

  it('one that is gone stops the handler, and nothing is recorded over the new owner', async () => {
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

  it('are taken for gone where the database cannot be reached for as long as they hold', async () => {
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

  it('a job that runs longer than its timeout is stopped', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ timeout_seconds: 1 });
    await workerOn(q.queue, untilStopped).report;
    expect((await q.executions(id))[0]).toMatchObject({ status: 'failed', failure_kind: 'timeout' });
  });
});

describe('the end of a run', () => {
  it('stopped by the runner: what runs is told and handed back, due now, without a retry', async () => {
    const q = queueOf(project);
    const ids = await q.add({}, {}, {});
    const { handler, contexts, begun } = noted(untilStopped);
    const { report, stop } = workerOn(q.queue, handler, { concurrency: 2 });
    await begun();
    stop();
    expect(await report).toMatchObject({ stopCause: 'signal', succeeded: 0, failed: 0 });
    expect(contexts[0]?.signal.reason).toMatchObject({ abortCause: 'shutdown' });
    for (const id of ids) {
      expect(await q.job(id)).toMatchObject({ status: 'waiting', current_retries: 0, locked_by: null });
      for (const one of await q.executions(id)) expect(one.failure_kind).toBe('released');
    }
    expect((await q.claim('next', 5)).jobs).toHaveLength(3);
  });

  it('stopped while a claim has been applied and its reply lost: the jobs that it holds are handed back', async () => {
    const q = queueOf(project);
    const [id] = await q.add({});
    let claims = 0;
    let stopped = false;
    project.setFaults(({ path }) => {
      if (!path.includes('cloud_jobs_') || stopped) return undefined;
      claims += 1;
      return { kind: 'lose-reply' };
    });
    try {
      const { report, stop } = workerOn(q.queue, async () => done);
      await until(
        async () => claims > 0 && (await q.job(id ?? '')).status === 'locked',
        'the claim to be applied',
      );
      stop();
      // Longer than a request under way is waited for, so that the worker gives it up.
      await new Promise((resolve) => setTimeout(resolve, 1_700));
      stopped = true;
      await report;
    } finally {
      project.setFaults(undefined);
    }
    expect(await q.job(id ?? '')).toMatchObject({ status: 'waiting', current_retries: 0 });
    expect(await q.executions(id ?? '')).toMatchObject([{ failure_kind: 'released' }]);
  });

  it('stopped by the runner: a handler that does not listen is not waited for, and its job is handed back', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    const { handler, begun } = noted(() => new Promise(() => {}));
    const { report, stop } = workerOn(q.queue, handler);
    await begun();
    const asked = performance.now();
    stop();
    await report;
    expect(performance.now() - asked).toBeLessThan(7_500);
    expect(await q.job(id)).toMatchObject({ status: 'waiting', current_retries: 0, locked_by: null });
  });

  it('stopped while the end of a job could not be recorded: it is recorded before the end', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    let finishes = 0;
    let stopped = false;
    project.setFaults(({ path }) => {
      if (!path.includes('cloud_jobs_finish') || stopped) return undefined;
      finishes += 1;
      return { kind: 'answer', status: 503, body: '{}' };
    });
    try {
      const { report, stop } = workerOn(q.queue, async () => done);
      await until(async () => finishes > 0, 'the end to be told');
      stop();
      await new Promise((resolve) => setTimeout(resolve, 1_700));
      stopped = true;
      expect(await report).toMatchObject({ succeeded: 1 });
    } finally {
      project.setFaults(undefined);
    }
    expect((await q.job(id)).status).toBe('success');
  });

  it.each([
    ['half a lock', 1, 1],
    // The worker's clock runs twenty times as fast, so that ten seconds of it are half a second.
    ['10 s of a long lock', 3600, 20],
  ])('hands back what waits behind a long job for %s, for others to run', async (_, lockSeconds, speed) => {
    const q = queueOf(project);
    await q.add(...Array.from({ length: 30 }, () => ({})));
    let ran = 0;
    let end = () => {};
    const long = new Promise<void>((resolve) => {
      end = resolve;
    });
    // Short ones first, so that the worker holds many ahead.
    const handler: Handler = async () => {
      ran += 1;
      if (ran === 8) await long;
      return done;
    };
    const { report } = workerOn(
      q.queue,
      handler,
      { concurrency: 1, lockSeconds, timeBudgetSeconds: 3600 },
      { now: () => performance.now() * speed },
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

  it('a server that is away for a moment is asked again', async () => {
    const q = queueOf(project);
    await q.addOne();
    let left = 2;
    project.setFaults(() =>
      left-- > 0 ? { kind: 'answer', status: 502, body: '<html>Bad gateway</html>' } : undefined,
    );
    try {
      expect(await workerOn(q.queue, async () => done).report).toMatchObject({ succeeded: 1 });
    } finally {
      project.setFaults(undefined);
    }
  });

  it('every second reply lost: each job runs once and is recorded once', async () => {
    const q = queueOf(project);
    const ids = await q.add(...Array.from({ length: 12 }, () => ({})));
    const { handler, contexts } = noted(async () => done);
    let requests = 0;
    project.setFaults(() => {
      requests += 1;
      return requests % 2 === 1 ? { kind: 'lose-reply' } : undefined;
    });
    try {
      expect(await workerOn(q.queue, handler).report).toMatchObject({
        succeeded: 12,
        claimed: 12,
        failed: 0,
      });
    } finally {
      project.setFaults(undefined);
    }
    expect(contexts).toHaveLength(12);
    expect(await Promise.all(ids.map(async (id) => (await q.job(id)).status))).toEqual(
      ids.map(() => 'success'),
    );
  });

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

  it('has two requests under way where there is plenty, claims no more in all than it may, and runs each job once', async () => {
    const q = queueOf(project);
    await q.add(...Array.from({ length: 1_600 }, () => ({})));
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
      { maxJobs: 1_300 },
      {
        queue: {
          ...queue,
          claim: (...args) => counted(queue.claim(...args)),
          finish: (...args) => counted(queue.finish(...args)),
        },
      },
    ).report;
    expect(report).toMatchObject({ claimed: 1_300, succeeded: 1_300, remaining: 300 });
    expect(new Set(ran).size).toBe(1_300);
    expect(ran).toHaveLength(1_300);
    expect(most).toBe(2);
  });

  it.each([
    ['little', 1, 100, 1_000],
    // Half a megabyte in one request, with what a job is beside its config.
    ['much', 50_000, 5, 10],
  ])(
    'asks for as many jobs as one request may carry: each with %s to carry',
    async (_, bytes, least, most) => {
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
    },
  );

  it('a claim that is answered when the run is over: its jobs are handed back', async () => {
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

  it('when its time is over it starts nothing more, and hands back what it had not started', async () => {
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

  it('hands back the jobs of a first claim whose reply was lost', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
    let calls = 0;
    let isWrong = true;
    project.setFaults(() => {
      calls += 1;
      if (calls === 1) return { kind: 'lose-reply' };
      return isWrong ? { kind: 'answer', status: 404, body: '[]' } : undefined;
    });
    const claim: typeof queue.claim = async (instance, request, patience) => {
      try {
        const short = { networkMs: 1_000, serverMs: 1_000, doubtMs: 1_000 };
        return await queue.claim(instance, request, { ...patience, ...short });
      } finally {
        isWrong = false;
      }
    };
    try {
      await expect(
        workerOn(q.queue, async () => done, {}, { queue: { ...queue, claim } }).report,
      ).rejects.toThrow(/not a reply of cloud-jobs/);
    } finally {
      project.setFaults(undefined);
    }
    expect(await q.job(id)).toMatchObject({ status: 'waiting', current_retries: 0, locked_by: null });
  });

  it('a first call that is refused is an error, not an empty queue', async () => {
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
  });
});

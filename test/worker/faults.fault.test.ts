import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Handler } from '../../src/handlers/handler.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { HostFault, type WorkerDeps, type WorkerOptions } from '../../src/worker/options.ts';
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

describe('a worker that is stopped', () => {
  it('hands everything back, due now, without a retry', async () => {
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

  it('by a fault of its process hands everything back, and says so', async () => {
    const q = queueOf(project);
    const ids = await q.add({}, {}, {});
    const { handler, begun } = noted(untilStopped);
    const host = new AbortController();
    const { report } = workerOn(q.queue, handler, { concurrency: 2 }, { stop: host.signal });
    await begun();
    host.abort(new HostFault('Something broke.', { cause: new Error('boom') }));
    expect(await report).toMatchObject({ stopCause: 'error', error: 'Something broke. Caused by: boom' });
    for (const id of ids) {
      expect(await q.job(id)).toMatchObject({ status: 'waiting', current_retries: 0, locked_by: null });
    }
  });

  it('hands back the jobs of a claim whose reply was lost', async () => {
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

  it('does not wait for a handler that ignores it', async () => {
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

  it('records an end that could not be recorded before', async () => {
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
      await until(async () => finishes > 0, 'the end to be reported');
      stop();
      await new Promise((resolve) => setTimeout(resolve, 1_700));
      stopped = true;
      expect(await report).toMatchObject({ succeeded: 1 });
    } finally {
      project.setFaults(undefined);
    }
    expect((await q.job(id)).status).toBe('success');
  });
});

describe('a worker whose replies fail', () => {
  it('repeats a call while the server is away', async () => {
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

  it('runs and records each job once if half the replies are lost', async () => {
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
});

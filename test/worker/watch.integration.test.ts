import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Handler } from '../../src/handlers/handler.ts';
import { serveHealth } from '../../src/hosts/health.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { queueOf, until } from '../sql/support.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { done, noted, startWorker, untilStopped } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

describe('a worker that stays', () => {
  it('starts a job within 2 s of its being due, with few requests', async () => {
    const q = queueOf(project);
    const late: number[] = [];
    const handler: Handler = async ({ job }) => {
      late.push(Date.now() - Date.parse(job.run_at));
      return done;
    };
    const open = openQueue({ url: project.url, key: project.secretKey }, 'test');
    const deps = { queue: open.queue, requests: open.requests };
    const { report, stop } = startWorker(project, q.queue, handler, { watch: true }, deps);
    await until(async () => open.requests() >= 4, 'the pauses to grow');
    await q.add({ delay_seconds: 4 }, { delay_seconds: 8, priority: 50 });
    // The worker learns of new jobs with its next request, and from then on when they are due.
    await until(async () => late.length === 2, 'both jobs');
    stop();
    expect(await report).toMatchObject({ succeeded: 2, stopCause: 'signal' });
    for (const ms of late) expect(ms).toBeLessThan(2_000);
    expect(open.requests()).toBeLessThan(30);
  });

  it('outlasts a fault that would end another run', async () => {
    const q = queueOf(project);
    const { handler, contexts } = noted(async () => done);
    const { report, stop } = startWorker(project, q.queue, handler, { watch: true, lockSeconds: 1 });
    await q.addOne();
    await until(async () => contexts.length === 1, 'the first job');
    project.setFaults(() => ({ kind: 'cut' }));
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    project.setFaults(undefined);
    await q.addOne();
    await until(async () => contexts.length === 2, 'the second job');
    stop();
    expect(await report).toMatchObject({ succeeded: 2, stopCause: 'signal' });
  });

  it('hands back what runs when it is stopped', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    const { handler, begun } = noted(untilStopped);
    const { report, stop } = startWorker(project, q.queue, handler, { watch: true });
    await begun();
    stop();
    expect(await report).toMatchObject({ stopCause: 'signal' });
    expect(await q.job(id)).toMatchObject({ status: 'waiting', current_retries: 0, locked_by: null });
  });
});

describe('its health', () => {
  it('is bad once the worker has not turned for a minute', async () => {
    let now = 0;
    await using health = await serveHealth(0, { now: () => now });
    const ask = async (path = '/healthz') => (await fetch(`http://127.0.0.1:${health.port}${path}`)).status;
    expect(await ask()).toBe(200);
    now = 61_000;
    expect(await ask()).toBe(503);
    health.onTurn();
    expect(await ask()).toBe(200);
    expect(await ask('/')).toBe(404);
  });
});

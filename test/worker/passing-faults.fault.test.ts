import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Fault } from '../../local-supabase/faults.ts';
import type { Handler } from '../../src/handlers/handler.ts';
import { queueOf, until } from '../sql/support.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { done, startWorker } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const JOBS = 20;
const FAULT_MS = 3_000;

const answer = (status: number, body: unknown): Fault => ({
  kind: 'answer',
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

const FAULTS: readonly (readonly [name: string, fault: Fault])[] = [
  ['a clock that is behind', answer(401, { code: 'PGRST303', message: 'JWT issued at future' })],
  ['a key that is not accepted', answer(401, { message: 'Invalid API key' })],
  ['a key without rights', answer(403, { code: '42501', message: 'permission denied for function' })],
  [
    'a read-only database',
    answer(405, { code: '25006', message: 'cannot execute INSERT in a read-only transaction' }),
  ],
  ['a schema cache that is old', answer(404, { code: 'PGRST202', message: 'Could not find the function' })],
  ['a page with status 200', answer(200, '<html>maintenance</html>')],
  ['JSON that is cut off', answer(200, '{"v":1,"finished":[')],
  ['a reply in another shape', answer(200, { v: 1 })],
  ['an empty 404', answer(404, '')],
  ['a gateway', answer(502, '<html>Bad gateway</html>')],
  ['an error of Cloudflare', answer(522, 'error code: 522')],
  [
    'a statement timeout',
    answer(500, { code: '57014', message: 'canceling statement due to statement timeout' }),
  ],
  ['a redirect', { kind: 'answer', status: 302, headers: { location: 'https://status.example/' } }],
  ['a cut connection', { kind: 'cut' }],
  ['lost replies', { kind: 'lose-reply' }],
];

describe('a fault of 3 s', () => {
  it.each(FAULTS)('while 20 ended jobs wait to be recorded: %s', async (_, fault) => {
    const q = queueOf(project);
    const ids = await q.add(...Array.from({ length: JOBS }, () => ({})));
    let begun = 0;
    const gate = Promise.withResolvers<void>();
    const handler: Handler = async () => {
      begun += 1;
      await gate.promise;
      return done;
    };
    const { report, warnings } = startWorker(project, q.queue, handler, { concurrency: JOBS });
    await until(async () => begun === JOBS, 'all handlers to begin');
    project.setFaults(() => fault);
    gate.resolve();
    setTimeout(() => project.setFaults(undefined), FAULT_MS);
    expect(await report).toMatchObject({ succeeded: JOBS, failed: 0, error: null, stopCause: 'empty' });
    expect(warnings).toEqual([]);
    for (const id of ids) {
      expect(await q.job(id)).toMatchObject({ status: 'success', current_retries: 0 });
      expect(await q.executions(id)).toMatchObject([{ status: 'success', failure_kind: null }]);
    }
  });

  // One that surely passes, and one that mostly means a wrong schema: the worker asks for the version.
  const FIRST = ['a clock that is behind', 'a schema cache that is old'];
  it.each(FAULTS.filter(([name]) => FIRST.includes(name)))('at the first claim: %s', async (_, fault) => {
    const q = queueOf(project);
    await q.addOne();
    project.setFaults(() => fault);
    setTimeout(() => project.setFaults(undefined), FAULT_MS);
    expect(await startWorker(project, q.queue, async () => done).report).toMatchObject({ succeeded: 1 });
  });
});

describe('one wrong answer', () => {
  it.each(FAULTS)('at the first claim ends no run: %s', async (_, fault) => {
    const q = queueOf(project);
    await q.addOne();
    let calls = 0;
    project.setFaults(() => {
      calls += 1;
      return calls === 1 ? fault : undefined;
    });
    try {
      const report = await startWorker(project, q.queue, async () => done).report;
      expect(report).toMatchObject({ succeeded: 1, failed: 0 });
    } finally {
      project.setFaults(undefined);
    }
  });
});

describe('a fault of 40 s', () => {
  /** The worker's time passes that much faster. The time of the database and of one request does not. */
  const SPEED = 20;
  const FOR_40_S = 40_000 / SPEED;
  beforeEach(() => {
    const { setTimeout: later, performance: clock } = globalThis;
    const now = clock.now.bind(clock);
    const began = now();
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms = 0, ...args: []) =>
      later(run, ms / SPEED, ...args)) as typeof setTimeout);
    vi.spyOn(clock, 'now').mockImplementation(() => began + (now() - began) * SPEED);
    laterReal = later;
  });
  afterEach(() => vi.restoreAllMocks());
  let laterReal: typeof setTimeout;

  const faultNamed = (name: string): Fault => FAULTS.find(([one]) => one === name)?.[1] ?? { kind: 'cut' };
  const pass = (fault: Fault) => {
    project.setFaults(() => fault);
    laterReal(() => project.setFaults(undefined), FOR_40_S);
  };

  it.each(['a clock that is behind', 'a read-only database', 'a gateway', 'a statement timeout'])(
    'at the first claim is waited for: %s',
    async (name) => {
      const q = queueOf(project);
      await q.addOne();
      pass(faultNamed(name));
      expect(await startWorker(project, q.queue, async () => done).report).toMatchObject({ succeeded: 1 });
    },
  );

  it.each([
    'a clock that is behind',
    'a key that is not accepted',
    'a schema cache that is old',
    'a cut connection',
  ])('outlasts short locks before the last end is recorded: %s', async (name) => {
    const q = queueOf(project);
    const id = await q.addOne();
    const handler: Handler = async () => {
      pass(faultNamed(name));
      return done;
    };
    const report = await startWorker(project, q.queue, handler, { lockSeconds: 20 }).report;
    expect(report).toMatchObject({ succeeded: 1, error: null, stopCause: 'empty' });
    expect(await q.executions(id)).toMatchObject([{ status: 'success' }]);
  });

  it.each([
    ['a clock that is behind', /issued in the future.*servers disagree about the time/],
    ['a key that is not accepted', /Copy the secret key again/],
  ])('that stays ends the run with its own cause: %s', async (name, message) => {
    project.setFaults(() => faultNamed(name));
    try {
      const run = startWorker(project, queueOf(project).queue, async () => done).report;
      await expect(run).rejects.toThrow(message);
    } finally {
      project.setFaults(undefined);
    }
  });
});

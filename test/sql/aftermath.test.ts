import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aftermathReply } from '../../src/queue/step-replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { asPostgresAlone, roleToken } from './other-roles.ts';
import { call, queueOf, WORKER_ROLE } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const aftermath = async (ids: readonly string[], key?: string) =>
  aftermathReply.parse(await call(project, 'cloud_jobs_aftermath', { job_ids_param: ids }, key));

describe('cloud_jobs_aftermath', () => {
  it('lists the jobs that start or were cancelled, and none that still waits', async () => {
    const q = queueOf(project);
    const [a, b, c, d, e] = await q.add(
      { ref: 'a', max_retries: 0 },
      { ref: 'b' },
      { name: 'after a', depends_on: ['a'] },
      { name: 'after b', ref: 'd', depends_on: ['b'] },
      { name: 'after both', depends_on: ['b', 'd'] },
    );
    const { jobs } = await q.claim('w', 2);
    await q.finish('w', [
      { execution_id: jobs[0]?.execution_id, outcome: 'failure', error: 'no' },
      { execution_id: jobs[1]?.execution_id, outcome: 'success' },
    ]);
    expect(await aftermath([a ?? '', b ?? ''])).toMatchObject({
      released: [
        { job_id: c, name: 'after a', status: 'failed', parent_id: a, spawned: false },
        { job_id: d, name: 'after b', status: 'waiting', parent_id: b },
      ],
      released_count: 2,
      approvals: [],
    });
    expect((await q.job(e ?? '')).blocked).toBeNull();
  });

  it('counts all of many, and names 50', async () => {
    const q = queueOf(project);
    const [parent = ''] = await q.add(
      { ref: 'p' },
      ...Array.from({ length: 60 }, () => ({ depends_on: ['p'] })),
    );
    const job = await q.take('w');
    await q.end('w', job.execution_id, 'success');
    const { released, released_count: count } = await aftermath([parent]);
    expect([released.length, count]).toEqual([50, 60]);
  });

  it('lists the decisions that are waited for, until they are made', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ name: 'Order' });
    const job = await q.take('w');
    await call(project, 'cloud_jobs_wait', {
      instance_id_param: 'w',
      job_id_param: id,
      execution_id_param: job.execution_id,
      name_param: 'approval',
      kind_param: 'event',
      seconds_param: 3600,
      details_param: { title: 'Ship it?', details: 'by air' },
    });
    await q.end('w', job.execution_id, 'release', { delay_seconds: 3600 });
    expect(await aftermath([id])).toMatchObject({
      approvals: [{ job_id: id, name: 'Order', step: 'approval', title: 'Ship it?', details: 'by air' }],
    });
    await q.verb('cancel', id);
    expect(await aftermath([id])).toMatchObject({ approvals: [] });
  });

  it('shows a key nothing of a queue that is not its own', async () => {
    await asPostgresAlone(project, WORKER_ROLE);
    await project.reloadSchema();
    const [mine, other] = [queueOf(project), queueOf(project)];
    const [parent = ''] = await mine.add(
      { ref: 'p' },
      { depends_on: ['p'], queue: other.queue },
      { depends_on: ['p'] },
    );
    const job = await mine.take('w');
    await mine.end('w', job.execution_id, 'success');
    const key = roleToken(project, 'cloud_jobs_worker', { cloud_jobs_queues: [mine.queue] });
    expect((await aftermath([parent], key)).released_count).toBe(1);
    expect((await aftermath([parent])).released_count).toBe(2);
  });
});

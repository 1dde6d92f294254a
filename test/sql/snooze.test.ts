import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const newQueue = () => queueOf(project);
type Queue = ReturnType<typeof newQueue>;

async function end(q: Queue, id: string, outcome: string, more: object = {}) {
  await q.due(id);
  return q.end('w', (await q.take('w')).execution_id, outcome, { error: `by ${outcome}`, ...more });
}
const counted = (id: string, snoozes: number, since = 'now()') =>
  project.sql(`update cloud_jobs set snoozes = $2, snoozed_since = ${since} where job_id = $1`, [
    id,
    snoozes,
  ]);

describe('snoozes in a row', () => {
  it('are counted from the first, and start anew after another outcome', async () => {
    for (const outcome of ['success', 'failure', 'discard']) {
      const q = newQueue();
      const id = await q.addOne();
      expect(await q.job(id)).toMatchObject({ snoozes: 0, snoozed_since: null });
      await end(q, id, 'snooze');
      const first = await q.job(id);
      expect(first).toMatchObject({ snoozes: 1, snoozed_since: expect.any(Date) });
      await end(q, id, 'snooze');
      await end(q, id, 'release');
      expect(await q.job(id)).toMatchObject({ snoozes: 2, snoozed_since: first.snoozed_since });
      await end(q, id, outcome);
      expect(await q.job(id)).toMatchObject({ snoozes: 0, snoozed_since: null });
    }
  });

  it('survive the death of a worker, which says nothing about them', async () => {
    const q = newQueue();
    const id = await q.addOne();
    await end(q, id, 'snooze');
    await q.due(id);
    await q.take('w');
    await q.expire(id);
    await q.reap();
    expect(await q.job(id)).toMatchObject({ status: 'waiting', snoozes: 1 });
  });

  it('are a failure that says so after 1,000 of them', async () => {
    const q = newQueue();
    const id = await q.addOne({ max_retries: 1 });
    await counted(id, 999);
    expect(await end(q, id, 'snooze')).toMatchObject({ status: 'waiting', failure_kind: 'snoozed' });
    expect(await end(q, id, 'snooze', { delay_seconds: 86_400 })).toMatchObject({
      status: 'waiting',
      failure_kind: 'error',
    });
    const job = await q.job(id);
    expect(job).toMatchObject({
      current_retries: 1,
      error_message: 'It was snoozed 1000 times in a row, which is the limit. Its last reason: by snooze',
    });
    // It waits as after any failure, not as long as the snooze asked for.
    expect(job.due_in).toBeLessThan(60);
    expect(await end(q, id, 'snooze')).toMatchObject({ status: 'failed', failure_kind: 'error' });
    expect(await q.job(id)).toMatchObject({ status: 'failed', finished: true });
  });

  it('are a failure that says so after 30 days of them', async () => {
    const q = newQueue();
    const id = await q.addOne({ max_retries: 0 });
    await counted(id, 3, "now() - interval '29 days'");
    expect(await end(q, id, 'snooze')).toMatchObject({ failure_kind: 'snoozed' });
    await counted(id, 3, "'2026-01-02T03:04:00Z'");
    expect(await end(q, id, 'snooze', { error: null })).toMatchObject({ status: 'failed' });
    expect(await q.job(id)).toMatchObject({
      error_message: 'It has been snoozed since 2026-01-02 03:04 UTC, and 30 days is the limit.',
    });
  });

  it('do not end a schedule: the next occurrence starts anew', async () => {
    const q = newQueue();
    const id = await q.addOne({ schedule: '0 6 * * *', run_at: '2026-01-01T06:00:00Z', max_retries: 0 });
    await counted(id, 1000);
    expect(await end(q, id, 'snooze')).toMatchObject({ status: 'waiting', failure_kind: 'error' });
    expect(await q.job(id)).toMatchObject({ occurrence: 2, snoozes: 0, snoozed_since: null });
  });

  it('start anew when the schedule is changed', async () => {
    const q = newQueue();
    const id = await q.addOne({ schedule: '0 6 * * *', run_at: '2026-01-01T06:00:00Z' });
    await end(q, id, 'snooze');
    await project.sql(`update cloud_jobs set schedule = '0 7 * * *' where job_id = $1`, [id]);
    expect(await q.job(id)).toMatchObject({ occurrence: 2, snoozes: 0, snoozed_since: null });
  });

  it('start anew when the job is run again', async () => {
    const q = newQueue();
    const id = await q.addOne({ max_retries: 0 });
    await counted(id, 1000);
    await end(q, id, 'snooze');
    await q.verb('retry', id);
    expect(await q.job(id)).toMatchObject({ status: 'waiting', snoozes: 0, snoozed_since: null });
  });

  it('of a day are named by doctor, and counted by stats and show', async () => {
    const q = newQueue();
    const [long, short] = await q.add({ name: 'long' }, { name: 'short' });
    await end(q, long ?? '', 'snooze');
    await counted(long ?? '', 7, "now() - interval '25 hours'");
    await end(q, short ?? '', 'snooze');
    const doctor = (await call(project, 'cloud_jobs_doctor')) as { snoozed_for_a_day: unknown[] };
    expect(doctor.snoozed_for_a_day).toContainEqual(
      expect.objectContaining({ job_id: long, name: 'long', queue: q.queue, snoozes: 7 }),
    );
    expect(doctor.snoozed_for_a_day).not.toContainEqual(expect.objectContaining({ job_id: short }));
    const stats = (await call(project, 'cloud_jobs_stats', { queue_param: q.queue })) as {
      snoozed: { jobs: number; longest_seconds: number };
    };
    expect(stats.snoozed.jobs).toBe(2);
    expect(stats.snoozed.longest_seconds).toBeGreaterThan(25 * 3600 - 60);
    expect(await call(project, 'cloud_jobs_show', { job_id_param: long })).toMatchObject({
      job: { snoozes: 7, snoozed_since: expect.any(String) },
    });
  });
});

describe('the reason of a failure', () => {
  it('is kept through snoozes and releases until the job succeeds', async () => {
    const q = newQueue();
    const id = await q.addOne();
    await end(q, id, 'failure', { error: 'the disk is full' });
    for (const outcome of ['snooze', 'release', 'snooze']) {
      await end(q, id, outcome);
      expect(await q.job(id), outcome).toMatchObject({ error_message: 'the disk is full' });
    }
    await end(q, id, 'failure', { error: 'no network' });
    expect(await q.job(id)).toMatchObject({ error_message: 'no network' });
    await end(q, id, 'success');
    expect(await q.job(id)).toMatchObject({ status: 'success', error_message: null });
  });

  it('does not appear where there was none: a snooze is no failure', async () => {
    const q = newQueue();
    const id = await q.addOne();
    await end(q, id, 'snooze');
    await end(q, id, 'release');
    expect(await q.job(id)).toMatchObject({ error_message: null });
    expect((await q.executions(id)).map((one) => one.error_message)).toEqual(['by snooze', 'by release']);
  });
});

it('stats does not count snoozes and releases as failures', async () => {
  const q = newQueue();
  const id = await q.addOne();
  for (const outcome of ['snooze', 'release', 'release', 'failure', 'success']) await end(q, id, outcome);
  expect(await call(project, 'cloud_jobs_stats', { queue_param: q.queue })).toMatchObject({
    executions_24h: {
      success: 1,
      failed: 1,
      failure_kinds: { error: 1 },
      put_off: { snoozed: 1, released: 2 },
    },
  });
});

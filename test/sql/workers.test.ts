import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ClockProject, startClockProject } from '../support/clock.ts';

let project: ClockProject;
beforeAll(async () => {
  project = await startClockProject();
});
afterAll(() => project.stop());

const START = Date.parse('2026-11-02T00:03:00Z');
const MINUTE = 60_000;

interface Seen {
  readonly last_seen_at: string | null;
  readonly ticks: readonly string[];
}

async function claim(instance: string, run: string | null, trigger: string | null, queues = ['default']) {
  const [row] = await project.sql<{ reply: { worker: Seen | null; jobs: unknown[] } }>(
    'select cloud_jobs_claim($1, 1, $2, run_url_param => $3, trigger_param => $4) as reply',
    [instance, queues, run && `https://github.com/octo/consumer/actions/runs/${run}/attempts/1`, trigger],
  );
  if (!row) throw new Error('no reply');
  return row.reply;
}

it('a claim records its worker, and gives a new one the latest arrivals', async () => {
  const tick = 'schedule */5 * * * *';
  await project.setClock(START);
  expect((await claim('a', '1', tick)).worker).toEqual({
    now: expect.any(String),
    last_seen_at: null,
    ticks: [expect.stringMatching('00:03:00')],
  });
  expect((await claim('a', '1', tick)).worker).toBeNull();
  await project.setClock(START + 40 * MINUTE);
  // Two workers of one run are one tick; another repository, another schedule and people are none of it.
  await claim('b', '2', tick);
  const second = (await claim('b2', '2', tick)).worker;
  expect(second?.ticks.map((at) => Date.parse(at))).toEqual([START + 40 * MINUTE, START]);
  await claim('c', '3', 'workflow_dispatch');
  await claim('d', '4', 'schedule 17 * * * *');
  await claim('e', null, null);
  const [state] = await project.sql<{ state: { schedules: unknown[] } }>(
    'select cloud_jobs_workers_state() as state',
  );
  expect(state?.state.schedules).toEqual([
    { repository: 'octo/consumer', schedule: '*/5 * * * *', ticks: [expect.any(String), expect.any(String)] },
    { repository: 'octo/consumer', schedule: '17 * * * *', ticks: [expect.any(String)] },
  ]);
  expect((await claim('f', null, null, ['other'])).worker?.last_seen_at).toBeNull();
});

it('writes for a running worker at most every 30 s, and on its first job', async () => {
  const versions = async () =>
    (
      await project.sql<{ x: string }>(
        `select xmin::text as x from cloud_job_workers where instance_id = 'w'`,
      )
    )[0]?.x;
  await project.setClock(START);
  await claim('w', null, null);
  const first = await versions();
  await project.setClock(START + 29_000);
  await claim('w', null, null);
  expect(await versions()).toBe(first);
  await project.sql(`select cloud_jobs_create('j', 'custom')`);
  expect((await claim('w', null, null)).jobs).toHaveLength(1);
  expect(await versions()).not.toBe(first);
  const [row] = await project.sql(`select claimed_at from cloud_job_workers where instance_id = 'w'`);
  expect(row?.claimed_at).toEqual(new Date(START + 29_000));
});

it('keeps the newest 300', async () => {
  await project.sql(`insert into cloud_job_workers (instance_id, queues, seen_at)
    select 'old-' || n, '{x}', clock.now() - make_interval(days => 1, secs => n) from generate_series(1, 310) n`);
  await claim('new', null, null);
  await claim('newer', null, null);
  const [row] = await project.sql(
    `select count(*)::int as n, bool_or(instance_id = 'newer') as there from cloud_job_workers`,
  );
  expect(row).toEqual({ n: 300, there: true });
});

it('the backlog counts what can run at a time, dead workers’ jobs too', async () => {
  await project.sql('truncate cloud_jobs cascade');
  await project.sql(`
    insert into cloud_jobs (name, job_type, queue, run_at, concurrency_key, status, lock_expires_at)
    select 'n', 'custom', q, clock.now() + late, key, status, clock.now() + lock
    from (values
      ('a', interval '-1 s', null, 'waiting', null), ('a', '-1 s', 'k', 'waiting', null), ('a', '-1 s', 'k', 'waiting', null),
      ('a', '1 s', null, 'waiting', null), ('a', '-1 s', null, 'locked', '-1 s'::interval), ('a', '-1 s', null, 'locked', '1 s'),
      ('b', '-1 s', null, 'success', null)) v (q, late, key, status, lock)`);
  const [row] = await project.sql<{ reply: { queues: unknown } }>(
    `select cloud_jobs_backlog('{b,a,b}') as reply`,
  );
  expect(row?.reply.queues).toEqual([
    { queue: 'b', due: 0, side_by_side: 0 },
    { queue: 'a', due: 4, side_by_side: 3 },
  ]);
});

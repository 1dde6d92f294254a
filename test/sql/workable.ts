import { expect } from 'vitest';
import { openQueue } from '../../src/queue/open-queue.ts';
import type { TestProject } from '../support/stack.ts';
import { queueOf, STRANDED } from './support.ts';

/** What holds of every row that gets into cloud_jobs, whatever it holds and however it came. */

const TYPES = ['custom', 'maintenance', 'paper_fetch'];

/** Every way to look at jobs answers, in a form that the client can read. */
export async function expectReadable(on: TestProject): Promise<void> {
  const { queue } = openQueue({ url: on.url, key: on.serviceKey }, 'test');
  const rows = await on.sql<{ job_id: string; queue: string }>('select job_id, queue from cloud_jobs');
  const queues = [...new Set(rows.map((row) => row.queue))];
  await queue.stats();
  await queue.doctor();
  await queue.unattended();
  await queue.metrics();
  await queue.overview(24);
  await queue.queues();
  await queue.peek(queues, TYPES, 100);
  await queue.backlog(queues, TYPES, null);
  const listed: string[] = [];
  for (let before: string | undefined, more = true; more; ) {
    const page = await queue.search({}, 7, before);
    listed.push(...page.jobs.map((job) => job.job_id));
    more = page.next !== null;
    before = page.next ?? undefined;
  }
  expect(listed.toSorted()).toEqual(rows.map((row) => row.job_id).toSorted());
  const { by_status } = await queue.count({});
  const counted = Object.values(by_status).reduce((sum, { count }) => sum + count, 0);
  expect(counted).toBe(rows.length);
  for (const { job_id } of rows) {
    expect((await queue.search({ job_ids: [job_id] }, 2)).jobs).toHaveLength(1);
    expect(await queue.show(job_id)).toMatchObject({ job: { job_id } });
  }
}

/** Every job can be put back, claimed and ended in each way: its attempts fail, snooze, get lost and then succeed. */
export async function expectWorkable(on: TestProject): Promise<void> {
  const { queue } = openQueue({ url: on.url, key: on.serviceKey }, 'test');
  const rows = await on.sql<{ job_id: string; queue: string; status: string }>(
    'select job_id, queue, status from cloud_jobs',
  );
  const endless = `select job_id from cloud_jobs where lock_expires_at > now() + interval '367 days'
    or status = 'locked' and lock_expires_at is null`;
  expect(await on.sql(endless)).toEqual([]);
  await on.sql(`update cloud_jobs set lock_expires_at = now() - interval '1 s'`);
  await queue.releaseExpiredLocks();
  for (const { job_id, status } of rows) {
    if (status === 'disabled') await queue.verb('enable', job_id);
  }
  for (const { job_id } of rows) await queue.verb('retry', job_id);
  const ends = ['failure', 'snooze', 'lost', 'success', 'success', 'success', 'success', 'success'] as const;
  const seen = new Set<string>();
  for (const name of new Set(rows.map((row) => row.queue))) {
    const q = queueOf(on, name);
    for (const [round, outcome] of ends.entries()) {
      await on.sql(
        `update cloud_jobs set run_at = now() - interval '1 s' where status = 'waiting' and (schedule is null or $1)`,
        [round === 0],
      );
      for (let more = true; more; ) {
        const claim = await q.claim(`w${round}`, 100);
        for (const job of claim.jobs) seen.add(job.job_id);
        if (outcome === 'lost') {
          await q.expire(...claim.jobs.map((job) => job.job_id));
          await q.reap();
        } else {
          const items = claim.jobs.map(({ execution_id }) => ({
            execution_id,
            outcome,
            delay_seconds: 3600,
          }));
          const { finished } = await q.finish(`w${round}`, items);
          expect(finished.filter(({ applied }) => !applied)).toEqual([]);
        }
        more = claim.more && claim.jobs.length > 0 && outcome !== 'lost';
      }
    }
  }
  const left = await on.sql<{ job_id: string; status: string; schedule: string | null }>(
    `select job_id, status, schedule, error_message from cloud_jobs`,
  );
  // One that expired, or may no longer be run again beside another with its unique key, has ended as well.
  expect(left.filter((row) => row.schedule === null && !['success', 'failed'].includes(row.status))).toEqual(
    [],
  );
  expect(left.filter((row) => row.schedule !== null && row.status === 'locked')).toEqual([]);
  expect(await on.sql(STRANDED)).toEqual([]);
  const never = left.filter(
    (row) => !seen.has(row.job_id) && row.schedule === null && row.status === 'waiting',
  );
  expect(never).toEqual([]);
}

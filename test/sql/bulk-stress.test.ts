import { afterAll, beforeAll, expect, it } from 'vitest';
import { bulkReply } from '../../src/queue/control-replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, onConnections, STRANDED } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const JOBS = 200_000;
const BATCH = 1_000;

it('a bulk action on 200,000 jobs leaves each cancelled or done, beside workers that claim them', {
  timeout: 300_000,
}, async () => {
  await project.sql(
    `insert into cloud_jobs (name, job_type, queue, concurrency_key)
     select 'j', 'custom', 'crowd', case when n % 1000 = 0 then 'k' || n % 7000 end from generate_series(1, $1) n`,
    [JOBS],
  );
  await project.sql('analyze cloud_jobs');
  let isDone = false;
  let finished = 0;
  let cancelled = 0;
  await onConnections(project.adminUrl, 2, async (clients) => {
    const workers = clients.map(async (client, index) => {
      const worker = `w${index}`;
      while (!isDone) {
        const { rows } = await client.query('select cloud_jobs_claim($1, 10, $2) as reply', [
          worker,
          ['crowd'],
        ]);
        const items = rows[0].reply.jobs.map((job: { execution_id: string }) => ({
          execution_id: job.execution_id,
          outcome: 'success',
        }));
        await client.query('select cloud_jobs_finish($1, $2)', [worker, JSON.stringify(items)]);
        finished += items.length;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
    const bulk = async () => {
      let before: string | null = null;
      do {
        const reply = bulkReply.parse(
          await call(project, 'cloud_jobs_bulk', {
            action_param: 'cancel',
            filter_param: { queue: 'crowd', status: 'waiting' },
            dry_run_param: false,
            limit_param: BATCH,
            before_param: before,
          }),
        );
        cancelled += reply.changed;
        before = reply.next;
      } while (before !== null);
      isDone = true;
    };
    await Promise.all([bulk().finally(() => (isDone = true)), ...workers]);
  });
  const counts = await project.sql<{ status: string; n: number }>(
    `select status, count(*)::int as n from cloud_jobs group by 1 order by 1`,
  );
  const count = (status: string): number => counts.find((one) => one.status === status)?.n ?? 0;
  expect(finished).toBeGreaterThan(0);
  expect(count('success')).toBe(finished);
  expect(count('failed')).toBe(JOBS - finished);
  expect(cancelled).toBe(JOBS - finished);
  expect(await project.sql(STRANDED)).toEqual([]);
});

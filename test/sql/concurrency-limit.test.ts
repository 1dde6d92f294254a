import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backlogReply } from '../../src/queue/replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, onConnections, queueOf, STRANDED } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

/** A queue, and jobs of one key that may run several at a time. */
function limited(limit: number) {
  const q = queueOf(project);
  const item = { concurrency_key: `k-${q.queue}`, concurrency_limit: limit };
  return { q, item, add: (count: number) => q.add(...Array.from({ length: count }, () => item)) };
}

describe('a concurrency limit above one', () => {
  it('lets that many jobs of the key run, and one more when one ends', async () => {
    const { q, add } = limited(3);
    const ids = await add(6);
    const first = (await q.claim('w', 10)).jobs;
    expect(first.map((job) => job.job_id)).toEqual(ids.slice(0, 3));
    expect(await q.claim('v', 10)).toMatchObject({ jobs: [], more: false, behind: true });
    await q.end('w', first[1]?.execution_id ?? '', 'success');
    expect((await q.claim('v', 10)).jobs.map((job) => job.job_id)).toEqual([ids[3]]);
  });

  it('leaves free places to other workers, however few jobs a claim takes', async () => {
    const { q, add } = limited(3);
    await add(5);
    for (const worker of ['a', 'b', 'c']) expect((await q.claim(worker, 1)).jobs).toHaveLength(1);
    expect((await q.claim('d', 1)).jobs).toEqual([]);
  });

  it('is filled again after a batch of jobs has ended at once', async () => {
    const { q, add } = limited(4);
    await add(12);
    const first = (await q.claim('w', 10)).jobs;
    await q.claim('v', 10);
    const { claim } = await q.finish(
      'w',
      first.map((job) => ({ execution_id: job.execution_id, outcome: 'success' })),
      { limit: 10 },
    );
    expect(claim?.jobs).toHaveLength(4);
  });

  it('counts over queues, and a job with a smaller limit waits longer', async () => {
    const { q, item, add } = limited(2);
    const other = queueOf(project);
    await add(1);
    const strict = await other.addOne({ ...item, concurrency_limit: 1 });
    const loose = await other.addOne(item);
    const held = await q.take('w');
    expect((await other.claim('v', 5)).jobs.map((job) => job.job_id)).toEqual([loose]);
    await q.end('w', held.execution_id, 'success');
    expect((await other.claim('v', 5)).jobs).toEqual([]);
    const [last] = await project.sql<{ id: string }>(
      'select locked_execution_id as id from cloud_jobs where job_id = $1',
      [loose],
    );
    await other.end('v', last?.id ?? '', 'success');
    expect((await other.take('v')).job_id).toBe(strict);
  });

  it('is held by the table itself against plain writes', async () => {
    const { q, add } = limited(2);
    const ids = await add(3);
    await q.claim('w', 2);
    await expect(
      project.sql(`update cloud_jobs set status = 'locked', blocked = false where job_id = $1`, [ids[2]]),
    ).rejects.toMatchObject({ code: '23505', constraint: 'cloud_jobs_concurrency_key' });
  });

  it('that is raised frees the jobs that waited', async () => {
    const { q, add } = limited(1);
    await add(4);
    expect((await q.claim('w', 10)).jobs).toHaveLength(1);
    await project.sql('update cloud_jobs set concurrency_limit = 3 where queue = $1', [q.queue]);
    expect((await q.claim('w', 10)).jobs).toHaveLength(2);
  });

  it('is what a plan counts on', async () => {
    const { q, add } = limited(3);
    await add(9);
    const reply = backlogReply.parse(await call(project, 'cloud_jobs_backlog', { queues_param: [q.queue] }));
    expect(reply.queues).toEqual([{ queue: q.queue, due: 9, side_by_side: 3 }]);
  });

  it('holds for eight workers whose replies are lost, and every job runs', async () => {
    const limit = 3;
    const { q, add } = limited(limit);
    await add(60);
    let most = 0;
    let done = 0;
    await onConnections(project.adminUrl, 8, async (clients) => {
      await Promise.all(
        clients.map(async (client, index) => {
          const ask = async (text: string, values: unknown[]) => (await client.query(text, values)).rows[0];
          while (done < 60) {
            const request = [`w${index}`, [q.queue], randomUUID()];
            const claim = 'select cloud_jobs_claim($1, 2, $2, request_id_param => $3) as reply';
            await ask(claim, request);
            // The reply was lost: the same request again.
            const { reply } = await ask(claim, request);
            const { n } = await ask(
              `select count(*)::int as n from cloud_jobs where queue = $1 and status = 'locked'`,
              [q.queue],
            );
            most = Math.max(most, n);
            const items = reply.jobs.map((job: { execution_id: string }) => ({
              execution_id: job.execution_id,
              outcome: 'success',
            }));
            await ask('select cloud_jobs_finish($1, $2)', [`w${index}`, JSON.stringify(items)]);
            done += items.length;
          }
        }),
      );
    });
    expect(most).toBe(limit);
    expect(await project.sql(STRANDED)).toEqual([]);
    expect(
      await project.sql(`select status, count(*)::int as n from cloud_jobs where queue = $1 group by 1`, [
        q.queue,
      ]),
    ).toEqual([{ status: 'success', n: 60 }]);
  });

  it('costs a claim nothing for a hundred thousand jobs behind the key', async () => {
    const { q, add } = limited(5);
    await add(6);
    expect((await q.claim('w', 10)).jobs).toHaveLength(5);
    await project.sql('alter table cloud_jobs disable trigger cloud_jobs_insert_unblocked');
    await project.sql(
      `insert into cloud_jobs (name, job_type, queue, concurrency_key, concurrency_limit, blocked)
       select 'j', 'custom', $1, $2, 5, true from generate_series(1, 100000)`,
      [q.queue, `k-${q.queue}`],
    );
    const buffers = async () => {
      const [row] = await project.sql<{ 'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number } }] }>(
        `explain (analyze, buffers, format json) select cloud_jobs_claim('v', 10, array['${q.queue}'])`,
      );
      return row?.['QUERY PLAN'][0].Plan['Shared Hit Blocks'] ?? Number.NaN;
    };
    for (let round = 0; round < 6; round += 1) await buffers();
    expect(await buffers()).toBeLessThan(400);
  });
});

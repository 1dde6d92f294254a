import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { onConnections, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const JOBS = 200;
const WORKERS = 4;
type Policy = 'cancel' | 'run' | 'wait';
type Ending = 'success' | 'failure' | 'vanish';

/** For each job the distances to its parents, its policy, and how its attempts end. The last ending is repeated. */
const graph = fc.array(
  fc.record({
    back: fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 4 }),
    policy: fc.constantFrom<Policy>('cancel', 'cancel', 'run', 'wait'),
    endings: fc.array(fc.constantFrom<Ending>('success', 'success', 'success', 'failure', 'vanish'), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
  { minLength: JOBS, maxLength: JOBS },
);

it('a graph of 200 jobs starts no child early and forgets none', async () => {
  await fc.assert(
    fc.asyncProperty(graph, async (nodes) => {
      const q = queueOf(project);
      const parents = nodes.map(({ back }, n) => back.filter((far) => far <= n).map((far) => n - far));
      const ids = await q.add(
        ...nodes.map(({ policy }, n) => ({
          name: String(n),
          ref: `n${n}`,
          max_retries: 1,
          ...(parents[n]?.length && {
            depends_on: parents[n].map((p) => `n${p}`),
            on_parent_failure: policy,
          }),
        })),
      );
      const indexOf = new Map(ids.map((id, n) => [id, n]));
      const attempts = nodes.map(() => 0);
      const finished = new Map<number, string>();
      let isDone = false;

      await onConnections(project.adminUrl, WORKERS, async (clients) => {
        const work = async (client: (typeof clients)[number], name: string) => {
          for (let idle = 0; idle < 3 && !isDone; ) {
            const { rows } = await client.query('select cloud_jobs_claim($1, 5, array[$2]) as claim', [
              name,
              q.queue,
            ]);
            const { jobs, more } = rows[0].claim;
            if (jobs.length === 0) {
              idle = more ? 0 : idle + 1;
              // A worker that vanished is taken for dead, and a retry need not wait for its time.
              await client.query(
                `update cloud_jobs set lock_expires_at = now() - interval '1 s' where queue = $1 and status = 'locked' and locked_by = $2`,
                [q.queue, `${name} vanished`],
              );
              await client.query(
                `update cloud_jobs set run_at = now() where queue = $1 and status = 'waiting' and run_at > now()`,
                [q.queue],
              );
              continue;
            }
            idle = 0;
            const items = [];
            for (const job of jobs) {
              const n = indexOf.get(job.job_id) ?? -1;
              const node = nodes[n];
              for (const p of parents[n] ?? []) {
                const state = finished.get(p);
                // Its parents were ended by calls that had returned, or are ended by one that has committed by now.
                const [row] = (
                  await client.query('select status from cloud_jobs where job_id = $1', [ids[p]])
                ).rows;
                const isOver =
                  row.status === 'success' || (node?.policy === 'run' && row.status === 'failed');
                expect(
                  isOver,
                  `${n} (${node?.policy}) began while its parent ${p} was ${row.status} (${state})`,
                ).toBe(true);
              }
              const ending = node?.endings[Math.min(attempts[n] ?? 0, node.endings.length - 1)];
              attempts[n] = (attempts[n] ?? 0) + 1;
              if (ending === 'vanish')
                await client.query('update cloud_jobs set locked_by = $2 where job_id = $1', [
                  job.job_id,
                  `${name} vanished`,
                ]);
              else items.push({ execution_id: job.execution_id, outcome: ending, error: 'no' });
              if (ending !== 'vanish') finished.set(n, ending ?? '');
            }
            if (items.length > 0)
              await client.query('select cloud_jobs_finish($1, $2)', [name, JSON.stringify(items)]);
          }
        };
        await Promise.all(clients.map((client, n) => work(client, `w${n}`)));
        isDone = true;
        // What the last to stop left behind.
        for (const client of clients.slice(0, 1)) {
          isDone = false;
          for (let round = 0; round < 3; round += 1) {
            await client.query(
              `update cloud_jobs set lock_expires_at = now() - interval '1 s' where queue = $1 and status = 'locked'`,
              [q.queue],
            );
            await work(client, 'last');
          }
        }
      });

      const rows = await project.sql<{
        job_id: string;
        status: string;
        error_message: string | null;
        blocked: boolean | null;
      }>('select job_id, status, error_message, blocked from cloud_jobs where queue = $1', [q.queue]);
      const status = new Map(rows.map((row) => [indexOf.get(row.job_id) ?? -1, row]));
      for (const [n, node] of nodes.entries()) {
        const row = status.get(n);
        const states = (parents[n] ?? []).map((p) => status.get(p)?.status);
        const isStuck = (parents[n] ?? []).some(
          (p) => status.get(p)?.status === 'failed' || status.get(p)?.status === 'waiting',
        );
        const label = `${n} (${node.policy}) after ${states.join(', ')}: ${row?.status} ${row?.error_message ?? ''}`;
        if (row?.status === 'waiting')
          expect(
            row.blocked === null && isStuck && (node.policy === 'wait' || states.includes('waiting')),
            label,
          ).toBe(true);
        else if (node.policy === 'cancel' && states.includes('failed'))
          expect(row?.error_message ?? '', label).toMatch(/^Not run: /);
        else expect(['success', 'failed'], label).toContain(row?.status);
      }
      const left = await project.sql(
        'select from cloud_job_dependencies where outcome is not null and not passed_on',
      );
      expect(left).toEqual([]);
    }),
    { numRuns: 4, endOnFailure: true },
  );
}, 240_000);

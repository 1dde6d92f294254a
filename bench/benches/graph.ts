import pg from 'pg';
import type { Bench } from '../lib/bench.ts';

const JOBS = 10_000;
const BATCH = 100;
/** As many as an attempt may. */
const SPAWNED = 5_000;

/** Jobs of one graph in SQL: the calls that a producer and a worker make, each as one transaction. */
export const graph: Bench = {
  title: `${JOBS.toLocaleString('en')} parents of one child, and as many children of one parent, in batches of ${BATCH}`,
  async measure({ stack, short, log }) {
    const client = new pg.Client({ connectionString: stack.project.adminUrl });
    await client.connect();
    await client.query('set role service_role');
    const timed = async (text: string, values: unknown[]): Promise<number> => {
      const started = performance.now();
      await client.query(text, values);
      return performance.now() - started;
    };
    const enqueue = (jobs: readonly object[]) =>
      timed('select public.cloud_jobs_enqueue($1)', [
        JSON.stringify(jobs.map((job) => ({ name: 'j', job_type: 'custom', ...job }))),
      ]);
    const claim = async (limit: number): Promise<string[]> => {
      const { rows } = await client.query('select public.cloud_jobs_claim($1, $2) as reply', ['w', limit]);
      return rows[0].reply.jobs.map((job: { execution_id: string }) => job.execution_id);
    };
    const succeed = (executions: readonly string[], more: object = {}) =>
      timed(`select public.cloud_jobs_finish('w', $1)`, [
        JSON.stringify(executions.map((id) => ({ execution_id: id, outcome: 'success', ...more }))),
      ]);
    const drain = async (jobs: number): Promise<number[]> => {
      const batches: number[] = [];
      for (let ended = 0; ended < jobs; ended += BATCH) batches.push(await succeed(await claim(BATCH)));
      return batches;
    };
    const parents = Array.from({ length: JOBS }, (_, n) => ({ ref: `p${n}` }));
    const children = Array.from({ length: JOBS }, () => ({ depends_on: ['p'] }));
    const found: Record<string, number[]> = {};
    const note = (label: string, ...values: number[]): void => {
      found[label] = [...(found[label] ?? []), ...values];
    };

    for (let round = 0; round < (short ? 1 : 3); round += 1) {
      log(`round ${round + 1}`);
      await stack.reset();
      note('add jobs without dependencies', await enqueue(parents));
      note('end a batch of jobs without dependencies', ...(await drain(JOBS)));
      await stack.reset();
      note(
        'add the parents and the child',
        await enqueue([...parents, { depends_on: parents.map(({ ref }) => ref) }]),
      );
      note('end a batch of the parents', ...(await drain(JOBS)));
      await stack.reset();
      note('add the parent and the children', await enqueue([{ ref: 'p' }, ...children]));
      note('end the parent, which releases all children', await succeed(await claim(1)));
      note('end a batch of the children', ...(await drain(JOBS)));
      await stack.reset();
      await enqueue([{}]);
      const spawn = [
        ...parents.slice(0, SPAWNED - 1).map((job) => ({ name: 'j', job_type: 'custom', ...job })),
        { name: 'then', job_type: 'custom', depends_on: parents.slice(0, SPAWNED - 1).map(({ ref }) => ref) },
      ];
      note(
        `end a job that spawns ${SPAWNED.toLocaleString('en')}, the last of which waits for the others`,
        await succeed(await claim(1), { spawn }),
      );
    }
    await client.end();
    await stack.reset();
    return { rows: Object.entries(found).map(([label, values]) => ({ label, unit: 'ms', values })) };
  },
};

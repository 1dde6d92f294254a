import { readFileSync } from 'node:fs';
import pg from 'pg';
import { openQueue } from '../../src/queue/open-queue.ts';
import type { Bench, Row } from '../lib/bench.ts';
import { type BenchStack, sqlOn } from '../lib/stack.ts';
import { interleave } from '../lib/stats.ts';

const ROUNDS = 20;
/** Rows in one insert. */
const CHUNK = 500_000;

/**
 * A backlog: nine tenths are due, in three queues, three types and three priorities; a tenth has a higher priority and
 * is due tomorrow; every hundredth has a concurrency key of its own.
 */
const WAITING = [
  `insert into public.cloud_jobs (job_id, name, job_type, queue, priority, run_at, concurrency_key)
   select 'w-' || n, 'w', (array['custom', 'maintenance', 'paper_fetch'])[1 + n % 3],
     case when n % 5 < 3 then 'default' else 'queue-' || n % 5 end,
     case when n % 10 = 0 then -50 else n % 3 end,
     now() + case when n % 10 = 0 then interval '1 day' else make_interval(secs => -n / 100.0) end,
     case when n % 100 = 0 then 'key ' || n end
   from generate_series($1::integer, $2::integer) as n`,
];
const FINISHED = [
  `insert into public.cloud_jobs (job_id, name, job_type, status, created_at, finished_at)
   select 'f-' || n, 'f', 'custom', 'success', now() - interval '2 days', now() - interval '2 days'
   from generate_series($1::integer, $2::integer) as n`,
  `insert into public.cloud_job_executions (execution_id, job_id, status, instance_id, started_at, finished_at)
   select 'f-' || n, 'f-' || n, 'success', 'x', now() - interval '2 days', now() - interval '2 days'
   from generate_series($1::integer, $2::integer) as n`,
];

export const claim: Bench = {
  title: 'a claim beside backlogs and histories of any size, with plans cached while the tables were empty',
  async measure({ stack, short, log }) {
    await stack.reset();
    // The worst case: the tables have grown, and no statistics have been collected yet.
    await stack.sql('alter table public.cloud_jobs set (autovacuum_enabled = off)');
    const claims = await openClaims(stack);
    const rows: Row[] = [];
    const measure = async (beside: string): Promise<void> => {
      log(beside);
      await stack.sql('checkpoint');
      const samples = await interleave(ROUNDS, {
        'claim of 1 in SQL': () => claims.inSql(1),
        'claim of 1 by HTTP': () => claims.byHttp(1),
        'claim of 100 in SQL': () => claims.inSql(100),
        'claim of 100 by HTTP': () => claims.byHttp(100),
      });
      for (const [name, values] of Object.entries(samples)) {
        rows.push({ label: `${name}, ${beside}`, unit: 'ms', values });
      }
    };
    const add = async (texts: readonly string[], from: number, to: number): Promise<void> => {
      for (let at = from; at < to; at += CHUNK) {
        for (const text of texts) await stack.sql(text, [at + 1, Math.min(at + CHUNK, to)]);
      }
    };

    // Warms up, and lets every connection cache its plans while the tables are empty.
    await interleave(ROUNDS, { sql: () => claims.inSql(1), http: () => claims.byHttp(100) });
    await add(WAITING, 0, 1_000);
    await measure('1,000 waiting');
    await add(WAITING, 1_000, 100_000);
    await measure('100,000 waiting');
    const values = await firstSchemaClaim(stack);
    rows.push({ label: "the first schema's claim of 1 in SQL, 100,000 waiting", unit: 'ms', values });
    const history = short ? 200_000 : 1_000_000;
    await add(FINISHED, 0, history);
    await measure(`100,000 waiting, ${history.toLocaleString('en-US')} finished`);
    if (!short) {
      await add(WAITING, 100_000, 1_000_000);
      await measure('1,000,000 waiting, 1,000,000 finished');
      await add(FINISHED, history, 10_000_000);
      await measure('1,000,000 waiting, 10,000,000 finished');
    }
    await stack.sql('analyze public.cloud_jobs, public.cloud_job_executions');
    await measure('the same with fresh statistics');

    await claims.close();
    await stack.sql('alter table public.cloud_jobs reset (autovacuum_enabled)');
    await stack.reset();
    return { rows };
  },
};

/** Claims that are undone again, so that a small backlog is as large at the last claim as at the first. */
async function openClaims(stack: BenchStack) {
  const { url, serviceKey: key } = stack.project;
  const { queue } = openQueue({ url, key }, 'bench');
  const client = new pg.Client({ connectionString: stack.project.adminUrl });
  await client.connect();
  await client.query('set role service_role');
  let calls = 0;
  return {
    inSql: async (limit: number): Promise<number> => {
      await client.query('begin');
      const started = performance.now();
      await client.query('select public.cloud_jobs_claim($1, $2)', [`sql ${calls++}`, limit]);
      const took = performance.now() - started;
      await client.query('rollback');
      return took;
    },
    byHttp: async (limit: number): Promise<number> => {
      const started = performance.now();
      const { jobs } = await queue.claim(`http ${calls++}`, {
        limit,
        queues: ['default'],
        jobTypes: ['custom', 'maintenance', 'paper_fetch'],
        lockSeconds: 300,
        requestId: crypto.randomUUID(),
        runUrl: null,
      });
      const took = performance.now() - started;
      await stack.sql(
        `update public.cloud_jobs set status = 'waiting', locked_at = null, locked_by = null,
           lock_expires_at = null, locked_execution_id = null
         where job_id = any ($1)`,
        [jobs.map(({ job_id }) => job_id)],
      );
      return took;
    },
    close: () => client.end(),
  };
}

/** The claim of the schema that this project began with, in a database of its own. */
async function firstSchemaClaim(stack: BenchStack): Promise<number[]> {
  const url = await stack.peerUrl('seed');
  const schema = new URL('../../test/fixtures/seed-schema.sql', import.meta.url);
  await sqlOn(url, readFileSync(schema, 'utf8'));
  await sqlOn(
    url,
    `insert into cloud_jobs (job_id, name, job_type, status, created_at)
     select 'w-' || n, 'w', 'custom', 'waiting', now() - make_interval(secs => n / 100.0)
     from generate_series(1, 100000) as n`,
  );
  await sqlOn(url, 'analyze cloud_jobs');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const values: number[] = [];
  for (let time = 0; time < 7; time++) {
    const started = performance.now();
    await client.query("select * from get_next_available_job('bench')");
    values.push(performance.now() - started);
  }
  await client.end();
  return values;
}

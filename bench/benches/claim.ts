import { readFileSync } from 'node:fs';
import pg from 'pg';
import { openQueue } from '../../src/queue/open-queue.ts';
import type { Bench } from '../lib/bench.ts';
import type { Row } from '../lib/result.ts';
import { type BenchStack, sqlOn } from '../lib/stack.ts';
import { median } from '../lib/stats.ts';

const TIMES = 20;
const WARM = 20;
/** Rows of one insert. */
const CHUNK = 500_000;

/**
 * A backlog: nine tenths due, in five queues, three types and three priorities, and a tenth of a high priority that is
 * due tomorrow; every hundredth has a concurrency key of its own.
 */
const WAITING = `
  insert into public.cloud_jobs (job_id, name, job_type, queue, priority, run_at, concurrency_key)
  select 'w-' || n, 'w', (array['custom', 'maintenance', 'paper_fetch'])[1 + n % 3],
    case when n % 5 < 3 then 'default' else 'queue-' || n % 5 end,
    case when n % 10 = 0 then -50 else n % 3 end,
    now() + case when n % 10 = 0 then interval '1 day' else make_interval(secs => -n / 100.0) end,
    case when n % 100 = 0 then 'key ' || n end
  from generate_series($1::integer, $2::integer) as n`;
const FINISHED = [
  `insert into public.cloud_jobs (job_id, name, job_type, status, created_at, finished_at)
   select 'f-' || n, 'f', 'custom', 'success', now() - interval '2 days', now() - interval '2 days'
   from generate_series($1::integer, $2::integer) as n`,
  `insert into public.cloud_job_executions (execution_id, job_id, status, instance_id, started_at, finished_at)
   select 'f-' || n, 'f-' || n, 'success', 'x', now() - interval '2 days', now() - interval '2 days'
   from generate_series($1::integer, $2::integer) as n`,
];

export const claim: Bench = {
  title: 'a claim beside backlogs and histories of any size, plans cached while the tables were empty',
  async measure({ stack, short, log }) {
    await stack.reset();
    // Statistics come when they come; the worst case is that they have not come yet.
    await stack.sql('alter table public.cloud_jobs set (autovacuum_enabled = off)');
    const { url, serviceKey: key } = stack.project;
    const { queue } = openQueue({ url, key }, 'bench');
    const client = new pg.Client({ connectionString: stack.project.adminUrl });
    await client.connect();
    await client.query('set role service_role');
    const rows: Row[] = [];
    const medians: Record<string, number[]> = {};
    let calls = 0;

    const inSql = async (limit: number): Promise<number> => {
      await client.query('begin');
      const started = performance.now();
      await client.query('select public.cloud_jobs_claim($1, $2)', [`sql ${calls++}`, limit]);
      const took = performance.now() - started;
      await client.query('rollback');
      return took;
    };
    const byHttp = async (limit: number): Promise<number> => {
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
      // Back they go, so that a small backlog is as large at the last claim as at the first.
      await stack.sql(
        `update public.cloud_jobs set status = 'waiting', locked_at = null, locked_by = null, lock_expires_at = null,
           locked_execution_id = null
         where job_id = any ($1)`,
        [jobs.map(({ job_id }) => job_id)],
      );
      return took;
    };
    const repeat = async (measure: () => Promise<number>): Promise<number[]> => {
      const values: number[] = [];
      for (let time = 0; time < TIMES; time++) values.push(await measure());
      return values;
    };
    const measureAll = async (name: string): Promise<void> => {
      log(name);
      await stack.sql('checkpoint');
      for (const limit of [1, 100]) {
        for (const [way, measure] of [
          ['in SQL', inSql],
          ['by HTTP', byHttp],
        ] as const) {
          const values = await repeat(() => measure(limit));
          rows.push({ label: `claim of ${limit} ${way}, ${name}`, unit: 'ms', values });
          const kind = `${limit} ${way}`;
          medians[kind] = [...(medians[kind] ?? []), median(values)];
        }
      }
    };

    for (let time = 0; time < WARM; time++) {
      await inSql(1);
      await byHttp(100);
    }
    const add = async (texts: readonly string[], from: number, to: number): Promise<void> => {
      for (let at = from; at < to; at += CHUNK) {
        for (const text of texts) await stack.sql(text, [at + 1, Math.min(at + CHUNK, to)]);
      }
    };
    await add([WAITING], 0, 1_000);
    await measureAll('1,000 waiting');
    await add([WAITING], 1_000, 100_000);
    await measureAll('100,000 waiting');
    const seeds = await seedClaim(stack, log);
    const history = short ? 200_000 : 1_000_000;
    await add(FINISHED, 0, history);
    await measureAll(`100,000 waiting, ${history.toLocaleString('en-US')} finished`);
    if (!short) {
      await add([WAITING], 100_000, 1_000_000);
      await measureAll('1,000,000 waiting, 1,000,000 finished');
      await add(FINISHED, history, 10_000_000);
      await measureAll('1,000,000 waiting, 10,000,000 finished');
    }
    await stack.sql('analyze public.cloud_jobs, public.cloud_job_executions');
    await measureAll('the same, statistics fresh');
    const plan = await explain(stack);

    await client.end();
    await stack.sql('alter table public.cloud_jobs reset (autovacuum_enabled)');
    await stack.reset();

    // The first is that of 1,000 waiting beside nothing.
    const grown = Object.values(medians).map((values) => Math.max(...values) / (values[0] ?? Number.NaN));
    rows.push({ label: "the first schema's claim of 1 in SQL, 100,000 waiting", unit: 'ms', values: seeds });
    return {
      rows,
      goals: [
        {
          text: 'the dearest case to that of 1,000 waiting, of the four kinds the worst',
          value: Math.max(...grown),
          limit: 1.3,
          sense: 'at most',
        },
        {
          text: "the first schema's claim to ours at 100,000 waiting, in SQL",
          value: median(seeds) / (medians['1 in SQL']?.[1] ?? Number.NaN),
          limit: 20,
          sense: 'at least',
        },
      ],
      texts: { plan },
    };
  },
};

/** The claim of the schema that this project began with, in a database of its own. */
async function seedClaim(stack: BenchStack, log: (text: string) => void): Promise<number[]> {
  log("the first schema's claim");
  const url = await stack.peerUrl('seed');
  const file = new URL('../../test/fixtures/seed-schema.sql', import.meta.url);
  await sqlOn(url, readFileSync(file, 'utf8'));
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
    await client.query("select * from get_next_available_job('seed')");
    values.push(performance.now() - started);
  }
  await client.end();
  return values;
}

/** The plans of the statements inside a claim, as Postgres logs them. */
async function explain(stack: BenchStack): Promise<string> {
  const client = new pg.Client({ connectionString: stack.project.adminUrl });
  const notices: string[] = [];
  client.on('notice', (notice) => notices.push(notice.message ?? ''));
  await client.connect();
  try {
    await client.query(`load 'auto_explain'; set auto_explain.log_min_duration = 0;
      set auto_explain.log_nested_statements = on; set auto_explain.log_analyze = on;
      set auto_explain.log_level = notice; set client_min_messages = notice`);
    await client.query("begin; select public.cloud_jobs_claim('plan', 100); rollback");
  } finally {
    await client.end();
  }
  return notices.join('\n\n');
}

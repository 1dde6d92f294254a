import pg from 'pg';
import { openQueue } from '../../src/queue/open-queue.ts';
import type { Bench, Row } from '../lib/bench.ts';
import { startOurs } from '../lib/drains.ts';
import type { BenchStack } from '../lib/stack.ts';
import { median } from '../lib/stats.ts';

const DAY = 86_400;

interface Round {
  readonly jobsPerSecond: number;
  readonly claimMs: number;
  readonly tablesMb: number;
  readonly indexesMb: number;
  readonly deadRows: number;
}

export const history: Bench = {
  title: 'many drains with pruning on, then some beside an open snapshot',
  async measure({ stack, short, log }) {
    const [count, size] = short ? [5, 4_000] : [40, 50_000];
    const heldSeconds = short ? 3 : 180;
    // Less than a drain takes, so that every prune but the first has something to remove.
    const keptSeconds = short ? 0.5 : 5;
    await stack.reset();
    const rounds: Round[] = [];
    const drain = async (): Promise<void> => {
      rounds.push(await drainAndPrune(stack, size, keptSeconds / DAY));
      log(`${rounds.length * size} jobs: ${JSON.stringify(rounds.at(-1))}`);
    };

    for (let n = 0; n < count; n++) await drain();
    const snapshot = new pg.Client({ connectionString: stack.project.adminUrl });
    await snapshot.connect();
    await snapshot.query('begin isolation level repeatable read; select count(*) from public.cloud_jobs');
    const taken = performance.now();
    while (performance.now() - taken < heldSeconds * 1000) await drain();
    await snapshot.query('rollback');
    await snapshot.end();
    await stack.reset();

    // In the first quarter the tables grow to the size that autovacuum lets them have.
    const settled = Math.floor(count / 4);
    const third = Math.max(1, Math.floor((count - settled) / 3));
    return {
      rows: [
        ...rowsOf('early', rounds.slice(settled, settled + third)),
        ...rowsOf('late', rounds.slice(count - third, count)),
        ...rowsOf('beside an open snapshot', rounds.slice(count)),
      ],
      note:
        `${count} drains of ${size.toLocaleString('en-US')} jobs, then ${rounds.length - count} in the ${heldSeconds} s ` +
        `that the snapshot is open; each prunes what is older than ${keptSeconds} s.`,
    };
  },
};

const rowsOf = (when: string, rounds: readonly Round[]): Row[] => [
  { label: `drain, ${when}`, unit: 'jobs/s', values: rounds.map((round) => round.jobsPerSecond) },
  { label: `claim of 1 in SQL, ${when}`, unit: 'ms', values: rounds.map((round) => round.claimMs) },
  { label: `tables, ${when}`, unit: 'MiB', values: rounds.map((round) => round.tablesMb) },
  { label: `indexes, ${when}`, unit: 'MiB', values: rounds.map((round) => round.indexesMb) },
  { label: `dead rows, ${when}`, unit: 'rows', values: rounds.map((round) => round.deadRows) },
];

async function drainAndPrune(stack: BenchStack, size: number, keptDays: number): Promise<Round> {
  await stack.fill(size);
  const claimMs = await claimLatency(stack);
  const { jobs, seconds } = await (await startOurs(stack)).run();
  const { url, serviceKey: key } = stack.project;
  const { queue } = openQueue({ url, key }, 'bench');
  while ((await queue.prune({ executions: keptDays, jobs: keptDays }, 5_000)).more);
  const [row] = await stack.sql(
    `select sum(pg_table_size(relid))::float8 / 1048576 as tables,
       sum(pg_indexes_size(relid))::float8 / 1048576 as indexes, sum(n_dead_tup)::integer as dead
     from pg_stat_user_tables where relname in ('cloud_jobs', 'cloud_job_executions')`,
  );
  return {
    jobsPerSecond: jobs / seconds,
    claimMs,
    tablesMb: Number(row?.tables),
    indexesMb: Number(row?.indexes),
    deadRows: Number(row?.dead),
  };
}

/** The median of a few claims of one job, each of which is undone. */
async function claimLatency(stack: BenchStack): Promise<number> {
  const client = new pg.Client({ connectionString: stack.project.adminUrl });
  await client.connect();
  const values: number[] = [];
  for (let time = 0; time < 9; time++) {
    await client.query('begin');
    const started = performance.now();
    await client.query("select public.cloud_jobs_claim('latency', 1)");
    values.push(performance.now() - started);
    await client.query('rollback');
  }
  await client.end();
  return median(values);
}

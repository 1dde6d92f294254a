import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { openQueue } from '../../src/queue/open-queue.ts';
import type { Bench } from '../lib/bench.ts';
import { startOurs } from '../lib/drains.ts';
import type { Goal, Row } from '../lib/result.ts';
import type { BenchStack } from '../lib/stack.ts';
import { median } from '../lib/stats.ts';
import { type TableSizes, tableSizes } from '../lib/table-sizes.ts';

const DAY = 86_400;

export const history: Bench = {
  title: 'many drains with pruning on, then some beside an open snapshot',
  async measure({ stack, short, log }) {
    const [rounds, size] = short ? [5, 4_000] : [40, 50_000];
    const heldSeconds = short ? 3 : 180;
    // Less than a drain takes, so that pruning has something to do from the second one on.
    const keptSeconds = short ? 0.5 : 5;
    await stack.reset();
    const { url, serviceKey: key } = stack.project;
    const { queue } = openQueue({ url, key }, 'bench');
    const rates: number[] = [];
    const claims: number[] = [];
    const sizes: TableSizes[] = [];

    const round = async (): Promise<void> => {
      await stack.fill(size);
      claims.push(await claimLatency(stack));
      const child = await startOurs(stack);
      const { jobs, seconds } = await child.run();
      rates.push(jobs / seconds);
      // What a maintenance job does: all that is older than the days, batch by batch.
      const days = keptSeconds / DAY;
      while ((await queue.prune({ executions: days, jobs: days }, 5_000)).more);
      sizes.push(await tableSizes(stack));
      log(
        `${rates.length * size} jobs, ${Math.round(rates.at(-1) ?? 0)} jobs/s, ${JSON.stringify(sizes.at(-1))}`,
      );
    };

    for (let n = 0; n < rounds; n++) await round();
    const snapshot = new pg.Client({ connectionString: stack.project.adminUrl });
    await snapshot.connect();
    await snapshot.query('begin isolation level repeatable read; select count(*) from public.cloud_jobs');
    const taken = performance.now();
    while (performance.now() - taken < heldSeconds * 1000) await round();
    await snapshot.query('rollback');
    await snapshot.end();
    await delay(100);
    await stack.reset();

    // The first quarter is the tables growing to their size: what is written between two visits of autovacuum.
    const settled = Math.floor(rounds / 4);
    const third = Math.max(1, Math.floor((rounds - settled) / 3));
    const early = <T>(values: readonly T[]): T[] => values.slice(settled, settled + third);
    const late = <T>(values: readonly T[]): T[] => values.slice(rounds - third, rounds);
    const snap = <T>(values: readonly T[]): T[] => values.slice(rounds);
    const row = (
      label: string,
      unit: string,
      values: readonly number[],
      of: <T>(v: readonly T[]) => T[],
    ): Row => ({
      label,
      unit,
      values: of(values),
    });
    const parts = [
      ['early', early],
      ['late', late],
      ['beside an open snapshot', snap],
    ] as const;
    const all = sizes.map(({ tables, indexes }) => tables + indexes);
    const sizeGoal: Goal = {
      text: 'size of tables and indexes, late to early',
      value: median(late(all)) / median(early(all)),
      limit: 1.3,
      sense: 'at most',
    };
    return {
      rows: parts.flatMap(([when, of]) => [
        row(`drain, ${when}`, 'jobs/s', rates, of),
        row(`claim of 1 by SQL, ${when}`, 'ms', claims, of),
        row(
          `tables, ${when}`,
          'MiB',
          sizes.map(({ tables }) => tables),
          of,
        ),
        row(
          `indexes, ${when}`,
          'MiB',
          sizes.map(({ indexes }) => indexes),
          of,
        ),
        row(
          `dead rows, ${when}`,
          'rows',
          sizes.map(({ dead }) => dead),
          of,
        ),
      ]),
      goals: [
        ...(short ? [] : [sizeGoal]),
        {
          text: 'claim of 1, late to early',
          value: median(late(claims)) / median(early(claims)),
          limit: 1.3,
          sense: 'at most',
        },
      ],
      notes: [
        `${(rates.length * size).toLocaleString('en-US')} jobs in all, ${rounds} drains and then ${rates.length - rounds} in the ${heldSeconds} s that the snapshot is open; what is older than ${keptSeconds} s is pruned after each drain.`,
        ...(short
          ? ['Autovacuum comes once a minute: whether sizes stay flat shows in the whole form alone.']
          : []),
      ],
    };
  },
};

/** Milliseconds of a claim of one job that is then undone. */
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

import type { Bench, Row } from '../lib/bench.ts';
import {
  type Drain,
  drainGraphile,
  drainOurs,
  drainPgBoss,
  GRAPHILE_FASTEST,
  PGBOSS_FASTEST,
  perSecond,
} from '../lib/drains.ts';
import type { BenchStack } from '../lib/stack.ts';
import { interleave, ratios } from '../lib/stats.ts';

const OURS = 'cloud-jobs, defaults';
const GRAPHILE = 'graphile-worker, fastest settings';
const PGBOSS = 'pg-boss, fastest settings';

/** Numbers of jobs and round trips. */
const CASES = [
  [20_000, 0],
  [80_000, 0],
  [20_000, 30],
  [20_000, 100],
] as const;

/** Long backlogs near the database, and shorter ones from where a runner may be: through a relay that delays each way. */
export const distance: Bench = {
  title: 'drains of jobs that do nothing by one worker process, by length and by round trip to the database',
  async measure({ stack, short, log }) {
    const rounds = short ? 1 : 3;
    const rows: Row[] = [];
    for (const [jobs, roundTripMs] of CASES) {
      if (short && jobs > 20_000) continue;
      const where = `${jobs.toLocaleString('en-US')} jobs, round trip ${roundTripMs} ms`;
      log(where);
      rows.push(...(await compared(stack, jobs, roundTripMs, rounds, where)));
    }
    for (const roundTripMs of [0, 30, 100]) {
      const samples = await interleave(rounds, {
        ours: () => drainOurs(stack, 100, { concurrency: 10, jobMs: 50 }, roundTripMs),
      });
      rows.push({
        label: `100 jobs of 50 ms at concurrency 10, round trip ${roundTripMs} ms, to the ideal 500 ms`,
        unit: 'times',
        values: (samples.ours ?? []).map(({ seconds }) => seconds / 0.5),
      });
    }
    return { rows };
  },
};

async function compared(
  stack: BenchStack,
  jobs: number,
  roundTripMs: number,
  rounds: number,
  where: string,
): Promise<Row[]> {
  const samples: Record<string, Drain[]> = await interleave(rounds, {
    [OURS]: () => drainOurs(stack, jobs, {}, roundTripMs),
    [GRAPHILE]: () => drainGraphile(stack, jobs, GRAPHILE_FASTEST, roundTripMs),
    [PGBOSS]: () => drainPgBoss(stack, jobs, PGBOSS_FASTEST, roundTripMs),
  });
  const boss = perSecond(samples[PGBOSS]);
  const fastest = perSecond(samples[GRAPHILE]).map((rate, round) => Math.max(rate, boss[round] ?? 0));
  return [
    ...Object.entries(samples).map(([name, drains]) => ({
      label: `${where}: ${name}`,
      unit: 'jobs/s',
      values: perSecond(drains),
    })),
    {
      label: `${where}: ours to the faster peer`,
      unit: 'times',
      values: ratios(perSecond(samples[OURS]), fastest),
    },
  ];
}

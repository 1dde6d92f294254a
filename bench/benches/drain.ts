import type { Bench } from '../lib/bench.ts';
import {
  drainGraphile,
  drainOurs,
  drainPgBoss,
  drainRow,
  GRAPHILE_FASTEST,
  PGBOSS_FASTEST,
  perSecond,
} from '../lib/drains.ts';
import { interleave, ratios } from '../lib/stats.ts';

const OURS = 'cloud-jobs, defaults (concurrency 4)';
const GRAPHILE = 'graphile-worker, defaults (concurrency 10)';
const GRAPHILE_FAST = 'graphile-worker, localQueue 500, concurrency 24, batched completion';
const PGBOSS = 'pg-boss, batch 500, localConcurrency 4, burst';

export const drain: Bench = {
  title: '20,000 jobs that do nothing, one worker process',
  async measure({ stack, short }) {
    const jobs = short ? 10_000 : 20_000;
    const slow = short ? 2_000 : 5_000;
    const samples = await interleave(short ? 3 : 5, {
      [OURS]: () => drainOurs(stack, jobs),
      'cloud-jobs, concurrency 24': () => drainOurs(stack, jobs, { concurrency: 24 }),
      [GRAPHILE]: () => drainGraphile(stack, slow, { concurrentJobs: 10, maxPoolSize: 10 }),
      [GRAPHILE_FAST]: () => drainGraphile(stack, jobs, GRAPHILE_FASTEST),
      [PGBOSS]: () => drainPgBoss(stack, jobs, PGBOSS_FASTEST),
    });
    const [fast, boss] = [perSecond(samples[GRAPHILE_FAST]), perSecond(samples[PGBOSS])];
    const fastest = fast.map((rate, round) => Math.max(rate, boss[round] ?? 0));
    const ours = perSecond(samples[OURS]);
    return {
      rows: [
        ...Object.entries(samples).map(([name, drains]) => drainRow(name, drains)),
        { label: 'our defaults to the fastest peer', unit: 'times', values: ratios(ours, fastest) },
        {
          label: 'our defaults to the defaults of graphile-worker',
          unit: 'times',
          values: ratios(ours, perSecond(samples[GRAPHILE])),
        },
      ],
    };
  },
};

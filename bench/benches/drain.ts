import type { Bench } from '../lib/bench.ts';
import { drainGraphile, drainOurs, drainPgBoss, drainRow, perSecond } from '../lib/drains.ts';
import { interleave, median, ratios } from '../lib/stats.ts';

/** The fastest settings that graphile-worker documents. */
const GRAPHILE_FASTEST = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
};
const PGBOSS_FASTEST = {
  batchSize: 500,
  localConcurrency: 4,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
};

export const drain: Bench = {
  title: '20,000 jobs that do nothing, one worker process',
  async measure({ stack, short, log }) {
    const jobs = short ? 10_000 : 20_000;
    const slow = short ? 2_000 : 5_000;
    const told = <T>(name: string, measure: () => Promise<T>) => {
      log(name);
      return measure();
    };
    const names = {
      ours: 'cloud-jobs, defaults (concurrency 4)',
      wide: 'cloud-jobs, concurrency 24',
      graphile: 'graphile-worker, defaults (concurrency 10)',
      graphileFast: 'graphile-worker, localQueue 500, concurrency 24, batched completion',
      pgboss: 'pg-boss, batch 500, localConcurrency 4, burst',
    };
    const samples = await interleave(short ? 3 : 5, {
      [names.ours]: () => told(names.ours, () => drainOurs(stack, jobs)),
      [names.wide]: () => told(names.wide, () => drainOurs(stack, jobs, { concurrency: 24 })),
      [names.graphile]: () =>
        told(names.graphile, () => drainGraphile(stack, slow, { concurrentJobs: 10, maxPoolSize: 10 })),
      [names.graphileFast]: () =>
        told(names.graphileFast, () => drainGraphile(stack, jobs, GRAPHILE_FASTEST)),
      [names.pgboss]: () => told(names.pgboss, () => drainPgBoss(stack, jobs, PGBOSS_FASTEST)),
    });
    const rates = (name: string): number[] => perSecond(samples[name] ?? []);
    const better = rates(names.graphileFast).map((rate, round) =>
      Math.max(rate, rates(names.pgboss)[round] ?? 0),
    );
    return {
      rows: Object.entries(samples).map(([name, drains]) => drainRow(name, drains)),
      goals: [
        {
          text: 'our defaults to the better of the peers at their fastest, round by round',
          value: median(ratios(rates(names.ours), better)),
          limit: 1.2,
          sense: 'at least',
        },
        {
          text: 'our defaults to the defaults of graphile-worker, round by round',
          value: median(ratios(rates(names.ours), rates(names.graphile))),
          limit: 5,
          sense: 'at least',
        },
      ],
    };
  },
};

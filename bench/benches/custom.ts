import type { Bench } from '../lib/bench.ts';
import { drainGraphile, drainOurs, drainRow, perSecond } from '../lib/drains.ts';
import { interleave, median, ratios } from '../lib/stats.ts';

export const custom: Bench = {
  title:
    '1,000 JavaScript handlers that do nothing: ours in processes of their own, graphile-worker in its own process',
  async measure({ stack, short }) {
    const jobs = 1_000;
    const names = {
      ours: 'cloud-jobs, defaults (concurrency 4), isolated',
      graphile: 'graphile-worker, defaults (concurrency 10)',
    };
    const samples = await interleave(short ? 3 : 5, {
      [names.ours]: () => drainOurs(stack, jobs, { isolated: true }),
      [names.graphile]: () => drainGraphile(stack, jobs, { concurrentJobs: 10, maxPoolSize: 10 }),
    });
    const rates = (name: string): number[] => perSecond(samples[name] ?? []);
    return {
      rows: Object.entries(samples).map(([name, drains]) => drainRow(name, drains)),
      goals: [
        {
          text: 'ours to the defaults of graphile-worker, round by round',
          value: median(ratios(rates(names.ours), rates(names.graphile))),
          limit: 0.5,
          sense: 'at least',
        },
      ],
    };
  },
};

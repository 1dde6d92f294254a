import type { Bench } from '../lib/bench.ts';
import { drainGraphile, drainOurs, drainRow, perSecond } from '../lib/drains.ts';
import { interleave, ratios } from '../lib/stats.ts';

const OURS = 'cloud-jobs, defaults (concurrency 4), handlers in processes of their own';
const GRAPHILE = 'graphile-worker, defaults (concurrency 10), handlers in its own process';

export const custom: Bench = {
  title: '1,000 JavaScript handlers that do nothing',
  async measure({ stack, short }) {
    const samples = await interleave(short ? 3 : 5, {
      [OURS]: () => drainOurs(stack, 1_000, { isolated: true }),
      [GRAPHILE]: () => drainGraphile(stack, 1_000, { concurrentJobs: 10, maxPoolSize: 10 }),
    });
    const values = ratios(perSecond(samples[OURS]), perSecond(samples[GRAPHILE]));
    return {
      rows: [
        ...Object.entries(samples).map(([name, drains]) => drainRow(name, drains)),
        { label: 'ours to graphile-worker', unit: 'times', values },
      ],
    };
  },
};

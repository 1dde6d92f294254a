import type { Bench } from '../lib/bench.ts';
import { drainOurs } from '../lib/drains.ts';
import { median } from '../lib/stats.ts';

const JOBS = 100;
const JOB_MS = 50;
const CONCURRENCY = 10;

export const busy: Bench = {
  title: '100 jobs of 50 ms with concurrency 10',
  async measure({ stack, short }) {
    const values: number[] = [];
    for (let round = 0; round < (short ? 5 : 15); round++) {
      const options = { jobMs: JOB_MS, concurrency: CONCURRENCY };
      values.push((await drainOurs(stack, JOBS, options)).seconds * 1000);
    }
    const ideal = (JOBS / CONCURRENCY) * JOB_MS;
    return {
      rows: [{ label: 'first claim to last job recorded', unit: 'ms', values }],
      goals: [
        { text: `to the ideal of ${ideal} ms`, value: median(values) / ideal, limit: 1.3, sense: 'at most' },
      ],
    };
  },
};

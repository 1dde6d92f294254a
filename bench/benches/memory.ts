import type { Bench } from '../lib/bench.ts';
import { drainOurs } from '../lib/drains.ts';

export const memory: Bench = {
  title: 'memory of the worker over a long drain, 1 KiB of config and of result a job',
  async measure({ stack, short }) {
    const jobs = short ? 15_000 : 100_000;
    const drain = await drainOurs(stack, jobs, { resultBytes: 1024 }, { config: { text: 'x'.repeat(1024) } });
    const half = Math.floor(drain.sizesMb.length / 2);
    const [first, last] = [drain.sizesMb.slice(0, half), drain.sizesMb.slice(half)];
    return {
      rows: [
        { label: `peak over ${jobs.toLocaleString('en-US')} jobs`, unit: 'MiB', values: [drain.peakMb] },
        { label: 'largest in the first half', unit: 'MiB', values: [Math.max(...first)] },
        { label: 'largest in the second half', unit: 'MiB', values: [Math.max(...last)] },
        { label: 'drain', unit: 'jobs/s', values: [drain.jobs / drain.seconds] },
      ],
      goals: [
        { text: 'peak in MiB', value: drain.peakMb, limit: 150, sense: 'at most' },
        {
          text: 'second half to first half',
          value: Math.max(...last) / Math.max(...first),
          limit: 1.2,
          sense: 'at most',
        },
      ],
    };
  },
};

import type { Bench } from '../lib/bench.ts';
import { countingProxy } from '../lib/counting-proxy.ts';
import { drainOurs } from '../lib/drains.ts';

export const roundTrips: Bench = {
  title: 'HTTP calls and bytes of a job',
  async measure({ stack }) {
    const proxy = await countingProxy(stack.project.url);
    try {
      const many = await drainOurs(stack, 1_000, { url: proxy.url });
      const counted = proxy.take();
      const lone = await drainOurs(stack, 1, { url: proxy.url });
      const alone = proxy.take();
      return {
        rows: [
          { label: 'calls a job, 1,000 jobs', unit: 'calls', values: [many.requests / many.jobs] },
          { label: 'bytes sent a job, 1,000 jobs', unit: 'bytes', values: [counted.sent / many.jobs] },
          {
            label: 'bytes received a job, 1,000 jobs',
            unit: 'bytes',
            values: [counted.received / many.jobs],
          },
          { label: 'calls of a run with one job', unit: 'calls', values: [lone.requests] },
          { label: 'bytes received by a run with one job', unit: 'bytes', values: [alone.received] },
        ],
        goals: [
          {
            text: 'calls a job, 1,000 jobs at defaults',
            value: many.requests / many.jobs,
            limit: 0.02,
            sense: 'at most',
          },
          { text: 'calls of a run with one job', value: lone.requests, limit: 2, sense: 'at most' },
        ],
        notes: [
          'Bytes with all headers, without encryption; they include one check of the schema, made by the bench alone.',
          'While jobs run, one renewal a third of lock-minutes carries all of them: 0.6 a minute at the default of 5.',
        ],
      };
    } finally {
      await proxy.close();
    }
  },
};

import type { Bench } from '../lib/bench.ts';
import { startOurs } from '../lib/drains.ts';
import { interleave } from '../lib/stats.ts';

export const scale: Bench = {
  title: 'worker processes on one queue, jobs that do nothing',
  async measure({ stack, short, log }) {
    const jobs = short ? 8_000 : 20_000;
    let wrong = 0;
    const drain = async (workers: number): Promise<number> => {
      log(`${workers} workers`);
      await stack.reset();
      await stack.fill(jobs);
      const children = await Promise.all(
        Array.from({ length: workers }, (_, n) => startOurs(stack, { name: `octo/consumer/42/1/${n}` })),
      );
      const samples = await Promise.all(children.map((child) => child.run()));
      // Each job is executed once, with success, and counted by one worker.
      const [row] = await stack.sql(
        `select count(*)::integer as executions, count(distinct job_id)::integer as jobs,
           count(*) filter (where status = 'success')::integer as good from public.cloud_job_executions`,
      );
      const counted = samples.reduce((sum, sample) => sum + sample.jobs, 0);
      for (const count of [row?.executions, row?.jobs, row?.good, counted]) {
        wrong += Math.abs(jobs - Number(count));
      }
      return jobs / Math.max(...samples.map(({ seconds }) => seconds));
    };
    const samples = await interleave(short ? 2 : 3, {
      '1 worker': () => drain(1),
      '2 workers': () => drain(2),
      '4 workers': () => drain(4),
      '8 workers': () => drain(8),
    });
    return {
      rows: [
        ...Object.entries(samples).map(([label, values]) => ({ label, unit: 'jobs/s', values })),
        { label: 'jobs lost, executed twice or counted wrongly', unit: 'jobs', values: [wrong] },
      ],
    };
  },
};

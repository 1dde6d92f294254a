import type { Bench } from '../lib/bench.ts';
import { startOurs } from '../lib/drains.ts';
import { interleave, median, ratios } from '../lib/stats.ts';

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
      // Each job once, as a success, by one worker that knows of it.
      const [row] = await stack.sql(
        `select count(*)::integer as executions, count(distinct job_id)::integer as jobs,
           count(*) filter (where status = 'success')::integer as good from public.cloud_job_executions`,
      );
      const told = samples.reduce((sum, sample) => sum + sample.jobs, 0);
      const lost = samples.reduce((sum, sample) => sum + sample.lost, 0);
      wrong +=
        Math.abs(jobs - Number(row?.executions)) +
        Math.abs(jobs - Number(row?.jobs)) +
        Math.abs(jobs - Number(row?.good)) +
        Math.abs(jobs - told) +
        lost;
      return jobs / Math.max(...samples.map(({ seconds }) => seconds));
    };
    const samples = await interleave(short ? 2 : 3, {
      '1 worker': () => drain(1),
      '2 workers': () => drain(2),
      '4 workers': () => drain(4),
      '8 workers': () => drain(8),
    });
    const one = samples['1 worker'] ?? [];
    return {
      rows: Object.entries(samples).map(([label, values]) => ({ label, unit: 'jobs/s', values })),
      goals: [
        {
          text: 'the slowest of 2, 4 and 8 workers to 1, round by round',
          value: Math.min(
            ...['2 workers', '4 workers', '8 workers'].map((name) =>
              median(ratios(samples[name] ?? [], one)),
            ),
          ),
          limit: 1,
          sense: 'at least',
        },
        { text: 'jobs lost, done twice or told wrongly', value: wrong, limit: 0, sense: 'at most' },
      ],
    };
  },
};

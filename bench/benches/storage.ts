import type { Bench } from '../lib/bench.ts';
import { drainOurs, startOurs } from '../lib/drains.ts';

/** What a job costs the disk: its write-ahead log from the claim to its end, and what is kept of it. */
export const storage: Bench = {
  title: 'bytes on the disk for a job that does nothing',
  async measure({ stack, short }) {
    const [jobs, drains] = short ? [10_000, 3] : [20_000, 6];
    const wal: number[] = [];
    for (let round = 0; round < 3; round += 1) wal.push((await drainOurs(stack, jobs)).wal / jobs);
    // Space that a vacuum frees is used by the next drain.
    for (let done = 1; done < drains; done += 1) {
      await stack.sql('vacuum public.cloud_jobs');
      await stack.fill(jobs, { config: { handler: 'noop' } });
      await (await startOurs(stack)).run();
    }
    const [row] = await stack.sql(
      `select (pg_total_relation_size('public.cloud_jobs') + pg_total_relation_size('public.cloud_job_executions'))::float8 as bytes`,
    );
    return {
      rows: [
        { label: 'write-ahead log, from the claim to the end', unit: 'bytes a job', values: wal },
        {
          label: `tables and indexes after ${drains} drains with a vacuum between them`,
          unit: 'bytes a job',
          values: [Number(row?.bytes) / jobs / drains],
        },
      ],
    };
  },
};

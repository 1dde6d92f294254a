import { type Asked, calls } from '../../dashboard/server/calls.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import type { Queue } from '../../src/queue/queue.ts';
import type { Bench, Row } from '../lib/bench.ts';
import type { BenchStack } from '../lib/stack.ts';

const ASKED: Asked = { describeConfigs: async () => [] };

/** What the views of the dashboard ask for, by the label of the figure. */
const VIEWS: Readonly<Record<string, (queue: Queue, jobId: string) => Promise<unknown>>> = {
  'overview of a day': (queue) => calls.overview.run(queue, { hours: 24 }, ASKED),
  'overview of a week': (queue) => calls.overview.run(queue, { hours: 168 }, ASKED),
  'jobs, newest': (queue) => calls.jobs.run(queue, { filter: {}, limit: 50 }, ASKED),
  'jobs, failed': (queue) => calls.jobs.run(queue, { filter: { status: 'failed' }, limit: 50 }, ASKED),
  'jobs of a queue': (queue) => calls.jobs.run(queue, { filter: { queue: 'queue-3' }, limit: 50 }, ASKED),
  'jobs by a text of their errors': (queue) =>
    calls.jobs.run(queue, { filter: { error: 'no address' }, limit: 50 }, ASKED),
  'jobs by a value of their config': (queue) =>
    calls.jobs.run(queue, { filter: { config_contains: { customer: 777_777 } }, limit: 50 }, ASKED),
  'counts by status': (queue) => calls.counts.run(queue, { filter: {} }, ASKED),
  'a job': (queue, job_id) => calls.job.run(queue, { job_id }, ASKED),
  recurring: (queue) => calls.recurring.run(queue, {}, ASKED),
  queues: (queue) => calls.queues.run(queue, {}, ASKED),
};

export const dashboard: Bench = {
  title: 'the calls of the dashboard, on a table that is full',
  async measure({ stack, short, log }) {
    const jobs = short ? 100_000 : 1_000_000;
    const rounds = short ? 10 : 40;
    await stack.reset();
    log(`making ${jobs} jobs`);
    await fillHistory(stack, jobs);
    const { url, serviceKey: key } = stack.project;
    const { queue } = openQueue({ url, key }, 'bench');
    const rows: Row[] = [];
    for (const [label, view] of Object.entries(VIEWS)) {
      const values: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const started = performance.now();
        await view(queue, `job-${1 + round}`);
        values.push(performance.now() - started);
      }
      const slow = values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1];
      rows.push({ label, unit: 'ms', values, beside: `95 % within ${Math.round(slow ?? 0)} ms` });
      log(`${label}: 95 % within ${slow?.toFixed(0)} ms`);
    }
    await stack.reset();
    return { rows, note: `${jobs.toLocaleString('en-US')} jobs and attempts of 30 days, by HTTP.` };
  },
};

/** Jobs of 30 days in 20 queues with an attempt each: 90 % succeeded, 1 % failed, the rest waiting; 200 recur. */
async function fillHistory(stack: BenchStack, jobs: number): Promise<void> {
  await stack.sql(
    `insert into public.cloud_jobs (job_id, name, job_type, queue, config, status, created_at, run_at, finished_at,
       last_execution, current_retries, error_message)
     select 'job-' || n, 'Job ' || n % 1000, 'custom', 'queue-' || n % 20, jsonb_build_object('handler', 'mail', 'customer', n),
       s.status, s.at, s.at, case when s.status <> 'waiting' then s.at end, s.at,
       case when s.status = 'failed' then 3 else 0 end,
       case when s.status = 'failed' then 'customer ' || n || ' has no address' end
     from generate_series(1, $1::integer) as n
     cross join lateral (select now() - n * (interval '30 days' / $1::integer) as at,
       case when n % 100 = 0 then 'failed' when n % 100 < 10 then 'waiting' else 'success' end as status) s`,
    [jobs],
  );
  await stack.sql(
    `insert into public.cloud_job_executions (execution_id, job_id, status, started_at, finished_at, duration_seconds,
       result, instance_id, error_message, failure_kind, scheduled_for)
     select 'execution-' || job_id, job_id, status, finished_at - interval '1 s', finished_at, 1, '{}', 'bench',
       error_message, case when status = 'failed' then 'error' end, finished_at - interval '9 s'
     from public.cloud_jobs where status <> 'waiting'`,
  );
  await stack.sql(
    `select public.cloud_jobs_enqueue(jsonb_agg(jsonb_build_object('name', 'Recurring ' || n, 'job_type', 'custom',
       'schedule', '0 6 * * *'))) from generate_series(1, 200) as n`,
  );
  await stack.sql('vacuum analyze');
}

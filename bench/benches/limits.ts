import pg from 'pg';
import type { Bench, Row } from '../lib/bench.ts';
import { interleave, median, ratios } from '../lib/stats.ts';

const QUEUES = 1_000;
const ROUNDS = 60;

/** Claims that are undone again, in queues with settings and in others that differ in nothing else. */
export const limits: Bench = {
  title: `a claim while ${QUEUES} queues have settings (max_running and a rate), beside one without`,
  async measure({ stack, log }) {
    await stack.reset();
    await stack.sql(`
      insert into public.cloud_jobs (name, job_type, queue)
      select 'j', 'custom', kind || '-' || n
      from generate_series(1, ${QUEUES}) n, unnest(array['limited', 'plain']) kind, generate_series(1, 20)`);
    await stack.sql('analyze public.cloud_jobs');
    const client = new pg.Client({ connectionString: stack.project.adminUrl });
    await client.connect();
    await client.query('set role service_role');
    let calls = 0;
    const claim = async (kind: string, round: number, queues: number, limit: number): Promise<number> => {
      const names = Array.from(
        { length: queues },
        (_, n) => `${kind}-${((round * queues + n) % QUEUES) + 1}`,
      );
      await client.query('begin');
      const started = performance.now();
      await client.query('select public.cloud_jobs_claim($1, $2, $3)', [`w ${calls++}`, limit, names]);
      const took = performance.now() - started;
      await client.query('rollback');
      return took;
    };
    const measure = () =>
      interleave(ROUNDS, {
        'one queue without settings': (round) => claim('plain', round, 1, 10),
        'one queue with settings': (round) => claim('limited', round, 1, 10),
      });
    log('no settings');
    await measure();
    const before = await measure();
    await stack.sql(`
      select public.cloud_jobs_set_queue('limited-' || n,
        '{"max_running": 100, "rate_limit": 10000, "rate_period_seconds": 60}') from generate_series(1, ${QUEUES}) n`);
    log(`${QUEUES} queues with settings`);
    await measure();
    const after = await measure();
    await client.end();
    await stack.sql('truncate public.cloud_jobs_queues');
    await stack.reset();
    const rows: Row[] = [
      {
        label: 'claim of 10, no queue has settings',
        unit: 'ms',
        values: before['one queue without settings'] ?? [],
      },
      ...Object.entries(after).map(([name, values]) => ({
        label: `claim of 10, ${name}`,
        unit: 'ms',
        values,
      })),
    ];
    const ratio = median(
      ratios(after['one queue with settings'] ?? [], after['one queue without settings'] ?? []),
    );
    return { rows, note: `With settings a claim takes ${ratio.toFixed(2)} times as long.` };
  },
};

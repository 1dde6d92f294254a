import pg from 'pg';
import type { Bench, Row } from '../lib/bench.ts';
import { drainOurs, perSecond } from '../lib/drains.ts';
import { interleave, median, ratios } from '../lib/stats.ts';

const QUEUES = 1_000;
const ROUNDS = 60;
const SETTINGS = `
  select public.cloud_jobs_set_queue(queue, '{"max_running": 100, "rate_limit": 10000, "rate_period_seconds": 60}')
  from (select 'limited-' || n as queue from generate_series(1, ${QUEUES}) n) q`;
/** Limits that the drain does not reach. */
const LIMIT_DRAINED = `
  select public.cloud_jobs_set_queue('default', '{"max_running": 10000, "rate_limit": 1000000, "rate_period_seconds": 60}')`;

/** Claims that are undone again, in queues with settings and in others that differ in nothing else; and drains. */
export const limits: Bench = {
  title: `a claim and a drain while ${QUEUES} queues have settings (max_running and a rate), beside some without`,
  async measure({ stack, short, log }) {
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
    await stack.sql(SETTINGS);
    log(`${QUEUES} queues with settings`);
    await measure();
    const after = await measure();
    await client.end();
    log('drains');
    const drainWith = async (settings: string) => {
      await stack.sql(`truncate public.cloud_jobs_queues; ${settings}`);
      return await drainOurs(stack, 20_000);
    };
    const drains = await interleave(short ? 3 : 5, {
      none: () => drainWith(''),
      others: () => drainWith(SETTINGS),
      own: () => drainWith(`${SETTINGS}; ${LIMIT_DRAINED}`),
    });
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
      {
        label: 'drain of 20,000 jobs, other queues have settings, to none',
        unit: 'times',
        values: ratios(perSecond(drains.others), perSecond(drains.none)),
      },
      {
        label: 'drain of 20,000 jobs, its queue is limited too, to none',
        unit: 'times',
        values: ratios(perSecond(drains.own), perSecond(drains.none)),
      },
    ];
    const ratio = median(
      ratios(after['one queue with settings'] ?? [], after['one queue without settings'] ?? []),
    );
    return { rows, note: `With settings a claim takes ${ratio.toFixed(2)} times as long.` };
  },
};

import { openQueue } from '../../src/queue/open-queue.ts';
import type { NewJob } from '../../src/queue/queue.ts';
import type { Bench } from '../lib/bench.ts';
import { openGraphile } from '../lib/graphile.ts';
import { openPgBoss } from '../lib/pgboss.ts';
import { sqlOn } from '../lib/stack.ts';
import { interleave, median, ratios } from '../lib/stats.ts';

/** Jobs of one call, ours and theirs. */
const CHUNK = 10_000;

export const enqueue: Bench = {
  title: '20,000 jobs added in calls of 10,000, and some one by one',
  async measure({ stack, short }) {
    const jobs = 20_000;
    const single = short ? 100 : 300;
    const { url, serviceKey: key } = stack.project;
    const { queue } = openQueue({ url, key }, 'bench');
    const graphileUrl = await stack.peerUrl('graphile');
    const pgbossUrl = await stack.peerUrl('pgboss');
    const job = (n: number): NewJob => ({ name: `No ${n}`, job_type: 'custom', config: { n } });

    const timed = async (count: number, add: (numbers: number[]) => Promise<unknown>, chunk: number) => {
      const started = performance.now();
      for (let from = 0; from < count; from += chunk) {
        await add(Array.from({ length: Math.min(chunk, count - from) }, (_, n) => from + n));
      }
      return (count / (performance.now() - started)) * 1000;
    };

    return await openGraphile(graphileUrl, (graphile) =>
      openPgBoss(pgbossUrl, async (boss) => {
        const ours = async (count: number, chunk: number) => {
          await stack.reset();
          return await timed(count, (numbers) => queue.enqueue(numbers.map(job)), chunk);
        };
        const graphiles = async (count: number, chunk: number) => {
          await sqlOn(graphileUrl, 'truncate graphile_worker._private_jobs');
          await sqlOn(graphileUrl, 'checkpoint');
          return await timed(
            count,
            (numbers) => graphile.addJobs(numbers.map((n) => ({ identifier: 'noop', payload: { n } }))),
            chunk,
          );
        };
        const bosses = async (count: number, chunk: number) => {
          await sqlOn(pgbossUrl, 'truncate pgboss.job cascade');
          await sqlOn(pgbossUrl, 'checkpoint');
          return await timed(
            count,
            (numbers) =>
              boss.insert(
                'noop',
                numbers.map((n) => ({ data: { n } })),
              ),
            chunk,
          );
        };
        const rounds = short ? 3 : 5;
        const bulk = await interleave(rounds, {
          ours: () => ours(jobs, CHUNK),
          graphile: () => graphiles(jobs, CHUNK),
          boss: () => bosses(jobs, CHUNK),
        });
        const one = await interleave(rounds, {
          ours: () => ours(single, 1),
          graphile: () => graphiles(single, 1),
          boss: () => bosses(single, 1),
        });
        const row = (label: string, values: number[] | undefined) => ({
          label,
          unit: 'jobs/s',
          values: values ?? [],
        });
        const better = (bulk.graphile ?? []).map((rate, round) => Math.max(rate, bulk.boss?.[round] ?? 0));
        return {
          rows: [
            row('cloud-jobs, bulk', bulk.ours),
            row('graphile-worker addJobs, bulk', bulk.graphile),
            row('pg-boss insert, bulk', bulk.boss),
            row('cloud-jobs, one by one', one.ours),
            row('graphile-worker, one by one', one.graphile),
            row('pg-boss, one by one', one.boss),
          ],
          goals: [
            {
              text: 'bulk, ours to the better of the peers, round by round',
              value: median(ratios(bulk.ours ?? [], better)),
              limit: 1.3,
              sense: 'at least',
            },
          ],
        };
      }),
    );
  },
};

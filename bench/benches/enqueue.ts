import { openQueue } from '../../src/queue/open-queue.ts';
import type { Bench } from '../lib/bench.ts';
import { startPgBoss, withGraphile } from '../lib/peers.ts';
import { sqlOn } from '../lib/stack.ts';
import { interleave, ratios } from '../lib/stats.ts';

/** Jobs in one call of each queue. */
const CHUNK = 10_000;

type Add = (numbers: number[]) => Promise<unknown>;

export const enqueue: Bench = {
  title: '20,000 jobs added in calls of 10,000, and some one by one',
  async measure({ stack, short }) {
    const { url, serviceKey: key } = stack.project;
    const { queue } = openQueue({ url, key }, 'bench');
    const graphileUrl = await stack.peerUrl('graphile');
    const pgbossUrl = await stack.peerUrl('pgboss');
    const emptied = async (url: string, table: string) => {
      await sqlOn(url, `truncate ${table} cascade`);
      await sqlOn(url, 'checkpoint');
    };
    const timed = async (count: number, chunk: number, add: Add): Promise<number> => {
      const started = performance.now();
      for (let from = 0; from < count; from += chunk) {
        await add(Array.from({ length: Math.min(chunk, count - from) }, (_, n) => from + n));
      }
      return (count / (performance.now() - started)) * 1000;
    };

    return await withGraphile(graphileUrl, async (graphile) => {
      const boss = await startPgBoss(pgbossUrl);
      const contenders = (count: number, chunk: number) => ({
        'cloud-jobs': async () => {
          await stack.reset();
          return await timed(count, chunk, (numbers) =>
            queue.enqueue(numbers.map((n) => ({ name: `No ${n}`, job_type: 'custom', config: { n } }))),
          );
        },
        'graphile-worker': async () => {
          await emptied(graphileUrl, 'graphile_worker._private_jobs');
          return await timed(count, chunk, (numbers) =>
            graphile.addJobs(numbers.map((n) => ({ identifier: 'noop', payload: { n } }))),
          );
        },
        'pg-boss': async () => {
          await emptied(pgbossUrl, 'pgboss.job');
          return await timed(count, chunk, (numbers) =>
            boss.insert(
              'noop',
              numbers.map((n) => ({ data: { n } })),
            ),
          );
        },
      });
      const rounds = short ? 3 : 5;
      const bulk = await interleave(rounds, contenders(20_000, CHUNK));
      const single = await interleave(rounds, contenders(short ? 100 : 300, 1));
      await boss.stop({ graceful: false });
      const rows = (samples: Readonly<Record<string, number[]>>, how: string) =>
        Object.entries(samples).map(([name, values]) => ({
          label: `${name}, ${how}`,
          unit: 'jobs/s',
          values,
        }));
      const fastest = (bulk['graphile-worker'] ?? []).map((rate, round) =>
        Math.max(rate, bulk['pg-boss']?.[round] ?? 0),
      );
      const values = ratios(bulk['cloud-jobs'] ?? [], fastest);
      return {
        rows: [
          ...rows(bulk, 'bulk'),
          ...rows(single, 'one by one'),
          { label: 'bulk, ours to the faster peer', unit: 'times', values },
        ],
      };
    });
  },
};

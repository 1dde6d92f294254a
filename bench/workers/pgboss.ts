import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { inChild } from '../lib/child.ts';
import { startPgBoss } from '../lib/peers.ts';

export interface PgBossOptions {
  readonly url: string;
  readonly jobs: number;
  /** Options of pg-boss's `work`. */
  readonly settings: Readonly<Record<string, unknown>>;
}

await inChild<PgBossOptions>(async ({ url, jobs, settings }) => {
  const boss = await startPgBoss(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const isUnfinished = async () =>
    (await client.query("select from pgboss.job where state < 'completed' limit 1")).rowCount !== 0;
  return {
    work: async () => {
      const { promise: all, resolve } = Promise.withResolvers<void>();
      let done = 0;
      await boss.work('noop', settings, async (batch) => {
        done += batch.length;
        if (done >= jobs) resolve();
      });
      await all;
      while (await isUnfinished()) await delay(2);
      return { jobs: done, requests: 0, lost: 0 };
    },
    close: async () => {
      await client.end();
      await boss.stop({ graceful: false });
    },
  };
});

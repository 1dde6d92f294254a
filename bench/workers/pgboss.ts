import pg from 'pg';
import { inChild } from '../lib/in-child.ts';
import { loadPeer } from '../lib/peer.ts';

export interface PgBossOptions {
  readonly url: string;
  readonly jobs: number;
  /** Options of `work`. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface PgBoss {
  start(): Promise<unknown>;
  stop(options: { graceful: boolean }): Promise<void>;
  createQueue(name: string): Promise<void>;
  insert(name: string, jobs: readonly object[]): Promise<unknown>;
  send(name: string, data: object): Promise<unknown>;
  work(name: string, options: object, handler: (jobs: readonly unknown[]) => Promise<void>): Promise<string>;
  on(event: 'error', listener: (error: Error) => void): void;
}

await inChild<PgBossOptions>(async ({ url, jobs, settings }) => {
  const { PgBoss } = await loadPeer<{ PgBoss: new (options: object) => PgBoss }>('pg-boss');
  const boss = new PgBoss({ connectionString: url, schedule: false });
  let failure: Error | undefined;
  boss.on('error', (error) => {
    failure ??= error;
  });
  await boss.start();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    work: async () => {
      const { promise: all, resolve } = Promise.withResolvers<void>();
      let done = 0;
      await boss.work('noop', settings, async (batch) => {
        done += batch.length;
        if (done >= jobs) resolve();
      });
      await all;
      while (
        (await client.query("select from pgboss.job where state < 'completed' limit 1")).rowCount !== 0
      ) {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      if (failure) throw failure;
      return { jobs: done, requests: 0, lost: 0 };
    },
    close: async () => {
      await client.end();
      await boss.stop({ graceful: false });
    },
  };
});

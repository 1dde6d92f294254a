import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { inChild } from '../lib/child.ts';
import { loadGraphile } from '../lib/peers.ts';

export interface GraphileOptions {
  readonly url: string;
  readonly jobs: number;
  /** Keys of `worker` in a preset of graphile-worker. */
  readonly settings: Readonly<Record<string, unknown>>;
}

await inChild<GraphileOptions>(async ({ url, jobs, settings }) => {
  const { run, logger } = await loadGraphile();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    work: async () => {
      const { promise: all, resolve } = Promise.withResolvers<void>();
      let done = 0;
      const noop = () => {
        if (++done >= jobs) resolve();
      };
      const preset = { worker: { connectionString: url, ...settings } };
      const runner = await run({ preset, taskList: { noop }, logger });
      await all;
      // Handlers end before their jobs are deleted: the drain ends when the table is empty.
      while ((await client.query('select from graphile_worker._private_jobs limit 1')).rowCount !== 0) {
        await delay(2);
      }
      void runner.stop();
      return { jobs: done, requests: 0, lost: 0 };
    },
    close: () => client.end(),
  };
});

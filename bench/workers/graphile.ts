import pg from 'pg';
import { inChild } from '../lib/in-child.ts';
import { loadPeer } from '../lib/peer.ts';

export interface GraphileOptions {
  readonly url: string;
  readonly jobs: number;
  /** Keys of a graphile-worker preset's `worker`. */
  readonly settings: Readonly<Record<string, unknown>>;
}

interface Graphile {
  readonly Logger: new (make: () => () => void) => unknown;
  run(options: {
    preset: { worker: Record<string, unknown> };
    taskList: Record<string, () => void>;
    logger: unknown;
  }): Promise<{ stop(): Promise<void>; promise: Promise<void> }>;
}

await inChild<GraphileOptions>(async ({ url, jobs, settings }) => {
  const { run, Logger } = await loadPeer<Graphile>('graphile-worker');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    work: async () => {
      const { promise: all, resolve } = Promise.withResolvers<void>();
      let done = 0;
      const runner = await run({
        preset: { worker: { connectionString: url, ...settings } },
        taskList: {
          noop: () => {
            if (++done >= jobs) resolve();
          },
        },
        logger: new Logger(() => () => {}),
      });
      await all;
      // The last completions are under way: the drain is over when the table is empty.
      while ((await client.query('select from graphile_worker._private_jobs limit 1')).rowCount !== 0) {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      void runner.stop();
      return { jobs: done, requests: 0, lost: 0 };
    },
    close: () => client.end(),
  };
});

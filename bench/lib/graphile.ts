import { loadPeer } from './peer.ts';

interface Utils {
  addJobs(jobs: readonly { identifier: string; payload: object }[]): Promise<unknown>;
  migrate(): Promise<void>;
  release(): Promise<void>;
}

interface Graphile {
  readonly Logger: new (make: () => () => void) => unknown;
  makeWorkerUtils(options: { connectionString: string; logger: unknown }): Promise<Utils>;
}

/** Opens graphile-worker on a database, its schema installed, for `work`. */
export async function openGraphile<T>(url: string, work: (utils: Utils) => Promise<T>): Promise<T> {
  const { Logger, makeWorkerUtils } = await loadPeer<Graphile>('graphile-worker');
  const utils = await makeWorkerUtils({ connectionString: url, logger: new Logger(() => () => {}) });
  try {
    await utils.migrate();
    return await work(utils);
  } finally {
    await utils.release();
  }
}

import type { PgBoss } from '../workers/pgboss.ts';
import { loadPeer } from './peer.ts';

/** Opens pg-boss on a database, with its queue, for `work`. */
export async function openPgBoss<T>(url: string, work: (boss: PgBoss) => Promise<T>): Promise<T> {
  const { PgBoss } = await loadPeer<{ PgBoss: new (options: object) => PgBoss }>('pg-boss');
  const boss = new PgBoss({ connectionString: url, schedule: false, supervise: false });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  try {
    await boss.createQueue('noop');
    return await work(boss);
  } finally {
    await boss.stop({ graceful: false });
  }
}

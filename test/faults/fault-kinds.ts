import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Fault } from '../../src/stack/faults.ts';
import type { Arena } from './arena.ts';
import type { Outage } from './check.ts';
import { descendants, type Fleet, send, type Worker } from './fleet.ts';
import type { Random } from './random.ts';

export interface Scene {
  readonly arena: Arena;
  readonly fleet: Fleet;
  readonly random: Random;
  /** Counts one fault of a kind. */
  count(kind: string): void;
  readonly outages: Outage[];
  /**
   * Whether locks of stopped workers run out by the test's hand and not by waiting: what a short run cannot wait for.
   */
  readonly hurry: boolean;
}

export type FaultKind = (scene: Scene) => Promise<void>;

/** How long an orphan may take to see that its worker is gone, before the runner's clean-up would kill it. */
const ORPHAN_MS = 1_000;
const LOCK_MS = 30_000;

function victim({ fleet, random }: Scene): Worker | undefined {
  const alive = fleet.alive().filter((worker) => worker.faults.size === 0 || worker.faults.has('no-disk'));
  return alive.length === 0 ? undefined : random.pick(alive);
}

async function killTree(worker: Worker): Promise<void> {
  const tree = descendants(worker.pid);
  send(worker.pid, 'SIGKILL');
  await worker.step.done.catch(() => {});
  await sleep(ORPHAN_MS);
  for (const { pid } of tree) send(pid, 'SIGKILL');
}

/** The faults of processes: they go on beside one another. */
export const PROCESS_FAULTS: Readonly<Record<string, FaultKind>> = {
  'worker killed': async (scene) => {
    const worker = victim(scene);
    if (!worker) return;
    scene.count('worker killed');
    worker.faults.add('killed');
    await killTree(worker);
    await expire(scene, worker);
  },

  'worker cancelled': async (scene) => {
    const worker = victim(scene);
    if (!worker) return;
    scene.count('worker cancelled');
    worker.faults.add('cancelled');
    const { signal } = await worker.step.cancel();
    if (signal !== 'SIGKILL') return;
    scene.count('worker cancelled, killed at the end of the grace');
    await expire(scene, worker);
  },

  'worker frozen beyond its lock': async (scene) => {
    const worker = victim(scene);
    if (!worker) return;
    scene.count('worker frozen beyond its lock');
    worker.faults.add('paused');
    send(worker.pid, 'SIGSTOP');
    if (scene.hurry) {
      await expire(scene, worker);
      await sleep(scene.random.between(500, 2_000));
    } else await sleep(LOCK_MS + scene.random.between(500, 3_000));
    send(worker.pid, 'SIGCONT');
  },

  'handler process killed': async (scene) => {
    const worker = victim(scene);
    if (!worker) return;
    const children = descendants(worker.pid).filter(
      ({ name }) => name.startsWith('node') || name === 'MainThread',
    );
    if (children.length === 0) return;
    scene.count('handler process killed');
    worker.faults.add('child-killed');
    send(scene.random.pick(children).pid, 'SIGKILL');
  },
};

/** The faults that everybody meets: one at a time. */
export const SHARED_FAULTS: Readonly<Record<string, FaultKind>> = {
  'Postgres killed and restarted': outage('Postgres killed and restarted', async ({ arena }) => {
    await arena.crashPostgres();
  }),

  'all database connections ended': outage('all database connections ended', async ({ arena }) => {
    await arena.sql(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
  }),

  'database connections used up': outage('database connections used up', async ({ arena, random }) => {
    const held: pg.Client[] = [];
    const open = async (): Promise<boolean> => {
      const client = new pg.Client({ connectionString: arena.project.adminUrl });
      client.on('error', () => {});
      try {
        await client.connect();
      } catch {
        return false;
      }
      held.push(client);
      return true;
    };
    while (await open());
    // Only new connections fail, so those that are there have to go, and the room they leave is taken as well.
    await held[0]
      ?.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'authenticator'`,
      )
      .catch(() => {});
    const until = Date.now() + random.between(500, 2_500);
    while (Date.now() < until) if (!(await open())) await sleep(20);
    await Promise.all(held.map((client) => client.end().catch(() => {})));
  }),

  'tables locked by somebody': outage('tables locked by somebody', async ({ arena, random, hurry }) => {
    const client = new pg.Client({ connectionString: arena.project.adminUrl });
    client.on('error', () => {});
    await client.connect();
    await client.query('begin');
    await client.query('lock table public.cloud_jobs in access exclusive mode');
    // Statements end at 8 s, and callers that find no free connection of PostgREST's pool at 10 s.
    await sleep(random.pick(hurry ? [300, 1_500] : [300, 1_500, 9_000, 11_000]));
    await client.query('rollback');
    await client.end();
  }),

  'PostgREST killed and restarted': outage('PostgREST killed and restarted', async ({ arena }) => {
    const [postgrest] = descendants(process.pid).filter(({ name }) => name.startsWith('postgrest'));
    if (postgrest) send(postgrest.pid, 'SIGKILL');
    await arena.project.restartPostgrest();
  }),

  'schema cache reloaded': outage('schema cache reloaded', async ({ arena }) => {
    await arena.sql(`notify pgrst, 'reload schema'`);
  }),

  'network: refused': tcp('network: refused', () => ({ kind: 'refused' })),
  'network: half open': tcp('network: half open', () => ({ kind: 'half-open' })),
  'network: reset in the middle': tcp('network: reset in the middle', ({ random }) => ({
    kind: 'reset',
    afterBytes: random.between(0, 4_000),
  })),

  'reply lost': http('reply lost', 0.7, () => ({ kind: 'lose-reply' })),
  'request cut': http('request cut', 0.7, () => ({ kind: 'cut' })),
  'slow by seconds': http('slow by seconds', 0.7, ({ random }) => ({
    kind: 'delay',
    milliseconds: random.between(500, 5_000),
  })),
  'error of a gateway': http('error of a gateway', 0.8, ({ random }) => {
    const status = random.pick([502, 503, 504, 520, 540]);
    return random.chance(0.5)
      ? { kind: 'answer', status, body: '' }
      : {
          kind: 'answer',
          status,
          body: `<html><head><title>${status}</title></head><body>cloudflare</body></html>`,
          headers: { 'content-type': 'text/html' },
        };
  }),
  'answer that is no answer': http('answer that is no answer', 0.3, ({ random }) => ({
    kind: 'answer',
    status: 404,
    body: random.pick(['', '[]']),
    headers: { 'content-type': 'application/json' },
  })),
};

function outage(kind: string, make: FaultKind): FaultKind {
  return async (scene) => {
    scene.count(kind);
    const from = Date.now();
    try {
      await make(scene);
    } finally {
      // PostgREST takes its time to find the database again.
      await answers(scene);
      scene.outages.push({ from, to: Date.now() });
    }
  };
}

function tcp(kind: string, choose: (scene: Scene) => Parameters<Arena['proxy']['setFault']>[0]): FaultKind {
  return outage(kind, async (scene) => {
    await scene.arena.proxy.setFault(choose(scene));
    await sleep(scene.random.between(300, scene.hurry ? 1_000 : 3_000));
    await scene.arena.proxy.setFault(undefined);
  });
}

/** Each request in this time meets the fault with this probability, and each one counts. */
function http(kind: string, share: number, choose: (scene: Scene) => Fault): FaultKind {
  return async (scene) => {
    const from = Date.now();
    scene.arena.project.setFaults(() => {
      if (!scene.random.chance(share)) return undefined;
      scene.count(kind);
      return choose(scene);
    });
    await sleep(scene.random.between(300, scene.hurry ? 1_000 : 3_000));
    scene.arena.project.setFaults(undefined);
    scene.outages.push({ from, to: Date.now() });
  };
}

async function answers({ arena }: Scene): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    const ok = await fetch(`${arena.project.url}/rest/v1/rpc/cloud_jobs_version`, {
      method: 'POST',
      headers: { apikey: arena.project.secretKey, 'content-type': 'application/json' },
      body: '{}',
      signal: AbortSignal.timeout(15_000),
    }).then(
      (reply) => reply.ok,
      () => false,
    );
    if (ok) return;
    if (Date.now() > until) throw new Error('The stack did not come back within 60 s of a fault.');
    await sleep(100);
  }
}

/** Where waiting is too long, the lock of a worker that does not live runs out now. */
async function expire({ arena, hurry }: Scene, worker: Worker): Promise<void> {
  if (!hurry) return;
  await persist(() =>
    arena.sql(
      `update public.cloud_jobs set lock_expires_at = now() where status = 'locked' and locked_by = $1`,
      [worker.instanceId],
    ),
  );
}

/** The test's own statement, again and again until the database can take it. */
export async function persist<T>(work: () => Promise<T>, seconds = 60): Promise<T> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(100);
    }
  }
}

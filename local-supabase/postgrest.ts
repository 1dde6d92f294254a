import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { locatePostgrest } from './binaries.ts';
import { type Child, startChild } from './child.ts';
import { freePort, LOOPBACK, saysPortTaken } from './ports.ts';
import type { Watchdog } from './watchdog.ts';

export interface PostgrestOptions {
  /** Connection URL of role `authenticator`. */
  readonly databaseUrl: string;
  readonly jwtSecret: string;
  /** A JWT that this PostgREST must accept; proves that the answer on the port is its own. */
  readonly serviceKey: string;
  readonly watchdog: Watchdog;
  /** Connections to the database; hosted default 10. */
  readonly pool?: number;
  /** How long a request waits for one of them before it is answered 504 (PGRST003); PostgREST's default 10. */
  readonly poolTimeoutSeconds?: number;
}

export interface Postgrest {
  readonly pid: number;
  readonly port: number;
  readonly exited: Promise<string>;
  tail(): string;
  stop(): Promise<void>;
}

const START_TRIES = 10;
const READY_DEADLINE_MS = 20_000;

/**
 * Starts PostgREST and waits until it answers from a loaded schema cache.
 * @throws Error with its last words when it ends or does not answer within 20 s.
 */
export async function startPostgrest(options: PostgrestOptions): Promise<Postgrest> {
  const command = await locatePostgrest();
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const child = await startChild({
      name: 'PostgREST',
      command,
      env: environment(options, port),
      stopSignal: 'SIGTERM',
      watchdog: options.watchdog,
    });
    const problem = await becomesReady(child, port, options.serviceKey);
    if (problem === undefined) {
      return { pid: child.pid, port, exited: child.exited, tail: child.tail, stop: () => child.stop() };
    }
    await child.stop();
    if (saysPortTaken(child.tail()) && attempt < START_TRIES) continue;
    throw new Error(`PostgREST did not start: ${problem}.\n${child.tail()}`);
  }
}

function environment(
  { databaseUrl, jwtSecret, pool = 10, poolTimeoutSeconds = 10 }: PostgrestOptions,
  port: number,
) {
  return {
    // Haskell's runtime cannot print other than ASCII in locale C, and dies of it.
    LC_ALL: 'C.UTF-8',
    PGRST_DB_URI: databaseUrl,
    PGRST_DB_SCHEMAS: 'public',
    PGRST_DB_EXTRA_SEARCH_PATH: 'public,extensions',
    PGRST_DB_ANON_ROLE: 'anon',
    PGRST_DB_POOL: String(pool),
    PGRST_DB_POOL_ACQUISITION_TIMEOUT: String(poolTimeoutSeconds),
    PGRST_DB_MAX_ROWS: '1000',
    PGRST_DB_CHANNEL: 'pgrst',
    PGRST_DB_CHANNEL_ENABLED: 'true',
    PGRST_JWT_SECRET: jwtSecret,
    PGRST_SERVER_HOST: LOOPBACK,
    PGRST_SERVER_PORT: String(port),
    PGRST_LOG_LEVEL: 'error',
  };
}

/** Resolves with `undefined` when ready, else with what went wrong. */
async function becomesReady(child: Child, port: number, key: string): Promise<string | undefined> {
  const deadline = Date.now() + READY_DEADLINE_MS;
  let last = 'no answer';
  while (Date.now() < deadline) {
    if (!child.running) return `it ${await child.exited}`;
    last = await statusOf(port, key);
    // Another server on this port would refuse our key, so a 200 comes from this PostgREST.
    if (last === 'status 200' && child.running) return undefined;
    await delay(15);
  }
  return `no good answer within ${READY_DEADLINE_MS / 1000} s, the last was ${last}`;
}

function statusOf(port: number, key: string): Promise<string> {
  return new Promise((resolve) => {
    const ask = request(
      {
        host: LOOPBACK,
        port,
        method: 'GET',
        path: '/',
        agent: false,
        timeout: 5_000,
        headers: { authorization: `Bearer ${key}` },
      },
      (reply) => {
        reply.resume();
        resolve(`status ${reply.statusCode}`);
      },
    );
    ask.on('error', (error) => resolve(error.message));
    ask.on('timeout', () => ask.destroy(new Error('timeout')));
    ask.end();
  });
}

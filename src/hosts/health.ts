import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describeError } from '../text/describe-error.ts';
import { OPEN_METRICS_TYPE } from '../text/open-metrics.ts';

/** How long the loop of a worker may stand still before it no longer counts as alive. */
const ALIVE_MS = 60_000;

/** How long the text of `/metrics` is kept, however often it is asked for. */
const METRICS_MS = 5_000;

export interface HealthOptions {
  /** Makes the text of `GET /metrics`. */
  readonly metrics?: () => Promise<string>;
  readonly now?: () => number;
}

/**
 * Reports over HTTP whether a long-running worker is alive: `GET /healthz` answers 200 or 503. `GET /metrics` has
 * the state of the queue.
 */
export interface Health extends AsyncDisposable {
  readonly port: number;
  /** To be called whenever the worker looks after its work. */
  readonly onTurn: () => void;
}

/** @throws the system's error if the port is taken */
export async function serveHealth(
  port: number,
  { metrics, now = () => performance.now() }: HealthOptions = {},
): Promise<Health> {
  let turnedAt = now();
  let madeAt = Number.NEGATIVE_INFINITY;
  let made = Promise.resolve('');
  const metricsText = (): Promise<string> => {
    if (now() - madeAt >= METRICS_MS && metrics) {
      madeAt = now();
      made = metrics();
    }
    return made;
  };
  const server = createServer((request, response) => {
    if (metrics && request.method === 'GET' && request.url === '/metrics') {
      metricsText().then(
        (text) => response.writeHead(200, { 'content-type': OPEN_METRICS_TYPE }).end(text),
        (error: unknown) =>
          response.writeHead(503, { 'content-type': 'text/plain' }).end(`${describeError(error)}\n`),
      );
      return;
    }
    const isHealth = request.method === 'GET' && request.url === '/healthz';
    const isAlive = now() - turnedAt < ALIVE_MS;
    const status = isHealth ? (isAlive ? 200 : 503) : 404;
    const text = isHealth ? (isAlive ? 'alive' : 'stuck') : 'not found';
    response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
  });
  server.listen(port);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    onTurn: () => {
      turnedAt = now();
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How long the loop of a worker may stand still before it no longer counts as alive. */
const ALIVE_MS = 60_000;

/** Tells whoever asks over HTTP whether a worker that stays is alive: `GET /healthz` answers 200 or 503. */
export interface Health extends AsyncDisposable {
  readonly port: number;
  /** To be called whenever the worker looks after its work. */
  readonly onTurn: () => void;
}

/** @throws the system's error if the port is taken */
export async function serveHealth(
  port: number,
  now: () => number = () => performance.now(),
): Promise<Health> {
  let turnedAt = now();
  const server = createServer((request, response) => {
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

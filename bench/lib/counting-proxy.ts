import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';

export interface CountingProxy {
  readonly url: string;
  /** Bytes since the last look, headers and all. */
  take(): { readonly sent: number; readonly received: number };
  close(): Promise<void>;
}

/** Counts the bytes between a worker and its project. */
export async function countingProxy(target: string): Promise<CountingProxy> {
  const { hostname, port } = new URL(target);
  let sent = 0;
  let received = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    }
    client.on('data', (chunk) => {
      sent += chunk.length;
    });
    upstream.on('data', (chunk) => {
      received += chunk.length;
    });
    // Either side may end the connection at any time; the worker's own errors tell.
    pipeline(client, upstream, client, () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take: () => {
      const seen = { sent, received };
      sent = 0;
      received = 0;
      return seen;
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

import { connect, createServer, type Socket } from 'node:net';

/** A TCP relay on this machine that stands for the distance between a worker and its database. */
export interface Relay {
  /** The address that leads through the relay. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a relay to the host and port of a URL that holds back what it passes on for half a round trip each way. */
export async function startRelay(target: string, roundTripMs: number): Promise<Relay> {
  const url = new URL(target);
  const { hostname: host, port } = url;
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host, port: Number(port), noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      // Timers of one delay fire in the order in which they were set, so bytes keep their order.
      const later = (action: () => void) => setTimeout(action, roundTripMs / 2);
      from.on('data', (bytes) => later(() => to.write(bytes)));
      from.on('end', () => later(() => to.end()));
      from.on('error', () => to.destroy());
      from.on('close', () => sockets.delete(from));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The relay has no port.');
  url.hostname = '127.0.0.1';
  url.port = String(address.port);
  return {
    url: url.href.replace(/\/$/, ''),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type TcpFault =
  /** Nobody listens. */
  | { readonly kind: 'refused' }
  /** Connections stay open and nothing passes any more, as behind a dead NAT entry. */
  | { readonly kind: 'half-open' }
  /** Each connection is reset after so many bytes of reply. */
  | { readonly kind: 'reset'; readonly afterBytes: number };

export interface TcpProxy {
  readonly url: string;
  /** Makes this fault from now on; `undefined` mends the network (half-open connections stay dead). */
  setFault(fault: TcpFault | undefined): Promise<void>;
  stop(): Promise<void>;
}

/** A wire between a client and `upstreamPort` on this machine that can break below HTTP. */
export async function startTcpProxy(upstreamPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let fault: TcpFault | undefined;
  let server = await listen(0);
  const port = (server.address() as AddressInfo).port;

  async function listen(at: number): Promise<Server> {
    const made = createServer((client) => {
      const upstream = connect({ host: '127.0.0.1', port: upstreamPort });
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          sockets.delete(one);
          other.destroy();
        });
      }
      let replied = 0;
      client.on('data', (data) => {
        if (fault?.kind !== 'half-open') upstream.write(data);
      });
      upstream.on('data', (data) => {
        if (fault?.kind === 'half-open') return;
        replied += data.length;
        if (fault?.kind === 'reset' && replied > fault.afterBytes) {
          client.write(data.subarray(0, Math.max(0, data.length - (replied - fault.afterBytes))));
          client.resetAndDestroy();
          return;
        }
        client.write(data);
      });
    });
    made.listen(at, '127.0.0.1');
    await once(made, 'listening');
    return made;
  }

  async function close(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  return {
    url: `http://127.0.0.1:${port}`,
    async setFault(next) {
      if (next?.kind === 'refused') await close();
      else if (!server.listening) server = await listen(port);
      fault = next;
    },
    stop: close,
  };
}

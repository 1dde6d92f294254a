import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type WireFault =
  /** Nobody listens. */
  | { readonly kind: 'refused' }
  /** Connections stay open and nothing passes any more, as behind a dead NAT entry. */
  | { readonly kind: 'half-open' }
  /** Each connection is reset after so many bytes of reply. */
  | { readonly kind: 'reset'; readonly afterBytes: number };

/** What becomes of one reply: lost after the request was applied, or late. */
export type ReplyFate = { readonly kind: 'lose' } | { readonly kind: 'hold'; readonly milliseconds: number };

export interface Wire {
  readonly url: string;
  /** Makes this fault from now on; `undefined` repairs the wire (half-open connections stay dead). */
  setFault(fault: WireFault | undefined): Promise<void>;
  /** SQL functions whose call is under way: sent, not answered. */
  calling(): readonly string[];
  stop(): Promise<void>;
}

/** Told when the call of a SQL function has been sent on; says what becomes of its reply. */
export type CallListener = (fn: string) => ReplyFate | undefined;

/** A wire between one client and `upstreamPort` on this machine: it can break below HTTP, and reports the calls. */
export async function startWire(upstreamPort: number, onCall: CallListener = () => undefined): Promise<Wire> {
  const sockets = new Set<Socket>();
  const calls = new Map<Socket, string>();
  let fault: WireFault | undefined;
  let server = await listen(0);
  const port = (server.address() as AddressInfo).port;

  function join(client: Socket): void {
    const upstream = connect({ host: '127.0.0.1', port: upstreamPort, noDelay: true });
    client.setNoDelay(true);
    let fate: ReplyFate | undefined;
    let replied = 0;
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        calls.delete(client);
        other.destroy();
      });
    }
    client.on('data', (data) => {
      if (fault?.kind === 'half-open') return;
      upstream.write(data);
      // A client waits for the answer before it sends the next request on the same connection.
      if (calls.has(client)) return;
      const fn = /^POST \/rest\/v1\/rpc\/(\w+)/.exec(data.toString('latin1', 0, 100))?.[1];
      if (fn === undefined) return;
      calls.set(client, fn);
      fate = onCall(fn);
    });
    const reply = (data: Buffer): void => {
      if (fault?.kind === 'half-open') return;
      replied += data.length;
      if (fault?.kind === 'reset' && replied > fault.afterBytes) {
        client.write(data.subarray(0, Math.max(0, data.length - (replied - fault.afterBytes))));
        client.resetAndDestroy();
        return;
      }
      client.write(data);
    };
    upstream.on('data', (data) => {
      // The reply comes after the commit.
      calls.delete(client);
      if (fate?.kind === 'lose') client.resetAndDestroy();
      else if (fate?.kind === 'hold') {
        upstream.pause();
        setTimeout(() => {
          fate = undefined;
          reply(data);
          upstream.resume();
        }, fate.milliseconds);
      } else reply(data);
    });
  }

  async function listen(at: number): Promise<Server> {
    const made = createServer(join);
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

  let stopped = false;
  return {
    url: `http://127.0.0.1:${port}`,
    async setFault(next) {
      if (stopped) return;
      if (next?.kind === 'refused') await close();
      else if (!server.listening) server = await listen(port);
      fault = next;
    },
    calling: () => [...calls.values()],
    async stop() {
      stopped = true;
      await close();
    },
  };
}

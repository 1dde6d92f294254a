import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, FaultRule } from './faults.ts';
import { decide } from './gateway-keys.ts';
import type { ProjectKeys } from './keys.ts';
import { LOOPBACK, portError } from './ports.ts';

export interface Gateway {
  /** `http://127.0.0.1:PORT`, what a client takes as the project's URL. */
  readonly url: string;
  readonly port: number;
  /** Sends requests to this port from now on; `undefined` answers 503. */
  setUpstream(port: number | undefined): void;
  /** Makes faults on purpose; `undefined` stops that. */
  setFaults(rule: FaultRule | undefined): void;
  /** Closes the port and every connection. */
  stop(): Promise<void>;
}

const PREFIX = '/rest/v1';
/** Below the 30 s after which PostgREST's server closes an idle connection, so that we never send on a closed one. */
const IDLE_MS = 10_000;
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS',
  'access-control-max-age': '3600',
};
/** Headers that speak of one connection, not of the message (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'upgrade',
]);

/**
 * Starts the gateway of one project: `/rest/v1` to PostgREST, with Supabase's key rule. Bodies are streamed both
 * ways; status and headers stay as PostgREST gave them.
 * @throws Error that names the port when it cannot be listened on.
 */
export async function startGateway(keys: ProjectKeys, port = 0): Promise<Gateway> {
  let upstream: { readonly port: number; readonly agent: Agent } | undefined;
  let faults: FaultRule | undefined;

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  // A worker keeps its connection between calls that are seconds apart.
  server.keepAliveTimeout = 60_000;

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', 'http://gateway');
    if (url.pathname !== PREFIX && !url.pathname.startsWith(`${PREFIX}/`)) {
      return answer(incoming, outgoing, 404, { message: 'no Route matched with those values' });
    }
    if (incoming.method === 'OPTIONS') {
      outgoing.setHeader(
        'access-control-allow-headers',
        incoming.headers['access-control-request-headers'] ?? '*',
      );
      return answer(incoming, outgoing, 200);
    }
    const decision = decide(keys, {
      apikey: header(incoming, 'apikey') ?? url.searchParams.get('apikey') ?? undefined,
      authorization: header(incoming, 'authorization'),
      userAgent: header(incoming, 'user-agent'),
    });
    if (!decision.pass) return answer(incoming, outgoing, decision.status, decision.body);

    const path = withoutKey(incoming.url ?? '/').slice(PREFIX.length) || '/';
    const fault = faults?.({ method: incoming.method ?? 'GET', path });
    if (fault?.kind === 'cut') {
      incoming.socket.destroy();
      return;
    }
    if (fault?.kind === 'answer') {
      incoming.resume();
      outgoing.writeHead(fault.status, { ...fault.headers }).end(fault.body ?? '');
      return;
    }
    if (fault?.kind === 'delay') await delay(fault.milliseconds);
    if (upstream === undefined) return unavailable(incoming, outgoing);
    forward(incoming, outgoing, { ...upstream, path, authorization: decision.authorization, fault });
  }

  server.listen(port, LOOPBACK);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw portError(port, cause);
  }
  const address = server.address();
  const bound = address !== null && typeof address === 'object' ? address.port : port;
  return {
    url: `http://${LOOPBACK}:${bound}`,
    port: bound,
    setUpstream(next) {
      upstream?.agent.destroy();
      upstream =
        next === undefined
          ? undefined
          : { port: next, agent: new Agent({ keepAlive: true, timeout: IDLE_MS }) };
    },
    setFaults(rule) {
      faults = rule;
    },
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      upstream?.agent.destroy();
    },
  };
}

interface Onward {
  readonly port: number;
  readonly agent: Agent;
  readonly path: string;
  readonly authorization: string;
  readonly fault: Fault | undefined;
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, onward: Onward): void {
  const { host: _, ...headers } = passedOn(incoming.headers);
  const ask = request({
    host: LOOPBACK,
    port: onward.port,
    agent: onward.agent,
    method: incoming.method,
    path: onward.path,
    headers: { ...headers, authorization: onward.authorization },
  });
  ask.on('response', (reply) => {
    if (onward.fault?.kind === 'lose-reply') {
      // The reply comes after the commit; only then is it lost.
      reply.resume().on('end', () => incoming.socket.destroy());
      return;
    }
    outgoing.writeHead(reply.statusCode ?? 502, passedOn(reply.headers));
    reply.pipe(outgoing);
    // Half a reply must not look like a whole one.
    reply.on('error', () => incoming.socket.destroy());
  });
  ask.on('error', () => {
    if (outgoing.headersSent) incoming.socket.destroy();
    else unavailable(incoming, outgoing);
  });
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) ask.destroy();
  });
  incoming.pipe(ask);
}

function passedOn<T extends Record<string, unknown>>(
  headers: T,
): Omit<T, 'host'> & Record<string, string | string[]> {
  const kept = Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name));
  return Object.fromEntries(kept) as Omit<T, 'host'> & Record<string, string | string[]>;
}

function header(incoming: IncomingMessage, name: string): string | undefined {
  const value = incoming.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The URL without the parameter `apikey`, which PostgREST would take for a filter; the rest stays byte for byte. */
function withoutKey(url: string): string {
  const [path = '/', query] = url.split(/\?(.*)/s);
  if (query === undefined) return path;
  const kept = query.split('&').filter((part) => !part.startsWith('apikey='));
  return kept.length === 0 ? path : `${path}?${kept.join('&')}`;
}

function unavailable(incoming: IncomingMessage, outgoing: ServerResponse): void {
  answer(incoming, outgoing, 503, { message: 'The upstream server is currently unavailable' });
}

function answer(incoming: IncomingMessage, outgoing: ServerResponse, status: number, body?: unknown): void {
  // What the client still sends is read and dropped, so that it gets to the answer.
  incoming.resume();
  outgoing.writeHead(status, {
    ...CORS,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  });
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
}

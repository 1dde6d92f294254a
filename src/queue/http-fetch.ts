import type { IncomingMessage } from 'node:http';

/** How a body that came compressed is read. */
const DECOMPRESS = { gzip: 'gunzip', deflate: 'inflate', br: 'brotliDecompress' } as const;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

type Sent = Pick<RequestInit, 'method' | 'headers' | 'body' | 'signal'>;

/**
 * `fetch` over the keep-alive agents of `node:http` and `node:https`, for requests and replies that are texts. Node's
 * own takes longer to load than a run with nothing due takes for all the rest, and longer for each call. Proxies,
 * certificates and Node's settings apply as they do to these modules; failures have the form that `fetch` gives them.
 * A reply that sends elsewhere is left to Node's own.
 * @param input an address, not a Request
 */
export const httpFetch: typeof fetch = async (input, init = {}) => {
  const sent: Sent = init;
  const { signal } = sent;
  signal?.throwIfAborted();
  const url = new URL(String(input));
  let response: IncomingMessage;
  let body: Buffer;
  try {
    response = await send(url, sent);
    body = await readBody(response);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new TypeError('fetch failed', { cause });
  }
  const status = response.statusCode ?? 0;
  if (REDIRECTS.has(status) && response.headers.location !== undefined) return await fetch(input, init);
  return {
    ok: status >= 200 && status < 300,
    status,
    statusText: response.statusMessage ?? '',
    headers: { get: (name: string) => header(response, name) },
    text: async () => body.toString('utf8'),
    // What the client of Supabase reads of a response. Node's own class would load what this file is there to avoid.
  } as Response;
};

function send(url: URL, { method, headers, body, signal }: Sent): Promise<IncomingMessage> {
  // Imported as modules they would load Node's fetch: their list of exports names its WebSocket.
  const { request } = process.getBuiltinModule(url.protocol === 'https:' ? 'node:https' : 'node:http');
  return new Promise((resolve, reject) => {
    const all: Record<string, string> = { 'accept-encoding': Object.keys(DECOMPRESS).join(', ') };
    for (const [name, value] of headersOf(headers)) all[name] = value;
    request(url, { method: method ?? 'GET', headers: all, ...(signal ? { signal } : {}) })
      .on('response', resolve)
      .on('error', reject)
      .end(typeof body === 'string' ? body : undefined);
  });
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const [only] = chunks;
  const body = only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (body.length === 0 || !(encoding in DECOMPRESS)) return body;
  const decompress = process.getBuiltinModule('node:zlib')[DECOMPRESS[encoding as keyof typeof DECOMPRESS]];
  return await new Promise((resolve, reject) => {
    decompress(body, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

function headersOf(headers: Sent['headers']): Iterable<readonly [string, string]> {
  if (headers === undefined) return [];
  return Symbol.iterator in headers
    ? (headers as Iterable<readonly [string, string]>)
    : Object.entries(headers as Record<string, string>);
}

function header(response: IncomingMessage, name: string): string | null {
  const value = response.headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : (value ?? null);
}

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { httpFetch } from '../../src/queue/http-fetch.ts';

let server: Server;
let origin: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/gzip') response.setHeader('content-encoding', 'gzip').end(gzipSync('{"a":"é"}'));
    else if (request.url === '/br') response.setHeader('content-encoding', 'br').end(brotliCompressSync('ü'));
    else if (request.url === '/moved') response.writeHead(308, { location: '/echo' }).end();
    else if (request.url === '/cut') response.write('half', () => response.destroy());
    else if (request.url === '/echo') {
      response.setHeader('x-name', request.headers['x-name'] ?? '');
      request.pipe(response);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it('sends headers and a body, and gives status, headers and text', async () => {
  const sent = { method: 'POST', headers: { 'x-name': 'one' }, body: '{"b":"ß"}' };
  const response = await httpFetch(`${origin}/echo`, sent);
  expect([response.ok, response.status, response.headers.get('X-Name')]).toEqual([true, 200, 'one']);
  expect(response.headers.get('absent')).toBeNull();
  expect(await response.text()).toBe('{"b":"ß"}');
});

it('reads what came compressed', async () => {
  expect(await (await httpFetch(`${origin}/gzip`)).text()).toBe('{"a":"é"}');
  expect(await (await httpFetch(`${origin}/br`)).text()).toBe('ü');
});

it('follows a reply that sends elsewhere, with the body', async () => {
  const response = await httpFetch(`${origin}/moved`, { method: 'POST', body: 'kept' });
  expect(await response.text()).toBe('kept');
});

it('fails as fetch does: with the cause, or with the reason of who stopped it', async () => {
  await expect(httpFetch(`${origin}/cut`)).rejects.toMatchObject({
    message: 'fetch failed',
    cause: { code: 'ECONNRESET' },
  });
  const stop = new AbortController();
  const waiting = httpFetch(`${origin}/never`, { signal: stop.signal });
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(httpFetch(`${origin}/echo`, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
});

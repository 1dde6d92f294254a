import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A receiver of webhooks. */
export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string;
  /** What it has taken in, whether its reply arrived or not. */
  readonly received: Received[];
  /** What it does with the next requests instead of 204: answers this status, or takes the request and sends no reply. */
  readonly faults: (number | 'lose')[];
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: Received[] = [];
  const faults: WebhookReceiver['faults'] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const fault = faults.shift();
    if (typeof fault === 'number') {
      response.writeHead(fault, fault === 429 ? { 'retry-after': '7' } : {}).end();
      return;
    }
    received.push({ headers: request.headers, text: Buffer.concat(chunks).toString() });
    if (fault === 'lose') response.destroy();
    else response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    faults,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { explainingSchema } from '../../src/queue/check-schema.ts';
import { CLIENT_SCHEMA } from '../../src/queue/replies.ts';
import { createRpc, type Patience } from '../../src/queue/rpc.ts';
import { describeError } from '../../src/text/describe-error.ts';

/** Each reply comes from a real server, so that it passes through supabase-js as it would from a project. */
const ONCE: Patience = { networkMs: 0, serverMs: 0, doubtMs: 0 };
const reply = z.object({ v: z.literal(1), jobs: z.array(z.object({ name: z.string() })) });

let answer: (request: IncomingMessage, response: ServerResponse) => void;
let url: string;
const seen: string[] = [];
const server = createServer((request, response) => {
  seen.push(`${request.headers.host} ${request.url}`);
  answer(request, response);
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const rpcOf = (to = url) => createRpc({ url: to, key: 'sb_secret_x', clientInfo: 'cloud-jobs/test' });

async function failure(status: number, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  answer = (_, response) => response.writeHead(status, headers).end(text);
  return await rpcOf()('cloud_jobs_claim', {}, reply, ONCE).then(
    () => null,
    (error: unknown) => error,
  );
}

describe('a failed reply', () => {
  it.each([
    [
      'a clock that is behind',
      401,
      { code: 'PGRST303', message: 'JWT issued at future' },
      'unavailable',
      /clock/,
    ],
    [
      'the same of an older PostgREST',
      401,
      { code: 'PGRST301', message: 'JWTIssuedAtFuture' },
      'unavailable',
      /clock/,
    ],
    [
      'a token that expired',
      401,
      { code: 'PGRST303', message: 'JWT expired' },
      'unauthorized',
      /JWT expired/,
    ],
    [
      'a wrong key',
      401,
      { message: 'Invalid API key', hint: 'x' },
      'unauthorized',
      /Copy the secret key again/,
    ],
    [
      'a full disk',
      405,
      { code: '25006', message: 'cannot execute INSERT in a read-only transaction' },
      'unavailable',
      /read-only.*disk is full or a quota/,
    ],
    [
      'a disk without space',
      500,
      { code: '53100', message: 'could not extend file' },
      'unavailable',
      /disk .* is full/,
    ],
    [
      'a statement timeout',
      500,
      { code: '57014', message: 'canceling statement due to statement timeout' },
      'unavailable',
      /cancelled cloud_jobs_claim.*statement timeout/,
    ],
    [
      'a page with 403',
      403,
      '<!doctype html><title>Just a moment...</title>',
      'not_supabase',
      /HTTP 403.*Just a moment/,
    ],
    ['too many connections', 500, { code: '53300', message: 'too many clients' }, 'unavailable', /53300/],
    [
      'a pool without connections',
      504,
      { code: 'PGRST003', message: 'Timed out' },
      'unavailable',
      /PGRST003/,
    ],
    [
      'a missing function',
      404,
      { code: 'PGRST202', message: 'Could not find' },
      'schema_missing',
      /cloud_jobs_claim is not in the database/,
    ],
    [
      'a hidden schema',
      406,
      { code: 'PGRST106', message: 'The schema must be one of: api' },
      'schema_hidden',
      /Exposed schemas/,
    ],
    [
      'a key without the grant',
      403,
      { code: '42501', message: 'permission denied' },
      'forbidden',
      /may not call cloud_jobs_claim/,
    ],
    ['a paused project', 540, { message: 'Project paused' }, 'paused', /is paused/],
    ['a quota', 402, { message: 'exceed_egress_quota' }, 'quota', /over its quota/],
    [
      'a refusal',
      400,
      { code: 'PT400', message: 'limit_param is 0.', hint: 'Pass 1.' },
      'refused',
      /^limit_param is 0\. Pass 1\.$/,
    ],
    ['a constraint', 400, { code: '22P05', message: 'unsupported Unicode' }, 'refused', /22P05/],
    [
      'a gateway page',
      502,
      '<html><style>a{}</style><h1>Bad gateway</h1></html>',
      'unavailable',
      /^[^<]*HTTP 502: Bad gateway\.$/,
    ],
    ['an error of Cloudflare', 524, 'error code: 524', 'unavailable', /HTTP 524/],
    [
      'a page with status 200',
      200,
      '<html>Sign in to the Wi-Fi</html>',
      'not_supabase',
      /HTTP 200.*Sign in to the Wi-Fi/,
    ],
    [
      'JSON that is cut off',
      200,
      '{"v":1,"jobs":[{"name":"a secret',
      'unexpected_reply',
      /^(?!.*a secret).*cut off/,
    ],
    ['an empty 404', 404, '', 'not_supabase', /null/],
    ['an empty list with 404', 404, '[]', 'not_supabase', /\[\]/],
    ['null with 503', 503, 'null', 'unavailable', /HTTP 503/],
    ['null with 401', 401, 'null', 'unauthorized', /HTTP 401/],
    ['a text with 500', 500, '"oops"', 'unavailable', /HTTP 500/],
    ['numbers in place of texts', 401, { code: 401, message: { a: 1 } }, 'unauthorized', /HTTP 401/],
    ['a redirect', 308, '', 'redirected', /redirects to https:\/\/evil\.example/],
  ] as const)('names the cause and the next step: %s', async (_, status, body, code, message) => {
    const error = await failure(status, body, { location: 'https://evil.example/x?key=1' });
    expect(error).toMatchObject({ name: 'QueueError', code, message: expect.stringMatching(message) });
  });

  it('in an unknown shape names the place, without a dump of zod', async () => {
    const error = await failure(200, { v: 1, jobs: [{ name: 1 }] });
    expect(error).toMatchObject({
      code: 'unexpected_reply',
      message: expect.stringMatching(/wrong at jobs\.0\.name/),
    });
    expect((error as Error).cause).toBeUndefined();
  });

  it('that is nested 100,000 deep is an error as any other', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(await failure(200, `{"v":1,"jobs":${deep}}`)).toMatchObject({ code: 'unexpected_reply' });
    expect(await failure(200, deep)).toMatchObject({ code: 'not_supabase' });
  });

  it('of another form names the release', async () => {
    expect(await failure(200, { v: 2 })).toMatchObject({ code: 'schema_mismatch' });
  });
});

describe('a fault that passes', () => {
  // Each is also sent with a status that would mean something else.
  it.each([
    '08006',
    '25006',
    '25P02',
    '26000',
    '40001',
    '40P01',
    '42P05',
    '53100',
    '53200',
    '53300',
    '53400',
    '55P03',
    '57014',
    '57P01',
    '57P03',
    '58030',
    'XX000',
    'PGRST000',
    'PGRST001',
    'PGRST002',
    'PGRST003',
  ])('is recognised by its code: %s', async (code) => {
    for (const status of [400, 401, 404, 405, 500]) {
      expect(await failure(status, { code, message: 'words of the server' })).toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(code),
      });
    }
  });

  it('is recognised by its words: a plan from before the schema changed', async () => {
    const message = 'cached plan must not change result type';
    expect(await failure(400, { code: '0A000', message })).toMatchObject({ code: 'unavailable' });
    expect(await failure(400, { code: '0A000', message: 'no such feature' })).toMatchObject({
      code: 'refused',
    });
  });

  it.each([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 530, 544, 546])(
    'is recognised by its status: %i',
    async (status) => {
      for (const body of ['', 'null', '[]', '<html>Bad gateway</html>', '{"message":"no"}', '{"v":1,']) {
        expect(await failure(status, body)).toMatchObject({ code: 'unavailable' });
      }
    },
  );
});

describe('a redirect', () => {
  it('is not followed, so that no other origin gets the key', async () => {
    seen.length = 0;
    for (const status of [301, 302, 303, 307, 308]) {
      const to = url.replace('127.0.0.1', 'localhost');
      await failure(status, '', { location: `${to}/rest/v1/rpc/cloud_jobs_claim` });
    }
    expect(seen).toHaveLength(5);
    expect(seen.join()).not.toContain('localhost');
  });
});

describe('a network failure', () => {
  const cause = async (to: string, patience: Patience = ONCE): Promise<string> =>
    await rpcOf(to)('cloud_jobs_claim', {}, reply, patience).then(
      () => 'no failure',
      (error: unknown) => (error as Error).message,
    );

  it('by an unknown name mentions a paused or deleted project', async () => {
    expect(await cause('https://aaaaaaaaaaaaaaaaaaaa.supabase.co')).toMatch(/paused|DNS does not answer/);
  });

  it('by a closed port says so', async () => {
    expect(await cause('http://127.0.0.1:9')).toMatch(/refused|unknown|bad port/i);
  });

  it('by a connection that is cut says so', async () => {
    answer = (request) => request.socket.destroy();
    expect(await cause(url)).toMatch(/was closed before the answer was complete/);
  });

  it('that the server takes for a slow statement is not taken for silence', async () => {
    // PostgREST cancels a statement after 8 s, here as everywhere in this test four times as fast.
    const { timeout } = AbortSignal;
    const fast = vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => timeout(ms / 4));
    answer = (_, response) => {
      setTimeout(
        () => response.writeHead(500).end('{"code":"57014","message":"canceling statement"}'),
        2_000,
      );
    };
    try {
      expect(await cause(url)).toMatch(/cancelled cloud_jobs_claim, because it took longer/);
    } finally {
      fast.mockRestore();
    }
  });

  it('by a server that says nothing says so', async () => {
    answer = () => {};
    expect(await cause(url, { ...ONCE, requestMs: 200 })).toMatch(/did not answer in time/);
  });

  it('by a server without TLS says so', async () => {
    expect(await cause(url.replace('http:', 'https:'))).toMatch(/TLS failed/);
  });
});

describe('a request', () => {
  it.each([
    ['a clock that is behind', 401, { code: 'PGRST303', message: 'JWT issued at future' }],
    ['a read-only database', 405, { code: '25006', message: 'read-only' }],
    ['a wrong key', 401, { message: 'Invalid API key' }],
    ['a missing function', 404, { code: 'PGRST202', message: 'Could not find' }],
    ['a page', 200, '<html></html>'],
    ['JSON that is cut off', 200, '{"v":1,'],
    ['a gateway', 502, ''],
  ])('is sent again after one wrong answer: %s', async (_, status, body) => {
    let calls = 0;
    answer = (_request, response) => {
      calls += 1;
      if (calls === 1) response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
      else response.end('{"v":1,"jobs":[]}');
    };
    expect(await rpcOf()('cloud_jobs_claim', {}, reply)).toEqual({ v: 1, jobs: [] });
    expect(calls).toBe(2);
  });

  it('is sent again if the schema was loaded while its version was asked', async () => {
    let loaded = false;
    answer = ({ url: path }, response) => {
      if (path?.endsWith('/cloud_jobs_version')) {
        loaded = true;
        response.end(JSON.stringify({ v: 1, schema: CLIENT_SCHEMA, requires: CLIENT_SCHEMA }));
      } else if (loaded) response.end('{"v":1,"jobs":[]}');
      else response.writeHead(404).end('{"code":"PGRST202","message":"Could not find"}');
    };
    const call = explainingSchema(rpcOf());
    expect(await call('cloud_jobs_claim', {}, reply, ONCE)).toEqual({ v: 1, jobs: [] });
  });

  it('whose replies do not fit the schema is reported in one sentence, once', async () => {
    answer = ({ url: path }, response) => {
      const isVersion = path?.endsWith('/cloud_jobs_version');
      response.end(
        JSON.stringify({ v: 1, ...(isVersion ? { schema: CLIENT_SCHEMA, requires: CLIENT_SCHEMA } : {}) }),
      );
    };
    const failed = explainingSchema(rpcOf())('cloud_jobs_claim', {}, reply, ONCE);
    const said = describeError(await failed.catch((error: unknown) => error));
    expect(said.match(/not a reply of cloud-jobs/g)).toHaveLength(1);
    expect(said).toMatch(
      /a part of it is missing or was changed\. Run sql\/install\.sql .* names what differs\.$/,
    );
  });

  it('is not sent again after a refusal', async () => {
    let calls = 0;
    answer = (_request, response) => {
      calls += 1;
      response.writeHead(400).end('{"code":"PT400","message":"no"}');
    };
    await expect(rpcOf()('cloud_jobs_claim', {}, reply)).rejects.toThrow('no');
    expect(calls).toBe(1);
  });

  it('names its release in the headers', async () => {
    let headers: IncomingMessage['headers'] = {};
    answer = (request, response) => {
      headers = request.headers;
      response.end('{"v":1,"jobs":[]}');
    };
    await rpcOf()('cloud_jobs_claim', {}, reply);
    expect(headers).toMatchObject({
      apikey: 'sb_secret_x',
      'user-agent': 'cloud-jobs/test',
      'x-client-info': expect.stringContaining('cloud-jobs/test'),
    });
  });
});

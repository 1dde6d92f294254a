import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { signRoleKey } from '../../local-supabase/keys.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;

beforeAll(async () => {
  project = await startTestProject({ install: false });
  await project.asPostgres(`
    create function whoami() returns text language sql stable as 'select current_user::text';
    create function echo_headers() returns json language sql stable
      as $$ select current_setting('request.headers')::json $$;
    create function size_of(body text) returns int language sql immutable as 'select octet_length(body)';
    create function many(n int) returns setof text language sql immutable as $$ select repeat('x', 1000) from generate_series(1, n) $$;
    create table notes (id int primary key, text text);
    grant select, insert on notes to service_role;
    grant execute on all functions in schema public to anon, authenticated, service_role;
  `);
  await project.reloadSchema();
});
afterAll(() => project?.stop());
afterEach(() => project.setFaults(undefined));

const call = (path: string, headers: Record<string, string>, init: RequestInit = {}) =>
  fetch(`${project.url}${path}`, { ...init, headers });

async function whoami(headers: Record<string, string>): Promise<unknown> {
  const reply = await call('/rest/v1/rpc/whoami', headers);
  return reply.status === 200 ? reply.json() : { status: reply.status, ...((await reply.json()) as object) };
}

describe('the role that a key gives', () => {
  it.each([
    ['anonKey', 'anon'],
    ['publishableKey', 'anon'],
    ['serviceKey', 'service_role'],
    ['secretKey', 'service_role'],
  ] as const)('%s alone is %s', async (key, role) => {
    expect(await whoami({ apikey: project[key] })).toBe(role);
  });

  it.each([
    ['anonKey', 'anon'],
    ['publishableKey', 'anon'],
    ['serviceKey', 'service_role'],
    ['secretKey', 'service_role'],
  ] as const)('%s in both headers, as supabase-js sends it, is %s', async (key, role) => {
    const { data, error } = await project.client(project[key]).rpc('whoami');
    expect(error).toBeNull();
    expect(data).toBe(role);
  });

  it("a user's token beside a public key is authenticated", async () => {
    for (const apikey of [project.anonKey, project.publishableKey]) {
      expect(await whoami({ apikey, authorization: `Bearer ${project.authenticatedKey}` })).toBe(
        'authenticated',
      );
    }
    expect((await project.client(project.authenticatedKey).rpc('whoami')).data).toBe('authenticated');
  });

  it("takes the key as a URL parameter, hidden from PostgREST's filters", async () => {
    const reply = await call(`/rest/v1/notes?apikey=${project.secretKey}&id=eq.1`, {});
    expect([reply.status, await reply.json()]).toEqual([200, []]);
  });
});

describe('keys that are refused', () => {
  it('a missing key', async () => {
    expect(await whoami({})).toEqual({
      status: 401,
      message: 'No API key found in request',
      hint: 'No `apikey` request header or url param was found.',
    });
    // A token alone is not a key.
    expect(await whoami({ authorization: `Bearer ${project.serviceKey}` })).toMatchObject({
      status: 401,
      message: 'No API key found in request',
    });
  });

  it.each(['sb_secret_wrong', 'sb_publishable_', 'nonsense', 'eyJhbGciOiJIUzI1NiJ9.e30.x'])(
    'an unknown key: %s',
    async (apikey) => {
      expect(await whoami({ apikey, authorization: `Bearer ${project.serviceKey}` })).toEqual({
        status: 401,
        message: 'Invalid API key',
        hint: 'Double check your Supabase `anon` or `service_role` API key.',
      });
    },
  );

  it('a secret key from a browser, and only that one', async () => {
    const browser = {
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    };
    expect(await whoami({ apikey: project.secretKey, ...browser })).toMatchObject({
      status: 401,
      message: 'Forbidden use of secret API key in browser',
    });
    expect(await whoami({ apikey: project.serviceKey, ...browser })).toBe('service_role');
    expect(await whoami({ apikey: project.publishableKey, ...browser })).toBe('anon');
  });

  it('leaves a wrong signature or role to PostgREST, which refuses it', async () => {
    const forged = signRoleKey('service_role', 'another secret of 32 characters and more', new Date());
    expect(await whoami({ apikey: project.anonKey, authorization: `Bearer ${forged}` })).toMatchObject({
      status: 401,
      code: 'PGRST301',
    });
    const superuser = signRoleKey('supabase_admin', project.jwtSecret, new Date());
    expect(await whoami({ apikey: project.anonKey, authorization: `Bearer ${superuser}` })).toMatchObject({
      code: '42501',
    });
  });

  it("the keys of another project, which has the same server's databases", async () => {
    const other = await startTestProject({ install: false });
    try {
      expect(await whoami({ apikey: other.serviceKey })).toMatchObject({
        status: 401,
        message: 'Invalid API key',
      });
      expect(
        await whoami({ apikey: project.anonKey, authorization: `Bearer ${other.serviceKey}` }),
      ).toMatchObject({
        status: 401,
        code: 'PGRST301',
      });
    } finally {
      await other.stop();
    }
  });
});

describe('what passes through', () => {
  it('an unknown path is 404 in JSON, with or without a key', async () => {
    for (const path of ['/', '/rest/v10/notes', '/auth/v1/user', '/rest']) {
      const reply = await call(path, { apikey: project.serviceKey });
      expect([reply.status, await reply.json()]).toEqual([
        404,
        { message: 'no Route matched with those values' },
      ]);
    }
  });

  it("PostgREST's own status, headers and errors stay as they are", async () => {
    const missing = await call('/rest/v1/rpc/nothing_here', { apikey: project.serviceKey });
    expect([missing.status, ((await missing.json()) as { code: string }).code]).toEqual([404, 'PGRST202']);
    const created = await call(
      '/rest/v1/notes',
      { apikey: project.serviceKey, 'content-type': 'application/json', prefer: 'return=headers-only' },
      { method: 'POST', body: '{"id":1,"text":"ä"}' },
    );
    expect([created.status, created.headers.get('location')]).toEqual([201, '/notes?id=eq.1']);
    const counted = await call(
      '/rest/v1/notes',
      { apikey: project.serviceKey, prefer: 'count=exact' },
      { method: 'HEAD' },
    );
    expect([counted.status, counted.headers.get('content-range')]).toEqual([200, '0-0/1']);
    const encoded = await call('/rest/v1/notes?text=eq.%C3%A4&select=id', { apikey: project.serviceKey });
    expect(await encoded.json()).toEqual([{ id: 1 }]);
  });

  it('request headers reach SQL', async () => {
    const reply = await call('/rest/v1/rpc/echo_headers', {
      apikey: project.anonKey,
      'x-client-info': 'test/1',
    });
    expect(await reply.json()).toMatchObject({ 'x-client-info': 'test/1' });
  });

  it('large bodies, both ways, with and without a length', async () => {
    const body = JSON.stringify({ body: 'ä'.repeat(4_000_000) });
    const headers = { apikey: project.serviceKey, 'content-type': 'application/json' };
    const known = await call('/rest/v1/rpc/size_of', headers, { method: 'POST', body });
    expect(await known.json()).toBe(8_000_000);
    const chunked = await call('/rest/v1/rpc/size_of', headers, {
      method: 'POST',
      body: new Blob([body]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(await chunked.json()).toBe(8_000_000);
    const down = await call('/rest/v1/rpc/many', headers, { method: 'POST', body: '{"n":5000}' });
    // 1,000 rows: the limit of a hosted project, cut without a word.
    expect(((await down.json()) as unknown[]).length).toBe(1000);
  });

  it('many calls at once over kept connections', async () => {
    const client = project.client();
    const replies = await Promise.all(Array.from({ length: 200 }, () => client.rpc('whoami')));
    expect(new Set(replies.map((reply) => reply.data))).toEqual(new Set(['service_role']));
  });

  it("answers a browser's question before its request", async () => {
    const reply = await call(
      '/rest/v1/notes',
      { origin: 'http://localhost:1234', 'access-control-request-headers': 'apikey,authorization' },
      { method: 'OPTIONS' },
    );
    expect(reply.status).toBe(200);
    expect(reply.headers.get('access-control-allow-origin')).toBe('*');
    expect(reply.headers.get('access-control-allow-headers')).toBe('apikey,authorization');
  });
});

describe('when something is broken', () => {
  it('PostgREST down is 503 in JSON, and comes back', async () => {
    await project.stopPostgrest();
    const down = await call('/rest/v1/rpc/whoami', { apikey: project.serviceKey });
    expect([down.status, await down.json()]).toEqual([
      503,
      { message: 'The upstream server is currently unavailable' },
    ]);
    // The key rule holds all the same.
    expect((await call('/rest/v1/rpc/whoami', { apikey: 'bad' })).status).toBe(401);
    await project.restartPostgrest();
    expect(await whoami({ apikey: project.serviceKey })).toBe('service_role');
  });

  it('a client that goes away in the middle does no harm', async () => {
    const ask = request(`${project.url}/rest/v1/rpc/size_of`, {
      method: 'POST',
      headers: {
        apikey: project.serviceKey,
        'content-type': 'application/json',
        'content-length': '1000000',
      },
    });
    ask.on('error', () => {});
    ask.write('{"body":"');
    await once(ask, 'socket');
    ask.destroy();
    expect(await whoami({ apikey: project.serviceKey })).toBe('service_role');
  });

  it('faults on purpose: an answer, a cut before, a lost reply', async () => {
    const insert = async (id: number) => {
      const { error } = await project.client().from('notes').insert({ id, text: 'fault' });
      return error;
    };
    const count = async (id: number) => (await project.sql('select from notes where id = $1', [id])).length;

    project.setFaults(({ path }) =>
      path.startsWith('/notes') ? { kind: 'answer', status: 540, body: '{"message":"paused"}' } : undefined,
    );
    expect(await insert(10)).toEqual({ message: 'paused' });
    expect(await whoami({ apikey: project.serviceKey })).toBe('service_role');
    project.setFaults(() => ({ kind: 'cut' }));
    expect((await insert(11))?.message).toContain('fetch failed');
    project.setFaults(() => ({ kind: 'lose-reply' }));
    expect((await insert(12))?.message).toContain('fetch failed');
    expect([await count(10), await count(11), await count(12)]).toEqual([0, 0, 1]);
  });
});

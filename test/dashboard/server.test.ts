import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDashboard, type DashboardOptions } from '../../dashboard/server/app.ts';
import { calls } from '../../dashboard/server/calls.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { enqueueReply } from '../../src/queue/replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
let pageDir: string;
beforeAll(async () => {
  project = await startTestProject();
  pageDir = mkdtempSync(join(tmpdir(), 'cloud-jobs-page-'));
  writeFileSync(join(pageDir, 'index.html'), '<!doctype html><title>page</title>');
});
afterAll(async () => {
  await project?.stop();
  rmSync(pageDir, { recursive: true, force: true });
});

const HOST = '127.0.0.1:4173';
const dashboard = (more: Partial<DashboardOptions> = {}) =>
  createDashboard({
    queue: openQueue({ url: project.url, key: project.secretKey }, 'test').queue,
    readOnly: false,
    password: null,
    userHeader: null,
    describeConfigs: async () => [],
    hosts: ['127.0.0.1', 'localhost', '[::1]'],
    pageDir,
    version: 'test',
    ...more,
  });
type Dashboard = ReturnType<typeof dashboard>;

/** A POST as the page sends it. */
const post = (
  { app }: Dashboard,
  path: string,
  body: unknown,
  headers: Record<string, string | undefined> = {},
) => {
  const all = { host: HOST, origin: `http://${HOST}`, 'content-type': 'application/json', ...headers };
  return app.request(`http://${HOST}${path}`, {
    method: 'POST',
    headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >,
    body: JSON.stringify(body),
  });
};

/** A running job with a finished step and an approval that nobody has given. */
async function waitingForApproval() {
  const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
  await queue.enqueue([{ name: 'Order', job_type: 'custom', queue: 'orders', max_retries: 0 }]);
  const { jobs } = await queue.claim('w', {
    limit: 1,
    queues: ['orders'],
    jobTypes: ['custom'],
    lockSeconds: 300,
    requestId: crypto.randomUUID(),
    runUrl: null,
  });
  const { job_id: jobId = '', execution_id: executionId = '' } = jobs[0] ?? {};
  const fence = { instanceId: 'w', jobId, executionId };
  await queue.step(fence, 'made', { ok: true }, 1);
  await queue.wait(fence, { name: 'approval', kind: 'event', seconds: 60, details: { title: 'Ship it?' } });
  const end = (): Promise<unknown> =>
    queue.finish(
      'w',
      [{ execution_id: executionId, outcome: 'failure', error: 'no', duration_seconds: 1 }],
      null,
    );
  return { jobId, end };
}

/** A GET as a monitoring system sends it. */
const scrape = async ({ app }: Dashboard, authorization?: string) => {
  const response = await app.request(`http://${HOST}/metrics`, {
    headers: { host: HOST, ...(authorization && { authorization }) },
  });
  return { status: response.status, text: await response.text() };
};
const basic = (password: string) => `Basic ${Buffer.from(`prometheus:${password}`).toString('base64')}`;

describe('GET /metrics', () => {
  it('needs the password, as basic or bearer authentication', async () => {
    const open = dashboard({ password: 'open-sesame' });
    for (const authorization of [undefined, basic('wrong'), 'Bearer wrong', 'Basic !', basic('')]) {
      expect((await scrape(open, authorization)).status).toBe(401);
    }
    for (const authorization of [basic('open-sesame'), 'Bearer open-sesame']) {
      const { status, text } = await scrape(open, authorization);
      expect(status).toBe(200);
      expect(text).toMatch(/# EOF\n$/);
    }
  });

  it('is closed to everybody if there is no password', async () => {
    const closed = dashboard();
    const token = closed.sessions.oneTimeToken ?? '';
    expect((await scrape(closed, `Bearer ${token}`)).status).toBe(401);
    expect((await scrape(closed, basic(''))).status).toBe(401);
  });
});

/** Signs in and returns the cookie. */
async function signIn(to: Dashboard, secret = to.sessions.oneTimeToken): Promise<string> {
  const response = await post(to, '/api/sign-in', { secret });
  expect(response.status).toBe(200);
  const cookie = response.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/HttpOnly/i);
  expect(cookie).toMatch(/SameSite=Strict/i);
  return cookie.split(';', 1)[0] ?? '';
}

describe('sign-in', () => {
  it('takes the token of the link once', async () => {
    const one = dashboard();
    const token = one.sessions.oneTimeToken;
    const cookie = await signIn(one);
    expect((await post(one, '/api/call/queues', {}, { cookie })).status).toBe(200);
    expect((await post(one, '/api/sign-in', { secret: token })).status).toBe(401);
    expect(one.sessions.oneTimeToken).toBeNull();
  });

  it('takes the password, and stops reading after ten wrong ones', async () => {
    const one = dashboard({ password: 'correct horse' });
    expect(one.sessions.oneTimeToken).toBeNull();
    await signIn(one, 'correct horse');
    for (let n = 0; n < 10; n += 1) {
      expect((await post(one, '/api/sign-in', { secret: `wrong ${n}` })).status).toBe(401);
    }
    expect((await post(one, '/api/sign-in', { secret: 'correct horse' })).status).toBe(401);
  });

  it('trusts a header only if it is named', async () => {
    const headers = { 'x-forwarded-user': 'ada' };
    expect((await post(dashboard(), '/api/call/queues', {}, headers)).status).toBe(401);
    const named = dashboard({ userHeader: 'x-forwarded-user' });
    expect((await post(named, '/api/call/queues', {}, headers)).status).toBe(200);
    expect((await post(named, '/api/call/queues', {})).status).toBe(401);
  });

  it('ends with sign-out', async () => {
    const one = dashboard();
    const cookie = await signIn(one);
    await post(one, '/api/sign-out', {}, { cookie });
    expect((await post(one, '/api/call/queues', {}, { cookie })).status).toBe(401);
  });
});

describe('a page of another origin', () => {
  it.each<[string, Record<string, string | undefined>, number]>([
    ['another origin', { origin: 'https://evil.example' }, 403],
    ['another port', { origin: 'http://127.0.0.1:9999' }, 403],
    ['no origin', { origin: undefined }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    [
      'a name that points here (DNS rebinding)',
      { host: 'evil.example:4173', origin: 'http://evil.example:4173' },
      421,
    ],
    ['a form instead of JSON', { 'content-type': 'text/plain' }, 405],
  ])('can do nothing: %s', async (_what, headers, status) => {
    const one = dashboard();
    const cookie = await signIn(one);
    const response = await post(
      one,
      '/api/call/bulk',
      { action: 'delete', filter: {}, dry_run: false, limit: 10 },
      { cookie, ...headers },
    );
    expect(response.status).toBe(status);
  });

  it('cannot frame the page, load from it or run scripts in it', async () => {
    const { app } = dashboard();
    const response = await app.request(`http://${HOST}/jobs`, { headers: { host: HOST } });
    expect(await response.text()).toContain('<title>page</title>');
    const policy = response.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });
});

describe('calls', () => {
  it('are a fixed list, and their input is checked', async () => {
    const one = dashboard();
    const cookie = await signIn(one);
    const status = async (name: string, body: unknown) =>
      (await post(one, `/api/call/${name}`, body, { cookie })).status;
    expect(await status('constructor', {})).toBe(404);
    expect(await status('claim', {})).toBe(404);
    expect(await status('jobs', { filter: { colour: 'red' }, limit: 10 })).toBe(400);
    expect(await status('jobs', { filter: {}, limit: 100_000 })).toBe(400);
    expect(await status('jobs', { filter: {}, limit: 10 })).toBe(200);
  });

  it('say what the database refused, and never the key', async () => {
    const one = dashboard();
    const cookie = await signIn(one);
    const response = await post(
      one,
      '/api/call/create',
      { name: 'x', 'job-type': 'custom', config: '{"handler": "r"}', 'unique-key': 'k', queue: 'no queue' },
      { cookie },
    );
    expect(response.status).toBe(502);
    const text = await response.text();
    expect(text).toContain('queue');
    expect(text).not.toContain(project.secretKey);
  });

  it('check a new job as the command create does', async () => {
    const one = dashboard();
    const cookie = await signIn(one);
    const create = async (form: object) => (await post(one, '/api/call/create', form, { cookie })).json();
    expect(await create({ name: ' ', 'job-type': 'custom' })).toEqual({
      error: expect.stringContaining('create needs "name"'),
    });
    expect(await create({ name: 'Papers', 'job-type': 'paper_fetch', config: '{"days": 1}' })).toEqual({
      error: expect.stringContaining('days'),
    });
    const papers = await create({ name: 'P', 'job-type': 'paper_fetch', config: '{"keywords": ["x"]}' });
    const id = enqueueReply.parse(papers).jobs[0]?.job_id;
    const reply = await (await post(one, '/api/call/job', { job_id: id }, { cookie })).json();
    // arXiv allows one connection at a time.
    expect(reply).toMatchObject({ job: { concurrency_key: expect.stringContaining('arxiv') } });
    await project.sql('delete from cloud_jobs where job_id = $1', [id]);
  });

  it('decide what a job waits for, in the name of who is signed in', async () => {
    const one = dashboard({ userHeader: 'x-user' });
    const call = async (name: string, body: unknown) =>
      (await post(one, `/api/call/${name}`, body, { 'x-user': 'ada' })).json();
    const { jobId: job_id, end } = await waitingForApproval();
    expect(await call('job', { job_id })).toMatchObject({
      steps: [{ name: 'made' }, { name: 'approval', details: { title: 'Ship it?' }, finished_at: null }],
    });
    expect(await call('decide', { job_id, step: 'approval', approved: true })).toMatchObject({
      applied: true,
    });
    expect(
      await project.sql('select name, payload from cloud_job_signals where job_id = $1', [job_id]),
    ).toEqual([{ name: 'approval', payload: { approved: true, by: 'ada', note: null } }]);
    await end();
    expect(await call('retryFromStep', { job_id, step: 'made' })).toMatchObject({ applied: true });
    expect(await call('job', { job_id })).toMatchObject({ job: { status: 'waiting' }, steps: [] });
    await project.sql('delete from cloud_jobs where job_id = $1', [job_id]);
  });

  it('change nothing on a read-only dashboard', async () => {
    const one = dashboard({ readOnly: true });
    const cookie = await signIn(one);
    for (const [name, call] of Object.entries(calls)) {
      if (!call.writes) continue;
      expect((await post(one, `/api/call/${name}`, {}, { cookie })).status, name).toBe(403);
    }
    expect((await post(one, '/api/call/jobs', { filter: {}, limit: 1 }, { cookie })).status).toBe(200);
  });

  it('do what the page asks for', async () => {
    const one = dashboard();
    const cookie = await signIn(one);
    const call = async (name: string, body: unknown) =>
      (await post(one, `/api/call/${name}`, body, { cookie })).json();
    const created = await call('create', {
      name: 'Report',
      'job-type': 'custom',
      config: '{ "handler": "r" }',
    });
    const id = enqueueReply.parse(created).jobs[0]?.job_id;
    expect(await call('update', { job_id: id, changes: { priority: 5 } })).toMatchObject({ changed: true });
    expect(await call('job', { job_id: id })).toMatchObject({
      job: { priority: 5, config: { handler: 'r' } },
    });
    await call('create', { name: 'Daily', 'job-type': 'maintenance', schedule: '@daily' });
    expect(await call('recurring', {})).toMatchObject({
      jobs: [{ name: 'Daily', schedule_words: expect.stringContaining('00:00'), last_outcomes: [] }],
    });
    await call('setQueue', { queue: 'default', changes: { paused: true, reason: 'test' } });
    expect(await call('queues', {})).toMatchObject({ queues: [{ queue: 'default', paused: true }] });
    expect(await call('overview', { hours: 24 })).toMatchObject({
      counts: { due: 1, scheduled: 1 },
      attention: [{ text: 'Queue default is paused, with 1 job due.' }],
    });
    expect(await call('counts', { filter: {} })).toMatchObject({ by_status: { waiting: { count: 2 } } });
    expect(
      await call('bulk', { action: 'cancel', filter: { job_ids: [id] }, dry_run: false, limit: 10 }),
    ).toMatchObject({ changed: 1 });
    expect(await call('papers', { limit: 5 })).toMatchObject({ papers: [] });
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GitHubServer, startGitHubServer } from '../support/github-server.ts';
import { runStep } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

let project: TestProject;
let github: GitHubServer;
let hook: WebhookReceiver;
let handlers: string;
beforeAll(async () => {
  [project, github, hook] = await Promise.all([
    startTestProject(),
    startGitHubServer(),
    startWebhookReceiver(),
  ]);
  handlers = mkdtempSync(join(tmpdir(), 'cloud-jobs-handlers-'));
  writeFileSync(
    join(handlers, 'flaky.mjs'),
    `export default ({ good }) => { if (!good) throw new Error('boom'); };`,
  );
});
afterAll(async () => {
  await Promise.all([project?.stop(), github?.stop(), hook?.[Symbol.asyncDispose]()]);
  rmSync(handlers, { recursive: true, force: true });
});

const SECRET = 'a-secret-that-no-log-may-show';
const run = (inputs: Record<string, string>) =>
  runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey, handlers, ...inputs },
    { GITHUB_API_URL: github.url, GITHUB_REPOSITORY: 'octo/consumer' },
  );
const alert = () => ({
  alert: 'issue, webhook',
  'github-token': github.token,
  'alert-webhook-url': hook.url,
  'alert-webhook-secret': SECRET,
});
const add = (good: boolean) =>
  project.sql(`select cloud_jobs_create('flaky job', 'custom', $1, max_retries_param => 0)`, [
    JSON.stringify({ handler: 'flaky', good }),
  ]);

it('reports a failed job to an issue and a webhook, then its success', async () => {
  await add(false);
  const failed = await run(alert());
  expect(failed.code).toBe(1);
  expect(failed.shown).not.toMatch(/warning/i);
  expect(github.issues).toMatchObject([{ title: 'Job failed: flaky job', state: 'open' }]);
  expect(hook.received.map(({ text }) => JSON.parse(text))).toMatchObject([
    { type: 'job.failed', data: { subject: 'flaky job', error: expect.stringContaining('boom') } },
  ]);
  expect(hook.received[0]?.headers['webhook-signature']).toMatch(/^v1,/);
  await add(true);
  const passed = await run(alert());
  expect(passed.code).toBe(0);
  expect(github.issues).toMatchObject([{ state: 'closed' }]);
  expect(hook.received).toHaveLength(2);
  for (const secret of [SECRET, '/hook']) expect(failed.shown + passed.shown).not.toContain(secret);
});

it('sends nothing without the input, and no extra request', async () => {
  const before = github.requests.length;
  const { code, shown } = await run({ queues: 'other' });
  expect(code).toBe(0);
  expect(shown).toMatch(/\(1 requests\)|\(2 requests\)/);
  expect(github.requests).toHaveLength(before);
});

it.each([
  [{ alert: 'issue' }, /`alert` issue needs `github-token`/],
  [{ alert: 'webhook' }, /`alert` webhook needs `alert-webhook-url`/],
  [{ alert: 'mail' }, /`alert` is "mail": it is not one of issue, webhook/],
  [{ alert: 'webhook', 'alert-webhook-url': 'not an address' }, /`alert-webhook-url` must be an address/],
])('an input that cannot be used is refused: %j', async (inputs, message) => {
  const { code, shown } = await run(inputs as Record<string, string>);
  expect(code).toBe(1);
  expect(shown).toMatch(message);
  expect(shown).not.toContain('not an address');
});

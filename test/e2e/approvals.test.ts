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
    join(handlers, 'order.mjs'),
    `export default async (config, context) => {
      const answer = await context.approval({ title: 'Ship <b>order 7</b>?', details: { amount: 12 } });
      await context.spawn([{ name: 'Pack', handler: 'pack', queue: 'packing' }], { then: { name: 'Send', handler: 'pack' } });
      return answer;
    };`,
  );
});
afterAll(async () => {
  await Promise.all([project?.stop(), github?.stop(), hook?.[Symbol.asyncDispose]()]);
  rmSync(handlers, { recursive: true, force: true });
});

const step = (inputs: Record<string, string>) =>
  runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey, handlers, ...inputs },
    { GITHUB_API_URL: github.url, GITHUB_REPOSITORY: 'octo/consumer', GITHUB_ACTOR: 'ada' },
  );
const run = () =>
  step({ alert: 'issue, webhook', 'github-token': github.token, 'alert-webhook-url': hook.url });
const posted = () => hook.received.map(({ text }) => JSON.parse(text));

it('an approval is shown by the summary, reported once, and what follows it is shown', async () => {
  await project.sql(`select cloud_jobs_create('Order', 'custom', '{"handler": "order"}')`);
  const [job] = await project.sql<{ job_id: string }>('select job_id from cloud_jobs');
  const id = job?.job_id ?? '';
  const waiting = await run();
  expect(waiting.code).toBe(0);
  expect(waiting.summary).toContain('#### ✋ Ship &#60;b&#62;order 7&#60;/b&#62;?');
  expect(waiting.summary).toContain('&#34;amount&#34;: 12');
  expect(waiting.summary).toContain(`cloud-jobs approve ${id}`);
  expect(github.issues).toMatchObject([
    { title: `Approval: Ship <b>order 7</b>? (Order, ${id})`, state: 'open' },
  ]);
  expect(github.issues[0]?.body).toContain(`cloud-jobs approve ${id}, or cloud-jobs reject ${id}`);
  expect(posted()).toMatchObject([
    {
      type: 'approval.waiting',
      data: { action: 'waiting', job_id: id, error: expect.stringContaining('"amount": 12') },
    },
  ]);

  await project.sql(`update cloud_jobs set run_at = now()`);
  await run();
  expect(posted()).toHaveLength(1);

  await step({ command: 'approve', 'job-id': id });
  const decided = await run();
  expect(decided.code).toBe(0);
  expect(decided.summary).not.toContain('✋');
  expect(decided.summary).toContain('1 job released by this run');
  expect(decided.summary).toMatch(/Pack<br>.*waiting, added/);
  expect(decided.summary).not.toContain('Send');
  expect(github.issues).toMatchObject([{ state: 'closed' }]);
  expect(posted()).toMatchObject([{}, { type: 'approval.decided', data: { action: 'decided' } }]);
});

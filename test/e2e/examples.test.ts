/** The handlers of examples/ as a repository has them, run by the packaged action. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runStep } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/handlers', import.meta.url));
const RATES = { date: '2026-01-02', rates: { USD: 1.25 } };
const ANSWERS: Readonly<Record<string, readonly [number, unknown]>> = {
  '/ok': [200, {}],
  '/gone': [410, {}],
  '/busy': [429, {}],
  '/rates': [200, RATES],
};

let project: TestProject;
let workspace: Workspace;
let web: string;
const server = createServer((request, response) => {
  const [status, body] = ANSWERS[new URL(request.url ?? '/', 'http://localhost').pathname] ?? [404, {}];
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});

const step = (inputs: Record<string, string>) =>
  runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey, handlers: EXAMPLES, ...inputs },
    { GITHUB_WORKSPACE: workspace.folder },
  );
const create = (name: string, config: object) =>
  step({ command: 'create', name, 'job-type': 'custom', config: JSON.stringify(config) });
const rate = (more: object) => ({ handler: 'rate-alert', from: 'EUR', to: 'USD', above: 1.2, ...more });

beforeAll(async () => {
  project = await startTestProject();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  web = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  workspace = makeWorkspace({
    'data/sales.csv': 'country,amount\nit,1.5\nch,2\nit,3\n',
    'data/bad.csv': 'amount\nmuch\n',
  });
  const made = await Promise.all([
    create('js', { handler: 'link-check', urls: [`${web}/ok`, `${web}/gone`] }),
    create('js snooze', { handler: 'link-check', urls: [`${web}/busy`] }),
    create('ts', rate({ api: `${web}/rates` })),
    create('ts discard', rate({ api: `${web}/nothing` })),
    create('py', { handler: 'csv_summary', file: 'data/sales.csv', sum: 'amount', by: 'country' }),
    create('py error', { handler: 'csv_summary', file: 'data/bad.csv', sum: 'amount' }),
    create('sh', { handler: 'disk-space', path: '/', max_percent: 100 }),
    create('sh snooze', { handler: 'disk-space', path: '/not/there' }),
  ]);
  expect(made.map(({ code }) => code)).toEqual(made.map(() => 0));
  // By SQL, past the check of create.
  await project.sql(`select cloud_jobs_create('ts config', 'custom', $1)`, [
    JSON.stringify(rate({ from: 'EURO', extra: true })),
  ]);
  await step({ command: 'run', concurrency: '8' });
});
afterAll(async () => {
  await project?.stop();
  workspace?.remove();
  server.closeAllConnections();
  server.close();
});

it.each([
  [
    'js',
    { checked: 2, broken: [{ url: expect.stringMatching(/gone$/), problem: 'HTTP 410' }] },
    { done: 2, total: 2 },
  ],
  ['ts', { date: '2026-01-02', rate: 1.25, alert: true }, null],
  ['py', { rows: 3, totals: { it: 4.5, ch: 2 } }, { done: 3, total: 3, note: 'rows' }],
  ['sh', { path: '/', used_percent: expect.any(Number) }, { done: 2, total: 2 }],
])('%s succeeds, with its result and its progress in the row', async (name, result, progress) => {
  const [row] = await project.sql(
    'select e.status, e.result, e.progress from cloud_job_executions e join cloud_jobs j using (job_id) where j.name = $1',
    [name],
  );
  expect(row).toEqual({ status: 'success', result, progress });
});

it.each([
  ['js snooze', 'waiting', 'snoozed', 0, /busy asks for fewer requests$/],
  ['sh snooze', 'waiting', 'snoozed', 0, /^not mounted yet$/],
  ['ts discard', 'failed', 'discarded', 0, /^there is no rate from EUR to USD$/],
  ['ts config', 'failed', 'discarded', 0, /"rate-alert\.ts": from: .*extra/],
  ['py error', 'waiting', 'error', 1, /row 1: ValueError/],
])('%s: %s, kind %s, retries %i', async (name, status, kind, retries, message) => {
  const [row] = await project.sql(
    `select j.status as job, j.current_retries as retries, e.* from cloud_job_executions e join cloud_jobs j using (job_id)
     where j.name = $1`,
    [name],
  );
  expect(row).toMatchObject({ job: status, retries, failure_kind: kind });
  expect(row?.error_message).toMatch(message);
});

it('a config that does not fit the zod schema is refused by create', async () => {
  const refused = await create('refused', rate({ from: 'EURO', above: -1 }));
  expect(refused.code).toBe(1);
  expect(refused.log).toMatch(/"rate-alert\.ts": from: .*above: /);
  expect(await project.sql("select 1 from cloud_jobs where name = 'refused'")).toEqual([]);
});

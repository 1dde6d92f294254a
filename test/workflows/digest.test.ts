/** The example in examples/digest, over three runs of workflows that share nothing but the project. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeBlocks } from '../support/code-blocks.ts';
import { copyOfCheckout, makeRepository, type Repository, ROOT } from '../support/repository.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { type Event, runWorkflow } from './act.ts';
import { formOf } from './form.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const USES = 'OWNER/cloud-jobs@v1';
const PAGES = ['/news/1', '/news/2', '/news/3'];

let project: TestProject;
let published: Repository;
let app: Repository;
let web: string;
const waiting: ServerResponse[] = [];
const posted: { text: string; key: unknown }[] = [];
let fetched = 0;

/** Answers for a page only once all pages were asked for: jobs that run one after the other would never end. */
const server = createServer(async (request, response) => {
  const path = request.url ?? '';
  if (path === '/news') response.end(PAGES.map((page) => `<a class="n" href="${page}">news</a>`).join('\n'));
  else if (PAGES.includes(path)) {
    fetched += 1;
    waiting.push(response);
    if (waiting.length === PAGES.length)
      for (const [index, one] of waiting.entries())
        one.end(`<html><head><title>News ${index}</title></head><body><p>Some words</p></body></html>`);
  } else {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    posted.push({ text, key: request.headers['idempotency-key'] });
    response.end();
  }
});

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  web = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  project = await startTestProject();
  published = copyOfCheckout('OWNER/cloud-jobs');
  app = makeRepository('acme/digest', {
    '.github/workflows/run-jobs.yml': codeBlocks(read('README.md'), 'yaml')[0] ?? '',
    '.github/workflows/manage-jobs.yml': read('.github/workflows/manage-jobs.yml').replace(
      /uses: \.\/(.*)/,
      `uses: ${USES}`,
    ),
    ...Object.fromEntries(
      ['digest', 'page', 'publish'].map((name) => [
        `.github/cloud-jobs/${name}.mjs`,
        read(`examples/digest/${name}.mjs`),
      ]),
    ),
  });
});

afterAll(async () => {
  for (const repository of [published, app]) repository?.remove();
  await project?.stop();
  server.closeAllConnections();
  server.close();
});

async function start(file: string, event: Event) {
  const run = await runWorkflow(app, `.github/workflows/${file}`, event, {
    secrets: { SUPABASE_URL: project.url, SUPABASE_SECRET_KEY: project.secretKey },
    remotes: { [USES]: published.folder },
  });
  expect(run, run.log).toMatchObject({ succeeded: true });
  return run;
}
const manage = (inputs: Record<string, string>) =>
  start('manage-jobs.yml', { name: 'workflow_dispatch', inputs: formOf(inputs) });
const states = () =>
  project.sql<{ name: string; status: string }>(
    'select name, status from cloud_jobs order by created_at, job_id',
  );

it('fetches in parallel, waits for a person between two runs, and publishes once', async () => {
  const config = JSON.stringify({ handler: 'digest', index: `${web}/news`, publish_to: `${web}/digests` });
  await manage({ command: 'create', name: 'Digest', 'job-type': 'custom', config });

  const first = await start('run-jobs.yml', { name: 'schedule' });
  expect(first.summary).toContain('Publish the digest?');
  expect(await states()).toEqual([
    { name: 'Digest', status: 'success' },
    ...PAGES.map((page) => ({ name: `Fetch ${web}${page}`, status: 'success' })),
    { name: 'Publish the digest', status: 'waiting' },
  ]);

  const second = await start('run-jobs.yml', { name: 'schedule' });
  expect(second.outputs).toMatchObject({ claimed: '0' });
  expect(posted).toEqual([]);

  const [job] = await project.sql<{ job_id: string }>(
    `select job_id from cloud_jobs where name = 'Publish the digest'`,
  );
  await manage({ command: 'approve', 'job-id': job?.job_id ?? '' });
  const third = await start('run-jobs.yml', { name: 'schedule' });
  expect(third.outputs).toMatchObject({ claimed: '1', succeeded: '1' });
  expect(third.summary).toContain('published: true');
  expect(posted).toMatchObject([{ key: `${job?.job_id}:1` }]);
  expect(posted[0]?.text.split('\n')).toEqual(
    PAGES.map((page) => expect.stringMatching(new RegExp(`^News \\d \\(2 words\\): ${web}${page}$`))),
  );
  expect(fetched).toBe(PAGES.length);
}, 180_000);

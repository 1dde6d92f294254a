import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHandler as lambdaHandler } from '../../src/hosts/aws-lambda.ts';
import { createHandler as googleHandler } from '../../src/hosts/google-cloud.ts';
import { startCommandLine } from '../support/command-line.ts';
import { inventWork, type OpenAlexServer, startOpenAlexServer } from '../support/openalex-server.ts';
import { runStep, until } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

let project: TestProject;
let openAlex: OpenAlexServer;
let workspace: Workspace;
let env: Record<string, string>;
let kept: NodeJS.ProcessEnv;
beforeAll(async () => {
  project = await startTestProject();
  openAlex = await startOpenAlexServer({ works: [inventWork(1), inventWork(2)] });
  workspace = makeWorkspace({ 'hello.mjs': 'export default () => ({ hello: true });' });
  env = {
    SUPABASE_URL: project.url,
    SUPABASE_SECRET_KEY: project.secretKey,
    CLOUD_JOBS_OPENALEX_URL: openAlex.url,
    OPENALEX_API_KEY: 'the-key-for-openalex',
  };
  kept = { ...process.env };
  // Functions of clouds read the environment of their process.
  Object.assign(process.env, env);
});
afterAll(async () => {
  for (const name of Object.keys(env ?? {})) {
    if (kept[name] === undefined) delete process.env[name];
    else process.env[name] = kept[name];
  }
  await openAlex?.close();
  await project?.stop();
  workspace?.remove();
});

beforeEach(async () => {
  await project.sql('truncate cloud_jobs, cloud_job_executions, papers cascade');
  await project.sql(
    `insert into cloud_jobs (name, job_type, config) values
       ('hello', 'custom', '{"handler": "hello"}'),
       ('clean', 'maintenance', '{}'),
       ('papers', 'paper_fetch', '{"keywords": ["invented"], "sources": ["openalex"], "max_papers": 2}')`,
  );
});

const statuses = async () =>
  Object.fromEntries(
    (await project.sql('select name, status from cloud_jobs')).map(({ name, status }) => [name, status]),
  );
const allDone = { hello: 'success', clean: 'success', papers: 'success' };
const terminal = (...args: string[]) =>
  startCommandLine(['run', '--handlers', workspace.folder, ...args], { cwd: workspace.folder, env });

describe('every job type', { timeout: 120_000 }, () => {
  it('runs in the packaged action', async () => {
    const { SUPABASE_URL: _url, SUPABASE_SECRET_KEY: _key, ...sources } = env;
    const base = { 'supabase-url': project.url, 'supabase-key': project.secretKey };
    await runStep({ ...base, handlers: workspace.folder }, sources);
    expect(await statuses()).toEqual(allDone);
  });

  it('runs in a terminal or from cron', async () => {
    const [code] = await once(terminal(), 'exit');
    expect(code).toBe(0);
    expect(await statuses()).toEqual(allDone);
  });

  it('runs in a worker that stays', async () => {
    const worker = terminal('--watch');
    const ended = once(worker, 'exit');
    await until(async () => Object.values(await statuses()).every((status) => status === 'success'), 60);
    worker.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('runs in an AWS Lambda function', async () => {
    const context = { getRemainingTimeInMillis: () => 120_000 };
    const counts = await lambdaHandler({ handlers: workspace.folder })({}, context);
    expect(counts).toMatchObject({ succeeded: 3 });
    expect(await statuses()).toEqual(allDone);
  });

  it('runs in a Google Cloud function', async () => {
    let body: unknown;
    const response = { status: () => response, json: (sent: unknown) => (body = sent) };
    await googleHandler({ handlers: workspace.folder, timeoutSeconds: 120 })({}, response);
    expect(body).toMatchObject({ succeeded: 3 });
    expect(await statuses()).toEqual(allDone);
  });
});

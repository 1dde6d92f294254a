import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../local-supabase/ports.ts';
import { ROOT } from '../support/repository.ts';
import { until } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

/** The examples as they are deployed: the packed package, Google's framework, and Amazon's emulator if it is there. */
const RIE = process.env.LAMBDA_RIE;

/** What Lambda's Node runtime does: asks for an invocation, calls the handler and answers. */
const BOOTSTRAP = `import { handler } from './index.mjs';
const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2018-06-01/runtime/invocation';
for (;;) {
  const next = await fetch(api + '/next');
  const [id, deadline] = ['aws-request-id', 'deadline-ms'].map((name) => next.headers.get('lambda-runtime-' + name));
  const context = { getRemainingTimeInMillis: () => Number(deadline) - Date.now() };
  const path = await handler(await next.json(), context).then(
    (result) => ({ path: 'response', body: result }),
    (error) => ({ path: 'error', body: { errorMessage: error.message, errorType: 'Error' } }),
  );
  await fetch(api + '/' + id + '/' + path.path, { method: 'POST', body: JSON.stringify(path.body) });
}
`;

let project: TestProject;
let app: Workspace;
beforeAll(async () => {
  app = makeWorkspace({
    'package.json': '{ "name": "app", "version": "1.0.0", "private": true, "type": "module" }',
    'lambda/bootstrap.mjs': BOOTSTRAP,
  });
  const pack = ['pack', '--json', '--pack-destination', app.folder];
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8' }));
  const packages = [app.path(filename), '@google-cloud/functions-framework@5'];
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...packages], { cwd: app.folder });
  for (const [from, to] of [
    ['aws-lambda', 'lambda'],
    ['google-cloud', 'google'],
  ] as const) {
    cpSync(join(ROOT, 'examples', from), app.path(to), { recursive: true });
  }
  project = await startTestProject();
});
afterAll(async () => {
  await project?.stop();
  app?.remove();
});

const enqueue = () =>
  project.sql(
    `insert into cloud_jobs (name, job_type, config) values ('hello', 'custom', '{"handler": "hello", "name": "world"}')`,
  );

/** Starts a server in a folder of the app, and returns how to call it and how to stop it. */
async function serve(folder: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn(command, args, {
    cwd: app.path(folder),
    env: { ...process.env, SUPABASE_URL: project.url, SUPABASE_SECRET_KEY: project.secretKey, ...env },
    stdio: 'inherit',
    detached: true,
  });
  return {
    call: (url: string) =>
      until(
        () =>
          fetch(url, { method: 'POST', body: '{}' }).then(
            (reply) => reply.json(),
            () => undefined,
          ),
        60,
      ),
    stop: () => process.kill(-(child.pid ?? 0), 'SIGKILL'),
  };
}

describe('examples/google-cloud', () => {
  it('executes a job for each request of the Functions Framework', async () => {
    const port = await freePort();
    const framework = app.path('node_modules/.bin/functions-framework');
    const server = await serve('google', framework, ['--target=worker', `--port=${port}`], {});
    try {
      await enqueue();
      expect(await server.call(`http://127.0.0.1:${port}`)).toMatchObject({ claimed: 1, succeeded: 1 });
      expect(await server.call(`http://127.0.0.1:${port}`)).toMatchObject({ claimed: 0 });
    } finally {
      server.stop();
    }
  });
});

describe.runIf(RIE !== undefined && existsSync(RIE))('examples/aws-lambda in the emulator', () => {
  it('executes jobs in a cold and in a warm call', async () => {
    const port = await freePort();
    const api = `127.0.0.1:${await freePort()}`;
    const args = ['--runtime-interface-emulator-address', `127.0.0.1:${port}`, '--runtime-api-address', api];
    const bootstrap = [process.execPath, 'bootstrap.mjs'];
    const env = { AWS_LAMBDA_FUNCTION_TIMEOUT: '60', AWS_LAMBDA_FUNCTION_NAME: 'worker' };
    const server = await serve('lambda', RIE ?? '', [...args, ...bootstrap], env);
    const url = `http://127.0.0.1:${port}/2015-03-31/functions/function/invocations`;
    try {
      for (const _ of ['cold', 'warm']) {
        await enqueue();
        expect(await server.call(url)).toMatchObject({ claimed: 1, succeeded: 1, failed: 0 });
      }
    } finally {
      server.stop();
    }
  });
});

import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHandler as lambdaHandler } from '../../src/hosts/aws-lambda.ts';
import {
  createHandler as googleHandler,
  type HttpRequest,
  type HttpResponse,
} from '../../src/hosts/google-cloud.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

const HANDLERS = {
  'hello.mjs': 'export default (config) => ({ greeted: config.name });',
  'fails.mjs': "export default () => { throw new Error('no luck'); };",
  'sleeps.mjs': 'export default () => new Promise((resolve) => setTimeout(resolve, 120_000));',
};

let project: TestProject;
let workspace: Workspace;
beforeAll(async () => {
  project = await startTestProject();
  workspace = makeWorkspace(HANDLERS);
  process.env.SUPABASE_URL = project.url;
  process.env.SUPABASE_SECRET_KEY = project.secretKey;
});
afterAll(async () => {
  delete process.env.SUPABASE_URL;
  delete process.env.SUPABASE_SECRET_KEY;
  await project?.stop();
  workspace?.remove();
});
beforeEach(() => project.sql('truncate cloud_jobs cascade'));

const enqueue = (handler: string, retries = 3) =>
  project.sql(
    `insert into cloud_jobs (name, job_type, config, max_retries)
     values ($1::text, 'custom', jsonb_build_object('handler', $1::text, 'name', 'world'), $2)`,
    [handler, retries],
  );
const jobs = () => project.sql('select name, status, current_retries from cloud_jobs order by name');
const invoke = (seconds: number) =>
  lambdaHandler({ handlers: workspace.folder })({}, { getRemainingTimeInMillis: () => seconds * 1000 });

describe('an AWS Lambda function', () => {
  it('executes due jobs and returns counts, also of those that failed', async () => {
    await enqueue('hello');
    await enqueue('fails', 0);
    expect(await invoke(60)).toEqual({
      claimed: 2,
      succeeded: 1,
      failed: 1,
      retried: 0,
      cancelled: 0,
      remaining: 0,
      stopCause: 'empty',
      error: null,
    });
    const results = await project.sql('select result from cloud_job_executions where result is not null');
    expect(results).toEqual([{ result: { greeted: 'world' } }]);
  });

  it('hands a job back before its time ends', async () => {
    await enqueue('sleeps');
    const started = performance.now();
    expect(await invoke(14)).toMatchObject({ claimed: 1, succeeded: 0, failed: 0, stopCause: 'signal' });
    expect(performance.now() - started).toBeLessThan(14_000);
    expect(await jobs()).toEqual([{ name: 'sleeps', status: 'waiting', current_retries: 0 }]);
  });

  it('throws without the key, and names the variable', async () => {
    const key = process.env.SUPABASE_SECRET_KEY;
    delete process.env.SUPABASE_SECRET_KEY;
    await expect(invoke(60)).rejects.toThrow('SUPABASE_SECRET_KEY');
    process.env.SUPABASE_SECRET_KEY = key;
  });
});

const WAKE_SECRET = 'the secret of wake';
/** The headers of a call that the database made now. */
function signed(body: string, secret = WAKE_SECRET) {
  const [id, sentAt] = ['an id', String(Math.floor(Date.now() / 1000))];
  const signature = createHmac('sha256', secret).update(`${id}.${sentAt}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': sentAt, 'webhook-signature': `v1,${signature}` };
}

describe('a function URL of AWS Lambda', () => {
  const context = { getRemainingTimeInMillis: () => 60_000 };
  const call = (event: object) => lambdaHandler({ handlers: workspace.folder })(event, context);
  const http = { method: 'POST', path: '/' };
  const body = '{"queues": ["default"]}';
  beforeEach(() => {
    process.env.CLOUD_JOBS_WAKE_SECRET = WAKE_SECRET;
  });
  afterEach(() => {
    delete process.env.CLOUD_JOBS_WAKE_SECRET;
  });

  it('runs for a call that the database signed', async () => {
    await enqueue('hello');
    const event = { requestContext: { http }, headers: signed(body), body };
    expect(await call(event)).toMatchObject({ claimed: 1 });
    const encoded = { ...event, body: Buffer.from(body).toString('base64'), isBase64Encoded: true };
    expect(await call(encoded)).toMatchObject({ claimed: 0 });
  });

  it('refuses other calls, and all if it has no secret', async () => {
    const refused = { statusCode: 401, body: expect.stringContaining('CLOUD_JOBS_WAKE_SECRET') };
    expect(await call({ requestContext: { http }, headers: {}, body })).toEqual(refused);
    expect(await call({ requestContext: { http }, headers: signed(body, 'guess'), body })).toEqual(refused);
    expect(await call({ requestContext: { http }, headers: signed(body) })).toEqual(refused);
    delete process.env.CLOUD_JOBS_WAKE_SECRET;
    expect(await call({ requestContext: { http }, headers: signed(body, ''), body })).toEqual(refused);
  });

  it('accepts schedules and callers that AWS has authorised', async () => {
    expect(await call({ source: 'aws.scheduler' })).toMatchObject({ claimed: 0 });
    expect(await call({ requestContext: { http, authorizer: { iam: {} } } })).toMatchObject({ claimed: 0 });
  });
});

describe('a Google Cloud function', () => {
  const request = async (handlers: string, call: HttpRequest = {}) => {
    const answer: { status: number; body?: unknown } = { status: 200 };
    const response: HttpResponse = {
      status: (code) => {
        answer.status = code;
        return response;
      },
      json: (body) => {
        answer.body = body;
      },
    };
    await googleHandler({ handlers })(call, response);
    return answer;
  };

  it('answers a request with counts', async () => {
    await enqueue('hello');
    expect(await request(workspace.folder)).toMatchObject({ status: 200, body: { succeeded: 1 } });
  });

  it('with a secret answers only calls that the database signed', async () => {
    process.env.CLOUD_JOBS_WAKE_SECRET = WAKE_SECRET;
    const rawBody = Buffer.from('{"queues": ["default"]}');
    const headers = signed(rawBody.toString());
    try {
      expect(await request(workspace.folder, { headers, rawBody })).toMatchObject({ status: 200 });
      expect(await request(workspace.folder, { rawBody })).toMatchObject({
        status: 401,
        body: { error: expect.stringContaining('CLOUD_JOBS_WAKE_SECRET') },
      });
    } finally {
      delete process.env.CLOUD_JOBS_WAKE_SECRET;
    }
  });

  it('answers 500 if the run cannot start', async () => {
    const url = process.env.SUPABASE_URL;
    process.env.SUPABASE_URL = 'not a url';
    expect(await request(workspace.folder)).toMatchObject({
      status: 500,
      body: { error: expect.stringContaining('supabase-url') },
    });
    process.env.SUPABASE_URL = url;
  });
});

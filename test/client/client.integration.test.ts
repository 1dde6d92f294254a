import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { signRoleKey } from '../../local-supabase/keys.ts';
import { type Client, createClient } from '../../src/client.ts';
import { defineHandler, type JobHandler } from '../../src/index.ts';
import { asPostgresAlone } from '../sql/other-roles.ts';
import { ENQUEUE_ROLE } from '../sql/support.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

const report = defineHandler({
  name: 'reports/daily',
  config: z.object({ city: z.string(), days: z.number().default(7) }),
  run: async (config) => ({ city: config.city }),
});
const unnamed = defineHandler({ run: async () => null });
const plain: JobHandler<{ customer: string }> = () => null;

let project: TestProject;
let client: Client;
beforeAll(async () => {
  project = await startTestProject();
  client = createClient({ url: `${project.url}/`, key: project.secretKey });
});
afterAll(() => project?.stop());

describe('createClient', () => {
  it('refuses an address and a key that cannot be right', () => {
    expect(() => createClient({ url: 'project', key: 'x' })).toThrow(/url is not an address/);
    expect(() => createClient({ url: project.url, key: ' ' })).toThrow(/key is empty/);
  });
});

describe('a client with a key that may only enqueue', () => {
  it('adds jobs with retries of their own, and may do nothing else', async () => {
    await asPostgresAlone(project, ENQUEUE_ROLE);
    await project.reloadSchema();
    const key = signRoleKey('cloud_jobs_enqueue', project.jwtSecret, new Date(), {
      cloud_jobs_queues: ['reports'],
    });
    const limited = createClient({ url: project.url, key, publishableKey: project.publishableKey });
    const options = { queue: 'reports', uniqueKey: 'limited', retryDelaySeconds: 60, retryFactor: 2 };
    const { jobId, created } = await limited.enqueue(report, { city: 'Bonn' }, options);
    expect(created).toBe(true);
    expect(await client.get(jobId)).toMatchObject({ retry_delay_seconds: 60 });
    for (const call of [() => limited.get(jobId), () => limited.cancel(jobId), () => limited.list()])
      await expect(call()).rejects.toThrow(/may not call/);
    await client.cancel(jobId);
  });
});

describe('client.enqueue', () => {
  it('adds a job for a handler, with its name and config', async () => {
    const { jobId, created } = await client.enqueue(
      report,
      { city: 'Bonn' },
      {
        queue: 'reports',
        priority: 5,
        maxRetries: 1,
        retryDelaySeconds: 90,
        retryFactor: 2,
        delaySeconds: 60,
        uniqueKey: 'bonn',
      },
    );
    expect(created).toBe(true);
    expect(await client.get(jobId)).toMatchObject({
      job_id: jobId,
      name: 'reports/daily',
      job_type: 'custom',
      config: { handler: 'reports/daily', city: 'Bonn' },
      queue: 'reports',
      priority: 5,
      max_retries: 1,
      retry_delay_seconds: 90,
      retry_factor: 2,
      unique_key: 'bonn',
      status: 'waiting',
      due: false,
      executions: [],
    });
    expect(await client.enqueue(report, { city: 'Bonn' }, { queue: 'reports', uniqueKey: 'bonn' })).toEqual({
      jobId,
      created: false,
      replaced: false,
    });
  });

  it('lets a waiting job take the new config with onConflict replace', async () => {
    const options = { queue: 'reports', uniqueKey: 'rome', onConflict: 'replace', delaySeconds: 60 } as const;
    const { jobId } = await client.enqueue(report, { city: 'Rom' }, options);
    expect(await client.enqueue(report, { city: 'Rome' }, { ...options, expiresInSeconds: 600 })).toEqual({
      jobId,
      created: false,
      replaced: true,
    });
    expect(await client.get(jobId)).toMatchObject({ config: { city: 'Rome' }, expires_in_seconds: 600 });
  });

  it('takes the name and the type of a handler instead of the handler', async () => {
    const { jobId } = await client.enqueue<typeof plain>('invoice', { customer: 'Ada' }, { name: 'Invoice' });
    expect(await client.get(jobId)).toMatchObject({
      name: 'Invoice',
      config: { handler: 'invoice', customer: 'Ada' },
    });
  });

  it('takes a date, an id and a schedule', async () => {
    const jobId = crypto.randomUUID();
    const runAt = new Date('2030-01-02T03:04:05Z');
    const options = { jobId, runAt, schedule: '0 6 * * *', timezone: 'Europe/Berlin' };
    // The second call stands for one whose first reply was lost.
    for (let i = 0; i < 2; i += 1) {
      expect(await client.enqueue(report, { city: 'Bonn' }, options)).toMatchObject({ jobId });
    }
    expect(
      (await client.list({ name: 'reports/daily' })).jobs.filter(({ job_id }) => job_id === jobId),
    ).toHaveLength(1);
    const job = await client.get(jobId);
    expect(job).toMatchObject({ schedule: '0 6 * * *', timezone: 'Europe/Berlin' });
    expect(new Date(job?.run_at ?? '')).toEqual(runAt);
  });

  it('checks the config by the schema of the handler before anything is sent', async () => {
    // @ts-expect-error: the compiler knows the config of the handler.
    const wrong = client.enqueue(report, { city: 7 });
    await expect(wrong).rejects.toThrow(/does not fit the handler "reports\/daily": city: /);
  });

  it('says how to name a handler that has no name', async () => {
    await expect(client.enqueue(unnamed, {})).rejects.toThrow(/has no name.*enqueue<typeof report>/);
  });

  it('reports what the database refuses', async () => {
    await expect(client.enqueue(report, { city: 'Bonn' }, { queue: 'not a queue!' })).rejects.toThrow(
      /queue/,
    );
  });
});

describe('types of client.enqueue', () => {
  it('know the config of each handler', () => {
    const never = () => {
      void client.enqueue(report, { city: 'Bonn', days: 3 });
      void client.enqueue<typeof report>('reports/daily', { city: 'Bonn' });
      void client.enqueue('anything', { any: ['JSON', 1, null] });
      // @ts-expect-error: a property is missing.
      void client.enqueue(report, {});
      // @ts-expect-error: the type of a handler counts for its name too.
      void client.enqueue<typeof report>('reports/daily', { city: 7 });
      // @ts-expect-error: the parameter of a plain function counts.
      void client.enqueue<typeof plain>('invoice', { customer: 7 });
      // @ts-expect-error: a config is JSON.
      void client.enqueue('anything', { when: () => 1 });
      // @ts-expect-error: there is no such option.
      void client.enqueue(report, { city: 'Bonn' }, { prio: 1 });
    };
    expect(never).toBeTypeOf('function');
  });
});

describe('client', () => {
  it('lists by page, and cancels', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 3; i += 1) ids.push((await client.enqueue('list', {}, { queue: 'pages' })).jobId);
    const first = await client.list({ queue: 'pages', limit: 2 });
    const second = await client.list({ queue: 'pages', limit: 2, before: first.next ?? '' });
    expect([...first.jobs, ...second.jobs].map((job) => job.job_id).sort()).toEqual(ids.sort());
    expect(second.next).toBeNull();
    const [id = ''] = ids;
    expect(await client.cancel(id)).toEqual({ cancelled: true, reason: null });
    expect(await client.get(id)).toMatchObject({ status: 'failed' });
    expect((await client.list({ queue: 'pages', status: 'waiting' })).jobs).toHaveLength(2);
    expect(await client.get(crypto.randomUUID())).toBeNull();
  });

  it('runs without anything of Node', async () => {
    const script = fileURLToPath(new URL('../../lib/src/client.js', import.meta.url));
    if (!existsSync(script)) throw new Error('lib/ is missing. Run: npm run build');
    const child = fileURLToPath(new URL('edge-child.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [
      child,
      new URL(`file://${script}`).href,
      project.url,
      project.secretKey,
    ]);
    expect(JSON.parse(stdout)).toEqual({
      created: true,
      status: 'waiting',
      config: { handler: 'report', city: 'Bonn' },
    });
  });
});

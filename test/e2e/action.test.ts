import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startArxivServer } from '../support/arxiv/server.ts';
import { runStep, startStep, until } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
let handlers: string;
const step = (inputs: Record<string, string>, env?: Record<string, string>) =>
  runStep({ 'supabase-url': project.url, 'supabase-key': project.secretKey, ...inputs }, env);

beforeAll(async () => {
  project = await startTestProject();
  handlers = mkdtempSync(join(tmpdir(), 'cloud-jobs-handlers-'));
  writeFileSync(
    join(handlers, 'fails.mjs'),
    `export default () => { throw new Error('boom <b> | \`x\`'); };`,
  );
  writeFileSync(
    join(handlers, 'sleeps.mjs'),
    `export default () => new Promise((resolve) => setTimeout(resolve, 60000));`,
  );
  writeFileSync(join(handlers, 'nul.mjs'), `export default () => ({ text: 'a\\u0000b\\ud800c' });`);
  writeFileSync(join(handlers, 'does.mjs'), `export default () => 'done';`);
  writeFileSync(join(handlers, 'large.mjs'), `export default () => ({ text: 'x'.repeat(400000) });`);
});
afterAll(async () => {
  await project?.stop();
  rmSync(handlers, { recursive: true, force: true });
});

const create = async (name: string, config: unknown, more: Record<string, string> = {}): Promise<string> => {
  const made = await step({
    command: 'create',
    name,
    'job-type': 'custom',
    config: JSON.stringify(config),
    ...more,
  });
  expect(made.log).not.toContain('::error');
  expect(made.code).toBe(0);
  return made.outputs['job-id'] ?? '';
};
const job = async (id: string) => (await project.sql('select * from cloud_jobs where job_id = $1', [id]))[0];
const executions = (id: string) =>
  project.sql('select * from cloud_job_executions where job_id = $1 order by execution_id', [id]);

describe('the main job', () => {
  it('is created, listed, claimed, executed, recorded and summarised', { timeout: 120_000 }, async () => {
    const arxiv = await startArxivServer();
    try {
      const made = await step({
        command: 'create',
        name: 'First Test Job',
        'job-type': 'paper_fetch',
        config: '{"keywords": ["retrieval"], "days_back": 30}',
      });
      expect(made.code).toBe(0);
      const id = made.outputs['job-id'] ?? '';
      const listed = await step({ command: 'list' });
      expect(listed.summary).toContain('First Test Job');
      expect(JSON.parse(listed.outputs.jobs ?? '')).toMatchObject([{ job_id: id, status: 'waiting' }]);

      const ran = await step({ command: 'run' }, { CLOUD_JOBS_ARXIV_URL: arxiv.url });
      expect(ran).toMatchObject({
        code: 0,
        outputs: { claimed: '1', succeeded: '1', failed: '0', remaining: '0' },
      });
      expect(ran.summary).toContain('1 job succeeded');
      expect(await job(id)).toMatchObject({ status: 'success', locked_by: null, lock_expires_at: null });
      const [execution] = await executions(id);
      expect(execution).toMatchObject({
        status: 'success',
        attempt: 1,
        run_url: 'https://github.com/octo/consumer/actions/runs/42/attempts/1',
      });
      const { new_papers } = (execution as { result: { new_papers: number } }).result;
      expect(new_papers).toBeGreaterThan(0);
      const stored = await project.sql('select count(*)::int as n from papers');
      expect(stored).toEqual([{ n: new_papers }]);

      const stats = await step({ command: 'stats' });
      expect(JSON.parse(stats.outputs.stats ?? '')).toMatchObject({ total: 1, jobs: { success: 1 } });
      const shown = await step({ command: 'show', name: 'First Test Job' });
      expect(shown.summary).toContain('First Test Job');
      expect(shown.summary).toMatch(/^#### Executions/m);
      expect(shown.summary).toContain('https://github.com/octo/consumer/actions/runs/42/attempts/1');
    } finally {
      await arxiv.close();
    }
  });

  it('costs one request when nothing is due', async () => {
    const ran = await step({ command: 'run' });
    expect(ran.code).toBe(0);
    expect(ran.log).toContain('(1 requests)');
    expect(ran.summary).toContain('Nothing was due');
  });
});

describe('custom jobs', () => {
  it('fail, are retried after a backoff, and fail for good', async () => {
    const id = await create('fails', { handler: 'fails' }, { 'max-retries': '1' });
    const first = await step({ command: 'run', handlers });
    expect(first).toMatchObject({ code: 0, outputs: { failed: '0', retried: '1' } });
    expect(await job(id)).toMatchObject({ status: 'waiting', current_retries: 1 });
    const [wait] = await project.sql(
      'select extract(epoch from run_at - now())::float8 as s from cloud_jobs where job_id = $1',
      [id],
    );
    expect(wait?.s).toBeGreaterThan(20);
    expect(wait?.s).toBeLessThan(37);
    await project.sql('update cloud_jobs set run_at = now() where job_id = $1', [id]);
    const last = await step({ command: 'run', handlers });
    expect(last).toMatchObject({ code: 1, outputs: { failed: '1' } });
    expect(last.log).toContain('::error title=Job failed%3A fails::boom');
    expect(last.summary).not.toContain('<b>');
    expect(await job(id)).toMatchObject({ status: 'failed' });
    expect((await executions(id)).map((e) => [e.attempt, e.failure_kind])).toEqual([
      [1, 'error'],
      [2, 'error'],
    ]);
    await step({ command: 'delete', 'job-id': id });
    expect(await job(id)).toBeUndefined();
  });

  it('follow fail-on', { timeout: 120_000 }, async () => {
    const id = await create('fails too', { handler: 'fails' }, { 'max-retries': '5' });
    expect((await step({ command: 'run', handlers, 'fail-on': 'any' })).code).toBe(1);
    await project.sql('update cloud_jobs set run_at = now(), current_retries = 5 where job_id = $1', [id]);
    expect((await step({ command: 'run', handlers, 'fail-on': 'never' })).code).toBe(0);
    expect(await job(id)).toMatchObject({ status: 'failed' });
    const again = await step({ command: 'retry', 'job-id': id });
    expect(again.code).toBe(0);
    expect(await job(id)).toMatchObject({ status: 'waiting', current_retries: 0, error_message: null });
    expect((await step({ command: 'disable', 'job-id': id })).code).toBe(0);
    expect((await step({ command: 'run', handlers })).outputs.claimed).toBe('0');
    expect((await step({ command: 'enable', 'job-id': id })).code).toBe(0);
    expect((await step({ command: 'cancel', 'job-id': id })).code).toBe(0);
    expect(await job(id)).toMatchObject({ status: 'failed' });
  });

  it('that return what Postgres cannot store fail alone, with the reason', async () => {
    const odd = await create('nul', { handler: 'nul' }, { 'max-retries': '0' });
    const large = await create('large', { handler: 'large' });
    const ran = await step({ command: 'run', handlers });
    expect(ran).toMatchObject({ code: 1, outputs: { claimed: '2', succeeded: '1', failed: '1' } });
    expect(await executions(odd)).toMatchObject([
      { status: 'failed', failure_kind: 'error', error_message: expect.stringContaining('result.text') },
    ]);
    expect(await executions(large)).toMatchObject([
      { status: 'success', result: { result_too_large: true } },
    ]);
    expect(JSON.parse(ran.outputs['result-files'] ?? '[]')).toMatchObject([{ job_id: large }]);
  });

  it('are recovered when their worker is killed', async () => {
    const id = await create('orphan', { handler: 'sleeps' });
    const running = startStep({
      'supabase-url': project.url,
      'supabase-key': project.secretKey,
      command: 'run',
      handlers,
    });
    await until(async () => (await job(id))?.status === 'locked');
    running.child.kill('SIGKILL');
    await running.done;
    await project.sql(`update cloud_jobs set lock_expires_at = now() - interval '1 s' where job_id = $1`, [
      id,
    ]);
    await project.sql(`update cloud_jobs set config = '{"handler": "does"}' where job_id = $1`, [id]);
    await step({ command: 'run', handlers });
    expect(await job(id)).toMatchObject({ status: 'success', current_retries: 1 });
    expect(await executions(id)).toMatchObject([
      { status: 'failed', failure_kind: 'lost' },
      { status: 'success', failure_kind: null },
    ]);
  });
});

it('a run whose outputs cannot be written succeeds with a warning', async () => {
  const id = await create('done without outputs', { handler: 'does' });
  for (const file of [join(handlers, 'not', 'there'), '/dev/full']) {
    const ran = await step({ command: 'run', handlers }, { GITHUB_OUTPUT: file });
    expect(ran.log).toMatch(/::warning::The output `claimed` could not be written: .*done and recorded/);
    expect(ran.code).toBe(0);
  }
  expect(await job(id)).toMatchObject({ status: 'success' });
});

it.each([
  ['plan', {}, 'workers'],
  ['create', { name: 'no output', 'job-type': 'maintenance', 'run-at': '2h' }, 'job-id'],
])('%s fails and names its output if it cannot be written', async (command, inputs, output) => {
  const ran = await step({ command, ...inputs }, { GITHUB_OUTPUT: join(handlers, 'not', 'there') });
  expect(ran.log).toMatch(
    new RegExp(`::error title=An output is missing::The output \`${output}\` could not be written: `),
  );
  expect(ran.code).toBe(1);
});

it('a run whose summary cannot be written succeeds with a warning', async () => {
  const id = await create('done', { handler: 'does' });
  const ran = await step(
    { command: 'run', handlers },
    { GITHUB_STEP_SUMMARY: join(handlers, 'not', 'there') },
  );
  expect(ran.log).toContain('::warning::The job summary could not be written: ');
  expect(ran.log).toContain('1 claimed, 1 succeeded');
  expect(ran).toMatchObject({ code: 0, outputs: { succeeded: '1' } });
  expect(await job(id)).toMatchObject({ status: 'success' });
});

it('every verb says that there is no job with an id, with exit code 1', async () => {
  for (const command of ['cancel', 'retry', 'enable', 'disable', 'delete']) {
    const said = await step({ command, 'job-id': 'nobody' });
    expect(said.log).toContain('There is no job with the id "nobody". The command list shows all.');
    expect(said).toMatchObject({ code: 1, outputs: {} });
  }
});

describe('a mistake is reported with exit code 1 and without the key', () => {
  const wrong: [string, () => Record<string, string>, RegExp][] = [
    ['missing url', () => ({ 'supabase-url': '' }), /supabase-url.*empty.*SUPABASE_URL/s],
    ['missing key', () => ({ 'supabase-key': '' }), /supabase-key.*empty/s],
    [
      'wrong key',
      () => ({ 'supabase-key': 'sb_secret_notthisproject000000', command: 'list' }),
      /does not accept the key/,
    ],
    ['anon key', () => ({ 'supabase-key': project.anonKey, command: 'list' }), /anon/],
    ['publishable key', () => ({ 'supabase-key': project.publishableKey, command: 'list' }), /publishable/],
    ['unknown command', () => ({ command: 'rnu' }), /command.*Did you mean run/s],
    [
      'bad JSON',
      () => ({ command: 'create', name: 'x', 'job-type': 'custom', config: '{a' }),
      /config.*not valid JSON/s,
    ],
    ['unknown job type', () => ({ command: 'create', name: 'x', 'job-type': 'papers' }), /job-type/],
    [
      'negative retries',
      () => ({ command: 'create', name: 'x', 'job-type': 'maintenance', 'max-retries': '-1' }),
      /max-retries/,
    ],
    [
      'unreachable host',
      () => ({ 'supabase-url': 'http://127.0.0.1:9', command: 'run' }),
      /Cannot reach 127\.0\.0\.1:9/,
    ],
    [
      'unknown host',
      () => ({ 'supabase-url': 'https://nosuchproject.invalid', command: 'run' }),
      /Cannot reach|not resolve/,
    ],
    ['no handler', () => ({ command: 'create', name: 'x', 'job-type': 'custom', config: '{}' }), /handler/],
    [
      'unknown config key',
      () => ({ command: 'create', name: 'x', 'job-type': 'maintenance', config: '{"days": 3}' }),
      /days/,
    ],
    ['no such job', () => ({ command: 'show', 'job-id': 'nope' }), /no job with the id/],
  ];
  it.each(wrong)('%s', async (_, inputs, message) => {
    const given = inputs();
    const result = await step(given);
    expect(result.log).toMatch(message);
    expect(result.code).toBe(1);
    const key = given['supabase-key'] || project.secretKey;
    // The only place with the key is the command that makes the runner hide it.
    const output = `${result.log.replace(/^::add-mask::.*$/gm, '')}${result.summary}${JSON.stringify(result.outputs)}`;
    expect(output).not.toContain(key);
  });

  it('schema missing', async () => {
    const empty = await startTestProject({ install: false });
    try {
      const result = await runStep({
        'supabase-url': empty.url,
        'supabase-key': empty.secretKey,
        command: 'run',
      });
      expect(result.code).toBe(1);
      expect(result.log).toMatch(/schema is not in this database.*sql\/install\.sql/);
    } finally {
      await empty.stop();
    }
  });

  it('schema older or newer than the action can use', async () => {
    const other = await startTestProject();
    try {
      for (const [schema, requires, text] of [
        [3, 1, /is version 3.*needs version/],
        [99, 50, /is version 99, newer/],
      ] as const) {
        await other.asPostgres(
          `create or replace function public.cloud_jobs_version() returns jsonb language sql immutable set search_path = ''
           as $$ select '{"v": 1, "schema": ${schema}, "requires": ${requires}}'::jsonb $$`,
        );
        for (const command of ['run', 'doctor']) {
          const result = await runStep({
            'supabase-url': other.url,
            'supabase-key': other.secretKey,
            command,
          });
          expect(result.code).toBe(1);
          expect(result.log).toMatch(text);
        }
      }
    } finally {
      await other.stop();
    }
  });
});

it('doctor finds nothing wrong in a fresh project', async () => {
  const result = await step({ command: 'doctor' });
  expect(result.code).toBe(0);
  expect(result.summary).toContain('All is well');
});

it('the bundle is whole', async () => {
  const { readFileSync } = await import('node:fs');
  const text = readFileSync(new URL('../../dist/index.js', import.meta.url), 'utf8');
  expect(text).not.toContain('webpackMissingModule');
});

it('on a Node that is too old it says which one it needs', async () => {
  const ran = await runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey },
    // What such a Node lacks.
    { NODE_OPTIONS: '--no-experimental-websocket' },
  );
  expect(ran.code).toBe(1);
  expect(ran.log).toContain('cloud-jobs needs Node.js 22 or newer, and this is v');
  expect(ran.log).not.toContain('WebSocket');
});

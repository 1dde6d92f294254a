import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/commands/index.ts';
import { CLI, type Run, runCommandLine, startCommandLine } from '../support/command-line.ts';
import { installExtensions } from '../support/extensions.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
let folder: string;

beforeAll(async () => {
  project = await startTestProject();
  folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-terminal-'));
  writeFileSync(
    join(folder, '.env'),
    `SUPABASE_URL=${project.url}\nSUPABASE_SECRET_KEY=${project.secretKey}\n`,
  );
  writeFileSync(
    join(folder, 'hi.mjs'),
    'export default (config) => ({ hi: config.who, keys: Object.keys(process.env).filter((name) => name.includes("KEY")) });',
  );
});
afterAll(async () => {
  await project?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As a user would, in a folder with a `.env` and nothing else. */
const run = (...args: string[]): Promise<Run> => runIn(folder, {}, ...args);
const custom = (handler: string): string[] => [
  ...['--name', handler, '--job-type', 'custom', '--config', JSON.stringify({ handler })],
];
const shell = (script: string): Promise<Run> =>
  new Promise((resolve) =>
    execFile('sh', ['-c', script], { cwd: folder, env: { PATH: process.env.PATH } }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    ),
  );
const runIn = (cwd: string, env: Record<string, string>, ...args: string[]): Promise<Run> =>
  runCommandLine(args, { cwd, env: { HOME: folder, ...env } });

it('creates, lists, runs, shows and counts, with the project from .env', async () => {
  const created = await run(
    'create',
    '--name',
    'Hi',
    '--job-type',
    'custom',
    '--config',
    '{"handler":"hi","who":"you"}',
    '--json',
  );
  expect(created.code).toBe(0);
  const id = JSON.parse(created.out).job_id;
  const listed = await run('list');
  expect(listed).toMatchObject({ code: 0, err: '' });
  expect(listed.out).toContain('waiting');
  expect((await run('run', '--handlers', '.', '--dry-run')).out).toContain('1 job due');
  const ran = await run('run', '--handlers', '.');
  expect(ran.out).toContain('1 succeeded');
  expect(ran.code).toBe(0);
  const shown = await run('show', id, '--json');
  expect(JSON.parse(shown.out)).toMatchObject({
    job: { status: 'success' },
    executions: [{ result: { hi: 'you', keys: [] } }],
  });
  const counted = (await run('stats')).out;
  expect(counted).toMatch(/^Queue +Due +Oldest due +Waiting .*\ndefault +0 {10,}0 +0 +1 /);
  expect(counted).toMatch(
    /Attempts of the last 24 hours:\nQueue +Succeeded .*\ndefault +1 +0 +0 +0 +\S+ s +\S+ s\n\nType .*\ncustom +1 /,
  );
  expect((await run('doctor')).code).toBe(0);
  expect((await run('delete', id)).code).toBe(0);
});

it('puts schedules in words, with the next three times and delays', async () => {
  const made = await run(
    ...['create', '--name', 'early', '--job-type', 'maintenance', '--schedule', '@Daily', '--json'],
  );
  const id = JSON.parse(made.out).job_id;
  const next = String.raw`\(20\d\d-\d\d-\d\d 00:00 UTC\)`;
  const stamps = String.raw`20\d\d-\d\d-\d\d 00:00`;
  expect((await run('list', '--name', 'early')).out).toMatch(
    new RegExp(`${next}[\\s\\S]*At 00:00 \\(UTC\\)[\\s\\S]*then ${stamps}, ${stamps} UTC`),
  );
  await project.sql(
    `update cloud_jobs set run_at = now() - interval '2 hours', scheduled_for = now() - interval '2 hours' where job_id = $1`,
    [id],
  );
  expect((await run('run', '--handlers', '.')).out).toContain('1 succeeded');
  const shown = (await run('show', '--job-id', id)).out;
  expect(shown).toContain('Schedule: @Daily: At 00:00 (UTC); missed occurrences: run once');
  expect(shown).toMatch(new RegExp(`Next: ${stamps} UTC; ${stamps} UTC; ${stamps} UTC`));
  expect(shown).toMatch(/UTC\), 2 h( \d+ min)? late/);
  await project.sql('delete from cloud_jobs where job_id = $1', [id]);
});

it('plans workers, and reports silence and calls without effect', async () => {
  await project.sql('truncate cloud_jobs, cloud_job_workers cascade');
  await project.sql(`select cloud_jobs_create('j', 'maintenance') from generate_series(1, 3)`);
  expect((await run('plan', '--jobs-per-worker', '2')).out).toMatch(
    /2 workers to start[\s\S]*default .* 3 .* 3/,
  );
  await project.sql(
    `insert into cloud_job_workers (instance_id, queues, seen_at) values ('old', '{default}', now() - interval '9 h')`,
  );
  expect((await run('run', '--handlers', '.')).out).toContain('Warning: No worker had been seen for 9 h.');
  await installExtensions(project);
  await project.asPostgres(readFileSync(new URL('../../sql/optional/wake.sql', import.meta.url), 'utf8'));
  await project.asPostgres(`select cloud_jobs_wake.watch('quiet', 'octo/consumer')`);
  await project.sql(`select cloud_jobs_create('j', 'maintenance', queue_param => 'quiet')`);
  await project.asPostgres('select cloud_jobs_wake.tick()');
  expect((await run('stats')).out).toMatch(
    /Wake on work: 1 call in 24 hours, 1 failed\.\n {2}octo\/consumer \(queue quiet\) was not woken: It was not called/,
  );
  expect((await run('doctor')).out).toMatch(/warn {2}Wake on work: octo\/consumer/);
});

it('reports mistakes with exit code 1', async () => {
  const wrong = await run('create', '--name', 'x', '--job-type', 'papers');
  expect(wrong.code).toBe(1);
  expect(wrong.err).toMatch(/--job-type.*paper_fetch/s);
  expect((await run('lsit')).code).toBe(1);
  expect((await run('list', '--supabase-url', 'http://127.0.0.1:9')).err).toContain('Cannot reach');
});

describe('help', () => {
  it('has examples', async () => {
    const help = await run('--help');
    expect(help.code).toBe(0);
    expect(help.out).toContain('Examples:');
  });

  it('says of every command and option what it does', { timeout: 180_000 }, async () => {
    const pages = await Promise.all(COMMANDS.map(({ name }) => run(name, '--help')));
    for (const [at, { about }] of COMMANDS.entries()) {
      const out = pages[at]?.out ?? '';
      expect(out.replaceAll(/\s+/g, ' ')).toContain(about);
      for (const [, option] of out.matchAll(/^ {2}(--[a-z-]+(?: <[^>]+>)?) *$/gm))
        expect(option).toBeUndefined();
      expect(out).not.toContain('`');
      expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    }
  });
});

describe('ids', () => {
  const created = async (): Promise<string> =>
    JSON.parse((await run('create', '--name', 'x', '--job-type', 'maintenance', '--json')).out).job_id;

  it('are positional, and several at once', async () => {
    const ids = [await created(), await created()];
    expect(await run('cancel', ...ids)).toMatchObject({
      code: 0,
      out: ids.map((id) => `cancel ${id}: done, the job is failed.\n`).join(''),
    });
    const again = await run('cancel', ...ids);
    expect(again.code).toBe(1);
    expect(JSON.parse((await run('retry', ...ids, '--json')).out)).toMatchObject(
      ids.map((id) => ({ job_id: id, status: 'waiting' })),
    );
    expect((await run('delete', ...ids)).code).toBe(0);
  });

  it('of running jobs are cancelled, and the answer says when they stop', async () => {
    const id = await created();
    await project.sql(`select cloud_jobs_claim('w', 1, job_types_param => '{maintenance}')`);
    expect(await run('cancel', id)).toMatchObject({
      code: 0,
      out: `cancel ${id}: done, the job is cancelling; it stops within 15 s.\n`,
    });
    await project.sql(`update cloud_jobs set lock_expires_at = now() - interval '1 s' where job_id = $1`, [
      id,
    ]);
    expect((await run('cancel', id)).out).toContain(
      'the job is cancelling; its lock has expired: the next run ends it.',
    );
    await project.sql('select release_expired_locks()');
    expect((await run('delete', id)).code).toBe(0);
  });

  it('that do not exist are refused before anything is changed', async () => {
    const id = await created();
    expect(await run('cancel', id, 'nobody')).toMatchObject({
      code: 1,
      err: expect.stringContaining('There is no job with the id "nobody".'),
    });
    expect((await run('show', id)).out).toContain('Status: waiting');
    expect((await run('delete', id)).code).toBe(0);
  });

  it('lead to what the last attempt printed', async () => {
    writeFileSync(join(folder, 'talk.mjs'), 'export default () => console.log("hello there");');
    const made = await run('create', ...custom('talk'), '--json');
    const id = JSON.parse(made.out).job_id;
    expect((await run('logs', id)).err).toContain('has not run yet');
    expect((await run('run', '--handlers', '.')).out).toContain('1 succeeded');
    expect((await run('logs', id)).out).toMatch(/^Attempt 1, started .*: success\nhello there\n$/);
    expect((await run('logs', id, '--attempt', '7')).err).toContain('There is no attempt 7');
    expect((await run('delete', id)).code).toBe(0);
  });
});

it('shows the progress, the worker and the run of a job that runs', async () => {
  const [job] = await project.sql<{ id: string }>(`select cloud_jobs_create('slow', 'maintenance') as id`);
  const id = job?.id ?? '';
  const [claim] = await project.sql<{ reply: { jobs: { execution_id: string }[] } }>(
    `select cloud_jobs_claim('w1', 1, '{default}', '{maintenance}', 300, gen_random_uuid(), 'https://github.com/o/r/actions/runs/7') as reply`,
  );
  const execution = claim?.reply.jobs[0]?.execution_id;
  await project.sql(`select cloud_jobs_renew('w1', $1::jsonb, 300)`, [
    JSON.stringify([{ execution_id: execution, progress: { done: 3, total: 10, note: 'rows' } }]),
  ]);
  await project.sql('select cloud_jobs_cancel($1)', [id]);
  const { out } = await run('show', id);
  for (const line of [
    'Status: cancelling; it stops within 15 s',
    'Progress: 3 of 10: rows',
    'Worker: w1',
    'Run: https://github.com/o/r/actions/runs/7',
  ])
    expect(out).toContain(line);
  expect(out).toMatch(/Cancel: requested (now|\d)/);
  await project.sql('truncate cloud_jobs cascade');
});

it('lists failed jobs with their errors, page by page', async () => {
  await project.sql(
    `insert into cloud_jobs (name, job_type, status, finished_at, error_message)
     select 'f' || n, 'maintenance', 'failed', now(), 'out of quota ' || n from generate_series(1, 3) n`,
  );
  const seen = new Set<string>();
  for (let more: string[] = []; ; ) {
    const { out } = await run('list', '--status', 'failed', '--limit', '1', ...more);
    seen.add(/out of quota \d/.exec(out)?.[0] ?? '');
    const next = /--before '(.*)'/.exec(out)?.[1];
    if (next === undefined) break;
    more = ['--before', next];
  }
  expect(seen).toEqual(new Set(['out of quota 1', 'out of quota 2', 'out of quota 3']));
  await project.sql('truncate cloud_jobs cascade');
});

it('updates a job that does not run, and lists what recurs', async () => {
  const made = await run(
    'create',
    '--name',
    'x',
    '--job-type',
    'maintenance',
    '--schedule',
    '@daily',
    '--json',
  );
  const id = JSON.parse(made.out).job_id;
  await run('create', '--name', 'once', '--job-type', 'maintenance');
  const listed = await run('list', '--recurring', '--json');
  expect(JSON.parse(listed.out).jobs.map(({ name }: { name: string }) => name)).toEqual(['x']);
  const changes = [
    '--retry-delay',
    '5m',
    '--retry-factor',
    '2',
    '--priority',
    '-5',
    '--schedule',
    '0 9 * * *',
    '--timezone',
    'Europe/Berlin',
  ];
  expect(await run('update', id, ...changes)).toMatchObject({ code: 0, out: `Updated: ${id} is waiting.\n` });
  expect((await run('update', id, '--run-at', 'in 2h')).code).toBe(0);
  const shown = (await run('show', id)).out;
  expect(shown).toContain('priority -5');
  expect(shown).toContain('a retry waits 5 min, each 2 times as long as the one before, up to a day');
  expect(shown).toContain('At 09:00 (Europe/Berlin)');
  expect(shown).toMatch(/Due: in (2 h|1 h 59 min) /);
  expect((await run('update', id)).err).toContain('update needs something to change, such as --config');
  expect((await run('update', 'nobody', '--priority', '1')).err).toContain('There is no job');
  await project.sql('truncate cloud_jobs cascade');
});

it('says that you stopped it when you press Ctrl-C', { timeout: 120_000 }, async () => {
  writeFileSync(
    join(folder, 'slow.mjs'),
    'export default async (config, { signal }) => { console.log("started"); await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))); };',
  );
  const id = JSON.parse((await run('create', ...custom('slow'), '--json')).out).job_id;
  const child = startCommandLine(['run', '--handlers', '.'], { cwd: folder, stdio: 'pipe' });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (said += data));
  await expect
    .poll(() => project.sql(`select from cloud_jobs where job_id = $1 and status = 'locked'`, [id]), {
      timeout: 60_000,
    })
    .toHaveLength(1);
  child.kill('SIGINT');
  await once(child, 'close');
  expect(said).toContain('You stopped the worker with Ctrl-C. Jobs that run are handed back.');
  expect(said).not.toContain('The runner');
  expect((await run('show', id)).out).toContain('You stopped the worker with Ctrl-C.');
  await project.sql('truncate cloud_jobs cascade');
});

it('prints the report of a run in snake case', async () => {
  const report = JSON.parse((await run('run', '--handlers', '.', '--json')).out);
  expect(report).toMatchObject({ claimed: 0, stop_cause: 'empty', http_requests: 1, executions: [] });
  expect(Object.keys(report).filter((key) => /[A-Z]/.test(key))).toEqual([]);
});

it.each(['list --json', 'list --help', '--version'])(
  'ends with 1 if it cannot write: %s',
  async (command) => {
    const full = await shell(`"${process.execPath}" "${CLI}" ${command} > /dev/full`);
    expect(full.code).toBe(1);
    expect(full.err).toMatch(/^Error: The answer could not be written to the standard output\.[^\n]*\n$/);
    expect((await shell(`"${process.execPath}" "${CLI}" ${command} | true`)).err).toBe('');
  },
);

describe('.env', () => {
  it.each<[string, (text: string) => Buffer]>([
    ['a byte-order mark', (text) => Buffer.from(`\ufeff${text}`)],
    ['UTF-16, as PowerShell writes it', (text) => Buffer.from(`\ufeff${text}`, 'utf16le')],
  ])('may have %s', async (_, encoded) => {
    const other = mkdtempSync(join(tmpdir(), 'cloud-jobs-bom-'));
    const text = `SUPABASE_URL=${project.url}\r\nSUPABASE_SECRET_KEY=${project.secretKey}\r\n`;
    writeFileSync(join(other, '.env'), encoded(text));
    try {
      expect(await runIn(other, {}, 'list')).toMatchObject({ code: 0, err: '' });
    } finally {
      rmSync(other, { recursive: true });
    }
  });
});

// Only root can make a folder of another user's; scratch.test.ts has the same without root.
it.runIf(process.getuid?.() === 0)('as root: keeps its files apart from those of other users', async () => {
  const temp = mkdtempSync(join(tmpdir(), 'cloud-jobs-shared-'));
  for (const name of ['cloud-jobs', 'cloud-jobs-0']) {
    mkdirSync(join(temp, name), { mode: 0o700 });
    chownSync(join(temp, name), 12_345, 12_345);
  }
  writeFileSync(join(folder, 'say.sh'), '#!/bin/sh\necho hi\n', { mode: 0o755 });
  try {
    await run('create', ...custom('say.sh'));
    expect((await runIn(folder, { TMPDIR: temp }, 'run', '--handlers', '.')).out).toContain('1 succeeded');
    for (const name of ['cloud-jobs', 'cloud-jobs-0']) expect(readdirSync(join(temp, name))).toEqual([]);
  } finally {
    rmSync(temp, { recursive: true });
  }
});

it('does not read a folder named .env as settings', async () => {
  const other = mkdtempSync(join(tmpdir(), 'cloud-jobs-venv-'));
  mkdirSync(join(other, '.env'));
  try {
    const env = { SUPABASE_URL: project.url, SUPABASE_SECRET_KEY: project.secretKey };
    expect(await runIn(other, env, 'list')).toMatchObject({ code: 0, err: '' });
    expect(await runIn(other, {}, 'list')).toMatchObject({
      code: 1,
      err: expect.stringContaining('--supabase-url is empty. Give it, or set SUPABASE_URL'),
    });
  } finally {
    rmSync(other, { recursive: true });
  }
});

it("lets an empty variable hide neither .env nor the key's other name", async () => {
  expect((await runIn(folder, { SUPABASE_URL: '', SUPABASE_SECRET_KEY: '' }, 'list')).code).toBe(0);
  const env = {
    SUPABASE_URL: project.url,
    SUPABASE_SECRET_KEY: '',
    SUPABASE_SERVICE_ROLE_KEY: project.secretKey,
  };
  expect((await runIn(tmpdir(), env, 'list')).code).toBe(0);
});

it('an option out of its range is refused, and not cut to fit', async () => {
  const shown = await run('show', '--name', 'x', '--limit', '1000');
  expect(shown).toMatchObject({
    code: 1,
    err: expect.stringContaining('--limit is "1000": it must be a whole number from 1 to 200.'),
  });
  const dev = await run('dev', '--port', 'abc');
  expect(dev.code).toBe(1);
  expect(dev.err).toContain('Give a whole number from 1 to 65535.');
});

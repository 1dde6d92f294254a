import { readFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CLIENT_SCHEMA } from '../../src/queue/replies.ts';
import { INSTALL } from '../sql/support.ts';
import { unpackPrevious } from '../support/previous.ts';
import type { Step } from '../support/runner/step.ts';
import { runStep, startStep, until } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace } from '../support/workspace.ts';

/** Notes each start and each end in a file of its own making, before the worker hears of it. */
const HANDLER = `
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
export default async (config, { job, attempt }) => {
  const note = (event) => appendFileSync(process.env.LEDGER, event + ' ' + job.name + ' ' + attempt + ' ' + process.env.RELEASE + '\\n');
  note('start');
  await sleep(config.ms);
  if (config.flaky && attempt === 1) throw new Error('planned');
  note('done');
  return { by: process.env.RELEASE };
};`;
interface Note {
  readonly event: string;
  readonly name: string;
  readonly attempt: number;
  readonly release: string;
}

const previous = unpackPrevious();
const workspace = makeWorkspace({ 'noted.mjs': HANDLER });
const LEDGER = workspace.path('ledger.txt');
afterAll(() => {
  previous.remove();
  workspace.remove();
});

let project: TestProject;
const steps: Step[] = [];
afterEach(async () => {
  for (const { child } of steps) child.kill('SIGKILL');
  await Promise.all(steps.splice(0).map(({ done }) => done));
  await project?.stop();
});

const notes = (): Note[] =>
  (workspace.read('ledger.txt') ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [event = '', name = '', attempt, release = ''] = line.split(' ');
      return { event, name, attempt: Number(attempt), release };
    });
const done = (release?: string): number =>
  notes().filter((note) => note.event === 'done' && (release === undefined || note.release === release))
    .length;

function start(release: 'previous' | 'today', inputs: Record<string, string>, url = project.url): Step {
  const step = startStep(
    {
      'supabase-url': url,
      'supabase-key': project.secretKey,
      handlers: workspace.folder,
      'fail-on': 'never',
      ...inputs,
    },
    { LEDGER, RELEASE: release },
    () => {},
    ...(release === 'previous' ? [previous.main] : []),
  );
  steps.push(step);
  return step;
}

const enqueue = async (items: readonly object[]): Promise<void> => {
  const { error } = await project
    .client()
    .rpc('cloud_jobs_enqueue', { items_param: items.map((item) => ({ job_type: 'custom', ...item })) });
  expect(error).toBeNull();
};
const many = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => ({
    name: `${prefix}-${n}`,
    config: { handler: 'noted', ms: 25, flaky: n % 20 === 0 },
    // A few share a key, of which one may run at a time.
    ...(n % 10 === 1 ? { concurrency_key: `key-${n % 3}` } : {}),
  }));

it('the release kept for these tests is older than this one', () => {
  expect(previous.schema, 'npm run build:previous, once a commit with an older schema is there').toBeLessThan(
    CLIENT_SCHEMA,
  );
  expect(previous.installSql).toContain(`"schema": ${previous.schema}`);
  expect(readFileSync(previous.main, 'utf8').length).toBeGreaterThan(1_000_000);
});

it('lets old workers go on during install.sql, without loss or repetition', {
  timeout: 180_000,
}, async () => {
  project = await startTestProject({ install: false });
  await project.asPostgres(previous.installSql);
  await project.reloadSchema();
  await enqueue(many('before', 600));
  // They stay when the queue runs empty, so that the jobs that come later find them.
  const old = [1, 2, 3].map((n) =>
    start('previous', { 'instance-id': `previous-${n}`, 'linger-minutes': '5', 'lock-minutes': '5' }),
  );
  await until(() => done() > 30);
  // One dies with jobs in its hands.
  old[2]?.child.kill('SIGKILL');
  await old[2]?.done;

  const before = done();
  await project.asPostgres(INSTALL);
  expect(await project.sql('select max(version) as n from cloud_jobs_schema')).toEqual([
    { n: CLIENT_SCHEMA },
  ]);
  const upgraded = done();
  // There were jobs left for the old workers, and they do them.
  expect(upgraded).toBeLessThan(570);
  await until(() => done('previous') > upgraded + 30);
  // The Data API has reloaded its schema; until then a current worker asks to run install.sql.
  await project.reloadSchema();
  // Pasted again, while a worker of today has come beside them.
  const today = start('today', { 'instance-id': 'today', 'linger-minutes': '5' });
  // Each is quick to take them all: jobs come until both releases have had some.
  let jobs = 600;
  await until(async () => {
    expect([...old.slice(0, 2), today].map(({ child }) => child.exitCode)).toEqual([null, null, null]);
    const after = notes().filter(({ event, name }) => event === 'done' && name.startsWith('after'));
    if (new Set(after.map(({ release }) => release)).size === 2) return true;
    const waiting = await project.sql(`select from cloud_jobs where status = 'waiting' and run_at <= now()`);
    if (waiting.length < 100) {
      await enqueue(many(`after-${jobs}`, 100));
      jobs += 100;
    }
    return false;
  }, 60);
  // One more of the previous release starts only now: the one whose workflow names an older version.
  const late = start('previous', { 'instance-id': 'previous-4', 'linger-minutes': '5' });
  await until(
    async () =>
      late.child.exitCode !== null ||
      (await project.sql(`select from cloud_job_workers where instance_id = 'previous-4'`)).length > 0,
  );
  await project.asPostgres(INSTALL);
  expect(before).toBeLessThanOrEqual(upgraded);

  // The dead one's locks are over; what waits for its next try is due.
  const { dead } = (
    await project.sql<{ dead: number }>(
      `with dead as (update cloud_jobs set lock_expires_at = now() where locked_by = 'previous-3' returning job_id)
       select count(*)::int as dead from dead`,
    )
  )[0] ?? { dead: 0 };
  expect(dead).toBeGreaterThan(0);
  const open = async () => {
    await project.sql(`update cloud_jobs set run_at = now() where status = 'waiting' and run_at > now()`);
    return (await project.sql(`select from cloud_jobs where status <> 'success'`)).length;
  };
  await until(async () => (await open()) === 0, 60);

  const alive = [...old.slice(0, 2), today, late];
  for (const { child } of alive) child.kill('SIGINT');
  const ended = await Promise.all(alive.map((step) => step.done));
  for (const { code, log } of ended) {
    expect(log).not.toContain('::error');
    expect(code).toBe(0);
  }

  // Every job has one success, that of an attempt which the ledger saw through to its end.
  const successes = await project.sql<{ name: string; attempt: number; by: string }>(
    `select j.name, e.attempt, e.result->>'by' as by from cloud_jobs j
     join cloud_job_executions e on e.job_id = j.job_id and e.status = 'success'`,
  );
  expect(new Set(successes.map(({ name }) => name)).size).toBe(jobs);
  expect(successes).toHaveLength(jobs);
  const kept = new Set(notes().map((note) => `${note.event} ${note.name} ${note.attempt} ${note.release}`));
  expect(successes.filter(({ name, attempt, by }) => !kept.has(`done ${name} ${attempt} ${by}`))).toEqual([]);
  // What failed was planned, and what was lost was in the hands of the one that died; nothing else ran twice.
  const failed = await project.sql<{ kind: string; instance: string; n: number }>(
    `select failure_kind as kind, case when failure_kind = 'lost' then instance_id end as instance, count(*)::int as n
     from cloud_job_executions where status <> 'success' group by 1, 2 order by 1`,
  );
  expect(failed).toEqual([
    { kind: 'error', instance: null, n: expect.any(Number) },
    { kind: 'lost', instance: 'previous-3', n: dead },
  ]);
  const starts = notes().filter(({ event }) => event === 'start');
  expect(starts.length).toBe(new Set(starts.map(({ name, attempt }) => `${name} ${attempt}`)).size);
  const reruns = await project.sql<{ name: string }>(
    `select j.name from cloud_jobs j join cloud_job_executions e using (job_id) where e.status = 'failed' group by 1`,
  );
  const twice = starts.filter(({ attempt }) => attempt > 1).map(({ name }) => name);
  expect(reruns.map(({ name }) => name)).toEqual(expect.arrayContaining(twice));
  // Both releases worked on what came after the upgrade.
  expect(new Set(successes.filter(({ name }) => name.startsWith('after')).map(({ by }) => by))).toEqual(
    new Set(['previous', 'today']),
  );
  expect(await project.sql('select from cloud_jobs where locked_by is not null or blocked')).toEqual([]);
});

describe('this release on a database of the previous one', () => {
  it('says so and does nothing, or does what both know', { timeout: 180_000 }, async () => {
    project = await startTestProject({ install: false });
    await project.asPostgres(previous.installSql);
    await project.reloadSchema();
    await enqueue(many('there', 3));
    const rows = () => project.sql('select xmin::text, * from cloud_jobs order by job_id');
    const before = await rows();
    const id = String(before[0]?.job_id);
    workspace.write('jobs.yml', 'jobs:\n  a:\n    job-type: maintenance\n    schedule: "@daily"\n');
    const refusal = `The cloud-jobs schema in this database is version ${previous.schema}; this release needs version ${CLIENT_SCHEMA}. Run the sql/install.sql of this release`;
    const base = { 'supabase-url': project.url, 'supabase-key': project.secretKey };

    for (const command of ['run', 'plan', 'stats', 'doctor']) {
      const { code, log, outputs } = await runStep({ ...base, command, handlers: workspace.folder });
      expect(log).toContain(refusal);
      expect(log).not.toContain('invalid_type');
      expect(code).toBe(1);
      expect(outputs).toEqual({});
    }
    expect(await rows()).toEqual(before);

    for (const inputs of [
      { command: 'list' },
      { command: 'show', 'job-id': id },
      { command: 'create', name: 'x', 'job-type': 'maintenance' },
      { command: 'apply', file: workspace.path('jobs.yml') },
      ...['disable', 'enable', 'delete'].map((command) => ({ command, 'job-id': id })),
    ]) {
      const { code, log } = await runStep({ ...base, ...inputs });
      if (code !== 0) expect(log).toContain(refusal);
    }
    // Nothing half done: the database takes the upgrade, and a worker of today does what is there.
    await project.asPostgres(INSTALL);
    await project.reloadSchema();
    const ran = await runStep(
      { ...base, command: 'run', handlers: workspace.folder },
      { LEDGER, RELEASE: 'today' },
    );
    expect(ran.code).toBe(0);
    expect(Number(ran.outputs.succeeded)).toBeGreaterThanOrEqual(2);
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { copyOfCheckout, type Repository, ROOT } from '../support/repository.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { type Event, runWorkflow, type WorkflowRun } from './act.ts';
import { formOf } from './form.ts';

const MANAGE = '.github/workflows/manage-jobs.yml';
const RUN = '.github/workflows/run-jobs.yml';
const DISPATCH: Event = { name: 'workflow_dispatch' };

let project: TestProject;
let repository: Repository;
const used = new Set<string>();

beforeAll(async () => {
  project = await startTestProject();
  repository = copyOfCheckout('octo/cloud-jobs');
});

afterEach(() => project.sql('truncate cloud_jobs, cloud_job_workers cascade'));

afterAll(async () => {
  repository?.remove();
  await project?.stop();
});

const secrets = () => ({ SUPABASE_URL: project.url, SUPABASE_SECRET_KEY: project.secretKey });
const work = (event: Event, options: { fork?: boolean } = {}, on = repository): Promise<WorkflowRun> =>
  runWorkflow(on, RUN, event, { secrets: secrets(), ...options });

/** "Run workflow" on the Actions page. */
async function manage(inputs: Record<string, string>): Promise<WorkflowRun> {
  used.add(inputs.command ?? 'list');
  const form = formOf(inputs);
  return runWorkflow(repository, MANAGE, { name: 'workflow_dispatch', inputs: form }, { secrets: secrets() });
}

async function created(inputs: Record<string, string>): Promise<string> {
  const run = await manage({ command: 'create', 'job-type': 'maintenance', ...inputs });
  expect(run, run.log).toMatchObject({ succeeded: true, jobs: { manage: 'success' } });
  return run.outputs['job-id'] ?? '';
}

const statusOf = async (id: string): Promise<unknown> =>
  (await project.sql('select status from cloud_jobs where job_id = $1', [id]))[0]?.status;

it('a job that one workflow creates is executed by the other', async () => {
  const id = await created({
    name: 'Nightly cleanup',
    config: '{"cleanup_days": 30}',
    priority: '-5',
    'max-retries': '2',
    'timeout-minutes': '9',
    'unique-key': 'cleanup',
  });
  expect(await project.sql('select job_id, name, priority, max_retries, status from cloud_jobs')).toEqual([
    { job_id: id, name: 'Nightly cleanup', priority: -5, max_retries: 2, status: 'waiting' },
  ]);

  const run = await work({ name: 'schedule' });

  expect(run, run.log).toMatchObject({ succeeded: true, jobs: { run: 'success' } });
  expect(run.outputs).toMatchObject({ claimed: '1', succeeded: '1', failed: '0', remaining: '0' });
  expect(run.summary).toContain('1 job succeeded');
  expect(run.summary).toContain('Nightly cleanup');
  expect((await manage({ command: 'logs', 'job-id': id })).summary).toContain('Output of attempt 1');
  expect(
    await project.sql(
      `select j.status, e.status as execution, e.instance_id
         from cloud_jobs j join cloud_job_executions e using (job_id)`,
    ),
  ).toEqual([
    { status: 'success', execution: 'success', instance_id: expect.stringMatching(/^octo\/cloud-jobs/) },
  ]);
});

it.each<[string, Event]>([
  ['schedule', { name: 'schedule' }],
  ['workflow_dispatch', DISPATCH],
  ['repository_dispatch', { name: 'repository_dispatch', action: 'cloud-jobs' }],
])('%s executes what is due, and nothing is due after it', async (_, event) => {
  await project.sql(`select cloud_jobs_create('Cleanup', 'maintenance', '{}')`);

  expect((await work(event)).outputs).toMatchObject({ claimed: '1', succeeded: '1' });
  const idle = await work(event);

  expect(idle, idle.log).toMatchObject({ succeeded: true, outputs: { claimed: '0' } });
  expect(idle.summary).toMatch(/nothing/i);
});

it('neither a fork nor another branch executes jobs', async () => {
  await project.sql(`select cloud_jobs_create('Cleanup', 'maintenance', '{}')`);
  const branch = repository.checkout('feature');
  try {
    expect(await work(DISPATCH, { fork: true })).toMatchObject({ succeeded: true, jobs: {} });
    expect(await work(DISPATCH, {}, branch)).toMatchObject({ succeeded: true, jobs: {} });
    expect(await project.sql('select status from cloud_jobs')).toEqual([{ status: 'waiting' }]);
  } finally {
    repository.checkout('main');
  }
});

it('a job that fails for good fails the run, and retry makes it due again', async () => {
  const id = await created({
    name: 'Report',
    'job-type': 'custom',
    config: '{"handler": "report"}',
    'max-retries': '0',
  });

  const failing = await work(DISPATCH);
  expect(failing).toMatchObject({ succeeded: false, jobs: { run: 'failure' } });
  expect(failing.outputs).toMatchObject({ claimed: '1', failed: '1' });
  expect(await statusOf(id)).toBe('failed');

  const retried = await manage({ command: 'retry', 'job-id': id });
  expect(retried, retried.log).toMatchObject({ succeeded: true });
  expect(await statusOf(id)).toBe('waiting');
});

it('a job can be disabled, enabled, cancelled and deleted', async () => {
  const id = await created({ name: 'Cleanup', config: '{}', 'run-at': '90m' });
  for (const [command, status] of [
    ['disable', 'disabled'],
    ['enable', 'waiting'],
    ['cancel', 'failed'],
    ['delete', undefined],
  ] as const) {
    const run = await manage({ command, 'job-id': id });
    expect(run, run.log).toMatchObject({ succeeded: true });
    expect(await statusOf(id), command).toBe(status);
  }
});

it('a queue can be paused, limited and resumed, and a job updated', async () => {
  const id = await created({ name: 'Cleanup' });
  const done = async (inputs: Record<string, string>) => {
    const run = await manage(inputs);
    expect(run, run.log).toMatchObject({ succeeded: true });
    return run;
  };
  await done({ command: 'pause', queue: 'default' });
  await done({ command: 'limit', queue: 'default', more: '{"max-running": 3}' });
  expect((await done({ command: 'queues' })).summary).toContain('paused');
  expect(await project.sql('select paused, max_running from cloud_jobs_queues')).toEqual([
    { paused: true, max_running: 3 },
  ]);
  await done({ command: 'resume', queue: 'default' });
  await done({ command: 'update', 'job-id': id, more: '{"priority": -5}' });
  expect(await project.sql('select priority from cloud_jobs')).toEqual([{ priority: -5 }]);
});

it('an event and decisions reach a job', async () => {
  const id = await created({ name: 'Order' });
  for (const inputs of [
    { command: 'signal', signal: 'paid', payload: '{"amount": 12}' },
    { command: 'approve', note: 'The figures are right.' },
    { command: 'reject' },
  ]) {
    const run = await manage({ 'job-id': id, ...inputs });
    expect(run, run.log).toMatchObject({ succeeded: true });
  }
  expect(await project.sql('select name, payload from cloud_job_signals order by sent_at')).toMatchObject([
    { name: 'paid', payload: { amount: 12 } },
    { name: 'approval', payload: { approved: true, by: expect.any(String), note: 'The figures are right.' } },
    { name: 'approval', payload: { approved: false } },
  ]);
});

it('list, show, stats and doctor answer in the summary', async () => {
  const id = await created({
    name: 'Cleanup',
    schedule: '30 6 * * 1-5',
    timezone: 'Europe/Berlin',
    missed: 'skip',
  });
  await created({ name: 'Other', queue: 'other' });

  const listed = await manage({ command: 'list', queue: 'default', status: 'waiting', limit: '5' });
  expect(JSON.parse(listed.outputs.jobs ?? '')).toMatchObject([
    { job_id: id, name: 'Cleanup', missed: 'skip' },
  ]);
  expect(listed.summary).toContain('Cleanup');
  // Without a command the workflow lists: the default of its input.
  expect(JSON.parse((await manage({})).outputs.jobs ?? '')).toHaveLength(2);
  const shown = await manage({ command: 'show', 'job-id': id });
  expect(shown.summary).toContain('Europe/Berlin');
  expect(JSON.parse((await manage({ command: 'stats' })).outputs.stats ?? '')).toBeTypeOf('object');
  expect((await manage({ command: 'plan' })).outputs).toMatchObject({ workers: '0' });
  expect(await manage({ command: 'metrics' })).toMatchObject({ succeeded: true });
  const doctor = await manage({ command: 'doctor' });
  expect(doctor, doctor.log).toMatchObject({ succeeded: true });
});

it('apply says which file it misses, for this repository has none', async () => {
  const run = await manage({ command: 'apply' });
  expect(run).toMatchObject({ succeeded: false, jobs: { manage: 'failure' } });
  expect(run.log).toContain('.github/cloud-jobs/jobs.yml');
});

it('plans workers by the backlog, and none if nothing is due', async () => {
  const caller = '.github/workflows/scaled.yml';
  writeFileSync(
    join(repository.folder, caller),
    stringify({
      on: { workflow_dispatch: null },
      jobs: {
        workers: {
          uses: './.github/workflows/workers.yml',
          with: { 'max-workers': 2, 'jobs-per-worker': 1 },
          secrets: {
            // biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of GitHub's
            'supabase-url': '${{ secrets.SUPABASE_URL }}',
            // biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of GitHub's
            'supabase-key': '${{ secrets.SUPABASE_SECRET_KEY }}',
          },
        },
      },
    }),
  );
  const scaled = () => runWorkflow(repository, caller, DISPATCH, { secrets: secrets() });

  const idle = await scaled();
  expect(idle, idle.log).toMatchObject({ succeeded: true, outputs: { workers: '0' } });
  expect(idle.jobs).not.toHaveProperty('work');
  expect(idle.outputs).not.toHaveProperty('claimed');

  await project.sql(`select cloud_jobs_create('Cleanup', 'maintenance') from generate_series(1, 3)`);
  const busy = await scaled();
  expect(busy, busy.log).toMatchObject({ succeeded: true, outputs: { workers: '2' } });
  expect(busy.jobs).toMatchObject({ work: 'success' });
  expect(await project.sql('select distinct status from cloud_jobs')).toEqual([{ status: 'success' }]);
  expect(
    // Both workers came, and each of the two runs that planned is noted as one that came too.
    await project.sql(`select count(*)::int as n from cloud_job_workers where run_url is not null`),
  ).toEqual([{ n: 4 }]);
});

it('secrets that are not set are named', async () => {
  const run = await runWorkflow(repository, RUN, DISPATCH, { secrets: {} });
  expect(run).toMatchObject({ succeeded: false, jobs: { run: 'failure' } });
  expect(run.log).toContain('SUPABASE_URL');
});

it('every command that the form offers has been used here', () => {
  const { options } = parse(readFileSync(join(ROOT, MANAGE), 'utf8')).on.workflow_dispatch.inputs.command;
  expect([...used].sort()).toEqual([...options].sort());
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeBlocks } from '../support/code-blocks.ts';
import { copyOfCheckout, makeRepository, type Repository, ROOT } from '../support/repository.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { type Event, runWorkflow, type WorkflowRun } from './act.ts';
import { formOf } from './form.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const USES = 'OWNER/cloud-jobs@v1';
/** The README's workflow, word for word. */
const workflow = codeBlocks(read('README.md'), 'yaml')[0] ?? '';
/** As the README says: copy it, and change one line. */
const manageWorkflow = read('.github/workflows/manage-jobs.yml').replace(/uses: \.\/(.*)/, `uses: ${USES}`);

let project: TestProject;
/** What `OWNER/cloud-jobs@v1` is. */
let published: Repository;
/** Has the README's workflow and handlers in TypeScript; takes queue `default`. */
let app: Repository;
/** Has the same workflow with one line more, and handlers in Python; takes queue `billing`. */
let billing: Repository;
/** Has the reusable workflow that starts as many workers as the backlog is worth. */
let crowd: Repository;
const CALLER = `on:
  schedule:
    - cron: '3-59/5 * * * *'
jobs:
  jobs:
    uses: ./.github/workflows/workers.yml
    permissions:
      contents: read
    with:
      max-workers: 3
      jobs-per-worker: 2
    secrets:
      supabase-url: \${{ secrets.SUPABASE_URL }}
      supabase-key: \${{ secrets.SUPABASE_SECRET_KEY }}
`;

beforeAll(async () => {
  project = await startTestProject();
  published = copyOfCheckout('OWNER/cloud-jobs');
  app = makeRepository('acme/app', {
    '.github/workflows/run-jobs.yml': workflow,
    '.github/workflows/manage-jobs.yml': manageWorkflow,
    '.github/cloud-jobs/greet.ts': read('test/workflows/consumers/app/greet.ts'),
    '.github/cloud-jobs/jobs.yml': `jobs:
  greeting:
    job-type: custom
    schedule: '30 6 * * *'
    config: { handler: greet, who: everybody }
`,
  });
  crowd = makeRepository('acme/crowd', {
    '.github/workflows/workers.yml': read('.github/workflows/workers.yml').replaceAll(
      /uses: \.\/ .*/g,
      `uses: ${USES}`,
    ),
    '.github/workflows/run-jobs.yml': CALLER,
    '.github/cloud-jobs/greet.ts': read('test/workflows/consumers/app/greet.ts'),
  });
  billing = makeRepository('acme/billing', {
    '.github/workflows/run-jobs.yml': `${workflow.trimEnd()}\n          queues: billing\n`,
    '.github/workflows/manage-jobs.yml': manageWorkflow,
    '.github/cloud-jobs/invoice.py': read('test/workflows/consumers/billing/invoice.py'),
  });
});

afterAll(async () => {
  for (const repository of [published, app, billing, crowd]) repository?.remove();
  await project?.stop();
});

function start(repository: Repository, file: string, event: Event): Promise<WorkflowRun> {
  return runWorkflow(repository, `.github/workflows/${file}`, event, {
    secrets: { SUPABASE_URL: project.url, SUPABASE_SECRET_KEY: project.secretKey },
    remotes: { [USES]: published.folder },
  });
}

async function create(repository: Repository, inputs: Record<string, string>): Promise<void> {
  const run = await start(repository, 'manage-jobs.yml', {
    name: 'workflow_dispatch',
    inputs: formOf({ command: 'create', 'job-type': 'custom', ...inputs }),
  });
  expect(run, run.log).toMatchObject({ succeeded: true });
}

it("the README's workflow is one that a script can copy", () => {
  expect(workflow).toContain(`uses: ${USES}`);
  expect(manageWorkflow).toContain(`uses: ${USES}`);
  expect(manageWorkflow).not.toContain('uses: ./');
});

it('two repositories share a project: each executes only its own jobs', async () => {
  await create(app, { name: 'Greeting', config: '{"handler": "greet", "who": "Ada"}' });
  await create(billing, {
    name: 'Invoice',
    queue: 'billing',
    config: '{"handler": "invoice", "customer": "Grace", "lines": [12.5, 30]}',
  });

  const greeted = await start(app, 'run-jobs.yml', { name: 'schedule' });

  expect(greeted, greeted.log).toMatchObject({ succeeded: true, outputs: { claimed: '1', succeeded: '1' } });
  expect(greeted.summary).toContain('Greeting');
  expect(greeted.log).toContain('Hello, Ada!');
  expect(await project.sql('select name, status from cloud_jobs order by name')).toEqual([
    { name: 'Greeting', status: 'success' },
    { name: 'Invoice', status: 'waiting' },
  ]);

  const billed = await start(billing, 'run-jobs.yml', { name: 'repository_dispatch', action: 'cloud-jobs' });

  expect(billed, billed.log).toMatchObject({ succeeded: true, outputs: { claimed: '1', succeeded: '1' } });
  expect(billed.log).toContain('Invoice for Grace');
  expect(
    await project.sql(
      `select j.name, e.result, split_part(e.instance_id, '/', 2) as repository
         from cloud_jobs j join cloud_job_executions e using (job_id) order by j.name`,
    ),
  ).toEqual([
    { name: 'Greeting', result: { greeted: 'Ada', attempt: 1 }, repository: expect.stringMatching(/^app/) },
    {
      name: 'Invoice',
      result: { customer: 'Grace', total: 42.5 },
      repository: expect.stringMatching(/^billing/),
    },
  ]);
});

it('they do so when both run at once', async () => {
  await project.sql('truncate cloud_jobs cascade');
  await project.sql(`
    select cloud_jobs_create('Greeting ' || n, 'custom', '{"handler": "greet", "who": "Ada"}'),
           cloud_jobs_create('Invoice ' || n, 'custom', '{"handler": "invoice", "customer": "Grace", "lines": [1]}',
             queue_param => 'billing')
      from generate_series(1, 12) as n`);

  const runs = await Promise.all([
    start(app, 'run-jobs.yml', { name: 'schedule' }),
    start(billing, 'run-jobs.yml', { name: 'schedule' }),
  ]);

  for (const run of runs) expect(run, run.log).toMatchObject({ succeeded: true, outputs: { claimed: '12' } });
  expect(
    await project.sql(
      `select j.queue, split_part(split_part(e.instance_id, '/', 2), ':', 1) as repository, e.status, count(*)::int
         from cloud_jobs j join cloud_job_executions e using (job_id) group by 1, 2, 3 order by 1`,
    ),
  ).toEqual([
    { queue: 'billing', repository: expect.stringMatching(/^billing/), status: 'success', count: 12 },
    { queue: 'default', repository: expect.stringMatching(/^app/), status: 'success', count: 12 },
  ]);
});

it('a jobs file of a repository is applied by its own workflow', async () => {
  await project.sql('truncate cloud_jobs cascade');
  const run = await start(app, 'manage-jobs.yml', {
    name: 'workflow_dispatch',
    inputs: { command: 'apply' },
  });
  expect(run, run.log).toMatchObject({ succeeded: true });
  expect(await project.sql('select unique_key, schedule, status from cloud_jobs')).toEqual([
    { unique_key: 'greeting', schedule: '30 6 * * *', status: 'waiting' },
  ]);
});

it('workers.yml starts a worker for each batch of backlog, or none', async () => {
  await project.sql('truncate cloud_jobs cascade');
  await project.sql(`
    select cloud_jobs_create('Greeting ' || n, 'custom', '{"handler": "greet", "who": "Ada"}')
      from generate_series(1, 9) as n`);

  const busy = await start(crowd, 'run-jobs.yml', { name: 'schedule' });

  expect(busy, busy.log).toMatchObject({ succeeded: true, outputs: { workers: '3' } });
  expect(busy.starts.work).toBe(3);
  expect(await project.sql('select status, count(*)::int from cloud_jobs group by 1')).toEqual([
    { status: 'success', count: 9 },
  ]);

  const idle = await start(crowd, 'run-jobs.yml', { name: 'schedule' });
  expect(idle, idle.log).toMatchObject({ succeeded: true, outputs: { workers: '0' } });
  expect(idle.starts).toEqual({ plan: 1 });
});

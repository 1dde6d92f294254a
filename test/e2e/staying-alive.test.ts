import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { installExtensions } from '../support/extensions.ts';
import { type GitHubServer, startGitHubServer } from '../support/github-server.ts';
import { runStep } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
let github: GitHubServer;
let folder: string;
beforeAll(async () => {
  [project, github] = await Promise.all([startTestProject(), startGitHubServer()]);
  folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-event-'));
  writeFileSync(join(folder, 'event.json'), JSON.stringify({ schedule: '*/5 * * * *', repository: {} }));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await Promise.all([project.stop(), github.stop()]);
});
beforeEach(async () => {
  await project.sql('truncate cloud_jobs, cloud_job_workers cascade');
  github.requests.length = 0;
  github.faults.length = 0;
  github.repository = { private: true, pushed_at: new Date().toISOString() };
});

const DAY = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY).toISOString();
const step = (inputs: Record<string, string>, env: Record<string, string> = {}) =>
  runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey, ...inputs },
    {
      GITHUB_API_URL: github.url,
      GITHUB_EVENT_NAME: 'schedule',
      GITHUB_EVENT_PATH: join(folder, 'event.json'),
      GITHUB_WORKFLOW_REF: 'octo/consumer/.github/workflows/run-jobs.yml@refs/heads/main',
      ...env,
    },
  );
const token = () => ({ 'github-token': github.token });
/** Ticks that came, so many minutes ago. */
const ticks = (...minutes: number[]) =>
  project.sql(
    `insert into cloud_job_workers (instance_id, queues, trigger, run_url, started_at, seen_at)
     select 'old-' || m, '{default}', 'schedule */5 * * * *', 'https://github.com/octo/consumer/actions/runs/1' || m, t, t
     from unnest($1::int[]) m, lateral (select now() - make_interval(mins => m) as t) at`,
    [minutes],
  );

describe('the summary of a run', () => {
  it('reports late ticks and how long no worker came', async () => {
    await ticks(400, 520, 530, 535, 700);
    const { code, summary, log, outputs } = await step({});
    expect(code).toBe(0);
    expect(outputs.claimed).toBe('0');
    expect(summary).toMatch(/No worker had been seen for 6 h 40 min/);
    expect(summary).toMatch(
      /last 6 ticks of the schedule .* every 2 h 20 min on average, the longest gap was 6 h 40 min; it asks for one every 5 min/,
    );
    // A run cannot fix this, so it gets no annotation.
    expect(log).not.toContain('::warning');
    expect(log).toContain('(1 requests)');
    const rows = await project.sql(
      `select trigger, run_url from cloud_job_workers where instance_id not like 'old-%'`,
    );
    expect(rows).toEqual([
      {
        trigger: 'schedule */5 * * * *',
        run_url: 'https://github.com/octo/consumer/actions/runs/42/attempts/1',
      },
    ]);
  });

  it('says nothing if they come in time or the silence is short', async () => {
    await ticks(6, 10, 15, 21, 25);
    expect((await step({})).summary).not.toContain('⚠️');
    await project.sql('truncate cloud_job_workers');
    await ticks(400);
    expect((await step({ 'silence-minutes': '500' })).summary).not.toContain('⚠️');
    expect((await step({ 'silence-minutes': '500' })).code).toBe(0);
  });

  it('warns before GitHub switches the schedule off, of a public repository', async () => {
    github.repository = { private: false, pushed_at: daysAgo(50.5) };
    const { summary } = await step(token());
    expect(summary).toMatch(/Nothing has been pushed to this public repository for 50 days.*in 10 days/);
    expect(github.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /repos/octo/consumer',
    ]);
    github.repository = { private: true, pushed_at: daysAgo(300) };
    expect((await step(token())).summary).not.toContain('⚠️');
    github.repository = { private: false, pushed_at: daysAgo(44) };
    expect((await step(token())).summary).not.toContain('⚠️');
  });
});

describe('keepalive', () => {
  it('enables the workflow that runs', async () => {
    const { code } = await step({ keepalive: 'true', ...token() });
    expect(code).toBe(0);
    expect(github.requests).toEqual([
      expect.objectContaining({
        method: 'PUT',
        path: '/repos/octo/consumer/actions/workflows/run-jobs.yml/enable',
        headers: expect.objectContaining({
          accept: 'application/vnd.github.v3+json',
          authorization: `token ${github.token}`,
          'x-github-api-version': '2022-11-28',
        }),
      }),
    ]);
  });

  it('reads the workflows of the checkout: enables ours, names others', async () => {
    const workspace = join(folder, 'checkout');
    const workflows = join(workspace, '.github', 'workflows');
    mkdirSync(workflows, { recursive: true });
    const scheduled = (uses: string) => `on:
  schedule:
    - cron: '17 * * * *'
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: ${uses}
`;
    writeFileSync(join(workflows, 'mail.yml'), scheduled('octo/cloud-jobs@v1'));
    writeFileSync(join(workflows, 'ci.yml'), scheduled('actions/checkout@v6'));
    const mail = { id: 9, name: 'Mail', path: '.github/workflows/mail.yml', state: 'disabled_inactivity' };
    github.workflows.push(mail);
    github.repository = { private: false, pushed_at: daysAgo(50.5) };
    try {
      const { code, summary } = await step(
        { keepalive: 'true', ...token() },
        { GITHUB_WORKSPACE: workspace },
      );
      expect(code).toBe(0);
      const put = github.requests.filter(({ method }) => method === 'PUT').map(({ path }) => path);
      expect(put).toEqual(
        ['run-jobs.yml', 'mail.yml'].map((name) => `/repos/octo/consumer/actions/workflows/${name}/enable`),
      );
      expect(mail.state).toBe('active');
      expect(summary).toMatch(
        /for 50 days; .* in 10 days\. keepalive does not reach ci\.yml: push something\./,
      );
    } finally {
      github.workflows.pop();
      rmSync(workspace, { recursive: true });
    }
  });

  it.each([
    [
      'forbidden',
      { status: 403, body: { message: 'Resource not accessible by integration' } },
      /HTTP 403: Resource not accessible by integration.*actions: write/,
    ],
    ['wrong', { status: 401, body: { message: 'Bad credentials' } }, /HTTP 401: Bad credentials/],
    ['down', { status: 502, body: '<html>' }, /HTTP 502/],
  ])('%s: is a warning without the token, and fails no run', async (_, fault, words) => {
    github.faults.push(fault);
    const { code, log, summary } = await step({ keepalive: 'true', ...token() });
    expect(code).toBe(0);
    expect(log).toMatch(/::warning.*The workflow was not kept alive/);
    expect(log).toMatch(words);
    expect(log.replace(`::add-mask::${github.token}`, '')).not.toContain(github.token);
    expect(summary).not.toContain(github.token);
  });

  it('without a token is refused before anything is claimed', async () => {
    const { code, log } = await step({ keepalive: 'true' });
    expect(code).toBe(1);
    expect(log).toContain('`keepalive` needs `github-token`');
  });
});

describe('doctor', () => {
  it('reports missing workers, late ticks and disabled workflows', async () => {
    await ticks(700, 1000, 1300, 1600);
    github.repository = { private: false, pushed_at: daysAgo(62) };
    const [workflow] = github.workflows;
    if (workflow) workflow.state = 'disabled_inactivity';
    const { code, ...output } = await step({ command: 'doctor', ...token() });
    expect(code).toBe(0);
    // Where a long word may be parted is of no interest here.
    const summary = output.summary.replaceAll('<wbr>', '');
    expect(summary).toMatch(/⚠️&nbsp;Workers \| No worker has been seen for 11 h 40 min/);
    expect(summary).toMatch(/⚠️&nbsp;Ticks \| octo\/consumer: The last 4 ticks/);
    expect(summary).toMatch(/⚠️&nbsp;60 days \| Nothing has been pushed .* 62 days/);
    expect(summary).toMatch(
      /⚠️&nbsp;Workflows \| Switched off: .*run-jobs\.yml .*after 60 days without activity/,
    );
    if (workflow) workflow.state = 'active';
  });

  it('says that no worker ever came although a job is due', async () => {
    await project.sql(
      `insert into cloud_jobs (name, job_type, run_at) values ('j', 'custom', now() - interval '7 hours')`,
    );
    expect((await step({ command: 'doctor' })).summary).toMatch(
      /⚠️&nbsp;Workers \| No worker has ever been seen, and a job has been due for 7 h/,
    );
    expect((await step({ command: 'doctor', 'silence-minutes': '480' })).summary).toMatch(/✅&nbsp;Workers/);
  });

  it('and stats show what GitHub said to being asked to wake a worker', async () => {
    await installExtensions(project);
    await project.asPostgres(readFileSync(new URL('../../sql/optional/wake.sql', import.meta.url), 'utf8'));
    const doctor = async () => (await step({ command: 'doctor' })).summary;
    expect(await doctor()).toMatch(/⚠️&nbsp;Wake on work \| pg.{1,6}cron has not come yet/);
    expect(await doctor()).toMatch(/⚠️&nbsp;Wake on work \| It is installed and watches no queue/);
    await project.asPostgres(
      `select cloud_jobs_wake.watch('default', 'octo/consumer'); select cloud_jobs_wake.tick()`,
    );
    expect(await doctor()).toMatch(/✅&nbsp;Wake on work \| 1 queue watched; 0 calls in 24 hours, 0 failed/);
    await project.sql(`select cloud_jobs_create('j', 'custom')`);
    await project.asPostgres('select cloud_jobs_wake.tick()');
    expect(await doctor()).toMatch(
      /⚠️&nbsp;Wake on work \| octo\/consumer .*queue default.*Vault has no secret .*1 error in a row/,
    );
    const stats = await step({ command: 'stats' });
    expect(stats.summary).toMatch(/Wake on work: 1 call in 24 hours, 1 failed/);
    expect(stats.summary).toMatch(/was not woken.*Vault has no secret/);
    expect(JSON.parse(stats.outputs.stats ?? '').wake).toMatchObject({ errors_24h: 1 });
    await project.sql('update cloud_jobs_wake.watched set errors = 0, in_vain = 2');
    expect(await doctor()).toMatch(/was asked 3 times, and no worker took a job/);
  });
});

describe('plan', () => {
  it('starts no worker if nothing is due, else one for each batch of backlog', async () => {
    const plan = async (inputs: Record<string, string>) =>
      (await step({ command: 'plan', ...inputs })).outputs;
    expect(await plan({})).toEqual({ workers: '0', matrix: '[]' });
    await project.sql(`insert into cloud_jobs (name, job_type, queue, concurrency_key)
      select 'j', 'custom', q, k from generate_series(1, 30) n, (values ('default', null), ('other', null), ('default', 'one at a time')) v (q, k)`);
    expect(await plan({})).toEqual({ workers: '2', matrix: '[1,2]' });
    expect(await plan({ queues: 'default,other', 'jobs-per-worker': '10' })).toMatchObject({ workers: '4' });
    expect(
      await plan({ queues: 'default,other', 'jobs-per-worker': '10', 'max-workers': '16' }),
    ).toMatchObject({ workers: '7' });
    expect(await plan({ 'job-types': 'maintenance' })).toMatchObject({ workers: '0' });
    const { summary } = await step({ command: 'plan', queues: 'default,other' });
    expect(summary).toMatch(/3 workers to start[\s\S]*default \| 60 \| 31[\s\S]*other \| 30 \| 30/);
  });

  it('is recorded as a worker that came, and warns as a run does', async () => {
    await ticks(400, 520, 530, 535, 700);
    const { summary, log } = await step({ command: 'plan' });
    expect(summary).toMatch(/Nothing is due[\s\S]*No worker had been seen for 6 h 40 min/);
    expect(summary).toMatch(/last 6 ticks of the schedule .* it asks for one every 5 min/);
    expect(log).toContain('Warning: No worker had been seen for 6 h 40 min');
    expect(
      await project.sql("select trigger, claimed_at from cloud_job_workers where instance_id like 'octo/%'"),
    ).toEqual([{ trigger: 'schedule */5 * * * *', claimed_at: null }]);
    // Nobody looks on after it: neither the workers of the same run, nor doctor.
    expect((await step({})).summary).not.toContain('No worker had been seen');
    expect((await step({ command: 'doctor' })).summary).toMatch(/✅&nbsp;Workers \| The last was seen/);
  });

  it('passes on existing inputs, and starts no second job for no worker', () => {
    const read = (path: string) => parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));
    const workflow = read('.github/workflows/workers.yml');
    const action = read('action.yml');
    const declared = Object.keys(workflow.on.workflow_call.inputs);
    for (const job of [workflow.jobs.plan, workflow.jobs.work]) {
      const passed = job.steps.at(-1).with as Record<string, string>;
      expect(Object.keys(passed).filter((name) => !(name in action.inputs))).toEqual([]);
      for (const value of Object.values(passed)) {
        const name = /inputs\.([\w-]+)/.exec(value)?.[1];
        if (name) expect(declared).toContain(name);
      }
    }
    for (const value of Object.values(workflow.jobs.plan.outputs as Record<string, string>)) {
      expect(Object.keys(action.outputs)).toContain(/outputs\.([\w-]+)/.exec(value)?.[1]);
    }
    expect(workflow.jobs.work.if).toBe("needs.plan.outputs.workers != '0'");
    expect(workflow.jobs.work.strategy.matrix.worker).toContain('needs.plan.outputs.matrix');
  });
});

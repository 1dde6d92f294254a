import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStep } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
let workspace: string;
beforeAll(async () => {
  project = await startTestProject();
  workspace = mkdtempSync(join(tmpdir(), 'cloud-jobs-workspace-'));
});
afterAll(async () => {
  await project?.stop();
  rmSync(workspace, { recursive: true, force: true });
});

const step = (inputs: Record<string, string>) =>
  runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey, ...inputs },
    { GITHUB_WORKSPACE: workspace, GITHUB_REPOSITORY: 'octo/reports' },
  );

/** Takes configs with a text `who` alone. */
const HANDLER = `
  export default {
    config: { '~standard': { version: 1, vendor: 'test', validate: (value) =>
      typeof value.who === 'string' ? { value } : { issues: [{ message: 'is not a text', path: ['who'] }] } } },
    run: () => ({}),
  };`;

describe('create with a schedule', () => {
  it('makes a job due at the next occurrence, which show puts in words', async () => {
    const created = await step({
      command: 'create',
      name: 'Nightly',
      'job-type': 'maintenance',
      schedule: '30 3 * * mon-fri',
      timezone: 'Europe/Berlin',
      missed: 'skip',
      'missed-grace-minutes': '45',
    });
    expect(created.log).not.toContain('::error');
    const [row] = await project.sql('select * from cloud_jobs where name = $1', ['Nightly']);
    expect(row).toMatchObject({
      schedule: '30 3 * * mon-fri',
      timezone: 'Europe/Berlin',
      missed: 'skip',
      missed_grace_seconds: 2700,
    });
    expect(row?.run_at).toEqual(row?.scheduled_for);
    const shown = await step({ command: 'show', name: 'Nightly' });
    expect(shown.summary).toContain('At 03:30, Monday through Friday');
    expect(shown.summary).toContain('skipped when more than 45 min late');
    expect(shown.summary.match(/20\d\d-\d\d-\d\d 03:30 Europe\/Berlin, 0[12]:30 UTC/g)?.length).toBe(3);
    const listed = await step({ command: 'list', name: 'Nightly' });
    expect(listed.summary).toMatch(
      /03:30 Europe\/<wbr>Berlin, 0[12]:30 UTC&#41;<br><sub>At 03:30, Monday through Friday &#40;Europe\/Berlin&#41;/,
    );
  });

  it.each([
    [{ schedule: '61 * * * *' }, 'schedule is "61 * * * *": it is not valid'],
    [{ schedule: '0 0 31 2 *' }, 'it is never due'],
    [{ schedule: '0 0 30 feb *', timezone: 'Mars/X' }, 'schedule is "0 0 30 feb *": it is never due'],
    [{ schedule: '0 0 30 feb *', timezone: 'Mars/X' }, 'timezone is "Mars/X": it is not a time zone'],
    [{ schedule: '* * * * * *' }, 'it has 6 fields and not 5'],
    [{ schedule: '0 0 L * *' }, 'L, W, #, + and ? are not used here'],
    [{ schedule: '@reboot' }, 'it is not a nickname'],
    [{ schedule: '@daily', timezone: 'Mars/Olympus' }, 'timezone is "Mars/Olympus": it is not a time zone'],
    [{ timezone: 'UTC' }, 'timezone is for recurring jobs. Give schedule too.'],
    [{ schedule: '@daily', 'missed-grace-minutes': '5' }, 'missed-grace-minutes goes with missed skip.'],
  ])('refuses %o', async (inputs, message) => {
    const refused = await step({ command: 'create', name: 'Refused', 'job-type': 'maintenance', ...inputs });
    expect(refused.code).toBe(1);
    expect(refused.log.replaceAll('`', '')).toContain(message);
    expect(await project.sql("select 1 from cloud_jobs where name = 'Refused'")).toEqual([]);
  });
});

describe('an occurrence that fails for good', () => {
  it('fails the run unless it will be retried, and the schedule goes on', async () => {
    mkdirSync(join(workspace, 'failing'), { recursive: true });
    writeFileSync(
      join(workspace, 'failing', 'fails.mjs'),
      'export default () => { throw new Error("no luck"); };',
    );
    const made = await step({
      command: 'create',
      name: 'Unlucky',
      'job-type': 'custom',
      config: '{"handler":"fails"}',
      schedule: '0 0 1 1 *',
      'max-retries': '1',
      handlers: 'failing',
    });
    const id = made.outputs['job-id'] ?? '';
    const due = () => project.sql('update cloud_jobs set run_at = now() where job_id = $1', [id]);
    const run = () => step({ handlers: 'failing', queues: 'default', 'job-types': 'custom' });
    await due();
    const first = await run();
    expect(first.code).toBe(0);
    expect(first.outputs).toMatchObject({ claimed: '1', failed: '0', retried: '1' });
    await due();
    const second = await run();
    expect(second.outputs).toMatchObject({ claimed: '1', failed: '1', retried: '0' });
    expect(second.code).toBe(1);
    expect(second.log).toContain('::error title=Job failed%3A Unlucky::no luck');
    expect(second.summary).toContain('The job failed');
    const [job] = await project.sql(
      'select status, current_retries, run_at > now() as goes_on from cloud_jobs where job_id = $1',
      [id],
    );
    expect(job).toEqual({ status: 'waiting', current_retries: 0, goes_on: true });
  });
});

describe('apply', () => {
  const write = (text: string) => writeFileSync(join(workspace, 'jobs.yml'), text);
  const apply = (more: Record<string, string> = {}) => step({ command: 'apply', file: 'jobs.yml', ...more });
  const jobs = () =>
    project.sql(
      'select unique_key as key, name, status, schedule, config, source from cloud_jobs where unique_key is not null order by 1',
    );
  const TWO = `
jobs:
  nightly-cleanup:
    job-type: maintenance
    schedule: "30 3 * * *"
    config: { cleanup_days: 30 }
  report:
    name: Weekly report
    job-type: custom
    schedule: "0 6 * * mon"
    timezone: Europe/Berlin
    config:
      handler: report.mjs
`;

  it('plans, creates, repeats without a change, updates and prunes', async () => {
    write(TWO);
    const plan = await apply({ 'dry-run': 'true' });
    expect(plan.log).not.toContain('::error');
    expect(plan.summary).toContain('Plan, nothing was changed: 2 to create.');
    expect(await jobs()).toEqual([]);

    expect((await apply()).summary).toContain('Applied: 2 created.');
    expect(await jobs()).toMatchObject([
      {
        key: 'nightly-cleanup',
        name: 'nightly-cleanup',
        source: 'octo/reports:jobs.yml',
        config: { cleanup_days: 30 },
      },
      { key: 'report', name: 'Weekly report', status: 'waiting' },
    ]);
    expect((await apply()).summary).toContain('Applied: 2 unchanged.');

    const [before] = await project.sql(
      "select job_id, run_at from cloud_jobs where unique_key = 'nightly-cleanup'",
    );
    write(TWO.replace('30 3', '45 4').replace('cleanup_days: 30', 'cleanup_days: 7'));
    const updated = await apply();
    expect(updated.summary).toContain('Applied: 1 updated, 1 unchanged.');
    expect(updated.summary).toContain('30 3');
    const [after] = await project.sql("select * from cloud_jobs where unique_key = 'nightly-cleanup'");
    expect(after).toMatchObject({
      job_id: before?.job_id,
      schedule: '45 4 * * *',
      config: { cleanup_days: 7 },
    });
    expect(after?.run_at).not.toEqual(before?.run_at);

    write(TWO.slice(0, TWO.indexOf('  report:')));
    expect((await apply()).summary).toContain('1 gone from the file and left alone');
    expect(await jobs()).toMatchObject([{ status: 'waiting' }, { status: 'waiting' }]);
    expect((await apply({ prune: 'true' })).summary).toContain('1 disabled');
    expect(await jobs()).toMatchObject([{ status: 'waiting' }, { status: 'disabled' }]);

    // Back in the file it runs again; what a person disabled stays so.
    write(TWO);
    expect((await apply()).summary).toContain('1 enabled');
    await step({ command: 'disable', 'job-id': String(after?.job_id) });
    expect((await apply()).summary).toContain('2 unchanged');
    expect(await jobs()).toMatchObject([{ status: 'disabled' }, { status: 'waiting' }]);
  });

  it('lists every mistake with its job and line, and changes nothing', async () => {
    const before = await jobs();
    write(`jobs:
  good:
    job-type: maintenance
    schedule: "@daily"
  no-schedule:
    job-type: maintenance
  bad-schedule:
    job-type: maintenance
    schedule: "0 0 31 2 *"
  bad-config:
    job-type: maintenance
    schedule: "@daily"
    config: { cleanup: 1 }
  unknown:
    job_type: maintenance
  not-of-a-job:
    job-type: maintenance
    schedule: "@daily"
    handlers: elsewhere
  all-wrong:
    job-type: custom
    schedule: "0 25 * * *"
    timezone: Mars/X
    max-retries: 101
    priority: [1]
  no-text: 5
  misfit:
    job-type: custom
    schedule: "@weekly"
    config: { handler: greet, who: 7 }
`);
    mkdirSync(join(workspace, '.github', 'cloud-jobs'), { recursive: true });
    writeFileSync(join(workspace, '.github', 'cloud-jobs', 'greet.mjs'), HANDLER);
    const refused = await apply();
    expect(refused.code).toBe(1);
    for (const text of [
      'no-schedule (line 5): it has no schedule',
      'bad-schedule (line 7): schedule is "0 0 31 2 *": it is never due',
      'bad-config (line 10): ',
      'unknown (line 14): "job_type" is not known here. Did you mean job-type?',
      'unknown (line 14): it has no schedule',
      'unknown (line 14): create needs job-type',
      'not-of-a-job (line 16): "handlers" is not known here. Known are: name, job-type',
      'all-wrong (line 20): schedule is "0 25 * * *": it is not valid',
      'all-wrong (line 20): timezone is "Mars/X": it is not a time zone',
      'all-wrong (line 20): max-retries is "101"',
      'all-wrong (line 20): its priority is not a text or a number',
      'no-text (line 26): it is not a list',
      'misfit (line 27): the config does not fit its handler: ',
    ]) {
      expect(refused.log).toContain(text);
    }
    expect(refused.log).not.toContain('good (line');
    expect(await jobs()).toEqual(before);
  });

  it.each([
    ['jobs: [', 'line 1'],
    ['a: 1', 'it has no "jobs:"'],
    ['jobs:\n  a: 1\n  a: 2\n', 'line 3'],
  ])('refuses %o', async (text, message) => {
    write(text);
    const refused = await apply();
    expect(refused.code).toBe(1);
    expect(refused.log.replaceAll('`', '')).toContain(message);
  });

  it('says what to do where there is no such file', async () => {
    const refused = await step({ command: 'apply', file: 'none.yml' });
    expect(refused.code).toBe(1);
    expect(refused.log).toContain('The jobs file "none.yml" cannot be read.');
  });

  it('leaves jobs of other sources alone', async () => {
    await project.sql("select cloud_jobs_apply('other/repo:jobs.yml', $1)", [
      JSON.stringify([{ name: 'o', job_type: 'custom', unique_key: 'other', schedule: '@daily' }]),
    ]);
    write(TWO);
    await apply({ prune: 'true' });
    expect(await project.sql("select status from cloud_jobs where unique_key = 'other'")).toEqual([
      { status: 'waiting' },
    ]);
  });
});

describe('the config of a custom job', () => {
  const handlers = () => join(workspace, 'handlers');

  it.each(['create', 'apply'])('is checked by its handler where that is at hand: %s', async (command) => {
    mkdirSync(handlers(), { recursive: true });
    writeFileSync(join(handlers(), 'greet.mjs'), HANDLER);
    const call = (config: object) => {
      writeFileSync(
        join(workspace, 'jobs.yml'),
        JSON.stringify({ jobs: { checked: { 'job-type': 'custom', schedule: '@daily', config } } }),
      );
      return step({
        command,
        handlers: handlers(),
        ...(command === 'apply'
          ? { file: 'jobs.yml' }
          : { name: 'checked', 'job-type': 'custom', config: JSON.stringify(config) }),
      });
    };
    const rows = () => project.sql("select 1 from cloud_jobs where name = 'checked'");
    const before = await rows();
    const refused = await call({ handler: 'greet', who: 7 });
    expect(refused.code).toBe(1);
    expect(refused.log).toContain('is not a text');
    expect(await rows()).toEqual(before);
    // Its handler may be in another repository.
    expect((await call({ handler: 'elsewhere' })).code).toBe(0);
    expect((await call({ handler: 'greet', who: 'you' })).code).toBe(0);
  });
});

describe('apply of a key that another file has', () => {
  const file = (name: string, schedule: string) => {
    writeFileSync(
      join(workspace, name),
      `jobs:\n  shared:\n    job-type: maintenance\n    schedule: '${schedule}'\n`,
    );
    return name;
  };
  const owner = () =>
    project.sql(
      `select source, schedule, count(*) over ()::int as jobs from cloud_jobs where unique_key = 'shared'`,
    );

  it('is refused and names the owner; adopt takes the job over, and both files know', async () => {
    const first = file('first.yml', '0 1 * * *');
    const second = file('second.yml', '0 2 * * *');
    expect((await step({ command: 'apply', file: first })).code).toBe(0);
    const refused = await step({ command: 'apply', file: second });
    expect(refused.code).toBe(1);
    expect(refused.log).toMatch(/"shared" in queue default belongs to octo\/reports:first\.yml/);
    expect(await owner()).toEqual([{ source: 'octo/reports:first.yml', schedule: '0 1 * * *', jobs: 1 }]);

    const shown = await step({ command: 'apply', file: second, adopt: 'true', 'dry-run': 'true' });
    expect(shown.code).toBe(0);
    expect((await owner())[0]).toMatchObject({ source: 'octo/reports:first.yml' });

    expect((await step({ command: 'apply', file: second, adopt: 'true' })).code).toBe(0);
    expect(await owner()).toEqual([{ source: 'octo/reports:second.yml', schedule: '0 2 * * *', jobs: 1 }]);
    expect((await step({ command: 'apply', file: first })).log).toMatch(
      /belongs to octo\/reports:second\.yml/,
    );
    // Without the key, the first file can prune, and leaves the job alone.
    writeFileSync(join(workspace, 'first.yml'), 'jobs: {}\n');
    expect((await step({ command: 'apply', file: first, prune: 'true' })).code).toBe(0);
    expect((await owner())[0]).toMatchObject({ source: 'octo/reports:second.yml' });
  });
});

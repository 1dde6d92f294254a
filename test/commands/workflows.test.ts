import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queueOf } from '../sql/support.ts';
import { projectVariables, runCommandLine } from '../support/command-line.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

/** The commands about jobs that depend on each other, and about steps and events. */

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const run = (...args: string[]) =>
  runCommandLine(args, { env: { ...projectVariables(project), GITHUB_ACTOR: 'ada' } });

describe('depends-on', () => {
  it('makes a job wait, and show and list say for what', { timeout: 120_000 }, async () => {
    const q = queueOf(project);
    const parent = await q.addOne({ name: 'Fetch', max_retries: 0 });
    const added = await run(
      ...['create', '--name', 'Merge', '--job-type', 'custom', '--queue', q.queue],
      ...['--config', '{"handler": "merge"}', '--depends-on', parent, '--json'],
    );
    const { job_id: child } = JSON.parse(added.out) as { job_id: string };
    expect((await run('show', child)).out).toContain(`Depends on: 1 job\n└─ Fetch (${parent}): waiting`);
    expect((await run('show', parent)).out).toContain(`Starts after it: 1 job\n└─ Merge (${child}): waiting`);
    expect((await run('list', '--queue', q.queue)).out).toMatch(/waiting for the\s.*jobs that it/s);

    await q.end('w', (await q.take('w')).execution_id, 'failure', { error: 'HTTP 500' });
    expect((await run('show', child)).out).toContain('Error: Not run: it depends on the job "Fetch"');
    const again = await run('retry', parent, '--with-dependents');
    expect(again).toMatchObject({
      code: 0,
      out: expect.stringContaining('1 dependent job put back.'),
    });
  });

  it.each([
    [['--schedule', '0 3 * * *', '--depends-on', 'a'], 'A recurring job cannot depend on others.'],
    [['--on-parent-failure', 'run'], 'is about the jobs in'],
    [['--depends-on', 'a', '--on-parent-failure', 'retry'], 'is not one of cancel, run, wait'],
  ])('refuses %j', async (options, message) => {
    const { code, err } = await run(
      'create',
      '--name',
      'x',
      '--job-type',
      'custom',
      '--config',
      '{"handler": "x"}',
      ...options,
    );
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining(message) });
  });
});

describe('signal, approve and reject', () => {
  const payload = async (id: string) =>
    (await project.sql('select name, signal_id, payload from cloud_job_signals where job_id = $1', [id]))[0];

  it('send an event to a job, by its id or unique key', { timeout: 60_000 }, async () => {
    const q = queueOf(project);
    const id = await q.addOne({ unique_key: `order ${q.queue}` });
    const sent = await run(
      ...['signal', '--unique-key', `order ${q.queue}`, '--signal', 'paid'],
      ...['--payload', '{"amount": 12}', '--signal-id', 'p1'],
    );
    expect(sent).toMatchObject({ code: 0, out: expect.stringContaining(`Sent: ${id}.`) });
    expect(await payload(id)).toEqual({ name: 'paid', signal_id: 'p1', payload: { amount: 12 } });
  });

  it.each([
    ['approve', true],
    ['reject', false],
  ])('%s records who decided', async (verb, approved) => {
    const q = queueOf(project);
    const id = await q.addOne();
    expect(await run(verb, id, '--note', 'looks right')).toMatchObject({ code: 0 });
    expect(await payload(id)).toMatchObject({
      name: 'approval',
      payload: { approved, by: 'ada', note: 'looks right' },
    });
  });

  it('end with 1 if there is no such job, or nobody is named', async () => {
    expect(await run('approve', 'nobody')).toMatchObject({
      code: 1,
      out: expect.stringContaining('Not done: There is no job'),
    });
    expect(await run('approve')).toMatchObject({ code: 1, err: expect.stringContaining('one of the two') });
  });
});

describe('retry --from-step', () => {
  it('forgets that step and those after it, and show lists the rest', { timeout: 120_000 }, async () => {
    const q = queueOf(project);
    const id = await q.addOne({ max_retries: 0 });
    const job = await q.take('w');
    for (const name of ['fetch', 'merge'])
      await project.sql('select cloud_jobs_step($1, $2, $3, $4, $5, 2)', [
        'w',
        id,
        job.execution_id,
        name,
        '1',
      ]);
    await q.end('w', job.execution_id, 'failure', { error: 'no' });
    expect((await run('show', id)).out).toContain('Steps:\n1. fetch: done in 2');
    expect(await run('retry', id, '--from-step', 'nothing')).toMatchObject({
      code: 1,
      out: expect.stringContaining('no step "nothing"'),
    });
    expect(await run('retry', id, '--from-step', 'merge')).toMatchObject({ code: 0 });
    const { out } = await run('show', id);
    expect(out).toContain('1. fetch');
    expect(out).not.toContain('2. merge');
  });
});

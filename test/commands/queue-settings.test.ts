import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectVariables, runCommandLine } from '../support/command-line.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

/** The commands queues, pause, resume and limit, as a user types them. */

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
  await project.sql(
    `select cloud_jobs_create('j', 'maintenance', queue_param => 'mail') from generate_series(1, 3)`,
  );
});
afterAll(() => project?.stop());

const run = (...args: string[]) => runCommandLine(args, { env: projectVariables(project) });
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).out);

describe('pause and resume', () => {
  it('stop a queue with a reason, and let it go on', async () => {
    expect(await run('pause', 'mail', '--reason', 'The server is down.')).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/mail +3 +0 .*paused: The server is down\.\n$/),
    });
    expect((await run('run', '--queues', 'mail')).out).toMatch(
      /^The queue mail is paused: The server is down\.\n0 jobs claimed/,
    );
    expect((await run('plan', '--queues', 'mail')).out).toMatch(
      /^No worker to start: no due job may start now\./,
    );
    expect((await run('queues')).out).toContain('paused: The server is down.');
    expect((await run('resume', 'mail')).out).toMatch(/mail .*active\n$/);
    expect(await json('resume', 'mail')).toMatchObject({ queue: 'mail', paused: false, reason: null });
  });

  it('last some minutes if asked to', async () => {
    const paused = await run('pause', 'mail', '--minutes', '30', '--reason', 'busy');
    expect(paused.out).toMatch(/paused until .*\d\d:\d\d UTC: busy/);
    expect(await json('resume', 'mail')).toMatchObject({ cool_down_until: null, reason: null });
  });

  it('need a queue, and resume needs one that exists', async () => {
    expect((await run('pause')).err).toContain('pause needs <queue>: The queue;');
    expect((await run('pause', 'no queue')).err).toContain('<queue> is "no queue": it must be');
    const unknown = await run('resume', 'mial');
    expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('The queue "mial" has no') });
    expect((await json('queues')).queues.map(({ queue }: { queue: string }) => queue)).toEqual(['mail']);
  });
});

describe('limit', () => {
  it('sets limits and takes them away', async () => {
    const wanted = ['--max-running', '5', '--rate', '100', '--rate-minutes', '60'];
    const set = await run('limit', 'mail', ...wanted, '--default-timeout-minutes', '0.5');
    expect(set).toMatchObject({ code: 0, err: '' });
    expect(set.out).toMatch(/mail +3 +0 of 5 +0 of 100 in 1 h +30 s +active/);
    expect(await json('limit', 'mail', '--rate', '7')).toMatchObject({
      max_running: 5,
      rate_limit: 7,
      rate_period_seconds: 3600,
    });
    const none = ['--max-running', 'none', '--rate', 'None', '--default-timeout-minutes', 'none'];
    expect(await json('limit', 'mail', ...none)).toMatchObject({
      max_running: null,
      rate_limit: null,
      rate_period_seconds: null,
      default_timeout_seconds: null,
    });
  });

  it.each([
    [[], 'limit needs something to change: --max-running'],
    [['--max-running', '0'], '--max-running is "0": it must be a whole number from 1 to 100000'],
    [['--rate', 'no'], '--rate is "no": it must be a whole number from 1 to 1000000'],
    [['--rate-minutes', '5'], '--rate-minutes is the period of a rate. Give --rate'],
    [['--rate', 'none', '--rate-minutes', '5'], '--rate-minutes is the period of a rate. Give --rate'],
  ])('refuses %j', async (options, why) => {
    const refused = await run('limit', 'mail', ...options);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining(why) });
  });
});

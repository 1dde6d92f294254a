import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { changeMany } from '../../src/commands/change-many.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { projectVariables, runCommandLine, startCommandLine } from '../support/command-line.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

/** The commands retry, cancel, disable, enable and delete on all jobs that match a filter. */

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate cloud_jobs cascade'));

const run = (...args: string[]) => runCommandLine(args, { env: projectVariables(project) });
const failed = (count: number, name = 'f', error = 'out of quota') =>
  project.sql(
    `insert into cloud_jobs (name, job_type, status, finished_at, error_message, queue, config, created_at)
     select $2 || n, 'custom', 'failed', now(), $3, 'mail', jsonb_build_object('handler', 'send', 'n', n),
       now() - make_interval(days => n)
     from generate_series(1, $1) n`,
    [count, name, error],
  );
const count = async (condition: string): Promise<number> =>
  (await project.sql(`select from cloud_jobs where ${condition}`)).length;

describe('a filter', () => {
  it('is counted by --dry-run, which changes nothing', async () => {
    await failed(3);
    expect(await run('retry', '--status', 'failed', '--dry-run')).toEqual({
      code: 0,
      out: 'Dry run: retry would change 3 jobs. Nothing was changed.\n',
      err: '',
    });
    expect(await count(`status = 'failed'`)).toBe(3);
  });

  it.each([
    [['--status', 'failed'], 3],
    [['--queue', 'mail'], 3],
    [['--queue', 'other'], 0],
    [['--job-type', 'custom', '--name', 'f2'], 1],
    [['--handler', 'send'], 3],
    [['--error', 'OUT of'], 3],
    [['--failure-kind', 'timeout'], 0],
    [['--config-contains', '{"n": 2}'], 1],
    [['--created-before', '36h'], 2],
    [['--created-after', '36h'], 1],
    [['--created-after', '2020-01-01T00:00:00Z', '--limit', '2'], 2],
  ])('%j selects for delete', async (options, matched) => {
    await failed(3);
    const { out } = await run('delete', ...options, '--json');
    expect(JSON.parse(out)).toEqual({ dry_run: false, matched, changed: matched, refused: [] });
    expect(await count('true')).toBe(3 - matched);
  });

  it('selects for list what the other commands would change', async () => {
    await failed(3);
    const { out } = await run('list', '--error', 'quota', '--config-contains', '{"n": 2}', '--json');
    expect(JSON.parse(out).jobs.map(({ name }: { name: string }) => name)).toEqual(['f2']);
  });

  it('cancels, disables and enables', async () => {
    await project.sql(`select cloud_jobs_create('j', 'maintenance') from generate_series(1, 2)`);
    expect((await run('disable', '--name', 'j')).out).toBe('disable: 2 jobs done.\n');
    expect((await run('enable', '--status', 'disabled', '--limit', '1')).out).toBe('enable: 1 job done.\n');
    expect((await run('cancel', '--queue', 'default')).out).toBe('cancel: 1 job done.\n');
    expect((await run('cancel', '--queue', 'default')).out).toBe('No job matches that cancel can change.\n');
  });
});

describe('retry', () => {
  it('spreads jobs over time and changes their config', async () => {
    await failed(4);
    const options = ['--per-minute', '2', '--with-config', '{"handler": "send2"}'];
    expect(await run('retry', '--status', 'failed', ...options)).toMatchObject({
      code: 0,
      out: 'retry: 4 jobs done.\n',
    });
    const waiting = await project.sql<{ s: number; handler: string; n: number }>(
      `select round(extract(epoch from run_at - min(run_at) over ()))::int as s, config->>'handler' as handler,
         (config->'n')::int as n from cloud_jobs where status = 'waiting' order by run_at`,
    );
    expect(waiting).toEqual([0, 30, 60, 90].map((s, at) => ({ s, handler: 'send2', n: at + 1 })));
  });

  it('names the jobs that cannot run again, and ends with 1', async () => {
    await failed(1, 'dup');
    await project.sql(`update cloud_jobs set unique_key = 'k'`);
    await project.sql(
      `select cloud_jobs_create('new', 'maintenance', queue_param => 'mail', unique_key_param => 'k')`,
    );
    const refused = await run('retry', '--status', 'failed');
    expect(refused.code).toBe(1);
    expect(refused.out).toMatch(/^retry: 0 of 1 job done\.\n {2}\S+: not done\. .*unique key/);
  });
});

describe('a command without a clear selection', () => {
  it.each([
    [['cancel'], 'cancel needs <id>, or a filter such as --status'],
    [['delete', '--dry-run'], 'delete needs <id>, or a filter'],
    [['delete', '--limit', '5'], 'delete needs <id>, or a filter'],
    [['delete', '--config-contains', '{}'], '--config-contains is "{}": it must have a field'],
    [['delete', 'some-id', '--queue', 'mail'], 'delete takes <id> or a filter, not both'],
    [['delete', 'some-id', '--dry-run'], '--dry-run goes with a filter'],
    [['retry', 'some-id', '--with-config', '{"a": 1}'], '--with-config goes with a filter'],
    [['retry', '--per-minute', '5'], 'retry needs <id>, or a filter'],
  ])('is refused: %j', async (args, why) => {
    await failed(2);
    expect(await run(...args)).toMatchObject({ code: 1, err: expect.stringContaining(why) });
    expect(await count(`status = 'failed'`)).toBe(2);
  });
});

describe('many jobs', () => {
  const context = (url: string, secondsPerLook: number) => {
    const said: string[] = [];
    let at = Date.now();
    const { queue } = openQueue({ url, key: project.secretKey, publishableKey: null }, 'test');
    const now = () => {
      at += secondsPerLook * 1000;
      return new Date(at);
    };
    return { queue, now, progress: (message: string) => void said.push(message), said };
  };

  it('are changed in batches, with progress when it takes long', async () => {
    await failed(1200);
    const slow = context(project.url, 4);
    const filter = { status: 'failed' as const };
    const result = await changeMany('delete', filter, { dryRun: false, limit: 1150 }, slow);
    expect(result).toMatchObject({ matched: 1150, changed: 1150, refused: [] });
    expect(slow.said).toEqual([500, 1000].map((done) => `delete: ${done} jobs done so far.`));
    expect(await count('true')).toBe(50);
    const quick = context(project.url, 0);
    await changeMany('delete', filter, { dryRun: false }, quick);
    expect(quick.said).toEqual([]);
    expect(await count('true')).toBe(0);
  });

  it('say how many are done if the database refuses to go on', async () => {
    await failed(600);
    const { queue, ...rest } = context(project.url, 4);
    const grant = 'on function cloud_jobs_bulk';
    const once = async (...args: Parameters<typeof queue.bulk>) => {
      const reply = await queue.bulk(...args);
      await project.asPostgres(`revoke execute ${grant} from service_role`);
      return reply;
    };
    const change = changeMany(
      'delete',
      { status: 'failed' },
      { dryRun: false },
      { ...rest, queue: { ...queue, bulk: once } },
    );
    await expect(change).rejects.toThrow(
      /^delete ended early, with 500 jobs done\. Run it again to go on\. ./,
    );
    await project.asPostgres(`grant execute ${grant} to service_role`);
    expect(await count('true')).toBe(100);
  });

  it('stop at once with Ctrl-C, while the database does not answer', async () => {
    const silent = createServer(() => {});
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = silent.address() as AddressInfo;
    const child = startCommandLine(
      [
        ...['delete', '--status', 'failed', '--supabase-url', `http://127.0.0.1:${port}`],
        ...['--supabase-key', project.secretKey],
      ],
      { stdio: 'pipe' },
    );
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (said += data));
    try {
      await once(silent, 'request');
      child.kill('SIGINT');
      expect(await once(child, 'close')).toEqual([null, 'SIGINT']);
      expect(said).toBe('');
    } finally {
      child.kill('SIGKILL');
      silent.closeAllConnections();
      silent.close();
    }
  });
});

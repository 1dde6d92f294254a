import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runSql } from '../../local-supabase/database.ts';
import { serverUser, temporaryFolder } from '../../local-supabase/places.ts';
import { readInstallSql } from '../../local-supabase/project.ts';
import { familyOf, type StackCommand, startStackCommand, stillRunning } from '../support/stack-command.ts';

let folder: string;
const commands: StackCommand[] = [];

beforeEach(async () => {
  folder = await temporaryFolder(await serverUser(process.getuid?.()));
});
afterEach(async () => {
  for (const command of commands.splice(0)) {
    try {
      command.signal('SIGTERM', 'group');
    } catch {
      // It has ended already.
    }
    await command.ended;
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
});

function start(args: readonly string[], via: 'node' | 'npm' = 'node'): StackCommand {
  const command = startStackCommand(args, via);
  commands.push(command);
  return command;
}

async function refusal(
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await start(args).ended;
  return { code, stdout, stderr };
}

/** Nothing of the stack may be alive or listening. */
async function expectNothingLeft(family: readonly number[], url: string): Promise<void> {
  await expect.poll(() => stillRunning(family), { timeout: 15_000 }).toEqual([]);
  await expect(fetch(url)).rejects.toThrow('fetch failed');
}

describe('in the foreground', () => {
  it.each([
    ['SIGINT', 'node', 'process'],
    ['SIGTERM', 'node', 'process'],
    ['SIGHUP', 'node', 'process'],
    ['SIGINT', 'npm', 'group'],
    ['SIGTERM', 'npm', 'process'],
  ] as const)('stops on %s to %s (%s) and leaves nothing', async (signal, via, to) => {
    const command = start(['--no-install'], via);
    const line = await command.ready;
    const family = await familyOf(command.pid);
    // Ourselves, two watchdogs, PostgREST, Postgres and its workers: else the check below proves nothing.
    expect(family.length).toBeGreaterThan(6);
    command.signal(signal, to);
    const end = await command.ended;
    // npm reports the signal that it was sent itself.
    if (via === 'node') expect([end.code, end.signal]).toEqual([0, null]);
    expect(end.stdout).toBe(`${JSON.stringify(line)}\n`);
    expect(end.stderr).toContain('The stack has stopped.');
    await expectNothingLeft(family, line.url);
  });

  it('ignores a second signal while it stops', async () => {
    const command = start(['--no-install']);
    const { url } = await command.ready;
    const family = await familyOf(command.pid);
    command.signal('SIGINT');
    command.signal('SIGINT');
    command.signal('SIGTERM');
    expect((await command.ended).code).toBe(0);
    await expectNothingLeft(family, url);
  });

  it('stops in good order when asked to before it is ready', async () => {
    const command = start(['--data', join(folder, 'early')]);
    // The folder appears when the start is under way and Postgres is not yet there.
    await expect
      .poll(() => readdir(join(folder, 'early')).catch(() => []), { interval: 5, timeout: 20_000 })
      .toContain('stack.json');
    const family = await familyOf(command.pid);
    command.signal('SIGTERM');
    const end = await command.ended;
    expect([end.code, end.stdout]).toEqual([0, '']);
    await expect.poll(() => stillRunning(family)).toEqual([]);
  });

  it('prints one line with what a client needs, and each of it works', async () => {
    const command = start([]);
    const line = await command.ready;
    expect(Object.keys(line).sort()).toEqual([
      'anonKey',
      'databaseUrl',
      'publishableKey',
      'secretKey',
      'serviceKey',
      'url',
    ]);
    for (const apikey of [line.serviceKey, line.secretKey, line.anonKey, line.publishableKey]) {
      expect((await fetch(`${line.url}/rest/v1/`, { headers: { apikey } })).status).toBe(200);
    }
    expect(await runSql(line.databaseUrl, 'select current_user::text as who')).toEqual([{ who: 'postgres' }]);
  });

  it('--secrets writes a private file for act and shells before it is ready', async () => {
    const file = join(folder, 'app/.secrets');
    const command = start(['--no-install', '--secrets', file]);
    const { url, secretKey } = await command.ready;
    expect(await readFile(file, 'utf8')).toBe(`SUPABASE_URL=${url}\nSUPABASE_SECRET_KEY=${secretKey}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    command.signal('SIGTERM');
    expect(await command.ended).toMatchObject({ code: 0 });
  });

  it('killed outright, its parts go too and its temporary files', async () => {
    const stacks = async () =>
      (await readdir(tmpdir())).filter((name) => name.startsWith('cloud-jobs-stack-'));
    const before = await stacks();
    const command = start(['--no-install']);
    const { url } = await command.ready;
    const family = await familyOf(command.pid);
    const own = (await stacks()).filter((name) => !before.includes(name));
    expect(own.length).toBeGreaterThan(0);
    command.signal('SIGKILL', 'group');
    await command.ended;
    await expectNothingLeft(family, url);
    await expect.poll(stacks, { timeout: 15_000 }).not.toEqual(expect.arrayContaining(own));
  });

  it('ends with exit code 1 when a part of it dies', async () => {
    const command = start(['--no-install']);
    const { databaseUrl } = await command.ready;
    const [row] = await runSql(
      databaseUrl.replace(/\?.*/, ''),
      `select pg_postmaster_start_time() is not null as up`,
    );
    expect(row).toEqual({ up: true });
    const family = await familyOf(command.pid);
    const postgres = await postmasterOf(family);
    process.kill(postgres, 'SIGKILL');
    const end = await command.ended;
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('The stack broke: Postgres ended by SIGKILL');
    await expect.poll(() => stillRunning(family), { timeout: 15_000 }).toEqual([]);
  });
});

/** The process with the most children after ourselves is the Postgres server. */
async function postmasterOf(family: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    family.slice(1).map(async (pid) => ({ pid, size: (await familyOf(pid)).length })),
  );
  const [largest] = sizes.sort((a, b) => b.size - a.size);
  return largest?.pid ?? 0;
}

describe('--data', () => {
  it('keeps rows and keys, and the keys from others', async () => {
    const data = join(folder, 'kept');
    const first = start(['--data', data, '--no-install']);
    const before = await first.ready;
    await runSql(before.databaseUrl, 'create table kept (n int); insert into kept values (42)');
    first.signal('SIGINT');
    expect((await first.ended).code).toBe(0);
    expect((await stat(join(data, 'stack.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(data, 'postgres'))).mode & 0o777).toBe(0o700);

    const second = start(['--data', data, '--no-install']);
    const after = await second.ready;
    const keysOf = ({ url: _, databaseUrl: __, ...keys }: typeof after) => keys;
    expect(keysOf(after)).toEqual(keysOf(before));
    expect(await runSql(after.databaseUrl, 'select n from kept')).toEqual([{ n: 42 }]);
  });

  it('starts again after a kill, stale lock file and all', async () => {
    const data = join(folder, 'killed');
    const first = start(['--data', data, '--no-install']);
    const before = await first.ready;
    await runSql(before.databaseUrl, 'create table kept (n int); insert into kept values (42)');
    first.signal('SIGKILL');
    await first.ended;
    // At once: the server of the dead stack may still be on its way out.
    const second = start(['--data', data, '--no-install']);
    expect(await runSql((await second.ready).databaseUrl, 'select n from kept')).toEqual([{ n: 42 }]);
    second.signal('SIGTERM');
    await second.ended;

    // A lock file whose number now belongs to something else: this very process.
    await writeFile(join(data, 'postgres', 'postmaster.pid'), `${process.pid}\n${join(data, 'postgres')}\n`);
    const third = start(['--data', data, '--no-install']);
    expect(await runSql((await third.ready).databaseUrl, 'select n from kept')).toEqual([{ n: 42 }]);
  });

  it('goes on where an interrupted first start left off', async () => {
    const data = join(folder, 'half');
    const partials = async () =>
      (await readdir(data).catch(() => [])).filter((name) => name.startsWith('postgres.partial-'));
    const first = start(['--data', data, '--no-install']);
    await expect.poll(partials, { interval: 5, timeout: 20_000 }).toHaveLength(1);
    first.signal('SIGKILL', 'group');
    await first.ended;
    const second = start(['--data', data, '--no-install']);
    expect(await runSql((await second.ready).databaseUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
    second.signal('SIGINT');
    await second.ended;
    // What the first was writing when it was killed is gone with the next start at the latest.
    await start(['--data', data, '--no-install']).ready;
    expect(await partials()).toEqual([]);
  });

  it('is refused while another stack uses it', async () => {
    const data = join(folder, 'busy');
    await start(['--data', data, '--no-install']).ready;
    const second = await refusal(['--data', data, '--no-install']);
    expect([second.code, second.stdout]).toEqual([1, '']);
    expect(second.stderr).toContain('is in use by another running Postgres. Stop that stack first.');
  });

  it('refuses a folder with other content, a file, and an impossible path', async () => {
    const other = join(folder, 'other');
    await mkdir(other);
    await writeFile(join(other, 'thesis.txt'), 'do not touch');
    const held = await refusal(['--data', other]);
    expect([held.code, held.stdout]).toEqual([1, '']);
    expect(held.stderr).toContain('holds other things and no stack. Choose an empty or a new folder.');
    expect(await readdir(other)).toEqual(['thesis.txt']);

    const file = await refusal(['--data', join(other, 'thesis.txt')]);
    expect(file.code).toBe(1);
    expect(file.stderr).toContain('this is a file. Name a folder.');
    const below = await refusal(['--data', join(other, 'thesis.txt', 'deeper')]);
    expect(below.code).toBe(1);
    expect(below.stderr).toContain('Choose one that you may write to.');
    expect(await readFile(join(other, 'thesis.txt'), 'utf8')).toBe('do not touch');
  });

  it('is refused when stack.json is not one', async () => {
    const data = join(folder, 'odd');
    await mkdir(data);
    await writeFile(join(data, 'stack.json'), '{"version":7}');
    const odd = await refusal(['--data', data]);
    expect(odd.code).toBe(1);
    expect(odd.stderr).toContain('stack.json cannot be read or is not what a stack writes.');
  });

  it.runIf(process.getuid?.() === 0)(
    'as root, is refused where Postgres may not go, with the folder in the way',
    async () => {
      const closed = await mkdtemp(join(folder, 'closed-'));
      const end = await refusal(['--data', join(closed, 'data')]);
      expect(end.code).toBe(1);
      expect(end.stderr).toContain(`${closed} is closed to that user`);
      expect(await readdir(closed)).toEqual([]);
    },
  );
});

describe('options', () => {
  it('--port is the port of the gateway; a taken one is refused at once', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const taken = await refusal(['--port', String(port)]);
    expect([taken.code, taken.stdout]).toEqual([1, '']);
    expect(taken.stderr).toContain(`Port ${port} is used by another program. Choose another with --port`);
    await new Promise((resolve) => server.close(resolve));
    expect((await start(['--port', String(port), '--no-install']).ready).url).toBe(
      `http://127.0.0.1:${port}`,
    );
  });

  it('--no-install leaves the database empty; without it the schema is there', async () => {
    const objects = `select count(*)::int as n from pg_class where relnamespace = 'public'::regnamespace`;
    const empty = await start(['--no-install']).ready;
    expect(await runSql(empty.databaseUrl, objects)).toEqual([{ n: 0 }]);
    if ((await readInstallSql()) === undefined) return;
    const full = await start([]).ready;
    const reply = await fetch(`${full.url}/rest/v1/cloud_jobs?limit=1`, {
      headers: { apikey: full.serviceKey },
    });
    expect([reply.status, await reply.json()]).toEqual([200, []]);
  });

  it('--grants chooses the default privileges, on a kept database too', async () => {
    const may = `select has_table_privilege('anon', 'public.fresh', 'select') as may`;
    const data = join(folder, 'grants');
    for (const [grants, expected] of [
      ['legacy', true],
      ['current', false],
    ] as const) {
      const command = start(['--data', data, '--no-install', '--grants', grants]);
      const { databaseUrl } = await command.ready;
      await runSql(databaseUrl, 'drop table if exists fresh; create table fresh (n int)');
      expect(await runSql(databaseUrl, may)).toEqual([{ may: expected }]);
      command.signal('SIGINT');
      await command.ended;
    }
  });

  it.each([
    [['--port', '70000'], 'Give a whole number from 1 to 65535.'],
    [['--port', 'http'], 'Give a whole number from 1 to 65535.'],
    [['--grants', 'open'], 'Allowed choices are current, legacy.'],
    [['--date', 'x'], "unknown option '--date'"],
    [['extra'], 'too many arguments'],
  ])('%j is refused', async (args, text) => {
    const end = await refusal(args);
    expect([end.code, end.stdout]).toEqual([1, '']);
    expect(end.stderr).toContain(text);
  });
});

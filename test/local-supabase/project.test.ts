import { describe, expect, it } from 'vitest';
import { runSql } from '../../local-supabase/database.ts';
import { createKeys, signJwt } from '../../local-supabase/keys.ts';
import { createProject } from '../../local-supabase/project.ts';
import { startTestProject, testPostgres } from '../support/stack.ts';

describe('a project', () => {
  it('sees new functions after reloadSchema, and removes the probe', async () => {
    const project = await startTestProject({ install: false });
    try {
      for (let round = 0; round < 3; round++) {
        await project.asPostgres(
          `create function later_${round}() returns int language sql as 'select ${round}'`,
        );
        await project.reloadSchema();
        expect((await project.client().rpc(`later_${round}`)).data).toBe(round);
      }
      const rows = await project.sql(`select proname from pg_proc where proname like 'stack_probe%'`);
      expect(rows).toEqual([]);
    } finally {
      await project.stop();
    }
  });

  it("hears `notify pgrst, 'reload schema'` from role postgres", async () => {
    const project = await startTestProject({ install: false });
    try {
      await project.asPostgres(
        `create function told() returns int language sql as 'select 1'; notify pgrst, 'reload schema';`,
      );
      await expect.poll(async () => (await project.client().rpc('told')).data, { timeout: 10_000 }).toBe(1);
    } finally {
      await project.stop();
    }
  });

  it('stops twice without harm and takes its database with it', async () => {
    const project = await startTestProject({ install: false });
    await project.stop();
    await project.stop();
    await expect(fetch(project.url)).rejects.toThrow('fetch failed');
    await expect(
      createProject(testPostgres(), { database: project.database, template: 'no_such_template' }),
    ).rejects.toThrow('no_such_template');
  });

  it('a port that is taken is an error that names it, and nothing is started', async () => {
    const project = await startTestProject({ install: false });
    try {
      const port = Number(new URL(project.url).port);
      await expect(createProject(testPostgres(), { port, database: 'port_is_taken' })).rejects.toThrow(
        `Port ${port} is used by another program`,
      );
      expect(await project.sql(`select from pg_database where datname = 'port_is_taken'`)).toEqual([]);
    } finally {
      await project.stop();
    }
  });

  it('an existing database stays when the project stops', async () => {
    const postgres = testPostgres();
    await postgres.createDatabase('stays');
    try {
      const project = await createProject(postgres, { database: 'stays', install: false });
      await project.stop();
      const rows = await runSql(postgres.adminUrl, `select datname from pg_database where datname = 'stays'`);
      expect(rows).toEqual([{ datname: 'stays' }]);
    } finally {
      await postgres.dropDatabase('stays');
    }
  });
});

describe('keys', () => {
  it('have the form of hosted keys and live for ten years', () => {
    const now = new Date('2026-01-01T00:00:00Z');
    const keys = createKeys(now);
    expect(keys.secretKey).toMatch(/^sb_secret_[\w-]{32}$/);
    expect(keys.publishableKey).toMatch(/^sb_publishable_[\w-]{32}$/);
    const claims = JSON.parse(Buffer.from(keys.serviceKey.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toEqual({
      iss: 'supabase',
      role: 'service_role',
      iat: now.getTime() / 1000,
      exp: now.getTime() / 1000 + 315_360_000,
    });
  });

  it('are signed with HS256 (known answer)', () => {
    // The expected value was made with Python's hmac and base64 modules.
    expect(signJwt({ role: 'anon' }, 'secret')).toBe(
      'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJyb2xlIjoiYW5vbiJ9.DKYv_tlj-Zl2f11sOqhgGcicZm8lmFZzMeoXDzDVbAk',
    );
  });
});

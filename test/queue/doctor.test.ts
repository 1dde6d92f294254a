import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examine } from '../../src/commands/doctor.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { INSTALL } from '../sql/support.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

async function checked(name: string, key = project.secretKey) {
  const { queue } = openQueue({ url: project.url, key, publishableKey: null }, 'test');
  const checks = await examine(queue, () => new Date(), 3600, null);
  return checks.find((check) => check.name === name);
}

describe('doctor sees what lets strangers in, and install.sql mends it', () => {
  it.each([
    ['a grant on a table', 'grant select on cloud_jobs to anon', 'warning', 'cloud_jobs'],
    [
      'a policy for everybody',
      'create policy open_door on cloud_jobs for all using (true); grant all on cloud_jobs to anon',
      'bad',
      'open_door',
    ],
    [
      'row level security that is off',
      'alter table cloud_jobs disable row level security; grant select on cloud_jobs to authenticated',
      'bad',
      'cloud_jobs without row level security',
    ],
    [
      'a function for anon',
      'grant execute on function cloud_jobs_create to anon',
      'bad',
      'cloud_jobs_create',
    ],
    ['a function for all', 'grant execute on function cloud_jobs_claim to public', 'bad', 'cloud_jobs_claim'],
  ])('%s', async (_, opening, state, found) => {
    expect(await checked('Public access')).toMatchObject({ state: 'good' });
    await project.asPostgres(opening);
    expect(await checked('Public access')).toMatchObject({
      state,
      found: expect.stringContaining(found),
      advice: expect.stringContaining('Run sql/install.sql again'),
    });
    await project.asPostgres(INSTALL);
    expect(await checked('Public access')).toMatchObject({ state: 'good' });
  });

  it('and what keeps the worker out', async () => {
    await project.asPostgres('revoke execute on function cloud_jobs_finish from service_role');
    expect(await checked('Grants')).toMatchObject({
      state: 'bad',
      found: expect.stringContaining('cloud_jobs_finish'),
    });
    await project.asPostgres(INSTALL);
    expect(await checked('Grants')).toMatchObject({ state: 'good' });
  });

  it('a database that is read-only, after its disk was full', async () => {
    const [row] = await project.sql<{ name: string }>('select current_database() as name');
    // Of this database alone: other tests share the role.
    const role = `alter role authenticator in database "${row?.name}"`;
    const reconnect = () =>
      project.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'authenticator'",
      );
    await project.sql(`${role} set default_transaction_read_only = on`);
    try {
      await reconnect();
      await expect.poll(() => checked('Writing'), { timeout: 20_000 }).toMatchObject({ state: 'bad' });
    } finally {
      await project.sql(`${role} reset default_transaction_read_only`);
      await reconnect();
    }
    await expect.poll(() => checked('Schema'), { timeout: 20_000 }).toMatchObject({ state: 'good' });
    expect(await checked('Writing')).toBeUndefined();
  });

  it('a key that may do nothing is told so', async () => {
    expect(await checked('Connection', project.anonKey)).toMatchObject({ state: 'bad' });
  });
});

/** sql/optional/wake.sql on the real pg_cron, with the grants that Supabase gives; pg_net and Vault are stand-ins. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { rolesSql } from '../../local-supabase/roles.ts';
import { CRON_GRANTS, NET_AND_VAULT } from '../support/extensions.ts';
import { type PgCronCluster, startPgCronCluster } from './pg-cron-cluster.ts';

const read = (file: string) => readFileSync(new URL(`../../sql/${file}`, import.meta.url), 'utf8');
const WAKE = read('optional/wake.sql');
const [REMOVE] = /--\s+select cron\.unschedule.*\n--\s+drop schema.*/.exec(WAKE) ?? [''];

let cluster: PgCronCluster;

beforeAll(async () => {
  cluster = await startPgCronCluster();
  await cluster.sql(rolesSql('not a secret'));
  await cluster.sql('alter database project owner to postgres; alter schema public owner to postgres');
  await cluster.sql('create extension pg_cron');
  await cluster.sql(CRON_GRANTS + NET_AND_VAULT);
  await cluster.asPostgres(read('install.sql'));
  await cluster.asPostgres(WAKE);
  await cluster.asPostgres(`
    select vault.create_secret('github_pat_x', 'cloud_jobs_github_token');
    select cloud_jobs_wake.watch('default', 'octo/consumer');
    select cloud_jobs_create('due', 'custom');`);
});
afterAll(() => cluster?.stop());

const jobs = () =>
  cluster.sql<{ jobid: string; active: boolean; username: string; schedule: string }>(
    'select jobid, active, username, schedule from cron.job order by jobid',
  );

describe('pg_cron', () => {
  it('runs the file each minute as the role of the SQL Editor', async () => {
    expect(await jobs()).toMatchObject([{ active: true, username: 'postgres', schedule: '* * * * *' }]);
    await vi.waitFor(
      async () =>
        expect(
          await cluster.sql(
            `select command, status from cron.job_run_details where status = 'succeeded' limit 1`,
          ),
        ).toEqual([{ command: 'select cloud_jobs_wake.tick()', status: 'succeeded' }]),
      { timeout: 150_000, interval: 1000 },
    );
    expect(await cluster.sql('select url from net.http_request_queue')).toEqual([
      { url: 'https://api.github.com/repos/octo/consumer/dispatches' },
    ]);
  });

  it('keeps one job, and runs it again after it was switched off', async () => {
    const [before] = await jobs();
    await cluster.asPostgres(`select cron.alter_job(jobid, active => false) from cron.job`);
    expect(await jobs()).toMatchObject([{ active: false }]);
    await cluster.asPostgres(WAKE);
    expect(await jobs()).toEqual([before]);
  });

  it('lets its own rows be removed, of earlier and of endless runs', async () => {
    await cluster.sql(`insert into cron.job_run_details (jobid, runid, command, username, database, start_time, end_time)
      select v.jobid, 1000000 + v.n, v.command, 'postgres', 'project', now() - v.began::interval, now() - v.stopped::interval
      from (values
        (1, 999, 'select cloud_jobs_wake.tick()', '3 d', '3 d'), (2, 1, 'select cloud_jobs_wake.tick()', '3 d', null),
        (3, 1, 'select cloud_jobs_wake.tick()', '1 d', '1 d'), (4, 1, 'select other()', '3 d', '3 d'))
        v (n, jobid, command, began, stopped)`);
    const [, purge] = /execute \$purge\$(.*?)\$purge\$/s.exec(WAKE) ?? [];
    await cluster.asPostgres(purge ?? '');
    expect(
      await cluster.sql(
        `select (runid - 1000000)::int as n from cron.job_run_details where runid > 1000000 order by 1`,
      ),
    ).toEqual([{ n: 3 }, { n: 4 }]);
  });

  it('does not start the workflow of the original from a restored copy', async () => {
    const copy = await cluster.restoreCopy();
    try {
      await vi.waitFor(
        async () => expect(await copy.sql('select pg_is_in_recovery() as waits')).toEqual([{ waits: false }]),
        { timeout: 60_000, interval: 500 },
      );
      // The copy is of a database in which a call is under way.
      await copy.asPostgres(`
        delete from net.http_request_queue; delete from cloud_jobs_wake.call;
        update cloud_jobs_wake.watched set next_call_at = null;
        select cloud_jobs_wake.tick();`);
      expect(await copy.sql('select error from cloud_jobs_wake.call')).toEqual([
        { error: expect.stringContaining('this database is a restored copy') },
      ]);
      expect(await copy.sql('select url from net.http_request_queue')).toEqual([]);
    } finally {
      await copy.stop();
    }
  });

  it('is gone after the lines at the top of the file, also if they run twice', async () => {
    expect(REMOVE).toMatch(/unschedule.*drop schema/s);
    const lines = REMOVE.replaceAll('--', '');
    await cluster.asPostgres(lines);
    await cluster.asPostgres(lines);
    expect(await jobs()).toEqual([]);
    await cluster.asPostgres(WAKE);
    expect(await jobs()).toHaveLength(1);
  });
});

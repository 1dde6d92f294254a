import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { connectQuietly, crowd, deadJobs, measuredClaim } from './measured.ts';
import { value } from './support.ts';

/**
 * Every call ends in a bounded amount of work, however much waits. Counted in rows that are written and in 8 KiB pages
 * that are touched, which no noise of the machine changes.
 */
let project: TestProject;
let db: pg.Client;
beforeAll(async () => {
  project = await startTestProject();
  db = await connectQuietly(project);
});
afterAll(async () => {
  await db?.end();
  await project?.stop();
});
beforeEach(() => project.sql('truncate cloud_jobs cascade'));

const measured = (limit: number) => measuredClaim(db, limit);

describe('a claim behind busy concurrency keys', () => {
  const LIMIT = 64;
  const BUDGET = 1000 + 20 * LIMIT;

  it('writes no more rows and reads no more pages, however many jobs wait', async () => {
    const pages: number[] = [];
    for (const each of [120, 1_200]) {
      await project.sql('truncate cloud_jobs cascade');
      await crowd(project, 64, each);
      await measured(LIMIT);
      const claim = await measured(LIMIT);
      expect(claim).toMatchObject({ jobs: [], more: true, behind: true });
      expect(claim.set_aside).toBeGreaterThan(0);
      expect(claim.set_aside).toBeLessThanOrEqual(BUDGET);
      expect(claim.rows).toBeLessThanOrEqual(BUDGET + 5);
      pages.push(claim.pages);
    }
    expect(pages[1]).toBeLessThan(2 * (pages[0] ?? 0));
  });

  it.each([1, 64, 1000])('finds the job behind them after a number of calls, asked for %i', async (limit) => {
    await crowd(project, 20, 300);
    await project.sql(`insert into cloud_jobs (job_id, name, job_type) values ('free', 'free', 'custom')`);
    let calls = 0;
    for (;;) {
      calls += 1;
      const claim = await measured(limit);
      if (claim.jobs.length > 0) {
        expect(claim.jobs).toMatchObject([{ job_id: 'free' }]);
        break;
      }
      // Each call makes progress, and says so.
      expect(claim).toMatchObject({ more: true });
      expect(claim.set_aside).toBeGreaterThanOrEqual(1000);
    }
    expect(calls).toBeLessThanOrEqual(7);
    expect(await measured(limit)).toMatchObject({ jobs: [], set_aside: 0, more: false, behind: true });
  });

  it('takes the first of each free key and sets the rest aside', async () => {
    await crowd(project, 5, 40);
    await project.sql(`update cloud_jobs set status = 'success' where status = 'locked'`);
    const claim = await measured(100);
    expect(claim.jobs.map(({ job_id }) => job_id).toSorted()).toEqual(['1-1', '2-1', '3-1', '4-1', '5-1']);
    expect(claim.set_aside).toBe(195);
  });
});

describe('expired locks', () => {
  it('are ended 500 in a claim, which costs the same however many are left', async () => {
    const pages: number[] = [];
    for (const count of [1_500, 6_000]) {
      await project.sql('truncate cloud_jobs cascade');
      await deadJobs(project, count, 0);
      await measured(10);
      const claim = await measured(10);
      expect(claim).toMatchObject({ expired: 500, jobs: [], more: true });
      expect(claim.rows).toBeLessThanOrEqual(2 * 500 + 5);
      pages.push(claim.pages);
    }
    expect(pages[1]).toBeLessThan(2 * (pages[0] ?? 0));
  });

  it.each([350, 2_350])('of %i jobs are all ended by one worker, batch after batch', async (count) => {
    await deadJobs(project, count, 0);
    let ended = 0;
    for (let claim = await measured(1); ; claim = await measured(1)) {
      ended += claim.expired;
      if (!claim.more) break;
      expect(claim.expired).toBeGreaterThan(0);
    }
    expect(ended).toBe(count);
    expect(await project.sql(`select from cloud_jobs where status <> 'failed'`)).toEqual([]);
    expect(await project.sql(`select from cloud_job_executions where status = 'running'`)).toEqual([]);
  });

  it('of jobs with retries left run in the same run', async () => {
    await deadJobs(project, 350, 3);
    const claim = await measured(350);
    expect(claim).toMatchObject({ expired: 350, more: true });
    expect(claim.jobs).toHaveLength(350);
    expect(await measured(350)).toMatchObject({ expired: 0, jobs: [], more: false });
  });
});

describe('peek', () => {
  // Blocked by a claim, which is spared here.
  beforeAll(() => project.sql('alter table cloud_jobs disable trigger cloud_jobs_insert_unblocked'));
  const peek = () => value<Record<string, unknown>>(db, 'select cloud_jobs_peek()');

  it('counts what waits for a worker, an expired lock or a concurrency key', async () => {
    await project.sql(`
      insert into cloud_jobs (name, job_type, concurrency_key, blocked) select 'b', 'custom', 'k', true from generate_series(1, 30);
      insert into cloud_jobs (name, job_type, status, lock_expires_at) select 'l', 'custom', 'locked', now() - interval '1 s' from generate_series(1, 20);
      insert into cloud_jobs (name, job_type, status, current_retries, max_retries) values ('f', 'custom', 'failed', 0, 1);
      insert into cloud_jobs (name, job_type, queue) values ('d', 'custom', 'default'), ('o', 'custom', 'other');
      insert into cloud_jobs (name, job_type, run_at) values ('later', 'custom', now() + interval '1 h')`);
    expect(await peek()).toMatchObject({ due: 52, expired_locks: 20, blocked: 30, due_is_minimum: false });
  });

  it('stops at 10,000 and says that there may be more', async () => {
    const add = (count: number) =>
      project.sql(
        `insert into cloud_jobs (name, job_type, concurrency_key, blocked) select 'b', 'custom', 'k' || n, true from generate_series(1, ${count}) n`,
      );
    await add(9_999);
    expect(await peek()).toMatchObject({ due: 9_999, due_is_minimum: false });
    await add(5_000);
    expect(await peek()).toMatchObject({ due: 10_000, blocked: 10_000, due_is_minimum: true });
  });
});

it('enqueuing a list that is read from a table costs pages by its length', async () => {
  await project.sql('create table list (items jsonb)');
  const pages: number[] = [];
  for (const jobs of [500, 5_000]) {
    await project.sql('truncate list');
    // Of other letters each, so that the list is stored out of line.
    await project.sql(
      `insert into list select jsonb_agg(jsonb_build_object('job_id', md5(n::text), 'name', 'n', 'job_type', 'custom'))
       from generate_series(1, $1::integer) n`,
      [jobs],
    );
    await db.query('begin');
    const [{ Plan: plan }] = await value<[{ Plan: Record<string, number> }]>(
      db,
      'explain (analyze, buffers, format json) select cloud_jobs_enqueue(items) from list',
    );
    await db.query('rollback');
    pages.push((plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0));
  }
  expect(pages[1]).toBeLessThan(15 * (pages[0] ?? 0));
});

import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { connectQuietly, crowd, deadJobs, measured, measuredClaim } from './measured.ts';

/**
 * Backlogs as large as a queue may ever have. Each call does a bounded amount of work, whatever waits: more would run into
 * the statement timeout, be rolled back, and so for ever. bounded-work.test.ts shows the same with fewer jobs.
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

const TIMEOUT = { timeout: 900_000 };

describe('100 busy keys with 10,000 waiting jobs each', TIMEOUT, () => {
  it('bound what a claim, a finish and an expiry do', async () => {
    await crowd(project, 100, 10_000);
    for (const limit of [1, 64, 1_000]) {
      const budget = Math.min(1_000 + 20 * limit, 10_000);
      const claim = await measuredClaim(db, limit);
      expect(claim).toMatchObject({ jobs: [], more: true, behind: true });
      expect(claim.set_aside).toBeGreaterThanOrEqual(1_000);
      expect(claim.rows).toBeLessThanOrEqual(budget + 5);
      expect(claim.pages).toBeLessThan(100 * budget);
    }
    // The end of a job lets the next of its key go, among jobs that are set aside and jobs that are not.
    for (const outcome of ['success', 'failure', 'release', 'discard']) {
      const items = Array.from({ length: 20 }, (_, n) => ({ execution_id: `e-${n + 1}`, outcome }));
      const end = await measured<{ finished: { applied: boolean }[] }>(
        db,
        `cloud_jobs_finish('x', '${JSON.stringify(items)}')`,
      );
      expect(end.reply.finished.every(({ applied }) => applied)).toBe(true);
      expect(end.rows).toBeLessThan(10 * items.length);
      expect(end.pages).toBeLessThan(400 * items.length);
      await project.sql(
        `update cloud_jobs set status = 'locked', locked_by = 'x', locked_at = now(), lock_expires_at = now() + interval '1 h',
           locked_execution_id = 'e-' || substr(job_id, 6) where job_id like 'busy-%' and status <> 'locked'`,
      );
      await project.sql(`delete from cloud_job_executions`);
    }
    await project.sql(
      `update cloud_jobs set lock_expires_at = now() - interval '1 s' where status = 'locked'`,
    );
    const expiry = await measured<number>(db, 'cloud_jobs_expire()');
    expect(expiry.reply).toBe(100);
    expect(expiry.rows).toBeLessThan(10 * 100);
    expect(expiry.pages).toBeLessThan(400 * 100);
    // Now each key is free: a claim finds the first of every one.
    const claim = await measuredClaim(db, 1_000);
    expect(claim.jobs).toHaveLength(100);
    expect(claim.pages).toBeLessThan(100 * 10_000);
  });
});

describe('100,000 expired locks', TIMEOUT, () => {
  it('bound what a claim and a release end', async () => {
    await deadJobs(project, 100_000, 0);
    for (const limit of [1, 1_000]) {
      const claim = await measuredClaim(db, limit);
      expect(claim).toMatchObject({ expired: 500, jobs: [], more: true });
      expect(claim.rows).toBeLessThanOrEqual(2 * 500 + 5);
      expect(claim.pages).toBeLessThan(60 * 500);
    }
    const released = await measured<number>(db, 'release_expired_locks()');
    expect(released.reply).toBe(4_000);
    expect(released.rows).toBeLessThanOrEqual(2 * 4_000 + 5);
    expect(released.pages).toBeLessThan(60 * 4_000);
    let left = 100_000 - 2 * 500 - 4_000;
    for (; left > 0; left -= 4_000) {
      expect((await measured<number>(db, 'release_expired_locks()')).reply).toBe(Math.min(left, 4_000));
    }
    expect(await project.sql(`select from cloud_jobs where status <> 'failed'`)).toEqual([]);
  });
});

describe('10,000 late recurring jobs in 100 queues', TIMEOUT, () => {
  it.each(['once', 'all', 'skip'])('bound what a claim of all queues does: %s', async (missed) => {
    await project.sql(
      `insert into cloud_jobs (name, job_type, queue, schedule, timezone, missed, run_at, scheduled_for)
       select 'j', 'custom', 'q' || n % 100, '0 6 * * *', 'Europe/Berlin', $1, t, t from generate_series(1, 10000) n,
         lateral (select cloud_jobs_next_occurrence('0 6 * * *', 'Europe/Berlin', now() - interval '30 days') as t) due`,
      [missed],
    );
    const claim = await measured<{ jobs: unknown[]; more: boolean }>(
      db,
      `cloud_jobs_claim('w', 100, array(select 'q' || n from generate_series(0, 99) n))`,
    );
    expect(claim.reply.jobs).toHaveLength(missed === 'skip' ? 0 : 100);
    expect(claim.reply.more).toBe(true);
    expect(claim.rows).toBeLessThanOrEqual(205);
    expect(claim.pages).toBeLessThan(60 * 500);
  });
});

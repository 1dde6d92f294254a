import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
let client: pg.Client;
beforeAll(async () => {
  project = await startTestProject();
  client = new pg.Client(project.adminUrl);
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await project.stop();
});
beforeEach(() => client.query('truncate cloud_jobs cascade'));

/** 10,000 in `npm run test:slow`. */
const JOBS = Number(process.env.LATE_JOBS ?? 600);
/** Steps of the calendar and looks at a time zone that one call may take, whatever waits. */
const MOST_STEPS = 300_000;

/** Jobs that no worker has come for since so long ago. */
const late = (schedule: string, missed: string, since: string) =>
  client.query(
    `insert into cloud_jobs (name, job_type, schedule, timezone, missed, run_at, scheduled_for)
     select 'j' || n, 'custom', $1, 'Europe/Berlin', $2, t, t
     from generate_series(1, ${JOBS}) n,
       lateral (select cloud_jobs_next_occurrence($1, 'Europe/Berlin', now() - $3::interval) as t) due`,
    [schedule, missed, since],
  );

/** Runs a statement and counts what the schedules in it cost, in calls of the functions that look at days and zones. */
async function counted<T>(text: string, params: unknown[] = []): Promise<{ reply: T; steps: number }> {
  await client.query(`begin; set local track_functions = 'all'`);
  const { rows } = await client.query<{ reply: T }>(text, params);
  const calls = await client.query<{ steps: number }>(
    `select coalesce(sum(calls), 0)::int as steps from pg_stat_xact_user_functions
     where funcname in ('cloud_jobs_cron_fields', 'cloud_jobs_cron_day', 'cloud_jobs_utc_offset')`,
  );
  await client.query('commit');
  return { reply: rows[0]?.reply as T, steps: calls.rows[0]?.steps ?? 0 };
}

interface Claim {
  readonly jobs: readonly { readonly execution_id: string; readonly scheduled_for: string }[];
}
const claim = (limit: number) => counted<Claim>(`select cloud_jobs_claim('w', $1) as reply`, [limit]);

describe(`${JOBS} late recurring jobs`, { timeout: 300_000 }, () => {
  it.each([
    ['* * * * *', 'once', '1 year'],
    ['* * * * *', 'all', '1 year'],
    ['30 6 * * *', 'all', '3 years'],
    ['30 6 1 * *', 'all', '10 years'],
    ['* * * * *', 'skip', '1 month'],
    ['30 6 * * *', 'skip', '5 years'],
  ])('of %s, missed: %s, since %s are worked in bounded steps', async (schedule, missed, since) => {
    await late(schedule, missed, since);
    const first = await claim(200);
    expect(first.steps).toBeLessThan(MOST_STEPS);
    if (missed === 'skip') {
      const [skipped] = await project.sql<{ n: number }>(
        `select count(*)::int as n from cloud_job_executions where failure_kind = 'skipped'`,
      );
      // Every claim moves some jobs on, and hands out none that is later than its grace.
      expect(skipped?.n).toBeGreaterThan(0);
      expect(skipped?.n).toBeLessThanOrEqual(100);
      const grace = Date.now() - 16 * 60_000;
      expect(first.reply.jobs.filter((job) => Date.parse(job.scheduled_for) < grace)).toEqual([]);
      return;
    }
    expect(first.reply.jobs.length).toBe(200);
    const ends = await counted<{ finished: { applied: boolean; status: string }[] }>(
      `select cloud_jobs_finish('w', $1) as reply`,
      [JSON.stringify(first.reply.jobs.map(({ execution_id }) => ({ execution_id, outcome: 'success' })))],
    );
    expect(ends.steps).toBeLessThan(MOST_STEPS);
    expect(ends.reply.finished.filter(({ applied, status }) => !applied || status !== 'waiting')).toEqual([]);

    await claim(200);
    await client.query(`update cloud_jobs set lock_expires_at = now() - interval '1 s', max_retries = 0
      where status = 'locked'`);
    const expired = await counted<number>('select cloud_jobs_expire(null, null, 200) as reply');
    expect(expired.reply).toBe(200);
    expect(expired.steps).toBeLessThan(MOST_STEPS);
  });

  it('are all moved on by claims that find nothing else', async () => {
    await late('0 0 * * *', 'skip', '3 months');
    for (let round = 0; round < JOBS; round++) {
      await claim(10);
      const [left] = await project.sql<{ n: number }>(
        `select count(*)::int as n from cloud_jobs where run_at < now() - interval '15 minutes'`,
      );
      if (left?.n === 0) break;
    }
    const [skipped] = await project.sql<{ n: number; least: number }>(
      `select count(distinct job_id)::int as n, min((error_details->>'skipped')::int) as least from cloud_job_executions`,
    );
    expect(skipped).toEqual({ n: JOBS, least: expect.toSatisfy((days) => days >= 88) });
  });
});

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lateness } from '../../scripts/month/lateness.ts';
import { type Lived, live, PASS_MINUTES, POLICIES, SCENARIOS, SCHEDULE } from '../../scripts/month/live.ts';
import { type ClockProject, startClockProject } from '../support/clock.ts';
import { onClock } from '../support/clock-sql.ts';
import { installExtensions } from '../support/extensions.ts';
import { accountFor, type Execution, entry, timeOf } from './account.ts';

/** Some days of what `npm run month` lives through. */
const DAYS = 2;
const SEED = 3;
const START = Date.parse('2026-11-02T00:00:00Z');

let project: ClockProject;
beforeAll(async () => {
  project = await startClockProject();
  await installExtensions(project);
  await project.asPostgres(
    onClock(readFileSync(new URL('../../sql/optional/wake.sql', import.meta.url), 'utf8')),
  );
  await project.sql(PASS_MINUTES);
  await project.sql(`select vault.create_secret('token', 'cloud_jobs_github_token')`);
});
afterAll(() => project.stop());

async function liveThrough(name: string): Promise<Lived & { late: number; worst: number; added: number }> {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (!scenario) throw new Error(`There is no ${name}`);
  await project.sql(
    'truncate cloud_jobs, cloud_job_workers, cloud_jobs_wake.watched, cloud_jobs_wake.call cascade',
  );
  await project.sql(`select cloud_jobs_wake.watch('default', 'octo/consumer')`);
  const lived = await live(project, scenario, DAYS, START, SEED);
  for (const missed of POLICIES) {
    const rows = await project.sql<Execution>(
      'select e.failure_kind, e.scheduled_for, e.started_at, e.error_details from cloud_job_executions e join cloud_jobs using (job_id) where name = $1',
      [missed],
    );
    const history = rows.map(entry).sort((a, b) => timeOf(a) - timeOf(b));
    expect(history.length).toBeGreaterThan(0);
    accountFor({ schedule: SCHEDULE, timezone: 'UTC', missed, grace: 900_000 }, START, history);
  }
  const [added] = await lateness(project);
  if (added?.name !== 'added') throw new Error('no jobs were added');
  // Each ran once.
  const [twice] = await project.sql<{ n: number }>(
    `select count(*)::int as n from (select job_id from cloud_job_executions join cloud_jobs using (job_id)
     where name = 'added' group by job_id having count(*) > 1) x`,
  );
  expect(twice?.n).toBe(0);
  return { ...lived, late: added.median, worst: added.worst, added: added.ran };
}

it('days of GitHub’s ticks: none is lost or doubled, and waking is less late than any schedule, for less', async () => {
  const often = await liveThrough('`*/5`');
  const hourly = await liveThrough('hourly');
  const woken = await liveThrough('hourly + wake');
  const rare = await liveThrough('every 6 hours + wake');
  expect(often.wakeCalls + hourly.wakeCalls).toBe(0);
  for (const { late, worst, wakeCalls, added } of [woken, rare]) {
    expect(wakeCalls).toBeGreaterThan(DAYS * 3);
    expect(added).toBeGreaterThanOrEqual(often.added);
    expect(late).toBeLessThan(150);
    expect(late).toBeLessThan(Math.min(often.late, hourly.late) / 3);
    // Behind one that just ended, or within the cool-down of a call.
    expect(worst).toBeLessThan(10 * 60);
  }
  // Less than what GitHub delivers of the schedule of 5 minutes, and it delivers few of those that it was asked for.
  expect(often.minutes).toBeLessThan(DAYS * 288);
  expect(woken.minutes).toBeLessThan(often.minutes);
  expect(rare.minutes).toBeLessThan(often.minutes);
  expect(rare.minutes).toBeLessThan(hourly.minutes);
});

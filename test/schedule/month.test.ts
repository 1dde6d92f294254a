import { afterAll, beforeAll, expect, it } from 'vitest';
import { lateness } from '../../bench/github-month/lateness.ts';
import { openPlace, type Place } from '../../bench/github-month/place.ts';
import { POLICIES, SCENARIOS, SCHEDULE } from '../../bench/github-month/scenarios.ts';
import { simulate, type Totals } from '../../bench/github-month/simulate.ts';
import { type ClockProject, startClockProject } from '../support/clock.ts';
import { accountFor, type Execution, entry, timeOf } from './account.ts';

/** Half a day of what `npm run month` simulates. */
const DAYS = 0.5;
/** The test starts dozens of processes, on a machine that may be busy. */
const PATIENCE_MS = 240_000;
const SEED = 3;
const START = Date.parse('2026-11-02T00:00:00Z');

let project: ClockProject;
let place: Place;
beforeAll(async () => {
  project = await startClockProject();
  place = await openPlace(project, project);
  await project.reloadSchema();
});
afterAll(async () => {
  await place.github.stop();
  await project.stop();
});

async function liveThrough(
  name: string,
  packaged = false,
): Promise<Totals & { late: number; worst: number; added: number }> {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (!scenario) throw new Error(`There is no ${name}`);
  const simulation = { scenario, regime: 'mixed', days: DAYS, start: START, seed: SEED, packaged } as const;
  const totals = await simulate({ ...place, db: project }, simulation);
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
  // Each job ran once, and its handler ran it.
  const [ran] = await project.sql<{ twice: number; other: number }>(
    `select count(*) filter (where n > 1)::int as twice, count(*) filter (where not by_handler)::int as other
     from (select job_id, count(*) as n, bool_and(e.result->'seconds' = j.config->'seconds') as by_handler
       from cloud_job_executions e join cloud_jobs j using (job_id) where name = 'added' group by job_id) x`,
  );
  expect(ran).toEqual({ twice: 0, other: 0 });
  return { ...totals, late: added.median, worst: added.worst, added: added.ran };
}

it('half a day of ticks > loses and doubles nothing; waking is less late', {
  timeout: PATIENCE_MS,
}, async () => {
  const often = await liveThrough('`*/5`');
  const woken = await liveThrough('hourly + wake');
  expect(often.wakeCalls).toBe(0);
  expect(woken.wakeCalls).toBeGreaterThan(DAYS * 3);
  expect(woken.added).toBeGreaterThanOrEqual(often.added);
  expect(woken.late).toBeLessThan(150);
  expect(woken.late).toBeLessThan(often.late / 3);
  // Such a job comes right after a run has ended, or within the cool-down of a call.
  expect(woken.worst).toBeLessThan(10 * 60);
  // Less than what GitHub delivers of the schedule of 5 minutes, and it delivers few of those that it was asked for.
  expect(often.minutes).toBeLessThan(DAYS * 288);
  expect(woken.minutes).toBeLessThan(often.minutes);
  // A run that finds nothing costs one request, one that finds something at least two.
  for (const { runs, idle, requests } of [often, woken]) {
    expect(idle).toBeGreaterThan(0);
    expect(requests).toBeGreaterThanOrEqual(idle + (runs - idle) * 2);
    expect(requests).toBeLessThanOrEqual(idle + (runs - idle) * 8);
  }
});

it('half a day of ticks > is the same with each run as a process of its own', {
  timeout: PATIENCE_MS,
}, async () => {
  const rare = await liveThrough('every 6 hours + wake', true);
  expect(rare.wakeCalls).toBeGreaterThan(DAYS * 3);
  expect(rare.late).toBeLessThan(150);
  expect(rare.worst).toBeLessThan(10 * 60);
});

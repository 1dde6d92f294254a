import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClockProject, startClockProject } from '../support/clock.ts';
import { accountFor, type Execution, entry, timeOf } from './account.ts';
import { type Entry, type ModelJob, PolicyModel } from './policy-model.ts';

let project: ClockProject;
beforeAll(async () => {
  project = await startClockProject();
});
afterAll(() => project.stop());

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Schedules with the time that lies between two looks of a worker on the average. */
const SCHEDULES = [
  { schedule: '*/15 * * * *', pace: 12 * MINUTE },
  { schedule: '7 * * * *', pace: 40 * MINUTE },
  { schedule: '30 2 * * *', pace: 9 * HOUR },
  { schedule: '15,45 1-3 * * *', pace: 5 * HOUR },
  { schedule: '0 3 * * mon-fri', pace: 11 * HOUR },
  { schedule: '30 2 * * sun', pace: 3 * DAY },
  { schedule: '0 0 1 * *', pace: 12 * DAY },
];

/** A look: so long after the one before, by so many workers at once; a run takes so long and ends so. */
const look = fc.record({
  wait: fc.oneof(
    { weight: 8, arbitrary: fc.double({ min: 0.05, max: 2, noNaN: true }) },
    // Dropped ticks, and an outage.
    { weight: 2, arbitrary: fc.double({ min: 2, max: 12, noNaN: true }) },
    { weight: 1, arbitrary: fc.double({ min: 50, max: 200, noNaN: true }) },
  ),
  doubled: fc.boolean(),
  took: fc.oneof(
    { weight: 5, arbitrary: fc.double({ min: 0, max: 0.05, noNaN: true }) },
    { weight: 1, arbitrary: fc.double({ min: 0.5, max: 3, noNaN: true }) },
  ),
  outcome: fc.constantFrom('success', 'success', 'success', 'discard', 'lost'),
});

describe('occurrences that no worker started in time', () => {
  it.each(['once', 'skip', 'all'] as const)(
    'follow the policy "%s"; none is lost or doubled',
    { timeout: 120_000 },
    async (missed) => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...SCHEDULES),
          fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'),
          fc.double({ min: 0, max: 3, noNaN: true }),
          fc.date({ min: new Date('2026-01-01'), max: new Date('2029-01-01'), noInvalidDate: true }),
          fc.array(look, { minLength: 20, maxLength: 40 }),
          async ({ schedule, pace }, timezone, grace, start, looks) => {
            const job: ModelJob = {
              schedule,
              timezone,
              missed,
              grace: Math.round((grace * pace) / 1000) * 1000,
            };
            const ended = await live(job, start.getTime(), pace, looks);
            expect(ended.actual).toEqual(ended.expected);
            accountFor(job, start.getTime(), ended.actual);
          },
        ),
        { numRuns: Number(process.env.RUNS ?? 3), endOnFailure: true },
      );
    },
  );
});

/** Lives through the looks, in the database and in the model. */
async function live(
  job: ModelJob,
  start: number,
  pace: number,
  looks: readonly { wait: number; doubled: boolean; took: number; outcome: string }[],
): Promise<{ actual: Entry[]; expected: Entry[] }> {
  let now = start;
  await project.setClock(now);
  await project.sql('truncate cloud_jobs cascade');
  const [created] = await project.sql<{ id: string }>(
    `select cloud_jobs_create('j', 'custom', max_retries_param => 0, schedule_param => $1, timezone_param => $2,
       missed_param => $3, missed_grace_seconds_param => $4) as id`,
    [job.schedule, job.timezone, job.missed, job.grace / 1000],
  );
  const model = new PolicyModel(job, now);
  for (const { wait, doubled, took, outcome } of looks) {
    now += Math.round(wait * pace);
    await project.setClock(now);
    // A worker goes on until nothing is left; a line of a hundred would make the test slow.
    for (let turn = 0; turn < 12; turn++) {
      const claims = await Promise.all(
        Array.from({ length: doubled ? 2 : 1 }, (_, n) => claim(`worker-${n}`)),
      );
      const [held, twice] = claims.flat();
      expect(twice).toBeUndefined();
      expect(held !== undefined).toBe(model.claim(now));
      if (!held) break;
      const startedAt = now;
      now += Math.round(took * pace);
      await project.setClock(now);
      if (outcome === 'lost') {
        // The worker dies; the next one finds the lock expired, whenever it comes.
        now = Math.max(now, startedAt + 301_000);
        await project.setClock(now);
        model.lose(startedAt);
        continue;
      }
      await project.sql('select cloud_jobs_finish($1, $2)', [
        held.worker,
        JSON.stringify([{ execution_id: held.execution_id, outcome }]),
      ]);
      model.finish(startedAt, now);
    }
  }
  const rows = await project.sql<Execution>(
    // An attempt that was lost in the last look is still taken for running.
    `select failure_kind, scheduled_for, started_at, error_details from cloud_job_executions where job_id = $1
     union all select null, scheduled_for, started_at, null from cloud_jobs_running(array[$1])
     order by scheduled_for, started_at`,
    [created?.id],
  );
  const byTime = (a: Entry, b: Entry) => timeOf(a) - timeOf(b);
  return { actual: rows.map(entry).sort(byTime), expected: [...model.history].sort(byTime) };
}

async function claim(worker: string): Promise<{ execution_id: string; worker: string }[]> {
  const [row] = await project.sql<{ reply: { jobs: { execution_id: string }[] } }>(
    'select cloud_jobs_claim($1, 1) as reply',
    [worker],
  );
  return (row?.reply.jobs ?? []).map(({ execution_id }) => ({ execution_id, worker }));
}

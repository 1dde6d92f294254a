import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nextOccurrences } from '../../src/schedule/next-occurrence.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { cron, moment, ZONES } from './cron.ts';
import { occurrencesByMinute } from './oracle.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project.stop());

const YEAR = 365 * 86_400_000;
const iso = (times: readonly number[]): string[] => times.map((at) => new Date(at).toISOString());

const cases = fc.record({
  schedule: cron,
  timezone: fc.constantFrom(...ZONES),
  after: moment.map((at) => at.toISOString()),
});
const runs = { numRuns: Number(process.env.RUNS ?? 250), endOnFailure: true };

async function inDatabase(
  schedule: string,
  timezone: string,
  after: string,
  until: number,
): Promise<string[]> {
  const rows = await project.sql<{ at: Date }>(
    'select o as at from cloud_jobs_occurrences($1, $2, $3, $4, 4) o',
    [schedule, timezone, after, new Date(until)],
  );
  return rows.map(({ at }) => at.toISOString());
}

describe('occurrences of a schedule', () => {
  it('are those that a reading minute by minute finds', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ schedule, timezone, after }) => {
        const end = Date.parse(after) + 2 * YEAR;
        const expected = iso(occurrencesByMinute(schedule, timezone, Date.parse(after), end, 4));
        expect(await inDatabase(schedule, timezone, after, end - 1)).toEqual(expected);
        const previewed = nextOccurrences(schedule, timezone, new Date(after), 4).map(Number);
        expect(iso(previewed.filter((at) => at < end))).toEqual(expected);
      }),
      runs,
    );
  });

  it('are counted back from the newest', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.integer({ min: 1, max: 4 }), async (one, count) => {
        const { schedule, timezone, after } = one;
        const listed = await inDatabase(schedule, timezone, after, Date.parse(after) + 2 * YEAR);
        fc.pre(listed.length >= count);
        const [row] = await project.sql<{ at: Date }>(
          'select cloud_jobs_newest_occurrence($1, $2, $3, $4, $5) as at',
          [schedule, timezone, after, listed.at(-1), count],
        );
        expect(row?.at.toISOString()).toBe(listed.at(-count));
      }),
      runs,
    );
  });

  it.each([
    // A day field that begins with * is not restricted: the other field decides together with it.
    ['0 0 */2 * 1', 'UTC', '2024-12-31T23:59Z', '2025-01-13T00:00:00.000Z'],
    ['0 0 15 * */3', 'UTC', '2024-12-31T23:59Z', '2025-01-15T00:00:00.000Z'],
    ['0 0 */2 * mon', 'UTC', '2024-12-31T23:59Z', '2025-01-13T00:00:00.000Z'],
    ['0 0 */10,5 * 0', 'UTC', '2024-12-31T23:59Z', '2025-01-05T00:00:00.000Z'],
    ['0 0 1-31/2 * 1', 'UTC', '2024-12-31T23:59Z', '2025-01-01T00:00:00.000Z'],
    ['0 0 5,*/10 * 0', 'UTC', '2024-12-31T23:59Z', '2025-01-01T00:00:00.000Z'],
    ['0 0 29 2 */7', 'UTC', '2024-12-31T23:59Z', '2032-02-29T00:00:00.000Z'],
    ['0 0 29 2 */7', 'UTC', '2032-12-31T23:59Z', '2060-02-29T00:00:00.000Z'],
  ])('of %s in %s after %s begin with %s', async (schedule, timezone, after, first) => {
    const [row] = await project.sql<{ at: Date }>('select cloud_jobs_next_occurrence($1, $2, $3) as at', [
      schedule,
      timezone,
      after,
    ]);
    expect(row?.at.toISOString()).toBe(first);
    expect(nextOccurrences(schedule, timezone, new Date(after), 1)[0]?.toISOString()).toBe(first);
  });

  it.each([
    ['0 12 30 12 *', '2011-12-30T10:00:00.000Z'],
    ['0 */12 30 12 *', '2012-12-29T10:00:00.000Z'],
  ])('of %s are right in the year in which Apia skips that day', async (schedule, first) => {
    const found = await inDatabase(schedule, 'Pacific/Apia', '2011-12-29T00:00Z', Date.parse('2013-01-01'));
    expect(found[0]).toBe(first);
  });
});

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nextOccurrences } from '../../src/schedule/next-occurrence.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { cron, moment, ZONES } from './cron.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project.stop());

interface Case {
  readonly schedule: string;
  readonly timezone: string;
  readonly after: string;
}

/** What the database says, for many cases in one statement. */
async function database(cases: readonly Case[], count: number): Promise<string[][]> {
  const rows = await project.sql<{ found: Date[] }>(
    `select array(select o from cloud_jobs_occurrences(c.schedule, c.timezone, c.after, null, $2) as o) as found
     from rows from (jsonb_to_recordset($1) as (schedule text, timezone text, after timestamptz))
       with ordinality as c (schedule, timezone, after, n) order by n`,
    [JSON.stringify(cases), count],
  );
  return rows.map((row) => row.found.map((at) => at.toISOString()));
}

describe('occurrences of a schedule', () => {
  it('are the same in the database and in croner, through every change of clocks', async () => {
    const cases = fc.array(
      fc.record({
        schedule: cron,
        timezone: fc.constantFrom(...ZONES),
        after: moment.map((at) => at.toISOString()),
      }),
      { minLength: 40, maxLength: 40 },
    );
    const horizon = 9 * 365 * 86_400_000;
    await fc.assert(
      fc.asyncProperty(cases, async (batch) => {
        const said = await database(batch, 4);
        batch.forEach((one, index) => {
          const limit = Date.parse(one.after) + horizon;
          const expected = nextOccurrences(one.schedule, one.timezone, new Date(one.after), 4)
            .filter((at) => at.getTime() < limit)
            .map((at) => at.toISOString());
          expect({ ...one, next: said[index]?.slice(0, expected.length) }).toEqual({
            ...one,
            next: expected,
          });
          expect(said[index]?.length).toBe(expected.length);
        });
      }),
      { numRuns: Number(process.env.RUNS ?? 25), endOnFailure: true },
    );
  });
});

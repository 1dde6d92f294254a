import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isTimezone } from '../../src/schedule/schedule-fault.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project.stop());

async function isTimezoneInDatabase(name: string): Promise<boolean> {
  const [row] = await project.sql<{ known: boolean }>('select cloud_jobs_is_timezone($1) as known', [name]);
  return row?.known ?? false;
}

describe('a time zone', () => {
  it.each([
    'UTC',
    'utc',
    'Europe/Berlin',
    'europe/berlin',
    'America/Argentina/Buenos_Aires',
    'America/Port-au-Prince',
    'Etc/UTC',
    'Etc/GMT+5',
    'Etc/GMT-14',
    'Japan',
    'NZ-CHAT',
  ])('is taken by its IANA name: %s', async (name) => {
    expect(isTimezone(name)).toBe(true);
    expect(await isTimezoneInDatabase(name)).toBe(true);
  });

  it.each([
    'UTC+3',
    'UTC-3',
    'GMT+2',
    'Etc/GMT+15',
    'Europe/Berlin3',
    'Atlantis/City+2',
    'EST5EDT',
    'CET',
    'CEST',
    'EDT',
    'PST8PDT,M3.2.0,M11.1.0',
    '<+03>-3',
    '+03:00',
    '-3',
    'Z',
    'posix/Europe/Berlin',
    'Mars/Olympus',
    'Atlantis',
    ' UTC',
    '',
  ])('is refused if it is something else: "%s"', async (name) => {
    expect(isTimezone(name)).toBe(false);
    expect(await isTimezoneInDatabase(name)).toBe(false);
  });

  it('is checked however a row comes', async () => {
    const refused = /time zone "UTC\+3", which is not an IANA name. Write one, such as Europe\/Berlin/;
    const insert = `insert into cloud_jobs (name, job_type, schedule, timezone) values ('j', 'custom', '0 9 * * *', 'UTC+3')`;
    await expect(project.sql(insert)).rejects.toThrow(refused);
    await expect(
      project.sql(
        `select cloud_jobs_create('j', 'custom', schedule_param => '@daily', timezone_param => 'UTC+3')`,
      ),
    ).rejects.toThrow(refused);
    await expect(
      project.sql(`select cloud_jobs_apply('s', $1)`, [
        JSON.stringify([
          { name: 'j', job_type: 'custom', unique_key: 'k', schedule: '@daily', timezone: 'UTC+3' },
        ]),
      ]),
    ).rejects.toThrow(refused);
    await project.sql(`create table orders (id integer);
      create function remind() returns trigger language plpgsql as $$ begin ${insert}; return new; end $$;
      create trigger remind after insert on orders for each row execute function remind()`);
    await expect(project.sql('insert into orders values (1)')).rejects.toThrow(refused);
    await project.sql(`insert into cloud_jobs (name, job_type, schedule) values ('j', 'custom', '@daily')`);
    await expect(project.sql(`update cloud_jobs set timezone = 'UTC+3'`)).rejects.toThrow(refused);
    expect(await project.sql('select timezone from cloud_jobs')).toEqual([{ timezone: 'UTC' }]);
  });

  it('has the same names in every Postgres and Node', async () => {
    const rows = await project.sql<{ name: string; known: boolean }>(
      `select name, cloud_jobs_is_timezone(name) as known from pg_timezone_names`,
    );
    // Those that are left out: abbreviations and rules, copies in other folders, and names that Intl has not.
    const different = rows.filter(({ name, known }) => known !== isTimezone(name)).map(({ name }) => name);
    expect(different.filter((name) => !/^(Factory|US\/Pacific-New)$/.test(name))).toEqual([]);
    expect(rows.filter(({ known }) => known).length).toBeGreaterThan(400);
  });
});

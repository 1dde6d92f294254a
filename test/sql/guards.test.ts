import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project.stop());
beforeEach(() => project.sql('truncate cloud_jobs cascade'));

const deep = (levels: number): string => `'${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}'`;

describe('a row that is copied from another table, where its config is compressed', () => {
  it.each([
    ['large', `jsonb_build_object('a', repeat('x', 1000000))`, 'has a config of more than 256 KiB'],
    [
      'deep',
      `jsonb_build_object('a', (repeat('[', 210) || repeat(']', 210))::jsonb, 'b', repeat('x', 3000))`,
      'has a config that is nested',
    ],
  ])('is refused if that is too %s', async (_, config, fault) => {
    await project.asPostgres(`create table if not exists staging (config jsonb); truncate staging;
      insert into staging select ${config}`);
    await expect(
      project.asPostgres(
        `insert into cloud_jobs (name, job_type, config) select 'copied', 'custom', config from staging`,
      ),
    ).rejects.toThrow(fault);
  });
});

describe('a row that is written directly', () => {
  it.each([
    ['name', `''`, 'has no name'],
    ['name', `'  '`, 'has no name'],
    ['name', `E'\\t\\n'`, 'has no name'],
    ['name', `chr(160)`, 'has no name'],
    ['name', `repeat('x', 501)`, 'has a name longer than 500 characters'],
    ['queue', `'a b'`, 'has a queue that no worker can name'],
    ['queue', `''`, 'has a queue that no worker can name'],
    ['queue', `repeat('x', 101)`, 'has a queue that no worker can name'],
    ['config', `'5'`, 'has a config that is not an object'],
    ['config', `'null'`, 'has a config that is not an object'],
    ['config', `'["a"]'`, 'has a config that is not an object'],
    ['config', deep(5000), 'has a config that is nested more than 200 levels deep'],
    ['config', deep(201), 'has a config that is nested more than 200 levels deep'],
    ['config', `jsonb_build_object('a', repeat('x', 262144))`, 'has a config of more than 256 KiB'],
    ['config', `jsonb_build_object('a', repeat(chr(1), 50000))`, 'has a config of more than 256 KiB'],
    ['config', `'{"a": [{"b": 9007199254740993}]}'`, 'has a config whose "a[0].b" is 9007199254740993'],
    ['max_retries', '2147483647', 'has a max_retries that is not a number from 0 to 9999'],
    ['max_retries', '-1', 'has a max_retries'],
    ['current_retries', '2147483647', 'has a current_retries'],
    ['timeout_seconds', '2147483647', 'has a timeout_seconds'],
    ['run_at', `'-infinity'`, 'has a run_at that is not a time between 1900 and 9999'],
    ['run_at', `'infinity'`, 'has a run_at'],
    ['run_at', `'4713-01-01 BC'`, 'has a run_at'],
    ['scheduled_for', `'infinity'`, 'has a scheduled_for'],
    ['created_at', `'infinity'`, 'has a created_at'],
    ['expires_at', `'-infinity'`, 'has an expires_at'],
    ['locked_at', `'infinity'`, 'has a locked_at'],
    ['finished_at', `'4713-01-01 BC'`, 'has a finished_at'],
    ['last_execution', `'294276-12-31'`, 'has a last_execution'],
    ['snoozed_since', `'infinity'`, 'has a snoozed_since'],
    ['occurrence', '2147483647', 'has an occurrence that is not a number from 0 to 1000000000'],
    ['occurrence', '-1', 'has an occurrence'],
    ['snoozes', '2147483647', 'has a number of snoozes'],
    ['expires_in_seconds', '0', 'has an expires_in_seconds'],
    ['expires_in_seconds', '2147483647', 'has an expires_in_seconds'],
  ])('is refused, inserted or updated, with %s = %.40s', async (column, value, fault) => {
    const columns = { name: `'n'`, job_type: `'custom'`, [column]: value };
    const insert = `insert into cloud_jobs (${Object.keys(columns)}) values (${Object.values(columns)})`;
    await expect(project.sql(insert)).rejects.toThrow(fault);
    await project.sql(`insert into cloud_jobs (name, job_type) values ('n', 'custom')`);
    await expect(project.sql(`update cloud_jobs set ${column} = ${value}`)).rejects.toThrow(fault);
  });

  it('holds what it may', async () => {
    await project.sql(`insert into cloud_jobs (name, job_type, config, max_retries, run_at) values
      (repeat('x', 500), 'custom', ${deep(200)}, 0, '1970-01-01Z'), ('n', 'custom', '{"far": 1e300}', null, '9999-01-01Z')`);
    expect((await queueOf(project, 'default').claim('w', 9)).jobs).toHaveLength(1);
  });
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import { runSql } from '../../local-supabase/database.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, INSTALL, SEED } from './support.ts';
import { expectReadable, expectWorkable } from './workable.ts';

/** Rows that no guard has seen: of an earlier release, of the first schema, or of a dump that was restored with triggers off. */
let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const UNSEEN: readonly (readonly [columns: string, values: string])[] = [
  ['max_retries', '2147483647'],
  ['max_retries, current_retries', '2147483647, 2147483647'],
  ['max_retries, current_retries', '2147483647, 2147483646'],
  ['max_retries, current_retries', '-2147483648, -5'],
  ['max_retries, current_retries', '3, -5'],
  ['max_retries, current_retries', 'null, null'],
  [
    'max_retries, current_retries, schedule, timezone, scheduled_for',
    `2147483647, -2147483648, '* * * * *', 'UTC', now() - interval '1 day'`,
  ],
  ['run_at', `'-infinity'`],
  ['run_at, created_at', `'-infinity', 'infinity'`],
  ['run_at, created_at, last_execution', `'0044-03-15 BC', null, '-infinity'`],
  ['run_at, created_at', `'294276-12-31', '4713-01-01 BC'`],
  ['config, created_at', `'[9007199254740993]', '-infinity'`],
  ['config', `'"text"'`],
  ['config', `jsonb_build_object('n', 1e300, 'a', repeat('x', 1000000))`],
  ['description, locked_by, locked_at', `null, repeat('x', 10000), 'infinity'`],
  ['status, locked_by, current_retries', `'locked', 'first', 2147483647`],
  ['status, lock_expires_at', `'locked', '-infinity'`],
  ['status, lock_expires_at', `'waiting', '-infinity'`],
  ['status, current_retries, max_retries', `'failed', 2147483646, 2147483647`],
  ['timeout_seconds, priority', '2147483647, 100'],
  ['snoozes, snoozed_since', `2147483647, '-infinity'`],
  ['occurrence', '2147483646'],
];

it('rows that no guard has seen are worked and shown', async () => {
  for (const [columns, values] of UNSEEN) {
    await runSql(
      project.adminUrl,
      `set session_replication_role = replica;
       insert into cloud_jobs (job_id, name, job_type, ${columns})
       values (md5($row$${columns} = ${values}$row$), ' ', 'custom', ${values});
       update cloud_jobs set lock_expires_at = now() - interval '1 s' where status = 'locked' and lock_expires_at is null`,
    );
  }
  await expectReadable(project);
  await expectWorkable(project);
  await expectReadable(project);
});

it('extreme rows of the first schema are worked after the upgrade', async () => {
  const upgraded = await startTestProject({ install: false });
  try {
    await upgraded.asPostgres(SEED);
    const rows = Object.entries({
      'most retries': ['max_retries', '2147483647'],
      'no retries left': ['max_retries, current_retries', '2147483647, 2147483647'],
      'fewer than none': ['max_retries, current_retries', '-2147483648, -5'],
      'one that was given back': ['current_retries', '-1'],
      'since ever': ['created_at', `'-infinity'`],
      'since never': ['created_at', `'infinity'`],
      'before Christ': ['created_at, last_execution', `'4713-01-01 BC', '-infinity'`],
      'a list': ['config', `'[9007199254740993]'`],
      ' ': ['config, description', `'null', null`],
      'locked without an end': ['status, locked_by', `'locked', 'old'`],
      'locked for ever': [
        'status, locked_by, locked_at, lock_expires_at',
        `'locked', 'old', '-infinity', 'infinity'`,
      ],
      'locked since ever': ['status, locked_at, lock_expires_at', `'locked', '-infinity', '-infinity'`],
      'failed once': ['status, current_retries, max_retries', `'failed', 2147483646, 2147483647`],
    });
    for (const [name, [columns, values]] of rows) {
      await upgraded.asPostgres(
        `insert into cloud_jobs (job_id, name, job_type, ${columns}) values (md5('${name}'), '${name}', 'custom', ${values})`,
      );
    }
    for (let n = 0; n < 2; n += 1) await upgraded.asPostgres(INSTALL);
    await upgraded.reloadSchema();
    const endless = `select name from cloud_jobs where status = 'locked' and (lock_expires_at > now() + interval '31 min') is not false`;
    expect(await upgraded.sql(endless)).toEqual([]);
    await expectReadable(upgraded);
    await upgraded.sql(
      `update cloud_jobs set lock_expires_at = now() - interval '1 s' where status = 'locked'`,
    );
    expect(await call(upgraded, 'release_expired_locks')).toBe(3);
    await expectWorkable(upgraded);
    await expectReadable(upgraded);
  } finally {
    await upgraded.stop();
  }
});

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readJobsFile } from '../../src/commands/jobs-file.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import type { NewJob } from '../../src/queue/requests.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { expectReadable, expectWorkable } from './workable.ts';

/**
 * Rows of any content, in every way that a row can come: what gets in can be claimed, ended, listed, shown and counted,
 * and what is refused names the field.
 */
let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
  await project.asPostgres(`
    create table wishes (id bigint generated always as identity, job jsonb);
    create function wish() returns trigger language plpgsql as $$
    begin perform cloud_jobs_enqueue((select jsonb_agg(job order by id) from added)); return null; end $$;
    create trigger wish after insert on wishes referencing new table as added for each statement execute function wish()`);
});
afterAll(() => project?.stop());

type Row = Readonly<Record<string, unknown>>;

const deep = (levels: number, open: string, close: string): unknown =>
  JSON.parse(`${open.repeat(levels)}1${close.repeat(levels)}`);
const text = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\t\n',
    '\u00a0',
    'x',
    "'; drop table cloud_jobs; --",
    '%L %s $1',
    '|',
    '\u001b]0;x\u0007',
  ),
  fc.constantFrom(
    '::error::x',
    '<b>&amp;',
    '\u2028',
    '\ufeff',
    '🏔',
    'a\nb',
    '__proto__',
    '@daily',
    '-infinity',
  ),
  fc.constantFrom('x'.repeat(101), 'x'.repeat(501), 'é'.repeat(5_000), 'x'.repeat(300_000)),
  fc.string({ unit: 'binary', maxLength: 20 }).map((value) => value.replaceAll('\0', '').toWellFormed()),
);
const integer = fc.constantFrom(
  -2147483648,
  -101,
  -1,
  0,
  1,
  2,
  3,
  100,
  101,
  1001,
  9999,
  10_000,
  1e6 + 1,
  2147483647,
);
const instant = fc.constantFrom(
  '-infinity',
  'infinity',
  '4713-01-01 00:00:00Z BC',
  '0001-01-01T00:00:00Z',
  '1899-12-31T23:59:59Z',
  '1970-01-01T00:00:00Z',
  '2024-02-29T12:00:00+14:00',
  '2026-01-31T09:30:00.123456Z',
  '9999-12-31T00:00:00Z',
  '294276-12-31T23:59:59Z',
);
const scalar = fc.oneof(
  text,
  fc.constantFrom(null, true, 0, -0, 1.5, 1e300, -1e308, 5e-324, 2 ** 53, -(2 ** 53) - 2, 1e21),
);
const config: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom({}, [], 'text', 7, null, { handler: 'h' }),
  fc.constantFrom(1, 50, 199, 200, 201, 2_000).map((levels) => deep(levels, '{"a":', '}')),
  fc.constantFrom(1, 199, 200, 4_000).map((levels) => ({ a: deep(levels, '[', ']') })),
  fc
    .constantFrom(1, 1_000, 20_000, 60_000)
    .map((width) => Object.fromEntries(Array.from({ length: width }, (_, n) => [`k${n}`, n]))),
  fc.constantFrom(1, 1_000, 130_000).map((width) => ({ a: Array.from({ length: width }, () => 1) })),
  fc.dictionary(
    text.filter((key) => key.length < 600),
    fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })),
    { maxKeys: 4 },
  ),
);

/** What a call, a trigger or a jobs file may say of a job. */
const ITEM = {
  config,
  description: text,
  max_retries: fc.oneof(integer, fc.constantFrom(1.5, '3', null, true)),
  priority: fc.oneof(integer, fc.constantFrom(-100, 0.5, 1e300, null)),
  queue: fc.oneof(text, fc.constantFrom('default', 'a/b', 'A.1', null)),
  timeout_seconds: fc.oneof(integer, fc.constantFrom(1e7, 0.1, null)),
  run_at: fc.oneof(instant, fc.constantFrom('2026-02-30T00:00:00Z', '2030-01-01', 'tomorrow', 5, null)),
  delay_seconds: fc.oneof(integer, fc.constantFrom(0.001, 1e9, '5', null)),
  unique_key: text,
  concurrency_key: text,
  concurrency_limit: integer,
  schedule: fc.oneof(
    text,
    fc.constantFrom(
      '* * * * *',
      '@daily',
      '0 0 29 2 *',
      '0 0 30 2 *',
      '*/7 1-5,9 * jan-mar 1-5',
      '60 * * * *',
    ),
  ),
  timezone: fc.oneof(text, fc.constantFrom('Europe/Berlin', 'UTC+3', 'CEST', 'Etc/GMT-14', 'utc', null)),
  missed: fc.constantFrom('once', 'skip', 'all', 'never', null, 1),
  missed_grace_seconds: integer,
  expires_at: instant,
  expires_in_seconds: integer,
  retry_delay_seconds: integer,
  retry_factor: fc.constantFrom(0, 1, 1.5, 10, 11, 1e300, '2', null),
  on_conflict: fc.constantFrom('keep', 'replace', 'next', 'x'),
};

/** What a plain insert may store beside. */
const COLUMNS = {
  job_id: text,
  status: fc.constantFrom('waiting', 'locked', 'success', 'failed', 'disabled', 'x'),
  config: fc.oneof(
    config,
    fc.constant('raw').map(() => RAW),
  ),
  description: fc.option(text),
  max_retries: fc.option(integer),
  current_retries: fc.option(integer),
  priority: fc.constantFrom(-32768, -100, 0, 100, 101),
  queue: text,
  timeout_seconds: fc.option(integer),
  unique_key: text,
  concurrency_key: text,
  concurrency_limit: integer,
  concurrency_slot: integer,
  schedule: ITEM.schedule,
  timezone: text,
  missed: fc.constantFrom('once', 'skip', 'all', 'never'),
  missed_grace_seconds: integer,
  expires_in_seconds: integer,
  retry_delay_seconds: integer,
  retry_factor: fc.constantFrom('NaN', 'Infinity', '0', '1', '10'),
  occurrence: integer,
  snoozes: integer,
  run_at: instant,
  created_at: fc.option(instant),
  scheduled_for: instant,
  expires_at: instant,
  locked_at: instant,
  lock_expires_at: instant,
  finished_at: instant,
  last_execution: instant,
  snoozed_since: instant,
  cancel_requested_at: instant,
  disable_requested_at: instant,
  locked_by: text,
  locked_execution_id: text,
  error_message: text,
  source: text,
  blocked: fc.option(fc.boolean()),
  key_passed: fc.boolean(),
  has_steps: fc.boolean(),
};
/** JSON that JavaScript cannot write. */
const RAW = '{"a": 1e400, "b": [9007199254740993], "c": 0.1000000000000000000000000000001}';

/** A few fields of a row, so that most of what is drawn decides its fate alone. */
const someOf = (fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Row> =>
  fc
    .subarray(Object.keys(fields), { maxLength: 4 })
    .chain((names) =>
      fc.record(Object.fromEntries(names.map((name) => [name, fields[name] as fc.Arbitrary<unknown>]))),
    );
const item = someOf(ITEM).map((fields) => ({ name: 'a job', job_type: 'custom', ...fields }));
const row = fc.oneof(
  fc.record({ way: fc.constantFrom('enqueue' as const, 'trigger' as const), fields: item }),
  fc.record({ way: fc.constant('insert' as const), fields: someOf({ name: text, ...COLUMNS }) }),
  fc.record({ way: fc.constant('jobs file' as const), fields: item }),
);

const queue = () => openQueue({ url: project.url, key: project.serviceKey }, 'test').queue;

async function write(way: string, fields: Row): Promise<void> {
  if (way === 'enqueue') {
    await queue().enqueue([fields as unknown as NewJob]);
  } else if (way === 'trigger') {
    await project.sql('insert into wishes (job) values ($1)', [JSON.stringify(fields)]);
  } else if (way === 'jobs file') {
    const { job_type, name, ...rest } = fields;
    const inputs = Object.entries({ schedule: '@daily', 'job-type': job_type, ...rest }).map(
      ([key, value]) => [key.replaceAll('_', '-'), value],
    );
    const file = JSON.stringify({ jobs: { [String(name)]: Object.fromEntries(inputs) } });
    const { jobs, problems } = readJobsFile(Buffer.from(file), 'jobs.yml', (value) => value);
    if (problems.length > 0) throw new Error(problems.join('\n'));
    const options = { prune: false, dryRun: false, adopt: false };
    await queue().apply(
      'a source',
      jobs.map(({ job }) => job),
      options,
    );
  } else {
    const all: Row = { name: 'a job', job_type: 'custom', ...fields };
    const values = Object.entries(all).map(([name, value]) =>
      name === 'config' ? (value === RAW ? RAW : JSON.stringify(value)) : value,
    );
    const names = Object.keys(all);
    await project.sql(
      `insert into cloud_jobs (${names}) values (${names.map((_, n) => `$${n + 1}`)})`,
      values,
    );
  }
}

/** Whether the error says which of the fields is wrong: by its name, or by that of a constraint or index about it. */
function expectNamed(error: Error, way: string, fields: Row): void {
  const words = Object.keys(fields).flatMap((name) => [
    name,
    name.replaceAll('_', '-'),
    name.replace(/_.*/, ''),
  ]);
  const said = `${error.message} ${'constraint' in error ? error.constraint : ''}`;
  const isNamed = words.some((word) => said.includes(word)) || /pkey|snoozes/.test(said);
  expect(isNamed, `${way} ${JSON.stringify(fields).slice(0, 500)}: ${said}`).toBe(true);
}

it('are worked, or refused by the name of a field', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 4, maxLength: 12 }), async (rows) => {
      await project.sql('truncate cloud_jobs cascade');
      for (const { way, fields } of rows) {
        try {
          await write(way, fields);
        } catch (error) {
          expectNamed(error as Error, way, fields);
        }
      }
      await expectReadable(project);
      await expectWorkable(project);
      await expectReadable(project);
    }),
    { numRuns: Number(process.env.ROWS ?? 25) },
  );
});

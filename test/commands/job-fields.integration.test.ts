/** Every field of a job can be given in every way in which jobs are added, and is stored the same. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createClient } from '../../src/client.ts';
import { create, createInput, newJob } from '../../src/commands/create.ts';
import { readJobsFile } from '../../src/commands/jobs-file.ts';
import { inputNames } from '../../src/commands/read-fields.ts';
import type { NewJob } from '../../src/queue/requests.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

type FieldName = Exclude<keyof NewJob, 'job_id' | 'ref' | 'job_type' | 'config'>;
interface Field {
  readonly value: unknown;
  /** Of the client, and of `context.spawn`. */
  readonly option: string;
  /** Of the action, the command line and a jobs file. */
  readonly input: readonly [name: string, text: string];
  /** Fields without which it means nothing. */
  readonly needs?: readonly FieldName[];
  /** In a jobs file the key is the unique key, and all jobs recur, which those with dependencies do not. */
  readonly inFile?: false;
}

const TIME = '2031-02-03T04:05:00.000Z';
const FIELDS: { readonly [Name in FieldName]-?: Field } = {
  name: { value: 'Another name', option: 'name', input: ['name', 'Another name'] },
  description: { value: 'A note', option: 'description', input: ['description', 'A note'] },
  max_retries: { value: 7, option: 'maxRetries', input: ['max-retries', '7'] },
  retry_delay_seconds: { value: 90, option: 'retryDelaySeconds', input: ['retry-delay', '90s'] },
  retry_factor: {
    value: 1.5,
    option: 'retryFactor',
    input: ['retry-factor', '1.5'],
    needs: ['retry_delay_seconds'],
  },
  priority: { value: -5, option: 'priority', input: ['priority', '-5'] },
  run_at: { value: TIME, option: 'runAt', input: ['run-at', TIME], inFile: false },
  delay_seconds: { value: 5400, option: 'delaySeconds', input: ['run-at', '90m'], inFile: false },
  queue: { value: 'mail', option: 'queue', input: ['queue', 'mail'] },
  timeout_seconds: { value: 600, option: 'timeoutSeconds', input: ['timeout-minutes', '10'] },
  unique_key: { value: 'k', option: 'uniqueKey', input: ['unique-key', 'k'], inFile: false },
  on_conflict: {
    value: 'next',
    option: 'onConflict',
    input: ['on-conflict', 'next'],
    needs: ['unique_key'],
    inFile: false,
  },
  concurrency_key: { value: 'c', option: 'concurrencyKey', input: ['concurrency-key', 'c'] },
  concurrency_limit: {
    value: 3,
    option: 'concurrencyLimit',
    input: ['concurrency-limit', '3'],
    needs: ['concurrency_key'],
  },
  schedule: { value: '30 6 * * 1-5', option: 'schedule', input: ['schedule', '30 6 * * 1-5'] },
  timezone: {
    value: 'Europe/Berlin',
    option: 'timezone',
    input: ['timezone', 'Europe/Berlin'],
    needs: ['schedule'],
  },
  missed: { value: 'skip', option: 'missed', input: ['missed', 'skip'], needs: ['schedule'] },
  missed_grace_seconds: {
    value: 120,
    option: 'missedGraceSeconds',
    input: ['missed-grace-minutes', '2'],
    needs: ['schedule', 'missed'],
  },
  expires_at: { value: TIME, option: 'expiresAt', input: ['expires-at', TIME], inFile: false },
  expires_in_seconds: { value: 1800, option: 'expiresInSeconds', input: ['expires-in', '30m'] },
  depends_on: { value: ['parent'], option: 'dependsOn', input: ['depends-on', 'parent'], inFile: false },
  on_parent_failure: {
    value: 'wait',
    option: 'onParentFailure',
    input: ['on-parent-failure', 'wait'],
    needs: ['depends_on'],
    inFile: false,
  },
};
const NAMES = Object.keys(FIELDS) as FieldName[];
const CONFIG = { handler: 'h' };

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

/** The field with those that it needs. */
const withNeeds = (name: FieldName): Field[] =>
  [...(FIELDS[name].needs ?? []), name].map((each) => FIELDS[each]);
const camel = (name: string): string =>
  name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Adds a job with some fields, and returns what is stored of it, times from its creation on. */
async function stored(add: () => Promise<unknown>): Promise<unknown> {
  await project.sql('truncate cloud_jobs cascade');
  await project.sql(
    `select cloud_jobs_enqueue('[{"job_id": "parent", "name": "parent", "job_type": "maintenance"}]')`,
  );
  await add();
  const rows = await project.sql(
    `select to_jsonb(j) - '{job_id,created_at,updated_at,run_at,scheduled_for,expires_at}'::text[] as job,
       (select jsonb_agg(to_jsonb(d) - 'job_id') from cloud_job_dependencies d where d.job_id = j.job_id) as parents,
       extract(epoch from j.run_at - j.created_at)::int / 60 as due, extract(epoch from j.expires_at - j.run_at)::int / 60 as expires
     from cloud_jobs j where job_id <> 'parent'`,
  );
  expect(rows).toHaveLength(1);
  return rows[0];
}

const byEnqueue = (names: readonly FieldName[]) => () =>
  project.sql('select cloud_jobs_enqueue($1)', [
    JSON.stringify([
      {
        name: 'h',
        job_type: 'custom',
        config: CONFIG,
        ...Object.fromEntries(names.map((name) => [name, FIELDS[name].value])),
      },
    ]),
  ]);

describe.each(NAMES)('%s', (name) => {
  const names = [...(FIELDS[name].needs ?? []), name];
  const fields = withNeeds(name);

  it('is stored the same by SQL, the client, and the inputs of create', async () => {
    const plain = await stored(byEnqueue(names));
    const given = { name: 'h', ...Object.fromEntries(names.map((each) => [each, FIELDS[each].value])) };
    const args = Object.entries(given).map(([each], index) => `${each}_param => $${index + 1}`);
    expect(
      await stored(() =>
        project.sql(
          `select cloud_jobs_create(job_type_param => 'custom', config_param => '{"handler": "h"}', ${args.join(', ')})`,
          Object.values(given),
        ),
      ),
    ).toEqual(plain);

    const client = createClient({ url: project.url, key: project.secretKey });
    const options = Object.fromEntries(fields.map(({ option, value }) => [option, value]));
    expect(await stored(() => client.enqueue('h', {}, options))).toEqual(plain);

    const inputs = Object.fromEntries(fields.map(({ input: [each, text] }) => [camel(each), text]));
    const read = createInput.parse({
      name: 'h',
      jobType: 'custom',
      config: JSON.stringify(CONFIG),
      ...inputs,
    });
    expect(
      await stored(() => project.sql('select cloud_jobs_enqueue($1)', [JSON.stringify([newJob(read)])])),
    ).toEqual(plain);
  });
});

describe('a jobs file', () => {
  it.each(NAMES.filter((name) => FIELDS[name].inFile !== false))('takes %s', (name) => {
    const names = [...(FIELDS[name].needs ?? []), name];
    const inputs = Object.fromEntries(names.map((each) => FIELDS[each].input));
    const job = { 'job-type': 'custom', config: CONFIG, schedule: '@daily', ...inputs };
    const { jobs, problems } = readJobsFile(
      Buffer.from(JSON.stringify({ jobs: { key: job } })),
      'jobs.yml',
      (text) => text,
    );
    expect(problems).toEqual([]);
    expect(jobs[0]?.job).toMatchObject(Object.fromEntries(names.map((each) => [each, FIELDS[each].value])));
  });
});

describe('the table above', () => {
  it('has all fields that the database takes', async () => {
    const [row] = await project.sql<{ source: string }>(
      `select prosrc as source from pg_proc where proname = 'cloud_jobs_check_items'`,
    );
    const [, known = ''] = /known constant text\[\] := array\[([^\]]*)\]/.exec(row?.source ?? '') ?? [];
    const fields = [...known.matchAll(/'(\w+)'/g)].map(([, field]) => field);
    // These four are of the call, and of what adds a job to a batch.
    expect(fields.sort()).toEqual([...NAMES, 'job_id', 'ref', 'job_type', 'config'].sort());
  });

  it('has all inputs of create, which the form Manage jobs has too', () => {
    const inputs = [...new Set(NAMES.map((name) => FIELDS[name].input[0]))];
    expect([...inputs, 'job-type', 'config', 'handlers'].sort()).toEqual(inputNames(create).sort());
    const form = parse(readFileSync('.github/workflows/manage-jobs.yml', 'utf8'));
    expect(Object.keys(form.jobs.manage.steps.at(-1).with)).toEqual(expect.arrayContaining(inputs));
  });
});

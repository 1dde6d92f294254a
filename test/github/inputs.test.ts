import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/commands/index.ts';
import { InputError } from '../../src/commands/read-fields.ts';
import { run } from '../../src/commands/run.ts';
import { readInputs } from '../../src/github/inputs.ts';

const KEY = 'sb_secret_Zm9vYmFyYmF6cXV4';
const CONNECTED = {
  'INPUT_SUPABASE-URL': 'https://abcdefghijklmnopqrst.supabase.co',
  'INPUT_SUPABASE-KEY': KEY,
};

const jwt = (claims: object): string =>
  `${['{"alg":"HS256","typ":"JWT"}', JSON.stringify(claims)].map((part) => Buffer.from(part).toString('base64url')).join('.')}.c2lnbmF0dXJl`;

/** Inputs as the runner passes them. */
function env(inputs: Readonly<Record<string, string>>): Record<string, string> {
  const named = Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]);
  return { ...CONNECTED, ...Object.fromEntries(named) };
}

function problemsOf(inputs: Readonly<Record<string, string>>): readonly string[] {
  try {
    readInputs(env(inputs));
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return [];
}

describe('right inputs', () => {
  test('run is the default, with its defaults', () => {
    expect(readInputs(env({ command: '', queues: ' ' }))).toEqual({
      command: run,
      connection: { url: 'https://abcdefghijklmnopqrst.supabase.co', key: KEY, publishableKey: null },
      input: {
        queues: ['default'],
        jobTypes: ['paper_fetch', 'maintenance', 'custom'],
        concurrency: 4,
        lockMinutes: 5,
        timeBudgetMinutes: 50,
        silenceMinutes: 360,
        keepalive: false,
        dryRun: false,
        failOn: 'failed',
      },
      warnings: [],
    });
  });

  test('all that run reads', () => {
    const { input } = readInputs(
      env({
        command: ' Run ',
        queues: 'mail, reports\nmail\n',
        'job-types': 'custom',
        'max-jobs': '7',
        concurrency: '64',
        'lock-minutes': '.5',
        'time-budget-minutes': '0.1',
        'instance-id': 'me',
        handlers: 'jobs',
        'dry-run': 'True',
        'fail-on': 'never',
      }),
    );
    expect(input).toMatchObject({
      queues: ['mail', 'reports'],
      jobTypes: ['custom'],
      maxJobs: 7,
      concurrency: 64,
      lockMinutes: 0.5,
      timeBudgetMinutes: 0.1,
      instanceId: 'me',
      handlers: 'jobs',
      dryRun: true,
      failOn: 'never',
    });
  });

  test('all that create reads', () => {
    const { input } = readInputs(
      env({
        command: 'create',
        name: ' Nightly report ',
        'job-type': 'custom',
        config: '{"handler":"report","deep":{"list":[1,null,"x"]}}',
        description: 'for the board',
        'max-retries': '0',
        priority: '-100',
        'run-at': '2026-03-01 09:30+01:00',
        queue: 'reports',
        'unique-key': 'u',
        'concurrency-key': 'c',
        'timeout-minutes': '0.001',
      }),
    );
    expect(input).toMatchObject({
      name: 'Nightly report',
      jobType: 'custom',
      config: { handler: 'report', deep: { list: [1, null, 'x'] } },
      maxRetries: 0,
      priority: -100,
      runAt: { instant: '2026-03-01T08:30:00.000Z' },
      queue: 'reports',
      uniqueKey: 'u',
      concurrencyKey: 'c',
      timeoutMinutes: 0.001,
    });
  });

  test.each([
    ['list', { status: 'failed', queue: 'q', limit: '1000' }, { status: 'failed', queue: 'q', limit: 1000 }],
    ['list', {}, { limit: 50 }],
    ['show', { name: 'x' }, { name: 'x', limit: 10 }],
    ['show', { 'job-id': 'a-b_c', limit: '200' }, { jobId: 'a-b_c', limit: 200 }],
    ['stats', {}, {}],
    ['doctor', {}, { silenceMinutes: 360 }],
    [
      'doctor',
      { 'silence-minutes': '90', 'github-token': 'ghs_x' },
      { silenceMinutes: 90, githubToken: 'ghs_x' },
    ],
    ['plan', {}, { queues: ['default'], maxWorkers: 4, jobsPerWorker: 25 }],
    [
      'plan',
      { queues: 'a,b', 'max-workers': '256', 'jobs-per-worker': '1' },
      { queues: ['a', 'b'], maxWorkers: 256, jobsPerWorker: 1 },
    ],
    ['run', { keepalive: 'true', 'github-token': 'ghs_x' }, { keepalive: true, githubToken: 'ghs_x' }],
    ['queues', {}, {}],
    ['pause', { queue: 'q', minutes: '0.5', reason: 'r' }, { queue: 'q', minutes: 0.5, reason: 'r' }],
    ['limit', { queue: 'q', 'max-running': '5', rate: 'none' }, { queue: 'q', maxRunning: 5, rate: null }],
    [
      'retry',
      { status: 'failed', 'per-minute': '60', 'dry-run': 'true' },
      { status: 'failed', perMinute: 60, dryRun: true },
    ],
    ...(['cancel', 'retry', 'enable', 'disable', 'delete'] as const).map(
      (command) => [command, { 'job-id': 'j1, j2' }, { jobId: ['j1', 'j2'] }] as const,
    ),
  ] as const)('%s %j', (command, inputs, wanted) => {
    const call = readInputs(env({ command, ...inputs }));
    expect(call.command.name).toBe(command);
    expect(call.input).toMatchObject(wanted);
    expect(call.warnings).toEqual([]);
  });

  test.each([
    ['now', { delaySeconds: 0 }],
    ['90m', { delaySeconds: 5400 }],
    ['in 2h', { delaySeconds: 7200 }],
    ['2h30m', { delaySeconds: 9000 }],
    ['In 1 day, 2 hours', { delaySeconds: 93_600 }],
    ['1.5 hours', { delaySeconds: 5400 }],
    ['2026-02-28T23:59:59.5Z', { instant: '2026-02-28T23:59:59.500Z' }],
    ['2026-06-01T00:00+0530', { instant: '2026-05-31T18:30:00.000Z' }],
    ['2026-06-01T00:00-07', { instant: '2026-06-01T07:00:00.000Z' }],
  ])('run-at %s', (given, runAt) => {
    expect(
      readInputs(env({ command: 'create', name: 'x', 'job-type': 'custom', 'run-at': given })).input,
    ).toMatchObject({
      runAt,
    });
  });

  test.each([
    ['https://abcdefghijklmnopqrst.supabase.co/', 'https://abcdefghijklmnopqrst.supabase.co'],
    [' https://abcdefghijklmnopqrst.supabase.co/rest/v1/ ', 'https://abcdefghijklmnopqrst.supabase.co'],
    ['http://localhost:54321', 'http://localhost:54321'],
    ['http://127.0.0.1:54321/', 'http://127.0.0.1:54321'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['http://kong:8000', 'http://kong:8000'],
    ['http://192.168.1.2', 'http://192.168.1.2'],
    ['https://db.example.com', 'https://db.example.com'],
  ])('supabase-url %s', (given, url) => {
    expect(readInputs(env({ 'supabase-url': given })).connection.url).toBe(url);
  });
});

const CREATE = { command: 'create', name: 'x', 'job-type': 'custom' };

describe('wrong inputs', () => {
  test.each<[Readonly<Record<string, string>>, string]>([
    [{ command: 'crate' }, '`command` is "crate", which is not a command. Did you mean create?'],
    [{ command: 'rm' }, 'Did you mean delete?'],
    [{ command: 'xyzzy' }, 'The commands are: run, plan, create, apply, list'],
    [{ jobtype: 'custom' }, 'There is no input `jobtype`. Did you mean `job-type`?'],
    [{ job_type: 'custom' }, 'There is no input `job_type`. Did you mean `job-type`?'],
    [{ completelyother: '1' }, 'The inputs are: supabase-url'],
    [
      { ...CREATE, 'job-type': 'paperfetch' },
      '`job-type` is "paperfetch": it is not one of paper_fetch, maintenance, custom. Did you mean paper_fetch?',
    ],
    [{ ...CREATE, 'max-retries': '-1' }, '`max-retries` is "-1": it must be a whole number from 0 to 100.'],
    [{ ...CREATE, 'max-retries': '0x10' }, '`max-retries` is "0x10"'],
    [{ ...CREATE, 'max-retries': '1e1' }, '`max-retries` is "1e1"'],
    [{ ...CREATE, 'max-retries': '2.5' }, '`max-retries` is "2.5"'],
    [{ ...CREATE, priority: '101' }, 'it must be a whole number from -100 to 100'],
    [{ ...CREATE, 'timeout-minutes': '0' }, 'above 0 and up to 360'],
    [{ ...CREATE, 'timeout-minutes': '361' }, 'above 0 and up to 360'],
    [{ ...CREATE, queue: 'my queue' }, '`queue` is "my queue": it must be 1 to 100 letters'],
    [{ ...CREATE, 'run-at': '2026-03-01T10:00' }, 'it has no time zone'],
    [{ ...CREATE, 'run-at': '2026-03-01' }, 'it has no time,'],
    [{ ...CREATE, 'run-at': '2026-02-30T10:00Z' }, 'it is not a day and time that exists'],
    [{ ...CREATE, 'run-at': '2026-03-01T25:00Z' }, 'it is not a day and time that exists'],
    [{ ...CREATE, 'run-at': '3 months' }, 'it has a unit that is not one of'],
    [{ ...CREATE, 'run-at': '99999 days' }, 'it is more than ten years away'],
    [{ ...CREATE, 'run-at': 'tomorrow' }, 'it is neither a time nor a time span'],
    [{ ...CREATE, config: '{"a": }' }, 'it is not valid JSON: unexpected "}" at line 1, column 7'],
    [{ ...CREATE, config: '{"a": 1' }, 'it is not valid JSON: it ends too early'],
    [{ ...CREATE, config: '[1]' }, 'it must be a JSON object, such as {"days_back": 7}; it is an array'],
    [{ ...CREATE, config: 'null' }, 'it is null'],
    [{ ...CREATE, config: `{"a":"${'x'.repeat(262_144)}"}` }, 'it is larger than 256 KiB'],
    [{ ...CREATE, config: '{"a":"\\u0000"}' }, 'it holds a NUL character'],
    [{ ...CREATE, config: '{"\\u0000":1}' }, 'it holds a NUL character'],
    [{ ...CREATE, config: '{"a":["\\ud800"]}' }, 'it holds half of a surrogate pair'],
    [{ ...CREATE, config: '{"a":1e400}' }, 'it holds a number that is too large'],
    [
      { ...CREATE, config: `{"a":${'['.repeat(300)}${']'.repeat(300)}}` },
      'it is nested more than 200 levels deep',
    ],
    [
      { ...CREATE, config: `{"a":${'['.repeat(90_000)}${']'.repeat(90_000)}}` },
      'it is nested more than 200 levels deep',
    ],
    [{ ...CREATE, 'job-id': 'x' }, '`job-id` cannot be chosen for a new job'],
    [{ command: 'create', 'job-type': 'custom' }, 'create needs `name`'],
    [{ command: 'create', name: 'x' }, 'create needs `job-type`'],
    [{ command: 'show' }, 'show needs `job-id` or `name`'],
    [{ command: 'show', name: 'x', 'job-id': 'y' }, 'show takes `job-id` or `name`, not both'],
    [{ command: 'cancel' }, 'cancel needs `job-id`'],
    [{ command: 'cancel', 'job-id': 'a b' }, '`job-id` is "a b"'],
    [{ command: 'list', status: 'done' }, 'it is not one of waiting, locked, success, failed, disabled'],
    [{ command: 'list', limit: '0' }, 'from 1 to 1000'],
    [
      { command: 'show', 'job-id': 'a', limit: '1000' },
      '`limit` is "1000": it must be a whole number from 1 to 200',
    ],
    [{ queue: 'mail' }, 'To limit what run executes, use `queues`'],
    [{ 'job-type': 'custom' }, 'To limit what run executes, use `job-types`'],
    [{ concurrency: '0' }, 'from 1 to 64'],
    [{ 'max-jobs': '100001' }, 'from 1 to 100000'],
    [{ 'lock-minutes': '0.4' }, 'from 0.5 to 60'],
    [{ 'time-budget-minutes': '351' }, 'from 0.1 to 350'],
    [{ 'dry-run': 'maybe' }, 'it must be true or false'],
    [{ 'fail-on': 'always' }, 'it is not one of failed, any, never'],
    [{ queues: ',' }, 'it names nothing'],
    [{ 'job-types': 'custom, mail' }, 'it is not one of paper_fetch, maintenance, custom'],
    [{ 'supabase-url': '' }, '`supabase-url` is empty. Pass it by `with:`'],
    [{ 'supabase-url': '***' }, 'it is a masked value'],
    [
      { 'supabase-url': 'abcdefghijklmnopqrst.supabase.co' },
      'it has no scheme: write https://abcdefghijklmnopqrst.supabase.co',
    ],
    [
      { 'supabase-url': 'abcdefghijklmnopqrst' },
      'it has no scheme: write https://abcdefghijklmnopqrst.supabase.co',
    ],
    [{ 'supabase-url': 'https://supabase.com/dashboard/project/xyz' }, 'use https://xyz.supabase.co'],
    [{ 'supabase-url': 'https://supabase.com/dashboard/org' }, 'use https://<project>.supabase.co'],
    [
      { 'supabase-url': 'http://db.example.com' },
      'it would send the key unencrypted: write https://db.example.com',
    ],
    [{ 'supabase-url': 'ftp://db.example.com' }, 'it must start with https://'],
    [{ 'supabase-url': 'https://x.supabase.co/auth/v1' }, 'use https://x.supabase.co'],
    [{ 'supabase-url': 'https://x.supabase.co?a=b' }, 'use https://x.supabase.co'],
    [{ 'supabase-url': 'https://u:hunter22@x.supabase.co' }, 'it holds a user name or password'],
    [
      { 'supabase-url': 'postgresql://postgres:hunter22@db.x.supabase.co:5432/postgres' },
      'it is the address of the database',
    ],
    [{ 'supabase-url': 'https://' }, 'it is not a valid address'],
    [
      { 'supabase-url': KEY, 'supabase-key': 'https://x.supabase.co' },
      'are supabase-url and supabase-key swapped?',
    ],
    [
      { 'supabase-key': '' },
      'the secret SUPABASE_SECRET_KEY is not set in this repository, or the workflow runs from a fork, which gets no secrets',
    ],
    [{ 'supabase-key': '***' }, '`supabase-key` is a masked value'],
    [
      { 'supabase-key': 'sb_publishable_abcdefgh' },
      '`supabase-key` is the publishable key: it can read nothing here. Use the secret (service_role) key',
    ],
    [{ 'supabase-key': jwt({ role: 'anon' }) }, '`supabase-key` is the anon key'],
    [{ 'supabase-key': jwt({ role: 'authenticated' }) }, '`supabase-key` is the authenticated key'],
    [{ 'supabase-key': 'sbp_0123456789abcdef0123' }, 'is a personal access token'],
    [{ 'supabase-key': 'two words' }, 'has white space in its middle'],
    [
      { 'supabase-publishable-key': 'sb_secret_0123456789abcdefghij' },
      '`supabase-publishable-key` is not the publishable (sb_publishable_...) or anon key',
    ],
    [{ 'supabase-publishable-key': jwt({ role: 'service_role' }) }, '`supabase-publishable-key` is not the'],
    [
      { 'supabase-key': jwt({ role: 'service_role', ref: 'zyxwvutsrqponmlkjihg' }) },
      'supabase-key belongs to the project zyxwvutsrqponmlkjihg',
    ],
  ])('%j', (inputs, wanted) => {
    const problems = problemsOf(inputs);
    expect(problems.join('\n')).toContain(wanted);
    const key = inputs['supabase-key'] ?? KEY;
    expect(problems.join('\n')).not.toContain('0123456789abcdefghij');
    if (key.length > 8 && !key.startsWith('http')) expect(problems.join('\n')).not.toContain(key);
    expect(problems.join('\n')).not.toContain('hunter22');
  });

  test('all problems of one call come together', () => {
    expect(
      problemsOf({ command: 'create', 'job-type': 'x', priority: 'high', config: '1', nam: 'y' }),
    ).toHaveLength(5);
    expect(() => readInputs(env({ command: 'create', 'job-type': 'x' }))).toThrow(
      /^2 inputs need attention:\n- .*\n- /,
    );
  });

  test('a long value is cut', () => {
    const [problem] = problemsOf({ 'fail-on': 'x'.repeat(5000) });
    expect(problem?.length).toBeLessThan(300);
  });
});

describe('ignored inputs', () => {
  test('get a warning that says who reads them', () => {
    expect(readInputs(env({ command: 'list', 'max-retries': '-5' })).warnings).toEqual([
      '`max-retries` is only used by create and update; it is ignored by list.',
    ]);
    expect(readInputs(env({ 'job-id': 'x' })).warnings).toEqual([
      '`job-id` is only used by show, logs, update, cancel, retry, enable, disable, delete, signal, approve and reject; it is ignored by run.',
    ]);
  });

  test('run takes queue beside queues with a warning: what it executes is said', () => {
    const { input, warnings } = readInputs(env({ queue: 'a', queues: 'b' }));
    expect(input).toMatchObject({ queues: ['b'] });
    expect(warnings).toHaveLength(1);
  });

  test('removes white space around the key with a warning', () => {
    const { connection, warnings } = readInputs(env({ 'supabase-key': `${KEY}\n` }));
    expect(connection.key).toBe(KEY);
    expect(warnings).toEqual([expect.stringContaining('white space')]);
  });

  test('an odd key is tried, with a warning that does not show it', () => {
    const { warnings } = readInputs(env({ 'supabase-key': 'password123' }));
    expect(warnings).toEqual([expect.stringContaining('looks like none of')]);
    expect(warnings.join()).not.toContain('password123');
  });
});

test('any text in any input gives options or problems, without the key', () => {
  const names = [
    'name',
    'job-type',
    'config',
    'run-at',
    'queue',
    'limit',
    'supabase-url',
    'queues',
    'lock-minutes',
    'fail-on',
  ];
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constant(KEY),
    fc.string().map((tail) => tail + KEY),
    fc.json(),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...COMMANDS.map(({ name }) => name)),
      fc.dictionary(fc.constantFrom(...names), text),
      (command, inputs) => {
        const problems = problemsOf({ command, ...inputs });
        expect(problems.join('\n')).not.toContain(KEY);
      },
    ),
    { numRuns: 300 },
  );
});

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Command } from '../../src/commands/command.ts';
import { COMMANDS } from '../../src/commands/index.ts';
import { inputNames } from '../../src/commands/read-fields.ts';
import { call } from '../sql/support.ts';
import { projectVariables, runCommandLine } from '../support/command-line.ts';
import { expectHarmless, expectHarmlessText, expectNoSecret } from '../support/harmless.ts';
import { FILE_NAMES, hostile, UNSTORABLE } from '../support/hostile-texts.ts';
import { runStep, type StepResult } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace } from '../support/workspace.ts';

const SEED = Number(process.env.PROPERTY_SEED ?? Date.now() % 2 ** 31);
/** With PROPERTY_RUNS all of it is tried; without, a part that the seed draws. */
const ALL = process.env.PROPERTY_RUNS !== undefined;
const RUNS = Number(process.env.PROPERTY_RUNS ?? 30);
const some = <T>(items: readonly T[], most: number): readonly T[] => {
  if (ALL) return items;
  const length = Math.min(most, items.length);
  const part = fc.shuffledSubarray([...items], { minLength: length, maxLength: length });
  return fc.sample(part, { seed: SEED, numRuns: 1 })[0] ?? [];
};
/** A line, and whatever else is said at once: 10 MB. */
const HUGE = 10_000_000;
const SECRET = `hunter2-${'q'.repeat(12)}-unlikely`;
const ENDS = ['return', 'throw', 'discard', 'snooze', 'crash', 'script'] as const;

/** Does with each text all that a handler can do with one; the unstorable ones are made here, for no config can hold them. */
const MODULE = `
export default async (config, context) => {
  const { secret, token } = JSON.parse(process.env.HOSTILE);
  context.secret(secret);
  const bad = ${JSON.stringify(UNSTORABLE)};
  const huge = config.huge ? 'y'.repeat(${HUGE}) : '';
  const text = huge + config.text + bad[config.text.length % 3] + secret + ' ' + token + ' ' + Buffer.from(secret).toString('base64');
  console.log(text);
  console.error('::error::' + text);
  process.stdout.write(Buffer.concat([Buffer.from('\\r\\n::warning::'), Buffer.from([0xff, 0xfe, 0x00, 0xc3]), Buffer.from(text), Buffer.from('\\n')]));
  context.progress(1, 2, text);
  if (config.end === 'throw') throw new Error(text, { cause: new Error(text) });
  if (config.end === 'discard') return context.discard(text);
  if (config.end === 'snooze') return context.snooze({ minutes: 60, reason: text });
  if (config.end === 'crash') process.exit(7);
  return { text: huge + config.text + secret, [config.key]: token, nested: [config.text, { __proto__: null, ['__proto__']: bad.reduce((left, one) => left.replaceAll(one, ''), config.text) }] };
};`;

/** A program can only print and write files: its job as it is, bytes of all kinds, and a line of 10 MB. */
const SCRIPT = `
echo "::add-mask::$HOSTILE_SECRET"
cat "$CLOUD_JOBS_JOB_FILE"
printf '::error::PWNED\\r::warning::\\377\\376\\000\\303 %s\\n' "$HOSTILE_SECRET" >&2
head -c ${HUGE} /dev/zero | tr '\\0' 'z'
printf '1/2 %s' "$(head -c 3000 "$CLOUD_JOBS_JOB_FILE")" >> "$CLOUD_JOBS_PROGRESS"
cat "$CLOUD_JOBS_JOB_FILE" > "$CLOUD_JOBS_RESULT"`;

const workspace = makeWorkspace({
  'hostile.mjs': MODULE,
  'hostile.sh': SCRIPT,
  ...Object.fromEntries(
    FILE_NAMES.flatMap((name) => [
      [`named/${name}.mjs`, 'export default () => { console.log("ran"); return { ran: true }; };'],
      [`named/${name}.sh`, 'echo ran; echo \'{"ran": true}\' > "$CLOUD_JOBS_RESULT"'],
    ]),
  ),
});

let project: TestProject;
let secrets: readonly string[] = [];
beforeAll(async () => {
  project = await startTestProject();
  secrets = [SECRET, project.secretKey, project.serviceKey];
});
afterAll(async () => {
  await project?.stop();
  workspace.remove();
});

const step = (inputs: Record<string, string>): Promise<StepResult> =>
  runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey, ...inputs },
    {
      HOSTILE: JSON.stringify({ secret: SECRET, token: project.secretKey }),
      HOSTILE_SECRET: SECRET,
    },
  );
async function harmless(inputs: Record<string, string>): Promise<StepResult> {
  const done = await step(inputs);
  expectHarmless(done, secrets);
  return done;
}
/** Two at a time: as many as there are cores. */
async function allHarmless(all: readonly Record<string, string>[]): Promise<void> {
  const left = [...all];
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await harmless(next);
  };
  await Promise.all([worker(), worker()]);
}

const job = fc.record({
  name: hostile.map((text) => `n${text}`.slice(0, 500).toWellFormed()),
  description: hostile,
  unique_key: fc.option(
    fc.tuple(hostile, fc.uuid()).map(([text, id]) => text.slice(0, 400).toWellFormed() + id),
    { nil: null },
  ),
  concurrency_key: fc.option(
    fc.tuple(hostile, fc.uuid()).map(([text, id]) => text.slice(0, 400).toWellFormed() + id),
    { nil: null },
  ),
  config: fc.record({
    handler: fc.constantFrom(
      'hostile.mjs',
      'hostile.mjs',
      'hostile.mjs',
      '../hostile',
      '/etc/passwd',
      'a\nb',
      '__proto__',
      'no::error::such',
      'named/no such',
    ),
    end: fc.constantFrom<string>(...ENDS),
    huge: fc.constant(false),
    text: hostile,
    key: hostile,
  }),
});

describe('jobs, configs, results, errors and output that mean harm', () => {
  // Each way to end is there, small and huge, whatever the sample.
  const sample = fc.sample(job, { numRuns: RUNS, seed: SEED }).map((item, index) => {
    const end = ENDS[index % ENDS.length] ?? '';
    if (index >= 2 * ENDS.length) return item;
    const handler = end === 'script' ? 'hostile.sh' : 'hostile.mjs';
    return { ...item, config: { ...item.config, handler, end, huge: index < ENDS.length } };
  });
  const named = FILE_NAMES.flatMap((name, at) =>
    ['.mjs', '.sh']
      .filter((_, which) => ALL || at % 2 === which)
      .map((extension) => ({
        ...(sample[0] as (typeof sample)[number]),
        name: `file ${name}${extension}`,
        unique_key: null,
        concurrency_key: null,
        config: { handler: `named/${name}${extension}` },
      })),
  );
  const jobs = [...sample, ...named];
  let ids: string[] = [];

  it(`are stored and run as text (PROPERTY_SEED=${SEED})`, { timeout: 180_000 }, async () => {
    const items = jobs.map((item) => ({ ...item, job_type: 'custom', max_retries: 0 }));
    const { data, error } = await project.client().rpc('cloud_jobs_enqueue', { items_param: items });
    expect(error).toBeNull();
    ids = (data as { jobs: { job_id: string }[] }).jobs.map((one) => one.job_id);
    const stored = await project.sql<{ name: string; config: unknown }>(
      'select name, config from cloud_jobs order by array_position($1, job_id)',
      [ids],
    );
    expect(stored).toEqual(jobs.map(({ name, config }) => ({ name, config })));

    await harmless({ command: 'run', 'dry-run': 'true' });
    const ran = await harmless({ handlers: workspace.folder, concurrency: '8', 'fail-on': 'never' });
    expect(ran.outputs.claimed).toBe(String(jobs.length));
  });

  it('have ended, each by its own end; files of any name ran, and no other', async () => {
    expect(await project.sql(`select job_id from cloud_jobs where status = 'locked'`)).toEqual([]);
    const kinds = await project.sql<{ kind: string }>(
      `select distinct coalesce(failure_kind, 'success') as kind from cloud_job_executions order by 1`,
    );
    expect(kinds.map(({ kind }) => kind)).toEqual(['crashed', 'discarded', 'error', 'snoozed', 'success']);
    const ends = await project.sql<{ name: string; result: unknown; error_message: string | null }>(
      `select j.name, e.result, e.error_message from cloud_jobs j join cloud_job_executions e using (job_id)
       where j.job_id = any ($1) order by array_position($1, j.job_id)`,
      [ids.slice(sample.length)],
    );
    expect(ends).toEqual(named.map(({ name }) => ({ name, result: { ran: true }, error_message: null })));
    // Nothing was carried out either.
    for (const name of ['PWNED', 'named/PWNED']) expect(workspace.read(name)).toBeUndefined();
  });

  it('what is huge is cut in its row, and a result is whole in its file', async () => {
    const sizes = await project.sql<Record<string, number>>(
      `select max(octet_length(result::text)) as result, max(octet_length(error_message)) as error,
         max(octet_length(output)) as output, max(octet_length(error_details::text)) as details,
         max(octet_length(progress::text)) as progress, count(*) filter (where result ? 'result_too_large')::int as files
       from cloud_job_executions`,
    );
    const [{ result = 0, error = 0, output = 0, details = 0, progress = 0, files = 0 } = {}] = sizes;
    expect(result).toBeLessThanOrEqual(262_144);
    for (const size of [error, output, details]) expect(size).toBeLessThanOrEqual(65_536);
    expect(progress).toBeLessThanOrEqual(16_384);
    expect(files).toBe(1);
  });

  it('are shown as text by every other command', { timeout: 180_000 }, async () => {
    const [first = '', second = ''] = ids;
    // What a worker that means harm says about itself and its jobs, past our own.
    const texts = fc.sample(hostile, { numRuns: 3, seed: SEED + 1 });
    for (const text of texts) {
      // The database takes no longer one.
      const instance = [...text].slice(0, 200).join('');
      await call(project, 'cloud_jobs_enqueue', {
        items_param: [{ name: `w${text}`, job_type: 'custom', queue: 'claimed' }],
      });
      const claimed = (await call(project, 'cloud_jobs_claim', {
        instance_id_param: instance,
        queues_param: ['claimed'],
        run_url_param: `https://pwned.example/"><script>${text}`,
        trigger_param: `schedule ${text}`,
      })) as { jobs: { execution_id: string }[] };
      await call(project, 'cloud_jobs_finish', {
        instance_id_param: instance,
        items_param: claimed.jobs.map(({ execution_id }) => ({
          execution_id,
          outcome: 'discard',
          error: text,
          error_details: { [text]: text },
          output: text,
          progress: { done: 1, note: text },
        })),
      });
    }
    await allHarmless([
      { command: 'list', limit: '1000' },
      { command: 'list', name: jobs[3]?.name ?? '' },
      { command: 'stats' },
      { command: 'plan' },
      { command: 'doctor' },
      ...some(ids.slice(0, ENDS.length), 3).map((id) => ({ command: 'show', 'job-id': id })),
      { command: 'show', name: jobs[1]?.name ?? '' },
      ...some(texts, 1).map((text) => ({ command: 'show', name: `w${text}` })),
    ]);
    for (const command of ['retry', 'disable', 'enable', 'cancel', 'delete']) {
      const done = await harmless({ command, 'job-id': first });
      expect(done.code).toBe(0);
    }
    expect((await harmless({ command: 'cancel', 'job-id': second })).code).toBe(1);
  });

  it('are harmless in a terminal as well, as text and as JSON', { timeout: 180_000 }, async () => {
    const show = ['show', '--job-id', ids[1] ?? ''];
    const list = ['list', '--limit', '1000'];
    for (const args of some([list, [...list, '--json'], show, [...show, '--json'], ['stats', '--json']], 2)) {
      const { code, out, err } = await terminal(args);
      expectHarmlessText(out + err, secrets);
      expect(code).toBe(0);
      if (args.at(-1) === '--json') expect(JSON.parse(out)).toBeTypeOf('object');
    }
    const [text = ''] = fc.sample(hostile, { numRuns: 1, seed: SEED + 2 });
    for (const args of [
      ['show', `--name=${text}`],
      ['create', `--name=${text}`, `--config=${text}`],
      [text],
    ]) {
      const { code, out, err } = await terminal(args);
      expectHarmlessText(out + err, secrets);
      expect(code).toBe(1);
    }
  });
});

const terminal = (args: readonly string[]) =>
  runCommandLine(args, { cwd: workspace.folder, env: projectVariables(project) });

describe('inputs that mean harm are refused or taken as text', () => {
  const texts = fc.sample(hostile, { numRuns: COMMANDS.length, seed: SEED + 3 });

  it('every input of every command', { timeout: 180_000 }, async () => {
    await allHarmless(
      some(
        [
          // All at once: each is named in one error.
          ...COMMANDS.map((command, at) => withAll(command, texts[at] ?? '')),
          { command: texts[0] ?? '' },
          { 'supabase-url': texts[1] ?? '' },
          { 'supabase-key': `sb_secret_${texts[2]}` },
          { 'supabase-publishable-key': texts[3] ?? '' },
        ],
        5,
      ),
    );
  });

  it('one by one, where any text is legal', { timeout: 180_000 }, async () => {
    const [text = ''] = texts;
    const create = { command: 'create', name: 'a', 'job-type': 'custom', config: '{"handler": "hostile"}' };
    // A longer name is refused.
    const nameOf = (one: string) => `n${one}`.slice(0, 500).toWellFormed().trim();
    await allHarmless(
      texts.slice(0, 3).map((one) => ({
        ...create,
        name: nameOf(one),
        config: JSON.stringify({ handler: 'hostile', [one]: one }),
        description: one,
        'unique-key': `u${one}`.slice(0, 500),
        'concurrency-key': `c${one}`.slice(0, 500),
      })),
    );
    await allHarmless(
      some(
        [
          { ...create, config: text },
          { ...create, schedule: text },
          { ...create, schedule: '@daily', timezone: text },
          { ...create, handlers: text },
          { command: 'run', 'instance-id': `i${text}`.slice(0, 200), handlers: text, 'max-jobs': '2' },
          { command: 'list', name: text },
          { command: 'show', name: text },
          { command: 'apply', file: text },
        ],
        3,
      ),
    );
    const stored = await project.sql<{ name: string; description: string }>(
      'select name, description from cloud_jobs where name = any ($1)',
      [texts.slice(0, 3).map(nameOf)],
    );
    expect(stored.length).toBeGreaterThanOrEqual(new Set(texts.slice(0, 3).map(nameOf)).size);
  });

  it('a jobs file: its keys, names, configs, and one of 10 MB', { timeout: 180_000 }, async () => {
    // A key with control characters or blanks around it is refused.
    const keys = texts.slice(0, 5).map((text, at) =>
      `k${at}${text}`
        .replace(/\p{Cc}/gu, '')
        .slice(0, 500)
        .trim()
        .toWellFormed(),
    );
    const entry = (text: string) => ({
      name: `a${text}`.slice(0, 500).toWellFormed(),
      'job-type': 'custom',
      description: text,
      schedule: '@daily',
      config: { handler: 'hostile', [text]: [text] },
    });
    workspace.write(
      'jobs.yml',
      stringify({ jobs: Object.fromEntries(keys.map((key) => [key, entry(key)])) }),
    );
    const file = workspace.path('jobs.yml');
    for (const more of [{ 'dry-run': 'true' }, { prune: 'true' }]) {
      expect((await harmless({ command: 'apply', file, ...more })).code).toBe(0);
    }
    const stored = await project.sql<{ unique_key: string }>(
      'select unique_key from cloud_jobs where schedule is not null and unique_key = any ($1)',
      [keys],
    );
    expect(stored.map(({ unique_key }) => unique_key).sort()).toEqual([...keys].sort());

    workspace.write('wrong.yml', stringify({ jobs: { [texts[5] ?? '']: { [texts[6] ?? '']: texts[7] } } }));
    workspace.write('bad.yml', texts.join('\n'));
    workspace.write(
      'nan.yml',
      'jobs:\n  a: { job-type: custom, schedule: "@daily", config: { handler: hostile, n: .nan } }\n',
    );
    workspace.write(
      'deep.yml',
      `jobs:\n  a: { job-type: custom, schedule: "@daily", config: { n: ${'['.repeat(9000)}${']'.repeat(9000)} } }\n`,
    );
    workspace.write(
      'huge.yml',
      `jobs:\n  a: { job-type: custom, schedule: "@daily", config: { text: "${'y'.repeat(HUGE)}" } }\n`,
    );
    workspace.write(
      'bomb.yml',
      `${bomb(12)}\njobs:\n  a: { job-type: custom, schedule: "@daily", config: { n: *x12 } }\n`,
    );
    for (const name of some(['wrong', 'bad', 'nan', 'deep', 'huge', 'bomb'], 3)) {
      const refused = await harmless({ command: 'apply', file: workspace.path(`${name}.yml`) });
      expect(refused.code, name).toBe(1);
    }
    expect(await project.sql(`select from cloud_jobs where unique_key = 'a'`)).toEqual([]);
  });

  it('and no secret is in a row of any table', async () => {
    const tables = await project.sql<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
    );
    expect(tables.length).toBeGreaterThan(4);
    for (const { name } of tables) {
      for (const { row } of await project.sql<{ row: string }>(
        `select to_jsonb(t)::text as row from ${name} t`,
      )) {
        expectNoSecret(row, secrets);
      }
    }
    for (const name of ['PWNED', 'named/PWNED']) expect(workspace.read(name)).toBeUndefined();
  });
});

/** Anchors that double what the one before has. */
function bomb(levels: number): string {
  const lines = ['x0: &x0 [y, y]'];
  for (let at = 1; at <= levels; at += 1)
    lines.push(`x${at}: &x${at} [*x${at - 1}, *x${at - 1}, *x${at - 1}, *x${at - 1}]`);
  return lines.join('\n');
}

/** A command with the text in all its inputs; where handlers are, it finds none of ours. */
function withAll(command: Command, text: string): Record<string, string> {
  return { command: command.name, ...Object.fromEntries(inputNames(command).map((name) => [name, text])) };
}

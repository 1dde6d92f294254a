import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runStep, type StepResult } from '../support/runner.ts';
import { commandsIn } from '../support/runner-commands.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace } from '../support/workspace.ts';

/** What somebody who can write a job, or a handler's input, would try. */
const PIECES = [
  '::error::PWNED',
  '::set-output name=PWNED::1',
  '::add-mask::a',
  '::stop-commands::x',
  '##[error]PWNED',
  '##[add-path]PWNED',
  '\n::save-state name=PWNED::1\n',
  '\r::debug::PWNED',
  '\u2028::notice::PWNED',
  '<<EOF\nPWNED=1\nEOF\n',
  '\nPWNED=1\n',
  '<script>alert(1)</script>',
  '<img src=x onerror=PWNED>',
  '</td></tr></table>',
  '<!--',
  '-->',
  '```\n# PWNED\n',
  '| a | b |',
  '[x](javascript:PWNED)',
  '![x](https://pwned.example/x.png)',
  '@everyone',
  '#1',
  '$' + '{{ secrets.PWNED }}',
  '$(touch PWNED)',
  '`touch PWNED`',
  "'; drop table cloud_jobs; --",
  '"; select pg_sleep(9); --',
  '%s%n',
  '%0A::error::PWNED',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  '\u001b[2J\u001b[31mred',
  '\u001b]0;title\u0007',
  '\u009b31m',
  '\u202ereversed\u202c',
  '\u2066x\u2069',
  '\u200b',
  '\ufeff',
  '\u0007',
  '\b\b\b',
  'é',
  '😀',
  'null',
  'true',
  '-1',
  '{}',
  '[]',
  '\\',
  '"',
  "'",
  ' ',
  '\t',
  'x'.repeat(300),
];
/** What Postgres cannot hold comes from handlers alone: a NUL, half a surrogate pair. */
const UNSTORABLE = ['\u0000', '\ud800', '\udfff'];
const hostile = (pieces: readonly string[]) =>
  fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
const ENDS = ['return', 'throw', 'discard', 'snooze', 'crash'] as const;
const job = fc.record({
  name: hostile(PIECES).map((text) => `n${text}`.slice(0, 500)),
  description: hostile(PIECES),
  unique_key: fc.option(
    fc.tuple(hostile(PIECES), fc.uuid()).map(([text, id]) => text.slice(0, 400) + id),
    { nil: null },
  ),
  config: fc.record({
    handler: fc.constantFrom(
      'hostile',
      'hostile',
      'hostile',
      '../hostile',
      '/etc/passwd',
      'a\nb',
      '__proto__',
      'no::error::such',
    ),
    end: fc.constantFrom<string>(...ENDS),
    text: hostile(PIECES),
    key: hostile(PIECES),
  }),
});

/** Does with each text all that a handler can do with one; the unstorable ones are made here, for no config can hold them. */
const HANDLER = `
export default async (config, context) => {
  const { secret, token } = JSON.parse(process.env.HOSTILE);
  context.secret(secret);
  const bad = ${JSON.stringify(UNSTORABLE)};
  const text = config.text + bad[config.text.length % 3] + secret + ' ' + token + ' ' + Buffer.from(secret).toString('base64');
  console.log(text);
  console.error('::error::' + text);
  process.stdout.write(Buffer.concat([Buffer.from('\\r\\n::warning::'), Buffer.from([0xff, 0xfe, 0x00, 0xc3]), Buffer.from(text), Buffer.from('\\n')]));
  if (config.text.length % 5 === 0) console.log('y'.repeat(1_000_000) + text);
  context.progress(1, 2, text);
  if (config.end === 'throw') throw new Error(text, { cause: new Error(text) });
  if (config.end === 'discard') return context.discard(text);
  if (config.end === 'snooze') return context.snooze({ minutes: 60, reason: text });
  if (config.end === 'crash') process.exit(7);
  return { text: config.text + secret, [config.key]: token, nested: [config.text, { __proto__: null, ['__proto__']: bad.reduce((left, one) => left.replaceAll(one, ''), text) }] };
};`;

const SECRET = `hunter2-${'q'.repeat(12)}-unlikely`;
const MANIFEST = parse(readFileSync(new URL('../../action.yml', import.meta.url), 'utf8')) as {
  outputs: Record<string, unknown>;
};
/** The commands that the action itself gives the runner, at the start of a line. */
const OWN = /^::(group|endgroup|add-mask|error|warning|notice|debug)( |::)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

let project: TestProject;
const workspace = makeWorkspace({ 'hostile.mjs': HANDLER });
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(async () => {
  await project?.stop();
  workspace.remove();
});

const step = (inputs: Record<string, string>) =>
  runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey, ...inputs },
    { HOSTILE: JSON.stringify({ secret: SECRET, token: project.secretKey }) },
  );

/** Nothing that a job says has become anything but text. */
function expectHarmless({ log, summary, outputs, code }: StepResult): void {
  expect([0, 1]).toContain(code);
  const lines = log.split('\n').filter((line) => !line.startsWith('::add-mask::'));
  for (const line of commandsIn(lines.join('\n'))) {
    expect(line).toMatch(OWN);
    // The group of a job and an annotation are data behind the command; a second command in them would be ours to blame.
    expect(line).not.toMatch(/##\[|\r/);
  }
  const shown = lines.join('\n');
  expect(shown.match(CONTROL)?.[0]).toBeUndefined();
  expect(summary.match(CONTROL)?.[0]).toBeUndefined();
  expect(/<(script|img|!--)|\]\(|\$\{\{/i.exec(summary)?.[0]).toBeUndefined();
  expect(Object.keys(outputs).filter((name) => !(name in MANIFEST.outputs))).toEqual([]);
  for (const text of [shown, plain(summary), JSON.stringify(outputs)]) expectNoSecret(text);
}

function expectNoSecret(text: string): void {
  for (const secret of [SECRET, project.secretKey, project.serviceKey]) {
    expect(text.includes(secret)).toBe(false);
    expect(text.includes(Buffer.from(secret).toString('base64'))).toBe(false);
  }
}

const plain = (text: string): string =>
  text.replaceAll('<wbr>', '').replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));

describe('jobs, configs, results, errors and output that mean harm', () => {
  const seed = Number(process.env.PROPERTY_SEED ?? Date.now() % 2 ** 31);
  // Each way to end is there, whatever the sample.
  const jobs = fc
    .sample(job, { numRuns: Number(process.env.PROPERTY_RUNS ?? 60), seed })
    .map((item, index) =>
      index < 2 * ENDS.length
        ? { ...item, config: { ...item.config, handler: 'hostile', end: ENDS[index % ENDS.length] ?? '' } }
        : item,
    );
  let ids: string[] = [];

  it(`are stored and run as text by every command (PROPERTY_SEED=${seed})`, { timeout: 60_000 }, async () => {
    const items = jobs.map((item) => ({ ...item, job_type: 'custom', max_retries: 0 }));
    const { data, error } = await project.client().rpc('cloud_jobs_enqueue', { items_param: items });
    expect(error).toBeNull();
    ids = (data as { jobs: { job_id: string }[] }).jobs.map((one) => one.job_id);
    const stored = await project.sql<{ name: string; config: unknown }>(
      'select name, config from cloud_jobs order by array_position($1, job_id)',
      [ids],
    );
    expect(stored).toEqual(jobs.map(({ name, config }) => ({ name, config })));

    const ran = await step({ handlers: workspace.folder, concurrency: '8', 'fail-on': 'never' });
    expect(ran.outputs.claimed).toBe(String(jobs.length));
    expectHarmless(ran);
    const [some = '', other = ''] = ids;
    for (const inputs of [
      { command: 'list' },
      { command: 'stats' },
      { command: 'show', 'job-id': some },
      { command: 'show', name: jobs[1]?.name ?? '' },
      { command: 'retry', 'job-id': other },
      { command: 'cancel', 'job-id': other },
      { command: 'delete', 'job-id': other },
    ]) {
      expectHarmless(await step(inputs));
    }
  });

  it('have ended, each by its own end, and no secret is in a row', async () => {
    const open = await project.sql(`select job_id from cloud_jobs where status = 'locked'`);
    expect(open).toEqual([]);
    const kinds = await project.sql<{ kind: string }>(
      `select distinct coalesce(failure_kind, 'success') as kind from cloud_job_executions order by 1`,
    );
    expect(kinds.map(({ kind }) => kind)).toEqual(['crashed', 'discarded', 'error', 'snoozed', 'success']);
    const rows = await project.sql<{ row: string }>(
      'select to_jsonb(e)::text as row from cloud_job_executions e union all select to_jsonb(j)::text from cloud_jobs j',
    );
    for (const { row } of rows) expectNoSecret(row);
    // Nothing was carried out either.
    expect(workspace.read('PWNED')).toBeUndefined();
  });
});

it('inputs that mean harm are refused or taken as text', { timeout: 60_000 }, async () => {
  const texts = fc.sample(hostile(PIECES), { numRuns: 6, seed: 7 });
  for (const text of texts) {
    expectHarmless(
      await step({
        command: 'create',
        name: `n${text}`,
        'job-type': 'custom',
        config: JSON.stringify({ handler: 'hostile', text }),
        description: text,
        'unique-key': text,
      }),
    );
    expectHarmless(
      await step({
        command: text,
        name: text,
        'job-id': text,
        'job-type': text,
        queue: text,
        schedule: text,
        config: text,
      }),
    );
  }
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../support/command-line.ts';

const KEY = 'sb_secret_of_the_project_0123456789';
const HANDLERS = {
  'greet.mjs': `export default async (config, context) => {
    context.progress(1, 2, 'half way');
    context.secret('hunter2-hunter2');
    context.log.info('token hunter2-hunter2');
    context.log.warn('no city');
    return {
      greeted: config.who, attempt: context.attempt, token: 'hunter2-hunter2',
      key: process.env.SUPABASE_SECRET_KEY ?? null, other: process.env.OTHER ?? null,
    };
  };`,
  'count.py': `import json, os, sys
job = json.load(sys.stdin)
print("counting")
with open(os.environ["CLOUD_JOBS_RESULT"], "w") as result:
    json.dump({"count": len(job["config"]["items"])}, result)
`,
  'broken.mjs': `export default async () => {

  throw new RangeError('customer 42 has no address');
};`,
  'broken.py': `def work():
    raise ValueError("out of quota")

work()
`,
  'later.mjs': `export default async (config, context) => context.snooze({ minutes: 5, reason: 'throttled' });`,
  'never.mjs': `export default async (config, context) => context.discard('the account is closed');`,
  'slow.mjs': `export default async () => { console.log('begun'); await new Promise((r) => setTimeout(r, 60_000)); };`,
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-try-'));
  mkdirSync(join(folder, '.github/cloud-jobs'), { recursive: true });
  for (const [name, text] of Object.entries(HANDLERS))
    writeFileSync(join(folder, '.github/cloud-jobs', name), text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]) =>
  runCommandLine(['try', ...args], { cwd: folder, env: { SUPABASE_SECRET_KEY: KEY, OTHER: KEY } });

describe('try', () => {
  it('shows the result, progress and warnings of a JavaScript handler', async () => {
    const { code, out, err } = await run('greet', '--config', '{"who":"Ada"}', '--attempt', '2', '--json');
    expect(JSON.parse(out)).toEqual({
      handler: 'greet',
      outcome: 'success',
      result: { greeted: 'Ada', attempt: 2, token: '***', key: null, other: null },
      progress: { done: 1, total: 2, note: 'half way' },
      output: 'token ***\nwarning: no city',
      duration_seconds: expect.any(Number),
      warnings: ['no city'],
    });
    expect(err).toContain('token ***');
    expect(code).toBe(0);
  });

  it('shows what a Python handler printed and returned', async () => {
    const { code, out, err } = await run('count', '--config', '{"items":[1,2,3]}');
    expect(out).toMatch(/^Outcome: success\nTook: \d/);
    expect(out).toContain('"count": 3');
    expect(err).toContain('counting');
    expect(code).toBe(0);
  });

  it('exits with 1 and shows the place of an error', async () => {
    const failed = await run('broken.mjs');
    expect(failed.out).toContain('Outcome: failure (error), retried if retries are left');
    expect(failed.out).toMatch(/Error: .*customer 42 has no address.*broken\.mjs:3\b/);
    expect(failed.code).toBe(1);
    const python = await run('broken.py');
    expect(python.out).toMatch(/broken\.py", line 2[\s\S]*ValueError: out of quota/);
    expect(python.code).toBe(1);
  });

  it('distinguishes a snooze from a discard', async () => {
    expect(await run('later')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Outcome: snooze, due again in 5 min; .*[\s\S]*Reason: throttled/),
    });
    expect(await run('never')).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^Outcome: discard, .*[\s\S]*Reason: the account is closed/),
    });
  });

  it('stops a handler at its timeout', async () => {
    const { code, out } = await run('slow', '--timeout-minutes', '0.02');
    expect(out).toMatch(/^Outcome: failure \(timeout\)/);
    expect(code).toBe(1);
  });

  it('names the options that are wrong', async () => {
    const { code, err } = await run('greet', '--config', '[1]', '--attempt', 'x');
    expect(err).toContain('--config is "[1]": it must be a JSON object');
    expect(err).toContain('--attempt is "x"');
    expect(code).toBe(1);
    expect((await run('greet', '--config', '{"handler":"count"}')).err).toContain(
      'names the handler "count"',
    );
    expect((await run('greeet')).out).toContain('Did you mean');
  });
});

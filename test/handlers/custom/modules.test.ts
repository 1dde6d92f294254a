import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import * as published from '../../../src/index.ts';
import { HOST_SCRIPT, JOB, lives, openHandlers } from './harness.ts';

describe('what a handler gets', () => {
  const ECHO = `export default async (config, context) => {
    console.log('hello', config);
    console.error('to stderr');
    context.log.info('info', { a: 1 });
    context.log.warn('careful');
    context.log.error('bad');
    return { config, job: context.job, attempt: context.attempt, key: context.idempotencyKey,
      frozen: Object.isFrozen(context.job) && Object.isFrozen(context.job.config) };
  };`;

  test('gives config, job, attempt and key, and takes output by line', async () => {
    const { run } = openHandlers({ 'echo.mjs': ECHO });
    const config = { handler: 'echo', city: 'Zürich 🏔', list: [1, null] };
    const { outcome, lines } = await run(config);
    expect(outcome).toEqual({
      outcome: 'success',
      result: {
        config: { city: 'Zürich 🏔', list: [1, null] },
        job: { ...JOB, config },
        attempt: 2,
        key: 'key-1',
        frozen: true,
      },
    });
    expect(lines.filter((line) => line.startsWith('out'))).toEqual([
      "out hello { city: 'Zürich 🏔', list: [ 1, null ] }",
      'out info { a: 1 }',
    ]);
    expect(lines.filter((line) => line.startsWith('warning'))).toEqual(['warning careful']);
    expect(lines.filter((line) => line.startsWith('err'))).toEqual(['err to stderr', 'err error: bad']);
  });

  test.each([
    ['.mjs', 'export default () => 1'],
    ['.js', 'export default () => 1'],
    ['.js', 'module.exports = () => 1'],
    ['.cjs', 'module.exports = () => 1'],
    ['.cjs', 'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = () => 1'],
    ['.ts', 'export default (config: unknown): number => 1'],
    ['.mts', 'export default (config: unknown): number => 1'],
    ['.cts', 'const run = (config: unknown): number => 1; module.exports = run;'],
    ['.mjs', 'export default { run: () => 1 }'],
    ['.mjs', "import { defineHandler } from 'cloud-jobs'; export default defineHandler({ run: () => 1 })"],
    [
      '.ts',
      "import { defineHandler, type Job } from 'cloud-jobs'; export default defineHandler({ run: (): number => 1 })",
    ],
    [
      '.cjs',
      "const { defineHandler } = require('cloud-jobs'); module.exports = defineHandler({ run: () => 1 })",
    ],
  ])('%s: %s', async (extension, source) => {
    const { run } = openHandlers({ [`one${extension}`]: source });
    const { outcome, lines } = await run({ handler: 'one' });
    expect(outcome).toEqual({ outcome: 'success', result: 1 });
    // No warning of Node may land in the output of a job.
    expect(lines).toEqual([]);
  });

  test('the stand-in for the package exports what the package exports', async () => {
    const { run } = openHandlers({
      'names.mjs': "import * as all from 'cloud-jobs'; export default () => Object.keys(all);",
    });
    expect((await run({ handler: 'names' })).outcome).toMatchObject({ result: Object.keys(published) });
  });

  test('gives the step’s environment without inputs and the worker’s own', async () => {
    const { run } = openHandlers({
      'env.mjs': 'export default () => ({ ...process.env, send: typeof process.send });',
    });
    const { outcome } = await run({ handler: 'env' });
    expect(outcome).toMatchObject({
      result: {
        GREETING: 'from the step',
        GITHUB_TOKEN: 'given on purpose',
        GITHUB_REPOSITORY: 'owner/repo',
        send: 'undefined',
      },
    });
    const text = JSON.stringify(outcome);
    for (const name of ['INPUT_', 'STATE_', 'ACTIONS_', 'GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY', 'the key']) {
      expect(text).not.toContain(name);
    }
  });

  test('progress: the newest value arrives, however many are reported', async () => {
    const { run } = openHandlers({
      'many.mjs': `export default (config, { progress }) => {
        for (let i = 1; i <= 100000; i++) progress(i, 100000, 'row ' + i);
      };`,
    });
    const { outcome, progress } = await run({ handler: 'many' });
    expect(outcome).toMatchObject({ outcome: 'success' });
    expect(progress.at(-1)).toEqual({ done: 100_000, total: 100_000, note: 'row 100000' });
    expect(progress.length).toBeLessThan(100);
  });

  test.each([
    ["progress('3')", /done must be a number/],
    ['progress(-1)', /done must be a number of 0 or more, not -1/],
    ['progress(1, NaN)', /total must be a number/],
    ['progress(1, 2, 3)', /note must be text/],
    ['secret(3)', /secret takes text, not number/],
  ])('context.%s is an error', async (call, message) => {
    const { run } = openHandlers({ 'bad.mjs': `export default (config, context) => { context.${call}; };` });
    expect((await run({ handler: 'bad' })).outcome).toMatchObject({
      outcome: 'failure',
      kind: 'error',
      message: expect.stringMatching(message),
    });
  });

  test('a secret is known before anything that is printed after it', async () => {
    const { run } = openHandlers({
      'secret.mjs': `export default (config, { secret }) => {
        process.stdout.write('an open line, ');
        for (let i = 0; i < 50; i++) { secret('s' + i); console.log('now s' + i); console.error('now s' + i); }
        secret('x'.repeat(20000));
        secret('');
      };`,
    });
    const { lines, secrets } = await run({ handler: 'secret' });
    expect(secrets).toHaveLength(51);
    for (let i = 0; i < 50; i += 1) {
      const masked = lines.indexOf(`secret s${i}`);
      expect(masked).toBeGreaterThan(-1);
      expect(lines.indexOf(i === 0 ? 'out an open line, now s0' : `out now s${i}`)).toBeGreaterThan(masked);
      expect(lines.indexOf(`err now s${i}`)).toBeGreaterThan(masked);
    }
  });
});

describe('files that are no handler', () => {
  test.each<[string, string, RegExp]>([
    [
      'a.mjs',
      'export const run = 1, other = 2;',
      /"a\.mjs" has no default export \(it exports other, run\).*export default async/,
    ],
    ['a.mjs', '', /has no default export\./],
    ['a.cjs', 'exports.start = () => 1;', /an object without a function/],
    ['a.mjs', 'export default 42;', /default export of the handler "a\.mjs" is not a function but number/],
    ['a.mjs', 'export default { start() {} };', /an object without a function `run`/],
    [
      'a.mjs',
      'export default { config: {}, run() {} };',
      /`config` of the handler "a\.mjs" is no Standard Schema v1/,
    ],
    ['a.mjs', '\n\nconst x = ;', /cannot be loaded: SyntaxError: Unexpected token.*a\.mjs:3\)/],
    ['a.js', 'import "node:fs";\nconst x = ;', /cannot be loaded: SyntaxError: Unexpected token.*a\.js:2\)/],
    ['a.cjs', '\nconst x = ;', /SyntaxError: Unexpected token.*a\.cjs:2\)/],
    ['a.ts', 'const a = 1;\nconst x: string = ;', /SyntaxError: Expression expected.*a\.ts:2\)/],
    [
      'a.ts',
      'const a = 1;\nenum E { A }\nexport default () => E.A;',
      /TypeScript that Node cannot strip \(.*a\.ts:2\): TypeScript enum is not supported.*const object/,
    ],
    ['a.mjs', "import { nope } from 'node:fs';", /does not provide an export named 'nope' \(.*a\.mjs:1\)/],
    ['a.mjs', "import 'not-installed-anywhere';", /Cannot find package 'not-installed-anywhere'.*npm ci/],
    ['a.mjs', "import './lib/helper.mjs';", /Cannot find module/],
    ['a.mjs', "throw new Error('at the top');", /"a\.mjs" cannot be loaded: at the top/],
  ])('%s %j', async (file, source, message) => {
    const { run, validate } = openHandlers({ [file]: source });
    const { outcome, lines } = await run({ handler: 'a' });
    expect(outcome).toMatchObject({
      outcome: 'failure',
      kind: 'error',
      message: expect.stringMatching(message),
    });
    expect(lines).toEqual([]);
    await expect(validate({ handler: 'a' })).rejects.toThrow(message);
  });

  test.each<[string, string, RegExp]>([
    [
      'a.ts',
      'export default () => 1;',
      /export' \(.*a\.ts:1\)\. Node reads .* to a\.mts, or set "type": "module"/,
    ],
    ['a.js', "import 'node:fs';", /a\.js:1\)\. Node reads .* Rename it to a\.mjs, or set/],
    ['a.cjs', '\nexport const a = 1;', /a\.cjs:2\)\. Node reads .* Rename it to a\.mjs$/],
    ['a.ts', 'const a = import.meta.url;', /Rename it to a\.mts/],
    ['a.mts', "import './lib/helper.ts'; export default () => 1;", /Rename it to helper\.mts/],
  ])('an ES module in a CommonJS package: %s %j', async (file, source, advice) => {
    const { run } = openHandlers({
      [file]: source,
      'lib/helper.ts': 'export const a = 1;',
      'package.json': '{ "type": "commonjs" }',
    });
    const { outcome } = await run({ handler: 'a' });
    expect(outcome).toMatchObject({ outcome: 'failure', message: expect.stringMatching(advice) });
  });

  test.each<[string, RegExp]>([
    ["import './lib/helper';", /import "\.\/lib\/helper\.ts"$/],
    ["import './lib/helper.js';", /import "\.\/lib\/helper\.ts"$/],
    ["import './lib';", /import "\.\/lib\/index\.ts"$/],
    ["import './lib/none';", /Check the path/],
    ["import '@/lib/x';", /"@\/lib\/x" is an alias .*tsconfig\.json.*relative path/],
    ["import '~/lib/x';", /is an alias/],
    ["import '#lib/x';", /is an alias/],
    ["import '@app/x';", /"@app\/x" is an alias/],
    ["import 'src/x';", /"src\/x" is an alias/],
    ["import 'not-installed/x';", /npm ci/],
    ["import '@not/installed';", /npm ci/],
  ])('an import that Node does not resolve: %s', async (source, advice) => {
    const { run } = openHandlers({
      'a.ts': `${source} export default () => 1;`,
      'lib/helper.ts': 'export const a = 1;',
      'lib/index.ts': 'export const a = 1;',
      'tsconfig.json': '{ "compilerOptions": { "paths": { "@app/*": ["./lib/*"] } } } // a comment',
    });
    const { outcome } = await run({ handler: 'a' });
    expect(outcome).toMatchObject({ outcome: 'failure', message: expect.stringMatching(advice) });
    if (!String(advice).includes('npm ci')) expect(JSON.stringify(outcome)).not.toContain('npm ci');
  });

  test('a require that Node does not resolve says how to write it', async () => {
    const { run } = openHandlers({ 'a.cts': "require('./helper');", 'helper.cts': 'module.exports = 1;' });
    expect((await run({ handler: 'a' })).outcome).toMatchObject({
      message: expect.stringMatching(/import "\.\/helper\.cts"$/),
    });
  });

  test('a syntax error in an imported file names that file', async () => {
    const { run } = openHandlers({
      'a.mjs': "import './b.mjs'; export default () => 1;",
      'b.mjs': '\n\n\nlet let;',
    });
    expect((await run({ handler: 'a' })).outcome).toMatchObject({
      message: expect.stringMatching(/b\.mjs:4\)/),
    });
  });

  test('a module that failed to load is loaded anew at the next attempt', async () => {
    const { run } = openHandlers({
      'flaky.mjs': `import { existsSync, writeFileSync } from 'node:fs';
        const seen = new URL('./seen', import.meta.url);
        if (!existsSync(seen)) { writeFileSync(seen, ''); throw new Error('not yet'); }
        export default () => 'now';`,
    });
    expect((await run({ handler: 'flaky' })).outcome).toMatchObject({
      message: expect.stringMatching(/not yet/),
    });
    expect((await run({ handler: 'flaky' })).outcome).toMatchObject({ result: 'now' });
  });

  test('a host that cannot start says why', async () => {
    const { run } = openHandlers(
      { 'a.mjs': 'export default () => 1' },
      { env: { NODE_OPTIONS: '--no-such-option' }, hostScript: HOST_SCRIPT },
    );
    expect((await run({ handler: 'a' })).outcome).toMatchObject({
      outcome: 'failure',
      kind: 'crashed',
      message: expect.stringMatching(/no-such-option/),
    });
    const nowhere = openHandlers({ 'a.mjs': 'export default () => 1' }, { cwd: '/nowhere' });
    expect((await nowhere.run({ handler: 'a' })).outcome).toMatchObject({
      kind: 'crashed',
      message: expect.stringMatching(/could not be started/),
    });
  });
});

describe('a handler that changes', () => {
  const files = {
    'report.mjs': `import { text } from './lib/text.mjs'; export default async () => ({ text, pid: process.pid });`,
    'lib/text.mjs': `export const text = 'old';`,
  };
  const resultOf = async (handlers: ReturnType<typeof openHandlers>) => {
    const { outcome } = await handlers.run({ handler: 'report' });
    return outcome.outcome === 'success' ? (outcome.result as { text: string; pid: number }) : null;
  };

  it('is loaded again by a worker that stays, with what it imports', async () => {
    const handlers = openHandlers(files, { reload: true });
    const first = await resultOf(handlers);
    expect(first).toMatchObject({ text: 'old' });
    // A file that no handler loads changes nothing.
    writeFileSync(join(handlers.folder, 'notes.txt'), 'x');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await resultOf(handlers)).toEqual(first);
    writeFileSync(join(handlers.folder, 'lib/text.mjs'), `export const text = 'new';`);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await resultOf(handlers)).toMatchObject({ text: 'new' });
    expect(lives(first?.pid ?? 0)).toBe(false);
    rmSync(join(handlers.folder, 'lib/text.mjs'));
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await resultOf(handlers)).toBeNull();
  });

  it('stays as it was loaded in a run that ends', async () => {
    const handlers = openHandlers(files);
    const first = await resultOf(handlers);
    writeFileSync(join(handlers.folder, 'lib/text.mjs'), `export const text = 'new';`);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await resultOf(handlers)).toEqual(first);
  });
});

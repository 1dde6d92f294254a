import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readResult } from '../../../src/handlers/custom/job-files.ts';
import { asJson } from '../../../src/handlers/custom/json.ts';
import type { Json } from '../../../src/queue/types.ts';
import { openHandlers } from './harness.ts';

/** A handler whose body is this. */
const body = (code: string) => ({ 'it.mjs': `export default async (config, context) => { ${code} };` });

describe('the closed set of results', () => {
  test.each<[string, Json]>([
    ['', null],
    ['return undefined', null],
    ['return null', null],
    [
      'return { a: [1, "x", true, null, { b: {} }], gone: undefined }',
      { a: [1, 'x', true, null, { b: {} }] },
    ],
    ['return Object.assign(Object.create(null), { a: 1 })', { a: 1 }],
    ['return JSON.parse(\'{"__proto__": 1}\')', JSON.parse('{"__proto__": 1}')],
    ['const shared = [1]; return { a: shared, b: shared }', { a: [1], b: [1] }],
  ])('%s', async (code, result) => {
    const { run } = openHandlers(body(code));
    expect((await run({ handler: 'it' })).outcome).toEqual({ outcome: 'success', result });
  });

  test.each<[string, unknown, RegExp]>([
    ['a function', { list: [1, () => 2] }, /^result\.list\[1\] is a function, which is not JSON/],
    ['a BigInt', { n: 1n }, /^result\.n is a BigInt.*String\(value\)/],
    ['a symbol', Symbol('x'), /^result is a symbol/],
    ['undefined in a list', [undefined], /^result\[0\] is undefined/],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested.
    ['a hole', [1, , 2], /^result\[1\] is undefined/],
    ['a Date', { when: new Date(0) }, /^result\.when is an instance of Date.*toISOString/],
    ['a Map', new Map(), /^result is an instance of Map.*Object\.fromEntries/],
    ['a Set', new Set(), /^result is an instance of Set/],
    ['a class', new (class Report {})(), /^result is an instance of Report/],
    ['an Error', new Error('x'), /^result is an instance of Error.*throw it instead/],
    ['a promise', { p: Promise.resolve() }, /^result\.p is an instance of Promise.*await it/],
    ['a Buffer', Buffer.from('x'), /^result is an instance of Buffer/],
    ['NaN', { 'odd key': Number.NaN }, /^result\["odd key"\] is the number NaN/],
    ['infinity', -Infinity, /^result is the number -Infinity/],
    ['NUL', { t: 'a\0b' }, /^result\.t is text with a NUL character, which Postgres cannot store\.$/],
    ['half a pair', '\ud83c', /^result is text with half a surrogate pair/],
    ['a key with NUL', { 'a\0': 1 }, /^a key of result is text with a NUL/],
  ])('%s is an error that names its path and type', (_, value, message) => {
    expect(() => asJson(value)).toThrow(message);
  });

  test('circles and endless depth', () => {
    const circle: Record<string, unknown> = {};
    circle.self = { circle };
    expect(() => asJson(circle)).toThrow(/^result\.self\.circle is circular/);
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i += 1) deep = [deep];
    expect(() => asJson(deep)).toThrow(/^result[[\]0]{94}…[[\]0]{60} is nested more than 200 levels deep\.$/);
  });

  test('what JSON can hold comes through as it is', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
    const json = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value')),
        fc.dictionary(text, tie('value')),
      ),
    })).value;
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.stringify(asJson(value))).toBe(JSON.stringify(value));
      }),
    );
  });

  test('a result that is none fails the job and not the process', async () => {
    const { run } = openHandlers(body('return config.bad ? { when: new Date(0) } : process.pid'));
    const before = await run({ handler: 'it' });
    expect((await run({ handler: 'it', bad: true })).outcome).toMatchObject({
      outcome: 'failure',
      kind: 'error',
      message: expect.stringMatching(/result\.when is an instance of Date/),
    });
    expect((await run({ handler: 'it' })).outcome).toEqual(before.outcome);
  });
});

describe('snooze and discard', () => {
  test.each(['return', 'throw'])('%s', async (word) => {
    const { run } = openHandlers(
      body(`if (config.how === 'snooze') ${word} context.snooze({ minutes: 0.5, reason: 'busy' });
            if (config.how === 'plain') ${word} context.snooze({ minutes: 90 });
            ${word} context.discard('no such account');`),
    );
    expect((await run({ handler: 'it', how: 'snooze' })).outcome).toEqual({
      outcome: 'snooze',
      seconds: 30,
      reason: 'busy',
    });
    expect((await run({ handler: 'it', how: 'plain' })).outcome).toMatchObject({
      outcome: 'snooze',
      seconds: 5400,
    });
    expect((await run({ handler: 'it' })).outcome).toEqual({ outcome: 'discard', reason: 'no such account' });
  });

  test('pauseQueue asks for a pause of the queue and does not end the job', async () => {
    const { run } = openHandlers(
      body(`context.pauseQueue({ minutes: 15, reason: 'HTTP 429' });
            context.pauseQueue({ minutes: 0.001 });
            return { sent: 1 };`),
    );
    const { outcome, pauses } = await run({ handler: 'it' });
    expect(outcome).toEqual({ outcome: 'success', result: { sent: 1 } });
    expect(pauses).toEqual([
      { seconds: 900, reason: 'HTTP 429' },
      { seconds: 1, reason: 'a handler asked for it' },
    ]);
  });

  test.each([
    ['context.pauseQueue({ minutes: 0 })', /pauseQueue takes \{ minutes \} above 0 and at most 43200/],
    ['context.pauseQueue({ minutes: "5" })', /pauseQueue takes/],
    ['context.pauseQueue({ minutes: 43201 })', /30 days/],
    ['context.pauseQueue()', /pauseQueue takes/],
    ['return context.snooze({ minutes: 0 })', /snooze takes \{ minutes \}/],
    ['return context.snooze({ minutes: "5" })', /snooze takes/],
    ['return context.snooze({ minutes: 1e9 })', /a year/],
    ['return context.snooze()', /snooze takes/],
    ['return context.discard()', /discard takes a reason/],
    [
      'context.discard("closed"); return { sent: 0 };',
      /context\.discard.*was called, but its value was not returned/,
    ],
    [
      'return { status: context.discard("closed") };',
      /context\.discard.*was called, but its value was not returned/,
    ],
    ['context.snooze({ minutes: 5 }); return "done";', /was called, but its value was not returned/],
    ['process.exitCode = 1;', /set process\.exitCode to 1.*Throw an error instead/],
    ['context.snooze({ minutes: 5 });', /was called, but its value was not returned.*return context\.snooze/],
    ['context.discard("x");', /return context\.discard/],
    // A look-alike is not one.
    ['return { endsTheJob: "snooze", f() {} }', /result\.f is a function/],
  ])('%s is an error', async (code, message) => {
    const { run } = openHandlers(body(code));
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(message),
    });
  });
});

describe('thrown errors', () => {
  test('message with causes, code, and a stack of the handler’s own frames', async () => {
    const { run } = openHandlers({
      'it.mjs': `function inner() {
          throw Object.assign(new TypeError('it broke', { cause: new Error('the disk', { cause: 'full' }) }), { code: 'E_DISK' });
        }
        export default () => inner();`,
    });
    const { outcome } = await run({ handler: 'it' });
    expect(outcome).toMatchObject({
      outcome: 'failure',
      kind: 'error',
      message: expect.stringMatching(
        /^TypeError: it broke; caused by: the disk; caused by: a thrown value that is no Error: 'full' \(.*it\.mjs:2\)$/,
      ),
      details: {
        at: expect.stringMatching(/it\.mjs:2$/),
        cause: { message: 'the disk', cause: 'full' },
        code: 'E_DISK',
        stack: expect.stringMatching(/at inner .*it\.mjs:2/),
      },
    });
    expect(JSON.stringify(outcome)).not.toMatch(/node:internal|custom\/host/);
  });

  test.each([
    ['throw "just text"', /no Error: 'just text'/],
    ['throw undefined', /no Error: undefined/],
    [
      'throw new AggregateError([new Error("one"), new RangeError("two")], "several")',
      /several; one; RangeError: two/,
    ],
    [
      'throw new Error("no: the disk is full", { cause: new Error("the disk is full", { cause: new Error("ENOSPC") }) })',
      /^no: the disk is full; caused by: ENOSPC \(/,
    ],
    ['const e = new Error("round"); e.cause = e; throw e', /^round \(/],
    ['throw new Error("")', /^Error \(.*it\.mjs:1\)$/],
    ['throw new Error("nul \\0 here")', /^nul \ufffd here \(.*it\.mjs:1\)$/],
    ['await fetch("http://127.0.0.1:1/")', /fetch failed; caused by/],
    ['throw new Error("long ".repeat(60_000))', /\[cut\]$/],
  ])('%s', async (code, message) => {
    const { run } = openHandlers(body(code));
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(message),
    });
  });
});

// Read, the first would be waited for without end, and the second be read without end.
test.skipIf(process.platform === 'win32')('a result that is no file is an error', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-results-'));
  try {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    symlinkSync('/dev/zero', join(folder, 'device'));
    symlinkSync(folder, join(folder, 'folder'));
    for (const name of ['pipe', 'device', 'folder']) {
      await expect(
        readResult(join(folder, name), (text) => text),
        name,
      ).rejects.toThrow('is not a file any more');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

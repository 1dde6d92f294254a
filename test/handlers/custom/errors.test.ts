import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/queue/types.ts';
import { openHandlers } from './harness.ts';

/** Runs a handler with this body, and gives its failure. */
async function failureOf(body: string): Promise<{ readonly message: string; readonly details: Json }> {
  const { run } = openHandlers({ 'it.mjs': `export default async (config, context) => {\n${body}\n};` });
  const { outcome } = await run({ handler: 'it' });
  if (outcome.outcome !== 'failure') throw new Error(JSON.stringify(outcome));
  return { message: outcome.message, details: outcome.details ?? null };
}

describe('error that a JavaScript handler throws', () => {
  it('keeps the properties that libraries give it', async () => {
    const { details } = await failureOf(`
      throw Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (id)=(7) exists.',
        constraint: 'users_pkey', status: 409, big: 10n, when: new Date(0), none: null, gone: undefined,
        body: new Uint8Array(3), headers: new Map([['x-id', '1']]), tags: new Set(['a']), run() {},
        response: { data: { errors: [{ field: 'id' }] } } });`);
    expect(details).toMatchObject({
      code: '23505',
      detail: 'Key (id)=(7) exists.',
      constraint: 'users_pkey',
      status: 409,
      big: '10',
      when: '1970-01-01T00:00:00.000Z',
      none: null,
      body: '[3 bytes]',
      headers: { 'x-id': '1' },
      tags: ['a'],
      response: { data: { errors: [{ field: 'id' }] } },
    });
    expect(details).not.toHaveProperty('run');
    expect(details).not.toHaveProperty('message');
  });

  it('keeps causes and the errors of an AggregateError with properties', async () => {
    const { details } = await failureOf(`
      const inner = Object.assign(new TypeError('inner'), { code: 'E_INNER' });
      throw new Error('outer', { cause: new AggregateError([inner, 'text'], 'several') });`);
    expect(details).toMatchObject({
      cause: {
        name: 'AggregateError',
        message: 'several',
        errors: [{ name: 'TypeError', code: 'E_INNER' }, 'text'],
      },
    });
  });

  it.each([
    ['a circle', 'const error = new Error("x"); error.self = { error }; throw error;', /\[circular\]/],
    [
      'depth',
      'let deep = 1; for (let i = 0; i < 1e5; i++) deep = { deep }; throw Object.assign(new Error("x"), { deep });',
      /\[nested too deeply\]/,
    ],
    [
      'width',
      'throw Object.assign(new Error("x"), { list: new Array(1e6).fill("y"), map: Object.fromEntries(new Array(1e5).fill(0).map((_, i) => [i, i])) });',
      /999900 more/,
    ],
    [
      'long texts',
      'throw Object.assign(new Error("x"), Object.fromEntries(new Array(90).fill(0).map((_, i) => ["k" + i, "z".repeat(1e6)])));',
      /\[cut\]/,
    ],
    [
      'a getter that throws',
      'throw Object.defineProperty(new Error("x"), "bad", { enumerable: true, get() { throw 1 } });',
      /getter that throws/,
    ],
    ['a proxy', 'throw Object.assign(new Error("x"), { proxy: new Proxy({ a: 1 }, {}) });', /"a":1/],
    [
      'text that Postgres cannot store',
      'throw Object.assign(new Error("x"), { text: "a\\0b\\ud800" });',
      /a\ufffdb\ufffd/,
    ],
  ])('survives %s among its properties', async (_, body, shown) => {
    const { message, details } = await failureOf(body);
    expect(message).toMatch(/^x \(.*it\.mjs:2\)$/);
    const text = JSON.stringify(details);
    expect(text).toMatch(shown);
    expect(text.length).toBeLessThan(2_000_000);
  });

  it('survives one whose own properties throw', async () => {
    const { message } = await failureOf(`
      class Odd extends Error { get message() { throw new Error('no'); } get stack() { throw new Error('no'); } }
      throw new Odd();`);
    expect(message).toBe('Error');
  });

  it('names the line in the user’s own file, not in a package or Node', async () => {
    const { run } = openHandlers({
      'node_modules/lib/index.js': 'exports.fail = () => { throw new Error("from the library"); };',
      'it.mjs': `import lib from 'lib';\n\nexport default () => lib.fail();`,
      'parse.mjs': `export default () => {\n  JSON.parse('{');\n};`,
    });
    const { outcome } = await run({ handler: 'it' });
    expect(outcome).toMatchObject({ message: expect.stringMatching(/^from the library \(.*it\.mjs:3\)$/) });
    expect((await run({ handler: 'parse' })).outcome).toMatchObject({
      message: expect.stringMatching(/^SyntaxError: .*\(.*parse\.mjs:2\)$/),
      details: { at: expect.stringMatching(/parse\.mjs:2$/) },
    });
  });

  it('puts the line behind the first line of a message of many', async () => {
    const { message } = await failureOf(`throw new Error('first\\nsecond');`);
    expect(message).toMatch(/^first \(.*it\.mjs:2\)\nsecond$/);
  });
});

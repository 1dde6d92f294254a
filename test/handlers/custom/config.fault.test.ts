import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/queue/types.ts';
import { openHandlers } from './harness.ts';

const FILES = {
  'js.mjs': 'export default (config) => Object.keys(config).length;',
  '*py.py': '#!/bin/sh\ncat > /dev/null\necho \'"ran"\' > "$CLOUD_JOBS_RESULT"\n',
};

const nested = (depth: number, list: boolean): Json => {
  let value: Json = 1;
  for (let i = 0; i < depth; i += 1) value = list ? [value] : { a: value };
  return value;
};

describe('config of a custom job', () => {
  it.each([
    ['nested 5,000 deep', { value: nested(5_000, false) }, /nested more than 200 levels/],
    ['nested 100,000 deep', { value: nested(100_000, true) }, /nested more than 200 levels/],
    [
      'with an id beyond 2^53',
      JSON.parse('{"user": {"ids": [1, 9007199254740993]}}'),
      /900719925474099\d.*as text/,
    ],
    ['with a number too large', JSON.parse('{"n": 1e999}'), /too large/],
    ['with a NUL', { text: 'a\0b' }, /NUL/],
  ])('%s is discarded, for every kind of handler', async (_, config, reason) => {
    const { run, validate } = openHandlers(FILES);
    for (const handler of ['js', 'py.py']) {
      const { outcome } = await run({ ...config, handler });
      expect(outcome).toMatchObject({ outcome: 'discard', reason: expect.stringMatching(reason) });
      await expect(validate({ ...config, handler })).rejects.toThrow(reason);
    }
  });

  it('names a handler by a value that is nested deeply: discarded', async () => {
    const { run } = openHandlers(FILES);
    const { outcome } = await run({ handler: nested(100_000, true) });
    expect(outcome).toMatchObject({
      outcome: 'discard',
      reason: expect.stringMatching(/handler must be text/),
    });
  });

  it('of 200,000 keys reaches the handler', async () => {
    const { run } = openHandlers(FILES);
    const wide = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`k${index}`, index]));
    expect((await run({ ...wide, handler: 'js' })).outcome).toEqual({ outcome: 'success', result: 200_000 });
    expect((await run({ ...wide, handler: 'py.py' })).outcome).toEqual({ outcome: 'success', result: 'ran' });
  });
});

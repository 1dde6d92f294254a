import { describe, expect, test } from 'vitest';
import { openHandlers } from './harness.ts';

/** A schema of no library: config.city must be text; `days` is made a number. */
const SCHEMA = `({ '~standard': { version: 1, vendor: 'test', validate: async (value) => {
  const issues = [];
  if (typeof value.city !== 'string') issues.push({ message: 'Expected text', path: ['city'] });
  for (const [i, day] of (value.days ?? []).entries()) {
    if (Number.isNaN(Number(day))) issues.push({ message: 'Expected a number', path: [{ key: 'days' }, i] });
  }
  if (value.city === 'Atlantis') issues.push({ message: 'No such place' });
  if (value.city === 'boom') throw new Error('the schema is broken');
  return issues.length > 0 ? { issues } : { value: { ...value, days: (value.days ?? []).map(Number), at: new Date(0) } };
} } })`;
const FILES = {
  'trip.mjs': `import { defineHandler } from 'cloud-jobs';
    let runs = 0;
    export default defineHandler({ config: ${SCHEMA}, run: (config) => {
      runs += 1;
      return { city: config.city, days: config.days, at: config.at instanceof Date, runs };
    } });`,
  'plain.mjs': `console.log('loading'); export default () => { throw new Error('must not run'); };`,
  'tidy.sh': 'exit 1',
};

describe('a config schema', () => {
  test('the handler gets what the schema gives out', async () => {
    const { run } = openHandlers(FILES);
    const { outcome } = await run({ handler: 'trip', city: 'Rome', days: ['1', 2] });
    expect(outcome).toMatchObject({ result: { city: 'Rome', days: [1, 2], at: true, runs: 1 } });
  });

  test('discards a config that does not fit, with every issue and its path', async () => {
    const { run } = openHandlers(FILES);
    expect((await run({ handler: 'trip', days: [1, 'x'] })).outcome).toEqual({
      outcome: 'discard',
      reason:
        'The config does not fit the handler "trip.mjs": city: Expected text; days[1]: Expected a number',
      details: {
        issues: [
          { path: 'city', message: 'Expected text' },
          { path: 'days[1]', message: 'Expected a number' },
        ],
      },
    });
    expect((await run({ handler: 'trip', city: 'Atlantis' })).outcome).toMatchObject({
      reason: expect.stringMatching(/: No such place$/),
    });
    // It is the same process, and `run` was not called before.
    expect((await run({ handler: 'trip', city: 'Rome' })).outcome).toMatchObject({ result: { runs: 1 } });
  });

  test('a schema that throws is an error of the handler', async () => {
    const { run } = openHandlers(FILES);
    expect((await run({ handler: 'trip', city: 'boom' })).outcome).toMatchObject({
      outcome: 'failure',
      kind: 'error',
      message: expect.stringMatching(/config schema of the handler "trip\.mjs" threw: the schema is broken/),
    });
  });

  test('validate checks the config and runs nothing', async () => {
    const { validate } = openHandlers(FILES);
    await validate({ handler: 'trip', city: 'Rome' });
    await expect(validate({ handler: 'trip' })).rejects.toMatchObject({
      message: expect.stringMatching(/city: Expected text/),
      final: true,
    });
    await validate({ handler: 'plain' });
    await validate({ handler: 'tidy' });
  });
});

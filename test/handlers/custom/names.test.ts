import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCustomConfig } from '../../../src/handlers/custom/config.ts';
import { nearestName } from '../../../src/handlers/custom/folder.ts';
import type { Json } from '../../../src/queue/types.ts';
import { folderOf, openHandlers } from './harness.ts';

const OK = 'export default () => "ran";';
const SH = 'echo ran';

describe('names that can never be a handler are discarded', () => {
  test.each<[Json, RegExp]>([
    [{ handler: '/etc/passwd' }, /absolute path/],
    [{ handler: 'C:/report.mjs' }, /absolute path/],
    [{ handler: '../report' }, /leads out of the folder/],
    [{ handler: 'a/../../report' }, /leads out of the folder/],
    [{ handler: 'a/../report' }, /leads out of the folder/],
    [{ handler: 'a\\report' }, /backslash/],
    [{ handler: 'report\0.mjs' }, /control character/],
    [{ handler: 'report\n' }, /control character/],
    [{ handler: '' }, /empty/],
    [{ handler: '   ' }, /empty/],
    [{ handler: 'a//b' }, /empty part/],
    [{ handler: './' }, /empty part/],
    [{ handler: '.' }, /empty part/],
    [{ handler: 'x'.repeat(501) }, /longer than 500/],
    [{ handler: 7 }, /must be text/],
    [{ handler: null }, /must be text/],
    [{}, /names no handler/],
    [null, /must be a JSON object/],
    ['report', /must be a JSON object/],
    [['report'], /must be a JSON object/],
  ])('%j', async (config, message) => {
    const handlers = openHandlers({ 'report.mjs': OK });
    const { outcome } = await handlers.run(config);
    expect(outcome).toMatchObject({ outcome: 'discard', reason: expect.stringMatching(message) });
    await expect(handlers.validate(config)).rejects.toThrow(message);
  });

  test('the rest of the config is what the handler gets', () => {
    expect(readCustomConfig({ handler: './a/b', city: 'Rome' })).toEqual({
      handler: 'a/b',
      rest: { city: 'Rome' },
    });
  });
});

describe('finding the file', () => {
  test.each(['report', 'report.mjs', './report', 'deep/er/report', 'deep/er/report.ts'])(
    '%s runs',
    async (handler) => {
      const { run } = openHandlers({
        'report.mjs': OK,
        'deep/er/report.ts': OK,
        'report.md': 'x',
        'report.d.ts': 'x',
      });
      expect((await run({ handler })).outcome).toEqual({ outcome: 'success', result: 'ran' });
    },
  );

  test('a missing file: lists what is there and suggests the nearest', async () => {
    const { run, validate } = openHandlers({
      'report.mjs': OK,
      'daily/mail.py': '',
      'notes.md': '',
      'node_modules/x/i.js': OK,
    });
    const { outcome } = await run({ handler: 'reprot' });
    expect(outcome).toMatchObject({ outcome: 'failure', kind: 'error' });
    expect(outcome).toMatchObject({
      message: expect.stringMatching(
        /no handler "reprot".*Did you mean "report\.mjs"\?.*there: daily\/mail\.py, report\.mjs\.$/,
      ),
    });
    await expect(validate({ handler: 'mail' })).rejects.toThrow(/Did you mean "daily\/mail\.py"/);
    await expect(validate({ handler: 'quarterly' })).rejects.not.toThrow(/Did you mean/);
  });

  test('the case of letters counts on every file system', async () => {
    const { run } = openHandlers({ 'report.mjs': OK });
    expect((await run({ handler: 'Report' })).outcome).toMatchObject({
      message: expect.stringMatching(/Did you mean "report\.mjs"/),
    });
  });

  test('a missing or empty folder names the input and the checkout', async () => {
    const absent = openHandlers({}, { folder: '/nowhere/handlers' });
    expect((await absent.run({ handler: 'report' })).outcome).toMatchObject({
      outcome: 'failure',
      message: expect.stringMatching(
        /"\/nowhere\/handlers" \(input `handlers`\) does not exist.*actions\/checkout/,
      ),
    });
    const empty = openHandlers({}, { folder: '' });
    await expect(empty.validate({ handler: 'report' })).rejects.toThrow(/input `handlers` is empty/);
    const file = openHandlers({}, { folder: join(folderOf({ x: '' }), 'x') });
    await expect(file.validate({ handler: 'report' })).rejects.toThrow(/is a file/);
    const bare = openHandlers({});
    await expect(bare.validate({ handler: 'report' })).rejects.toThrow(/holds no handler at all/);
  });

  test('an ambiguous name lists what it can mean; the full name runs', async () => {
    const { run } = openHandlers({ 'report.ts': OK, 'report.py': 'pass', 'report.json': '{}' });
    expect((await run({ handler: 'report' })).outcome).toMatchObject({
      outcome: 'failure',
      kind: 'error',
      message: expect.stringMatching(/ambiguous: it can mean report\.py or report\.ts\..*extension/),
    });
    expect((await run({ handler: 'report.ts' })).outcome).toMatchObject({ result: 'ran' });
  });

  test('a folder and a file that cannot be run', async () => {
    const { validate } = openHandlers({ 'daily/mail.mjs': OK, 'data.csv': '1,2' });
    await expect(validate({ handler: 'daily' })).rejects.toThrow(/is a folder/);
    await expect(validate({ handler: 'data.csv' })).rejects.toThrow(/neither a known extension.*run bit/);
  });

  test('follows links inside of the folder and refuses those that leave it', async () => {
    const outside = folderOf({ 'evil.mjs': OK, 'evil.sh': SH });
    const folder = folderOf({ 'real.mjs': OK });
    symlinkSync(join(folder, 'real.mjs'), join(folder, 'alias.mjs'));
    symlinkSync(join(outside, 'evil.mjs'), join(folder, 'evil.mjs'));
    symlinkSync(outside, join(folder, 'away'));
    symlinkSync(join(folder, 'gone.mjs'), join(folder, 'broken.mjs'));
    const { run, validate } = openHandlers({}, { folder });
    expect((await run({ handler: 'alias' })).outcome).toMatchObject({ result: 'ran' });
    for (const handler of ['evil', 'evil.mjs', 'away/evil.sh', 'away/evil.mjs']) {
      const { outcome, lines } = await run({ handler });
      expect(outcome).toMatchObject({
        outcome: 'failure',
        message: expect.stringMatching(/leads out of the handlers folder/),
      });
      expect(lines).toEqual([]);
    }
    await expect(validate({ handler: 'broken' })).rejects.toThrow(/link that leads nowhere/);
  });

  test('the handlers folder itself may be a link', async () => {
    const parent = folderOf({ 'real/report.mjs': OK });
    symlinkSync(join(parent, 'real'), join(parent, 'link'));
    const { run } = openHandlers({}, { folder: join(parent, 'link') });
    expect((await run({ handler: 'report' })).outcome).toMatchObject({ result: 'ran' });
  });

  test('a file that comes with the next deploy runs then', async () => {
    const folder = folderOf({});
    const { run } = openHandlers({}, { folder });
    expect((await run({ handler: 'a/late' })).outcome).toMatchObject({ outcome: 'failure', kind: 'error' });
    mkdirSync(join(folder, 'a'));
    writeFileSync(join(folder, 'a/late.mjs'), OK);
    expect((await run({ handler: 'a/late' })).outcome).toMatchObject({ outcome: 'success' });
  });
});

test('the nearest name', () => {
  expect(nearestName('daily-raport', ['weekly.ts', 'daily-report.ts'])).toBe('daily-report.ts');
  expect(nearestName('zzz', ['weekly.ts'])).toBeNull();
});

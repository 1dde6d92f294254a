import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { folderOf, openHandlers } from './harness.ts';

const ROOT = join(import.meta.dirname, '../../..');
const EXAMPLES = join(ROOT, 'examples/handlers');
const open = () => openHandlers({}, { folder: EXAMPLES });

/** A server that answers each path with its status and body. */
async function serve(answers: Readonly<Record<string, readonly [number, unknown]>>): Promise<string> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const [status, body] = answers[pathname] ?? [404, 'not found'];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('the examples type-check as a consumer’s would', () => {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '--noEmit', '-p', join(ROOT, 'examples')], { encoding: 'utf8' });
});

describe('JavaScript: link-check', () => {
  test('reports what is broken', async () => {
    const url = await serve({ '/ok': [200, 'ok'], '/gone': [410, ''] });
    const { outcome, progress, lines } = await open().run({
      handler: 'link-check',
      urls: [`${url}/ok`, `${url}/gone`, 'http://127.0.0.1:1/'],
    });
    expect(outcome).toMatchObject({
      outcome: 'success',
      result: {
        checked: 3,
        broken: [
          { url: `${url}/gone`, problem: 'HTTP 410' },
          { url: 'http://127.0.0.1:1/', problem: expect.stringMatching(/ECONNREFUSED|bad port/) },
        ],
      },
    });
    expect(progress.at(-1)).toEqual({ done: 3, total: 3 });
    expect(lines).toEqual(['out 2 of 3 links are broken']);
  });

  test('snoozes when it is asked to', async () => {
    const url = await serve({ '/busy': [429, ''] });
    const { outcome } = await open().run({ handler: 'link-check', urls: [`${url}/busy`] });
    expect(outcome).toMatchObject({ outcome: 'snooze', seconds: 3600 });
  });
});

describe('TypeScript: rate-alert', () => {
  const config = { handler: 'rate-alert', from: 'EUR', to: 'USD', above: 1.2 };

  test('reads the rate', async () => {
    const api = await serve({ '/': [200, { date: '2026-01-02', rates: { USD: 1.25 } }] });
    const { outcome, lines } = await open().run({ ...config, api });
    expect(outcome).toEqual({ outcome: 'success', result: { date: '2026-01-02', rate: 1.25, alert: true } });
    expect(lines).toEqual(['warning 1 EUR is 1.25 USD, above 1.2']);
  });

  test('discards an unknown currency, and throws what a retry may fix', async () => {
    const api = await serve({ '/down': [503, ''] });
    expect((await open().run({ ...config, api })).outcome).toEqual({
      outcome: 'discard',
      reason: 'there is no rate from EUR to USD',
    });
    expect((await open().run({ ...config, api: `${api}/down` })).outcome).toMatchObject({
      outcome: 'failure',
      message: 'the rates answered HTTP 503 (examples/handlers/rate-alert.ts:29)',
    });
  });

  test('a config that does not fit is refused by its zod schema', async () => {
    const { run, validate } = open();
    await validate(config);
    const bad = { ...config, from: 'EURO', above: -1, extra: true };
    await expect(validate(bad)).rejects.toThrow(/"rate-alert\.ts": from: .*above: .*extra/);
    expect((await run(bad)).outcome).toMatchObject({ outcome: 'discard' });
  });
});

describe('Python: csv_summary', () => {
  test('adds up', async () => {
    const data = folderOf({ 'sales.csv': 'country,amount\nit,1.5\nch,2\nit,3\n' });
    const { outcome, progress, lines } = await open().run({
      handler: 'csv_summary',
      file: join(data, 'sales.csv'),
      sum: 'amount',
      by: 'country',
    });
    expect(outcome).toEqual({ outcome: 'success', result: { rows: 3, totals: { it: 4.5, ch: 2 } } });
    expect(progress.at(-1)).toEqual({ done: 3, total: 3, note: 'rows' });
    expect(lines).toEqual(['out 3 rows in 2 groups']);
  });

  test('a bad row is the error', async () => {
    const data = folderOf({ 'sales.csv': 'amount\nmuch\n' });
    const file = join(data, 'sales.csv');
    const { outcome } = await open().run({ handler: 'csv_summary', file, sum: 'amount' });
    expect(outcome).toMatchObject({
      outcome: 'failure',
      message: expect.stringMatching(/row 1: ValueError/),
    });
  });
});

describe('shell: disk-space', () => {
  test('measures, fails above the limit, snoozes when the disk is not there', async () => {
    const { run } = open();
    expect((await run({ handler: 'disk-space', path: '/', max_percent: 100 })).outcome).toMatchObject({
      outcome: 'success',
      result: { path: '/', used_percent: expect.any(Number) },
    });
    expect((await run({ handler: 'disk-space', max_percent: -1 })).outcome).toMatchObject({
      outcome: 'failure',
      message: expect.stringMatching(/\/ is \d+ % full, more than -1 %/),
    });
    expect((await run({ handler: 'disk-space', path: '/not/there' })).outcome).toEqual({
      outcome: 'snooze',
      seconds: 300,
      reason: 'not mounted yet',
    });
  });
});

test('scripts have their run bit', () => {
  for (const name of ['csv_summary.py', 'disk-space.sh']) {
    expect(statSync(join(EXAMPLES, name)).mode & 0o111).not.toBe(0);
  }
});

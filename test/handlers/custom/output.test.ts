import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineSplitter, MAX_LINE_LENGTH, Tail } from '../../../src/handlers/custom/output.ts';
import { decodeMark, encodeMark } from '../../../src/handlers/custom/protocol.ts';
import { openHandlers, waitFor } from './harness.ts';

function split(...chunks: readonly (string | Uint8Array)[]): readonly string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter(
    (line) => lines.push(line),
    (text) => text.replaceAll('secret', '***'),
  );
  for (const chunk of chunks) splitter.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  splitter.flush();
  return lines;
}

describe('lines', () => {
  test('every line end, also across chunks; the open last line is given out', () => {
    expect(split('a\nb\r\nc\rd')).toEqual(['a', 'b', 'c', 'd']);
    expect(split('a\r', '\nb\n', '\n', 'c')).toEqual(['a', 'b', '', 'c']);
    expect(split('a\r', 'b')).toEqual(['a', 'b']);
    expect(split('')).toEqual([]);
    expect(split('\n')).toEqual(['']);
  });

  test('replaces NUL and invalid UTF-8, and joins characters across chunks', () => {
    expect(split(new Uint8Array([0x61, 0xff, 0x62, 0x00, 0x0a]))).toEqual(['a\ufffdb\ufffd']);
    const bytes = Buffer.from('🏔');
    expect(split(bytes.subarray(0, 2), bytes.subarray(2))).toEqual(['🏔']);
    expect(split(bytes.subarray(0, 2))).toEqual(['\ufffd']);
  });

  test('a long line is cut with a mark, and the next line is whole', () => {
    const [long, next] = split('x'.repeat(MAX_LINE_LENGTH), 'y'.repeat(100_000), '\nnext\n');
    expect(long).toMatch(/^x{250000,} … \[line cut, it has more than 262144 characters\]$/);
    expect(next).toBe('next');
    expect(split('x'.repeat(MAX_LINE_LENGTH))).toEqual(['x'.repeat(MAX_LINE_LENGTH)]);
    const [half] = split(`a secret ${'x'.repeat(MAX_LINE_LENGTH - 12)}secret`);
    expect(half).toMatch(/^a \*\*\* x+ … \[line cut/);
  });

  test('how the bytes are cut into chunks changes nothing', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\n', '\r', 'é', '🏔', ' ') });
    fc.assert(
      fc.property(text, fc.array(fc.nat(40)), (value, cuts) => {
        const bytes = Buffer.from(value);
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(split(...chunks)).toEqual(split(bytes));
      }),
    );
  });

  test('the tail keeps the last lines that say something', () => {
    const tail = new Tail(2, (text) => text.replace('secret', '***'));
    for (const line of ['a', '', 'b', '  ', `${'c'.repeat(996)}secret${'d'.repeat(99)}`]) tail.push(line);
    expect(tail.lines).toEqual(['b', `${'c'.repeat(996)}***d…`]);
  });

  test('marks are read by their own run only', () => {
    const mark = encodeMark('r1', 'begin').trim();
    expect(decodeMark('r1', mark)).toBe('begin');
    expect(decodeMark('r2', mark)).toBeNull();
    expect(decodeMark('r1', encodeMark('r1', 'end').trim())).toBe('end');
    expect(decodeMark('r1', `${mark} and more`)).toBeNull();
  });
});

describe('output belongs to its job', () => {
  test('never joins lines of two jobs in one process, whatever the ending', async () => {
    const { run } = openHandlers(
      {
        'say.mjs': `export default (config) => {
          for (let i = 0; i < config.lines; i++) {
            console.log(config.who + ' out ' + i);
            console.error(config.who + ' err ' + i);
          }
          process.stdout.write(config.end);
          process.stderr.write(config.end);
          return process.pid;
        };`,
      },
      { maxIdle: 1 },
    );
    const pids = new Set<unknown>();
    const ends = ['', 'open', '\n', '\n\n', 'open\n', 'x\r', 'x\n\ny\n\n'];
    for (let i = 0; i < 60; i += 1) {
      const end = ends[i % ends.length] ?? '';
      const lines = i % 7 === 0 ? 400 : i % 3;
      const { outcome, lines: got } = await run({ handler: 'say', who: `job${i}`, lines, end });
      if (outcome.outcome === 'success') pids.add(outcome.result);
      for (const stream of ['out', 'err']) {
        const expected = [...Array(lines).keys()].map((n) => `job${i} ${stream} ${n}`).concat(split(end));
        expect(got.filter((line) => line.startsWith(stream)).map((line) => line.slice(4))).toEqual(expected);
      }
    }
    expect(pids.size).toBe(1);
  });

  test('megabytes arrive whole before the job ends', async () => {
    const { run } = openHandlers({
      'loud.mjs': `export default () => { for (let i = 0; i < 50000; i++) console.log('line ' + i + ' ' + 'x'.repeat(50)); };`,
    });
    const { outcome, lines } = await run({ handler: 'loud' });
    expect(outcome).toMatchObject({ outcome: 'success' });
    expect(lines).toHaveLength(50_000);
    expect(lines.at(-1)).toMatch(/^out line 49999 x/);
  });

  test.each([
    ['JavaScript', 'loud.mjs'],
    ['shell', 'loud.sh'],
  ])('%s: a worker that is held up for seconds loses no line', async (_, handler) => {
    const { start } = openHandlers({
      'loud.mjs': `export default () => { for (let i = 0; i < 20000; i++) console.log('line ' + i + ' ' + 'x'.repeat(50)); };`,
      '*loud.sh': '#!/bin/sh\nseq -f "line %.0f xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" 0 19999\n',
    });
    const running = start({ handler });
    await waitFor(() => running.lines.length > 0, 'its first line');
    // As on a machine that is busy with something else.
    for (let i = 0; i < 3; i += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { lines } = await running.ended;
    expect(lines).toHaveLength(20_000);
    expect(lines.at(-1)).toMatch(/^out line 19999 x/);
  });

  test('what a process of the handler prints is the job’s as well', async () => {
    const { run } = openHandlers({
      'spawn.mjs': `import { execFileSync } from 'node:child_process';
        export default () => { execFileSync('sh', ['-c', 'echo from the child; echo again >&2'], { stdio: 'inherit' }); };`,
    });
    const { lines } = await run({ handler: 'spawn' });
    expect([...lines].sort()).toEqual(['err again', 'out from the child']);
  });

  test('output written just before a crash is kept', async () => {
    const { run } = openHandlers({
      'die.mjs': `import { writeSync } from 'node:fs';
        export default () => { console.log('before'); writeSync(1, 'open end'); process.kill(process.pid, 'SIGKILL'); };`,
    });
    expect((await run({ handler: 'die' })).lines).toEqual(['out before', 'out open end']);
  });

  test('does not hang if a handler ends or holds its output stream', async () => {
    const { run } = openHandlers({
      'end.mjs': `export default () => { process.stdout.end('bye'); return 'ended'; };`,
      'hold.mjs': `import { spawn } from 'node:child_process';
        export default () => {
          spawn('sleep', ['1000'], { stdio: 'inherit', detached: true }).unref();
          return 'held';
        };`,
    });
    expect((await run({ handler: 'end' })).outcome).toMatchObject({ result: 'ended' });
    expect((await run({ handler: 'hold' })).outcome).toMatchObject({ result: 'held' });
    expect((await run({ handler: 'hold' })).outcome).toMatchObject({ result: 'held' });
  });
});

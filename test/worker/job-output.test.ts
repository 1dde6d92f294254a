import { describe, expect, it } from 'vitest';
import { type Log, safeLines } from '../../src/text/log.ts';
import { createRedactor } from '../../src/text/redact.ts';
import { JobOutput } from '../../src/worker/job-output.ts';
import { MAX_TEXT_BYTES } from '../../src/worker/limits.ts';

/** A log that keeps what it is given. A group is its title, its lines and `end`. */
function memoryLog() {
  const { add, redact } = createRedactor();
  const lines: string[] = [];
  const print = (text: string): void => void lines.push(...safeLines(text, redact));
  const log: Log = {
    info: print,
    warning: print,
    error: print,
    group: (name, inside) => [`group ${name}`, ...inside, 'end'].forEach(print),
    redact,
  };
  return { log, lines, addSecret: add };
}

describe('job output', () => {
  it('is one group, printed when the job ends', () => {
    const { log, lines } = memoryLog();
    const output = new JobOutput('mail (attempt 1 of 4)', log);
    output.line('first');
    output.line('second\r\nthird');
    expect(lines).toEqual([]);
    output.end('Succeeded');
    expect(lines).toEqual(['group mail (attempt 1 of 4)', 'first', 'second', 'third', 'Succeeded', 'end']);
    expect(output.tail()).toBe('first\nsecond\nthird');
  });

  it('of a silent job is one line', () => {
    const { log, lines } = memoryLog();
    new JobOutput('mail', log).end('Succeeded');
    expect(lines).toEqual(['mail: Succeeded']);
  });

  it('of a job that prints much keeps the first and the last lines', () => {
    const { log, lines } = memoryLog();
    const output = new JobOutput('chatty', log);
    for (let n = 1; n <= 10_000; n++) output.line(`line ${n}`);
    output.end('done');
    expect(lines[1]).toBe('line 1');
    expect(lines[200]).toBe('line 200');
    expect(lines[201]).toBe('… 7800 lines left out');
    expect(lines[202]).toBe('line 8001');
    expect(lines).toHaveLength(1 + 200 + 1 + 2000 + 1 + 1);
    expect(output.tail().startsWith('line ')).toBe(true);
    expect(output.tail().endsWith('line 10000')).toBe(true);
    expect(Buffer.byteLength(output.tail())).toBeLessThanOrEqual(MAX_TEXT_BYTES);
  });

  it('with huge lines stays within bounds of memory', () => {
    const { log, lines } = memoryLog();
    const output = new JobOutput('huge', log);
    for (let n = 0; n < 300; n++) output.line('ü'.repeat(1_000_000));
    output.end('done');
    expect(Buffer.byteLength(output.tail())).toBeLessThanOrEqual(MAX_TEXT_BYTES);
    expect(output.tail()).not.toContain('\ufffd');
    expect(lines.join('').length).toBeLessThan(2_000_000);
    expect(lines.at(-2)).toBe('done');
  });

  it('hides late secrets, and the half of one that a cut would leave', () => {
    const { log, lines, addSecret } = memoryLog();
    const output = new JobOutput('secretive', log);
    addSecret('hunter2222');
    output.line('early swordfish');
    // The tail begins in the middle of the secret.
    output.line(`hunter2222${'x'.repeat(MAX_TEXT_BYTES - 5)}`);
    addSecret('swordfish');
    output.end('done');
    expect(lines.join('\n')).not.toMatch(/swordfish|hunter/);
    expect(output.tail()).not.toContain('2222');
  });

  it('can be stored: no NUL, no half character, no terminal sequence', () => {
    const { log } = memoryLog();
    const output = new JobOutput('binary', log);
    output.line('a\0b\ud800c\u001b[2Jd');
    expect(output.tail()).toBe('a\u2400b\ufffdcd');
  });
});

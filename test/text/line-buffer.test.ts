import { describe, expect, it } from 'vitest';
import { endOf, LineBuffer } from '../../src/text/line-buffer.ts';

const limits = { headLines: 2, headChars: 10, tailLines: 2, tailChars: 10 };

describe('line buffer', () => {
  it('keeps the first and the last lines and counts those between', () => {
    const buffer = new LineBuffer(limits);
    for (const line of ['a', 'b', 'c', 'd', 'e']) buffer.push(line);
    expect(buffer.lines()).toEqual(['a', 'b', '… 1 line left out', 'd', 'e']);
    expect(buffer.kept()).toEqual(['a', 'b', 'd', 'e']);
  });

  it('keeps within its limits of characters', () => {
    const buffer = new LineBuffer(limits);
    for (const line of ['x'.repeat(8), 'y'.repeat(8), 'z'.repeat(8)]) buffer.push(line);
    expect(buffer.lines()).toEqual(['xxxxxxxx', '… 1 line left out', 'zzzzzzzz']);
  });

  it('takes linear time for a million lines', () => {
    const buffer = new LineBuffer();
    const started = performance.now();
    for (let n = 0; n < 1_000_000; n++) buffer.push('');
    expect(buffer.lines()).toHaveLength(200 + 1 + 2000);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('endOf', () => {
  it('starts at a whole character, and at a whole line if that keeps half', () => {
    expect(endOf('äöü', 5)).toBe('öü');
    expect(endOf('first line\nsecond', 8)).toBe('second');
    expect(endOf('a\nlong line', 11)).toBe('a\nlong line');
  });
});

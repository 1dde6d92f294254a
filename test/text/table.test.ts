import { describe, expect, it } from 'vitest';
import { textTable } from '../../src/text/table.ts';

const ID = '01a21e10-e75e-75c2-9230-cff71c4692c9';
const HEAD = ['Job', 'Status', 'Queue', 'Runs', 'Retries'];
const ROWS = [
  [
    `Nightly report of everything that is slow\n${ID}\nthe database said that it is not there any more`,
    'failed',
    'default\ncustom',
    '3 h ago (2026-01-31 09:00 UTC)\nAt 00:00 (UTC)\nthen 2026-01-31 09:00, 2026-02-01 09:00 UTC',
    '1/3',
  ],
  [ID, 'waiting', 'default', 'in 3 min', '12/30'],
];
const widthOf = (table: string): number => Math.max(...table.split('\n').map((line) => line.length));

describe('a table of text', () => {
  it.each([80, 100, 120])('fits %i columns, with its ids whole', (width) => {
    const table = textTable(HEAD, ROWS, width);
    expect(widthOf(table)).toBeLessThanOrEqual(width);
    expect(table).toContain(ID);
    for (const word of ['Nightly', 'slow', 'database', 'more', '2026-02-01']) expect(table).toContain(word);
  });

  it('wraps nothing in a log or a pipe', () => {
    expect(textTable(HEAD, ROWS)).toContain('then 2026-01-31 09:00, 2026-02-01 09:00 UTC');
  });

  it('aligns numbers to the right and text to the left', () => {
    expect(
      textTable(
        ['Queue', 'Due'],
        [
          ['a', '5'],
          ['bbb', '1000'],
        ],
      ),
    ).toBe('Queue   Due\na         5\nbbb    1000');
  });
});

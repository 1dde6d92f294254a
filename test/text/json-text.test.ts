import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonText } from '../../src/text/json-text.ts';
import { commandsIn } from '../support/runner-commands.ts';

const piece = fc.oneof(
  fc.constantFrom(
    '##[error]x',
    '##',
    '[',
    '#',
    '::error::x',
    '\u009b31m',
    '\u001b[2J',
    '\u202e',
    '\u200b',
    '\u0301',
    '\u2028',
    '\ud800',
    '😀',
    '\u{e0041}',
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

it('parses to the same value and holds nothing for a terminal to obey', () => {
  fc.assert(
    fc.property(fc.dictionary(text, fc.oneof(text, fc.array(text))), (value) => {
      const out = jsonText(value);
      expect(JSON.parse(out)).toEqual(value);
      expect(commandsIn(out)).toEqual([]);
      expect(out).not.toMatch(/[^\n\P{Cc}]|[\p{Cf}\u2028\u2029]/u);
    }),
    { numRuns: 1000 },
  );
});

it('leaves harmless text as it is', () => {
  expect(jsonText({ name: 'Ünïcode 😀 # [x] #1' })).toBe('{\n  "name": "Ünïcode 😀 # [x] #1"\n}');
});

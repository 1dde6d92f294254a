import { expect, it } from 'vitest';
import { editDistance } from '../../src/text/nearest.ts';

it.each([
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
  ['same', 'same', 0],
  // Neighbours that are swapped are one change.
  ['rnu', 'run', 1],
  ['ab', 'bca', 3],
])('the edit distance from %o to %o is %i', (a, b, changes) => {
  expect(editDistance(a, b)).toBe(changes);
  expect(editDistance(b, a)).toBe(changes);
});

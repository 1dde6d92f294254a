import { expect, it } from 'vitest';
import { describeError } from '../../src/text/describe-error.ts';
import { editDistance } from '../../src/text/edit-distance.ts';

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

it('describes an error with its causes, even if they form a circle', () => {
  const error = new Error('no', { cause: new TypeError('why', { cause: 'text' }) });
  expect(describeError(error)).toBe('no Caused by: why Caused by: text');
  expect(describeError(new RangeError())).toBe('RangeError');
  expect(describeError('text')).toBe('text');
  error.cause = error;
  expect(describeError(error)).toBe(Array.from({ length: 5 }, () => 'no').join(' Caused by: '));
});

import { expect, test } from 'vitest';
import { describeError } from '../../src/text/describe-error.ts';
import { editDistance } from '../../src/text/edit-distance.ts';

test.each([
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
  ['same', 'same', 0],
  // Neighbours that are swapped are one change.
  ['rnu', 'run', 1],
  ['ab', 'bca', 3],
])('from %o to %o it takes %i changes', (a, b, changes) => {
  expect(editDistance(a, b)).toBe(changes);
  expect(editDistance(b, a)).toBe(changes);
});

test('an error is told with its causes, and a circle of causes has an end', () => {
  const error = new Error('no', { cause: new TypeError('why', { cause: 'text' }) });
  expect(describeError(error)).toBe('no Caused by: why Caused by: text');
  expect(describeError(new RangeError())).toBe('RangeError');
  expect(describeError('text')).toBe('text');
  error.cause = error;
  expect(describeError(error)).toBe(Array.from({ length: 5 }, () => 'no').join(' Caused by: '));
});

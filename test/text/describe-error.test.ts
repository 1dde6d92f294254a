import { expect, it } from 'vitest';
import { describeError } from '../../src/text/describe-error.ts';

it('describes an error with its causes, even if they form a circle', () => {
  const error = new Error('no', { cause: new TypeError('why', { cause: 'text' }) });
  expect(describeError(error)).toBe('no Caused by: why Caused by: text');
  expect(describeError(new RangeError())).toBe('RangeError');
  expect(describeError('text')).toBe('text');
  error.cause = error;
  expect(describeError(error)).toBe(Array.from({ length: 5 }, () => 'no').join(' Caused by: '));
});

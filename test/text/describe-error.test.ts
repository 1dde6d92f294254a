import { expect, it } from 'vitest';
import { describeError } from '../../src/text/describe-error.ts';

it('describes an error with its causes, even if they form a circle', () => {
  const error = new Error('no', { cause: new TypeError('why', { cause: 'text' }) });
  expect(describeError(error)).toBe('no Caused by: why Caused by: text');
  expect(describeError(new RangeError())).toBe('RangeError');
  expect(describeError('text')).toBe('text');
  error.cause = error;
  expect(describeError(error)).toBe('no');
});

it('leaves out a cause that the message holds already', () => {
  const cause = new Error('the disk is full', { cause: new Error('ENOSPC') });
  expect(describeError(new Error('Not written: the disk is full.', { cause }))).toBe(
    'Not written: the disk is full. Caused by: ENOSPC',
  );
});

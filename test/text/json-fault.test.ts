import { describe, expect, it } from 'vitest';
import { jsonTextFault } from '../../src/text/json-fault.ts';

describe('numbers in JSON text', () => {
  it.each([
    '9007199254740993',
    '-9007199254740993',
    '123456789012345678901',
    '1234567890123456789012',
    '12345678901234567890123',
    '-12345678901234567890123456789012345678901234567890',
    '12345678901234567890123.0',
    '1.2345678901234567890123e22',
    `1${'0'.repeat(30)}1`,
  ])('are refused if JavaScript rounds them: %s', (number) => {
    expect(jsonTextFault(`{"a": [{"id": ${number}}]}`)).toMatch(
      /^holds the number -?\d+ at a\[0\]\.id, which JavaScript cannot keep exactly/,
    );
  });

  it.each([
    '0',
    '-1',
    '9007199254740991',
    '1e22',
    '1e300',
    '1.5',
    '0.1',
    '-0',
    '12.50',
    '1E+25',
    `1${'0'.repeat(25)}`,
  ])('are taken if they are kept: %s', (number) => {
    expect(jsonTextFault(`{"a": ${number}}`)).toBeNull();
  });

  it('may stand in text', () => {
    expect(jsonTextFault('{"a": "12345678901234567890123", "12345678901234567890123": 1}')).toBeNull();
  });
});

it('JSON of any depth gets an answer', () => {
  const deep = `{"a": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  expect(jsonTextFault(deep)).toBe('is nested more than 200 levels deep');
});

it('a key of the name __proto__ is looked into', () => {
  expect(jsonTextFault('{"__proto__": {"id": 12345678901234567890123}}')).toContain('at __proto__.id');
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRedactor } from '../../src/text/redact.ts';

const secretText = fc
  .string({ unit: 'grapheme', minLength: 6, maxLength: 40 })
  .filter((text) => text.trim().length >= 6 && !text.includes('*') && text.isWellFormed());

function redactorOf(...secrets: string[]) {
  const redactor = createRedactor();
  for (const secret of secrets) redactor.add(secret);
  return redactor;
}

describe('a registered secret', () => {
  test('is hidden as it is and as encoders write it', () => {
    const secret = 'pä"ss w/ord+1';
    const { redact } = redactorOf(secret);
    for (const form of [
      secret,
      JSON.stringify(secret),
      JSON.stringify(JSON.stringify(secret)),
      encodeURIComponent(secret),
      new URLSearchParams({ a: secret }).toString(),
      Buffer.from(secret).toString('base64'),
      Buffer.from(secret).toString('base64url'),
    ]) {
      expect(redact(`before ${form} after`)).toMatch(/^before .*\*\*\*.* after$/);
      expect(redact(form)).not.toContain('ord+1');
    }
  });

  test('is hidden in base64 of a text around it', () => {
    const secret = 'correct horse battery';
    const { redact } = redactorOf(secret);
    for (const before of ['', 'a', 'ab', 'abc', 'user:']) {
      const encoded = Buffer.from(`${before}${secret}tail`).toString('base64');
      const hidden = redact(encoded);
      expect(hidden).toContain('***');
      const left = hidden.split('***').map((part) => Buffer.from(part, 'base64').toString('latin1'));
      expect(left.join(' ')).not.toContain('horse');
    }
  });

  test('of many lines is hidden line by line too', () => {
    const { redact } = redactorOf('-----BEGIN-----\nabcdefgh\r\n  ijklmnop\n-----END-----');
    expect(redact('x abcdefgh y')).toBe('x *** y');
    expect(redact('ijklmnop')).toBe('***');
  });

  test('that overlaps another leaves nothing of either', () => {
    const { redact } = redactorOf('abcdefgh', 'efghijkl');
    expect(redact('1abcdefghijkl2')).toBe('1***2');
  });

  test('longer than another that it begins with is hidden whole', () => {
    expect(redactorOf('abcdef', 'abcdefghi').redact('abcdefghi')).toBe('***');
  });

  test('is told to the runner once, with its lines', () => {
    const masked: string[] = [];
    const redactor = createRedactor((value) => masked.push(value));
    redactor.add('first-line\nsecond-line');
    redactor.add('first-line');
    redactor.add('short');
    redactor.add('');
    expect(masked).toEqual(['first-line\nsecond-line', 'first-line', 'second-line']);
  });

  test('property: nothing of it is left, wherever it stands', () => {
    fc.assert(
      fc.property(
        fc.array(secretText, { minLength: 1, maxLength: 3 }),
        fc.string(),
        fc.string(),
        (secrets, a, b) => {
          const { redact } = redactorOf(...secrets);
          const text = redact(a + secrets.join(b) + b);
          for (const secret of secrets) expect(text).not.toContain(secret);
        },
      ),
    );
  });

  test('property: text without a secret stays as it is', () => {
    fc.assert(
      fc.property(
        secretText,
        fc.string({ unit: fc.constantFrom('0', '1', ' ', '\n'), maxLength: 60 }),
        (secret, text) => {
          fc.pre(!/^[01\s]*$/.test(secret));
          // Base64 of a secret could be all zeros and ones only by a miracle.
          expect(redactorOf(secret).redact(text)).toBe(text);
        },
      ),
    );
  });
});

describe('what looks like a secret', () => {
  const { redact } = createRedactor();
  test.each([
    ['key sb_secret_abcDEF123_-x.', 'key ***.'],
    ['Bearer eyJhbGciOi.eyJyb2xlIjoi.c2lnbmF0dXJl end', 'Bearer *** end'],
    [`ghp_${'a'.repeat(36)}!`, '***!'],
    [`github_pat_${'a1_'.repeat(20)} x`, '*** x'],
    [`sbp_${'0'.repeat(40)}`, '***'],
    ['postgres://postgres:hunter2@db:5432/x', 'postgres://postgres:***@db:5432/x'],
    ['https://user:p@ss@host/path', 'https://user:***@host/path'],
  ])('%s', (text, wanted) => expect(redact(text)).toBe(wanted));

  test.each([
    'sb_secret_',
    'eyJust a word.',
    'http://host:8080/path?mail=a@b',
    'user@host',
    'a ghp_ b',
    'https://host/:x@y',
  ])('but not %s', (text) => expect(redact(text)).toBe(text));

  test('takes time that grows with the text, not with its square', () => {
    for (const unit of [
      'eyJ',
      'eyJaaaaa-',
      'eyJaaaaa.',
      '://a:',
      'sb_secret',
      'ghp_',
      'a:b@',
      'github_pat_',
    ]) {
      const text = unit.repeat(400_000 / unit.length);
      const started = performance.now();
      redact(text);
      expect(performance.now() - started, unit).toBeLessThan(1000);
    }
  });
});

describe('redactJson', () => {
  test('goes into values, keys and lists, and keeps the shape', () => {
    const { redactJson } = redactorOf('topsecret');
    expect(redactJson({ a: ['x topsecret', 1, null, true], topsecret1: { b: 'topsecret' } })).toEqual({
      a: ['x ***', 1, null, true],
      '***1': { b: '***' },
    });
  });

  test('property: the same as redacting each string', () => {
    const { redactJson } = redactorOf('topsecret');
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.stringify(redactJson(value))).toBe(JSON.stringify(value));
      }),
    );
  });
});

test('what is nested too deeply is left out, whatever it holds, and the rest stays', () => {
  const { redactJson } = redactorOf('a-secret-of-mine');
  const deep = JSON.parse(`${'['.repeat(20_000)}"a-secret-of-mine"${']'.repeat(20_000)}`);
  const out = JSON.stringify(redactJson({ deep, flat: ['a-secret-of-mine', 1] }));
  expect(out).toContain('"flat":["***",1]');
  expect(out).toContain('nested too deeply');
  expect(out).not.toContain('secret');
});

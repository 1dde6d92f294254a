import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor, SECRET_LIMIT, SECRETS_LIMIT } from '../../src/text/redact.ts';

const secretText = fc
  .string({ unit: 'grapheme', minLength: 6, maxLength: 40 })
  .filter((text) => text.trim().length >= 6 && !text.includes('*') && text.isWellFormed());

function redactorOf(...secrets: string[]) {
  const redactor = createRedactor();
  for (const secret of secrets) redactor.add(secret);
  return redactor;
}

describe('registered secret', () => {
  it('is hidden as it is and as encoders write it', () => {
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

  it('is hidden in the base64 of a text around it', () => {
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

  it('of many lines is hidden line by line too', () => {
    const { redact } = redactorOf('-----BEGIN-----\nabcdefgh\r\n  ijklmnop\n-----END-----');
    expect(redact('x abcdefgh y')).toBe('x *** y');
    expect(redact('ijklmnop')).toBe('***');
  });

  it('that overlaps another leaves nothing of either', () => {
    const { redact } = redactorOf('abcdefgh', 'efghijkl');
    expect(redact('1abcdefghijkl2')).toBe('1***2');
  });

  it('is hidden whole if it begins with another', () => {
    expect(redactorOf('abcdef', 'abcdefghi').redact('abcdefghi')).toBe('***');
  });

  it('is masked once, with its lines', () => {
    const masked: string[] = [];
    const redactor = createRedactor((value) => masked.push(value));
    redactor.add('first-line\nsecond-line');
    redactor.add('first-line');
    redactor.add('short');
    redactor.add('');
    expect(masked).toEqual(['first-line\nsecond-line', 'first-line', 'second-line']);
  });

  it('leaves nothing, wherever it stands', () => {
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

  it('leaves text without it as it is', () => {
    fc.assert(
      fc.property(
        secretText,
        fc.string({ unit: fc.constantFrom('0', '1', ' ', '\n'), maxLength: 60 }),
        (secret, text) => {
          fc.pre(!/^[01\s]*$/.test(secret));
          expect(redactorOf(secret).redact(text)).toBe(text);
        },
      ),
    );
  });
});

describe('text that looks like a secret', () => {
  const { redact } = createRedactor();
  it.each([
    ['key sb_secret_abcDEF123_-x.', 'key ***.'],
    ['Bearer eyJhbGciOi.eyJyb2xlIjoi.c2lnbmF0dXJl end', 'Bearer *** end'],
    [`ghp_${'a'.repeat(36)}!`, '***!'],
    [`github_pat_${'a1_'.repeat(20)} x`, '*** x'],
    [`sbp_${'0'.repeat(40)}`, '***'],
    ['postgres://postgres:hunter2@db:5432/x', 'postgres://postgres:***@db:5432/x'],
    ['https://user:p@ss@host/path', 'https://user:***@host/path'],
  ])('%s is hidden', (text, wanted) => expect(redact(text)).toBe(wanted));

  it.each([
    'sb_secret_',
    'eyJust a word.',
    'http://host:8080/path?mail=a@b',
    'user@host',
    'a ghp_ b',
    'https://host/:x@y',
  ])('%s is left alone', (text) => expect(redact(text)).toBe(text));

  it('takes linear time', () => {
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
  it('goes into values, keys and lists, and keeps the shape', () => {
    const { redactJson } = redactorOf('topsecret');
    expect(redactJson({ a: ['x topsecret', 1, null, true], topsecret1: { b: 'topsecret' } })).toEqual({
      a: ['x ***', 1, null, true],
      '***1': { b: '***' },
    });
  });

  it('keeps every value without a secret', () => {
    const { redactJson } = redactorOf('topsecret');
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.stringify(redactJson(value))).toBe(JSON.stringify(value));
      }),
    );
  });
});

it('leaves out what is nested too deeply and keeps the rest', () => {
  const { redactJson } = redactorOf('a-secret-of-mine');
  const deep = JSON.parse(`${'['.repeat(20_000)}"a-secret-of-mine"${']'.repeat(20_000)}`);
  const out = JSON.stringify(redactJson({ deep, flat: ['a-secret-of-mine', 1] }));
  expect(out).toContain('"flat":["***",1]');
  expect(out).toContain('nested too deeply');
  expect(out).not.toContain('secret');
});

describe('many and long secrets', () => {
  const timed = (work: () => void): number => {
    const started = performance.now();
    work();
    return performance.now() - started;
  };

  it('costs little with 20,000 of them', { timeout: 60_000 }, () => {
    const { add, redact } = createRedactor();
    const secrets = Array.from({ length: 20_000 }, (_, n) => `sk_live_${n}_${'x'.repeat(n % 40)}`);
    expect(
      timed(() => {
        for (const secret of secrets) {
          expect(add(secret)).toBe(true);
          // Printed between two of them, as jobs do.
          expect(redact(`using ${secret} now`)).toBe('using *** now');
        }
      }),
    ).toBeLessThan(20_000);
    const text = secrets.join(' and ');
    expect(timed(() => redact(text))).toBeLessThan(10_000);
    expect(redact(text)).not.toMatch(/sk_live|x/);
  });

  it('hides a long secret whole, in pieces, and in base64', () => {
    const { add, redact } = createRedactor();
    const secret = Array.from({ length: 5_000 }, (_, n) => String.fromCharCode(33 + ((n * n) % 90))).join('');
    add(secret);
    expect(redact(`a ${secret} b`)).toBe('a *** b');
    expect(redact(JSON.stringify(secret))).toBe('"***"');
    expect(redact(`a ${Buffer.from(secret).toString('base64')} b`)).toMatch(/^a \S{0,4}\*{3}\S{0,4} b$/);
  });

  it('refuses a secret of 500 MB, and more than fits, without work', () => {
    const { add, redact } = createRedactor();
    expect(timed(() => expect(add('x'.repeat(500_000_000))).toBe(false))).toBeLessThan(1_000);
    for (let n = 0; n < SECRETS_LIMIT / SECRET_LIMIT; n++)
      expect(add(String.fromCharCode(97 + n).repeat(SECRET_LIMIT))).toBe(true);
    expect(add('one-too-many')).toBe(false);
    expect(redact('one-too-many')).toBe('one-too-many');
  });

  it('ends in linear time for secrets made to be slow', { timeout: 60_000 }, () => {
    const { add, redact } = createRedactor();
    for (let n = 6; n < 256; n++) add(`${'a'.repeat(n)}b`);
    const text = 'a'.repeat(1_000_000);
    expect(timed(() => redact(text))).toBeLessThan(20_000);
    // What it has no time to look through is hidden.
    expect(redact(`${text}secret`)).not.toContain('secret');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { block, link, words } from '../../src/github/job-summary/markdown.ts';
import { nasty, seen } from './nasty-text.ts';

describe('words', () => {
  it.each([
    ['<b>|`x`', '&#60;b&#62;&#124;&#96;x&#96;'],
    ['two\nlines\t and   spaces ', 'two lines and spaces'],
    ['@user #12', '&#64;<wbr>user &#35;<wbr>12'],
    ['https://x.example', 'https:<wbr>//x.example'],
    ['www.x.example', 'www<wbr>.x.example'],
    ['a&#60;b', 'a&#38;&#35;<wbr>60;b'],
    ['back\u202eward', 'back&#60;U+202E&#62;ward'],
  ])('%j', (text, wanted) => expect(words(text)).toBe(wanted));

  it('cuts what is long, in whole characters, and lets long words break', () => {
    expect(words('😀'.repeat(20), 5)).toBe('😀😀😀😀😀…');
    expect(words('a'.repeat(40))).toBe(`${'a'.repeat(16)}<wbr>${'a'.repeat(16)}<wbr>${'a'.repeat(8)}`);
    // At its signs first, and a short word not at all.
    expect(words('handlers/report.mjs:12')).toBe('handlers/<wbr>report.<wbr>mjs:<wbr>12');
    expect(words('a/b.mjs')).toBe('a/b.mjs');
  });

  it('shows the text and gives Markdown and HTML nothing', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const safe = words(text, 10_000);
        expect(safe.replaceAll('<wbr>', '')).not.toMatch(/[<>|`*_[\]\\"'~$!@\n\r]|:\/\/(?!)|&(?!#\d+;)/);
        expect(seen(safe)).toBe(seen(safe).replace(/\s+/g, ' ').trim());
        expect(seen(words(seen(safe), 10_000))).toBe(seen(safe));
      }),
      { numRuns: 1000 },
    );
  });

  it('separates mentions, issue numbers and links', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        // Text nodes, as GitHub looks for these after rendering.
        for (const node of words(text, 10_000).split('<wbr>').map(seen)) {
          expect(node).not.toMatch(/@\w|#\d|https?:\/\/\w|www\.\w/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

it('a block is one line of HTML that keeps the lines of its text', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const html = block(text);
      expect(html.replace(/^<pre>|<\/pre>$/g, '')).not.toMatch(/[<>\n\r]/);
      expect(seen(html).split('\n')).toHaveLength(text.split(/\r\n|\r|\n/).length);
    }),
    { numRuns: 1000 },
  );
});

describe('link', () => {
  it.each([
    ['https://arxiv.org/abs/2601.00001', 'https://arxiv.org/abs/2601.00001'],
    ['https://x.example/a?b=c&d=%26e_f', 'https://x.example/a?b=c&amp;d=%26e_f'],
    ['https://x.example/a|b"c\'d(e)', 'https://x.example/a%7Cb%22c%27d%28e%29'],
  ])('%s', (address, href) => expect(link('x', address)).toBe(`<a href="${href}">x</a>`));

  it.each(['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', '/relative', 'nonsense', ''])(
    'is only words for %j',
    (address) => expect(link('a <b>', address)).toBe('a &#60;b&#62;'),
  );
});

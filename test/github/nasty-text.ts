import fc from 'fast-check';

/** What a reader sees of safe text. */
export const seen = (text: string): string =>
  text
    .replace(/<[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll('&amp;', '&');

/** Text with what means something to Markdown, HTML, GitHub or a terminal. */
export const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '|',
        '`',
        '```',
        '<',
        '>',
        '&',
        '\n',
        '\r\n',
        '\n\n',
        '<!--',
        '-->',
        '</pre>',
        '</details>',
        '@user',
        '#12',
        '\\',
        'https://evil.example',
        'www.evil.example',
        '[x](y)',
        '![i](https://t.example/p.png)',
        '**',
        '_',
        '~~',
        '$$',
        ':+1:',
        '\u202e',
        '\u0000',
        '\ud800',
        '\u2028',
        '&#60;',
        '::error::',
        '- ',
        '1. ',
        '| --- |',
        '<img src=x>',
        'é',
        '😀',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

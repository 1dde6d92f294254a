import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { disarm, disarmLines, LINE_LIMIT, visible } from '../../src/text/disarm.ts';
import { commandsIn } from '../support/runner-commands.ts';

it('is checked by a parser that finds what the runner would', () => {
  for (const line of [
    '::error::x',
    '  ::set-output name=a::b',
    '\ufeff::warning::',
    'text ##[group]x',
    'a\r::debug::b',
  ]) {
    expect(commandsIn(line), line).toHaveLength(1);
  }
  for (const line of ['a ::error::x', '::', '##[', ': :error::', '# #[x]'])
    expect(commandsIn(line), line).toHaveLength(0);
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

describe('disarm', () => {
  it.each([
    ['::error::boom', ': :error::boom'],
    ['  ::set-output name=a::b', '  : :set-output name=a::b'],
    ['\ufeff::add-mask::a', '<U+FEFF>::add-mask::a'],
    ['\u2003\u00a0::error::', '\u2003\u00a0: :error::'],
    ['ok\r::error::x', 'ok\n: :error::x'],
    ['ok\u2028::error::x', 'ok<U+2028>::error::x'],
    ['see ##[error]x and ##[group]', 'see ## [error]x and ## [group]'],
    ['###[x]', '### [x]'],
    ['#\u001b[0m#[error]x', '## [error]x'],
    [':\u200d:error::x', ':\u200d :error::x'],
    ['#\ufe0f#\u034f[error]', '#\ufe0f#\u034f [error]'],
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]8;;https://x.example\u0007link\u001b]8;;\u0007', 'link'],
    ['bell\u0007 nul\0', 'bell\u2407 nul\u2400'],
    ['admin\u202Enimda', 'admin<U+202E>nimda'],
    ['tab\tstays, and 👨‍👩‍👧 and नमस्ते', 'tab\tstays, and 👨‍👩‍👧 and नमस्ते'],
    ['half \ud800', 'half \ufffd'],
    ['std::vector<int> and a::b', 'std::vector<int> and a::b'],
  ])('%j', (text, wanted) => expect(disarm(text)).toBe(wanted));

  it('cuts a line that is too long', () => {
    const [line] = disarmLines('x'.repeat(10_000_000));
    expect(line?.length).toBeLessThan(LINE_LIMIT + 50);
    expect(line).toMatch(/… \(line cut\)$/);
    expect(disarm('y'.repeat(LINE_LIMIT))).toBe('y'.repeat(LINE_LIMIT));
  });

  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ':',
          '::',
          '#',
          '##[',
          '[',
          ']',
          '\r',
          '\n',
          '\r\n',
          ' ',
          '\t',
          '\u00a0',
          '\u0085',
          '\u2028',
          '\ufeff',
          '\u200b',
          '\u200d',
          '\u00ad',
          '\u034f',
          '\u0301',
          '\ufe0f',
          '\u3164',
          '\u180e',
          '\u001b[0m',
          '\u001b',
          '\u009b',
          '\u0000',
          '\u202e',
          '\ud800',
          'error',
          'set-output name=x',
          'stop-commands',
          '%0A',
          '%3A',
          'a',
        ),
        fc.string({ unit: 'binary', maxLength: 3 }),
      ),
      { maxLength: 30 },
    )
    .map((parts) => parts.join(''));

  it('leaves no line that is a command, whatever the text', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(commandsIn(disarm(text))).toEqual([]);
      }),
      { numRuns: 5000 },
    );
  });

  it('changes nothing when it is done twice', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(disarm(disarm(text))).toBe(disarm(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('leaves storable text, with tab and line feed as its only controls', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(visible(text)).not.toMatch(HIDDEN);
        expect(visible(text).isWellFormed()).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '\u001b]',
    '\u009d',
    '\u001b[0',
    '\u009b;',
    '\u001bP',
    '\u001b(',
    '\u202e',
    '#\u0301',
    '\u001b]8;;x',
  ])('takes linear time for %j repeated to 1 MB', (unit) => {
    const text = unit.repeat(1_000_000 / unit.length);
    const started = performance.now();
    visible(text);
    disarm(text);
    // Quadratic time would be minutes.
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});
